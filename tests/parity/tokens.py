# SPDX-License-Identifier: Apache-2.0
"""Embeddings, positions, and operators on whole tensors inside a net that is trained."""
import numpy as np

from case import Case, real, steps, whole

T, V, D, OUT = 7, 11, 6, 3
TOKENS = {"tokens": whole(V, T)}


def embedding():
    """Eleven tokens in fifty-six places: each row of the weight adds up many gradients."""
    text = f"""
        e = embedding(tokens) vocabulary={V} width={D}
        y = dense(e) units={V}
        loss = cross_entropy(y, label)"""

    def torch(e):
        emb, y = e.nn.Embedding(V, D), e.nn.Linear(D, V)
        return {"e": emb, "y": y}, lambda tokens, label: e.cross_entropy(y(emb(tokens)), label)

    def keras(e):
        emb, y = e.layers.Embedding(V, D), e.layers.Dense(V)
        return {"e": emb, "y": y}, lambda tokens, label: e.cross_entropy(y(emb(tokens)), label)
    return Case("embedding", text, {**TOKENS, "label": whole(V, T, seed=8)}, torch, keras)


def embedding_tied():
    """The weight is used twice more: by a second embedding and, transposed, for the logits."""
    text = f"""
        e = embedding(tokens) vocabulary={V} width={D}
        f = embedding(others, e.weight) vocabulary={V} width={D}
        both = add(e, f)
        h = dense(both) units={D} act=tanh
        y = matmul(h, e.weight) transpose_b=yes
        loss = cross_entropy(y, label)"""
    data = {**TOKENS, "others": whole(4, T, seed=9), "label": whole(V, T, seed=8)}

    def torch(e):
        emb, h = e.nn.Embedding(V, D), e.nn.Linear(D, D)

        def loss(tokens, others, label):
            made = e.torch.tanh(h(emb(tokens) + emb(others)))
            return e.cross_entropy(made @ emb.weight.T, label)
        return {"e": emb, "h": h}, loss

    def keras(e):
        emb, h = e.layers.Embedding(V, D), e.layers.Dense(D, activation="tanh")

        def loss(tokens, others, label):
            made = h(emb(tokens) + emb(others))
            return e.cross_entropy(e.ops.matmul(made, e.ops.transpose(emb.embeddings)), label)
        return {"e": emb, "h": h}, loss
    return Case("embedding_tied", text, data, torch, keras)


def embedding_masked():
    """Words, some only padding, through an LSTM: embedding, lengths and mask together."""
    text = f"""
        mask = sequence_mask(length) size={T}
        e = embedding(tokens) vocabulary={V} width={D}
        a = lstm(e, mask=mask) units=5
        y = dense(a) units={OUT}
        loss = cross_entropy(y, label)"""
    length, _ = steps(T)
    data = {**TOKENS, "length": length, "label": whole(OUT, seed=8)}

    def torch(e):
        emb, a, y = e.nn.Embedding(V, D), e.nn.LSTM(D, 5, batch_first=True), e.nn.Linear(5, OUT)

        def loss(tokens, length, label):
            packed = e.nn.utils.rnn.pack_padded_sequence(emb(tokens), length.long(), True, False)
            return e.cross_entropy(y(a(packed)[1][0][0]), label)
        return {"e": emb, "a": a, "y": y}, loss

    def keras(e):
        emb, a, y = e.layers.Embedding(V, D), e.layers.LSTM(5), e.layers.Dense(OUT)

        def loss(tokens, length, label):
            return e.cross_entropy(y(a(emb(tokens), mask=e.ops.arange(T) < length[:, None])), label)
        return {"e": emb, "a": a, "y": y}, loss
    return Case("embedding_masked", text, data, torch, keras)


def sinusoids(t, d):
    """Vaswani et al. 2017, section 3.5: no engine has a layer for it. Of an odd d the last column is a sine."""
    place, column = np.arange(t)[:, None], np.arange(d)
    angle = place / 10000 ** (column // 2 * 2 / d)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle)).astype("float32")


def positional_encoding(width):
    text = f"""
        h = dense(x) units={width}
        p = positional_encoding(h)
        q = dense(p) units=5 act=tanh
        y = dense(q) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, D), "label": real(T, OUT, seed=8)}

    def torch(e):
        h, q, y = e.nn.Linear(D, width), e.nn.Linear(width, 5), e.nn.Linear(5, OUT)
        table = e.torch.from_numpy(sinusoids(T, width))
        return {"h": h, "q": q, "y": y}, lambda x, label: e.mse(y(e.torch.tanh(q(h(x) + table))), label)

    def keras(e):
        h, q, y = e.layers.Dense(width), e.layers.Dense(5, activation="tanh"), e.layers.Dense(OUT)
        return {"h": h, "q": q, "y": y}, lambda x, label: e.mse(y(q(h(x) + sinusoids(T, width))), label)
    return Case(f"positional_encoding_{width}", text, data, torch, keras)


def position_embedding():
    """More rows than steps: those behind stay as they are."""
    text = f"""
        e = embedding(tokens) vocabulary={V} width={D}
        p = position_embedding(e) length={T + 3}
        h = dense(p) units=5 act=tanh
        y = dense(h) units={V}
        loss = cross_entropy(y, label)"""

    def torch(e):
        emb, p, h, y = e.nn.Embedding(V, D), e.nn.Embedding(T + 3, D), e.nn.Linear(D, 5), e.nn.Linear(5, V)

        def loss(tokens, label):
            return e.cross_entropy(y(e.torch.tanh(h(emb(tokens) + p(e.torch.arange(T))))), label)
        return {"e": emb, "p": p, "h": h, "y": y}, loss

    def keras(e):
        emb, p = e.layers.Embedding(V, D), e.layers.Embedding(T + 3, D)
        h, y = e.layers.Dense(5, activation="tanh"), e.layers.Dense(V)
        return {"e": emb, "p": p, "h": h, "y": y}, lambda tokens, label: e.cross_entropy(
            y(h(emb(tokens) + p(e.ops.arange(T)))), label)
    return Case("position_embedding", text, {**TOKENS, "label": whole(V, T, seed=8)}, torch, keras)


def between(name, lines, size, torch_op, keras_op, target=None, optimizer="sgd lr=0.1"):
    """`lines` make b of a = dense(x) [n,T,D]; a dense of b, of `size` values, is held against labels."""
    text = f"""
        a = dense(x) units={D}
        {lines}
        y = dense(b) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, D), "label": real(*(target or ()), OUT, seed=8)}

    def torch(e):
        a, y = e.nn.Linear(D, D), e.nn.Linear(size, OUT)
        return {"a": a, "y": y}, lambda x, label: e.mse(y(torch_op(e, a(x))), label)

    def keras(e):
        a, y = e.layers.Dense(D), e.layers.Dense(OUT)
        return {"a": a, "y": y}, lambda x, label: e.mse(y(keras_op(e, a(x))), label)
    return Case(name, text, data, torch, keras, optimizer)


def topk_cases():
    yield between("topk", "b, i = topk(a) k=3", 3, lambda e, a: e.torch.topk(a, 3).values,
                  lambda e, a: e.ops.top_k(a, 3)[0], (T,))
    yield between("topk_axis", f"b0, i = topk(a) k=2 axis=1\nb = reshape(b0) shape=n,{2 * D}", 2 * D,
                  lambda e, a: e.torch.topk(a, 2, 1).values.flatten(1),
                  lambda e, a: e.ops.reshape(e.ops.swapaxes(e.ops.top_k(e.ops.swapaxes(a, 1, 2), 2)[0], 1, 2),
                                             (-1, 2 * D)))


def cumsum_cases():
    def torch(axis, exclusive, reverse):
        def run(e, a):
            a = a.flip(axis) if reverse else a
            y = a.cumsum(axis) - (a if exclusive else 0)
            return y.flip(axis) if reverse else y
        return run

    def keras(axis, exclusive, reverse):
        def run(e, a):
            a = e.ops.flip(a, axis) if reverse else a
            y = e.ops.cumsum(a, axis) - (a if exclusive else 0)
            return e.ops.flip(y, axis) if reverse else y
        return run
    for name, words, how in (("cumsum", "axis=1", (1, False, False)), ("cumsum_last", "axis=-1", (-1, False, False)),
                             ("cumsum_exclusive", "axis=1 exclusive=yes", (1, True, False)),
                             ("cumsum_reverse", "axis=1 reverse=yes", (1, False, True)),
                             ("cumsum_both", "axis=-1 exclusive=yes reverse=yes", (-1, True, True))):
        yield between(name, f"b = cumsum(a) {words}", D, torch(*how), keras(*how), (T,))


# equation, lines that make thalweg's operands of a [n,T,D], their names, the same in the engines' terms, and the
# sizes of the result behind n
EINSUMS = (
    ("nij,nkj->nik", "", "a, a", lambda a: (a, a), (T, T)),
    ("nij,njk->nik", f"s = slice(a) axes=1 ends={D}", "a, s", lambda a: (a, a[:, :D]), (T, D)),
    ("nij,nik->njk", "", "a, a", lambda a: (a, a), (D, D)),
    ("nij,nij->ni", "", "a, a", lambda a: (a, a), (T,)),
    ("ni,nj->nij", "f0 = slice(a) axes=1 ends=1\nf = squeeze(f0) axes=1\n"
                   "g0 = slice(a) axes=1 starts=1 ends=2\ng = squeeze(g0) axes=1", "f, g",
     lambda a: (a[:, 0], a[:, 1]), (D, D)),
    ("nij->nji", "", "a", lambda a: (a,), (D, T)),
    ("nij->nj", "", "a", lambda a: (a,), (D,)),
)


def einsum_cases():
    """Against each engine's einsum."""
    for equation, lines, names, pick, sizes in EINSUMS:
        run = lambda e, a, pick=pick, q=equation: (e.torch if e.NAME == "torch" else e.ops).einsum(q, *pick(a))
        yield between(f"einsum_{equation.replace('->', '_to_').replace(',', '_')}",
                      f"{lines}\nb = einsum({names}) equation=\"{equation}\"", sizes[-1], run, run, sizes[:-1],
                      "sgd lr=0.01")  # sums are large


def constant():
    """A table written into the model."""
    text = f"""
        a = dense(x) units=4
        c = constant values="0.5,-1,2,0.25"
        b = mul(a, c)
        y = dense(b) units={OUT}
        loss = mse(y, label)"""
    table = np.array([0.5, -1, 2, 0.25], "float32")

    def torch(e):
        a, y = e.nn.Linear(D, 4), e.nn.Linear(4, OUT)
        return {"a": a, "y": y}, lambda x, label: e.mse(y(a(x) * e.torch.from_numpy(table)), label)

    def keras(e):
        a, y = e.layers.Dense(4), e.layers.Dense(OUT)
        return {"a": a, "y": y}, lambda x, label: e.mse(y(a(x) * table), label)
    return Case("constant", text, {"x": real(D), "label": real(OUT, seed=8)}, torch, keras)


def one_hot():
    """A dense of one-hot rows is an embedding."""
    text = f"""
        h = one_hot(tokens) depth={V}
        e = dense(h) units={D} act=tanh
        y = dense(e) units={V}
        loss = cross_entropy(y, label)"""

    def torch(e):
        emb, y = e.nn.Linear(V, D), e.nn.Linear(D, V)
        return {"e": emb, "y": y}, lambda tokens, label: e.cross_entropy(
            y(e.torch.tanh(emb(e.F.one_hot(tokens.long(), V).float()))), label)

    def keras(e):
        emb, y = e.layers.Dense(D, activation="tanh"), e.layers.Dense(V)
        return {"e": emb, "y": y}, lambda tokens, label: e.cross_entropy(y(emb(e.ops.one_hot(tokens, V))), label)
    return Case("one_hot_dense", text, {**TOKENS, "label": whole(V, T, seed=8)}, torch, keras)


def cases():
    yield embedding()
    yield embedding_tied()
    yield embedding_masked()
    yield positional_encoding(8)
    yield positional_encoding(5)
    yield position_embedding()
    yield from topk_cases()
    yield from cumsum_cases()
    yield from einsum_cases()
    yield constant()
    yield one_hot()
