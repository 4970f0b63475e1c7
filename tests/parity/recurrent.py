# SPDX-License-Identifier: Apache-2.0
"""rnn, lstm and gru: what they return, directions, masks, states. A case is a layer between x [n,T,IN] and a dense."""
from case import Case, real, steps, whole

T, IN, U, OUT = 7, 5, 6, 3

# name: (thalweg's operator, its attributes, PyTorch's layer, Keras's)
CELLS = {
    "rnn": ("rnn", "", lambda e, **k: e.nn.RNN(batch_first=True, **k), lambda e, **k: e.layers.SimpleRNN(U, **k)),
    "rnn_relu": ("rnn", " act=relu", lambda e, **k: e.nn.RNN(nonlinearity="relu", batch_first=True, **k),
                 lambda e, **k: e.layers.SimpleRNN(U, activation="relu", **k)),
    "lstm": ("lstm", "", lambda e, **k: e.nn.LSTM(batch_first=True, **k), lambda e, **k: e.layers.LSTM(U, **k)),
    "gru": ("gru", "", lambda e, **k: e.nn.GRU(batch_first=True, **k), lambda e, **k: e.layers.GRU(U, **k)),
    "gru_before": ("gru", " reset_after=no", None, lambda e, **k: e.layers.GRU(U, reset_after=False, **k)),
}
# activations that PyTorch's layers do not have
KERAS_CELLS = {
    "lstm_relu": ("lstm", " act=relu", lambda e, **k: e.layers.LSTM(U, activation="relu", **k)),
    "lstm_hard": ("lstm", " recurrent_act=hard_sigmoid",
                  lambda e, **k: e.layers.LSTM(U, recurrent_activation="hard_sigmoid", **k)),
    "gru_relu": ("gru", " act=relu", lambda e, **k: e.layers.GRU(U, activation="relu", **k)),
    "rnn_sigmoid": ("rnn", " act=sigmoid", lambda e, **k: e.layers.SimpleRNN(U, activation="sigmoid", **k)),
}


# ---- the engines' layers, as thalweg's lines behave ----

def torch_run(e, layer, x, states=None, mask=None):
    """y [n,t,directions,units], and the states as [layers * directions,n,units] each."""
    if states is not None:
        states = tuple(states) if isinstance(layer, e.nn.LSTM) else states[0]
    if mask is None:
        y, states = layer(x, states)
    else:  # packed; at padded steps of both directions 0, of one the last output, as Keras's
        pack, unpack = e.nn.utils.rnn.pack_padded_sequence, e.nn.utils.rnn.pad_packed_sequence
        lengths = mask.sum(1)
        y, states = layer(pack(x, lengths, batch_first=True, enforce_sorted=False), states)
        y, _ = unpack(y, batch_first=True)
        if not layer.bidirectional:
            last = e.torch.minimum(e.torch.arange(x.shape[1]), lengths[:, None] - 1)
            y = y.gather(1, last[:, :, None].expand(-1, -1, U))
    return y.unflatten(2, (-1, U)), list(states) if isinstance(states, tuple) else [states]


def merge(e, how, parts):
    """Forward and backward, two tensors [...,units], as one."""
    a, b = parts
    return {"concat": lambda: e.torch.cat((a, b), -1), "sum": lambda: a + b, "mul": lambda: a * b,
            "ave": lambda: (a + b) / 2}[how]()


def sizes(**more):
    return {"input_size": IN, "hidden_size": U, **more}


# ---- cases ----

def plain(name, cell, attributes="", sequences=False, layers=1, t=T, torch_sizes=None, keras_options=None,
          backwards=False):
    """One or more layers, last output or all of them. thalweg's sequences keep the order of x, Keras's go backwards."""
    operator, own, make_torch, make_keras = CELLS[cell]
    names = "abc"[:layers]
    lines, before = [], "x"
    for one in names:
        every = " return_sequences=yes" if sequences or one != names[-1] else ""
        lines.append(f"{one} = {operator}({before}) units={U}{own}{attributes}{every}")
        before = one
    lines += [f"y = dense({before}) units={OUT}", "loss = mse(y, label)"]
    data = {"x": real(t, IN), "label": real(*((t,) if sequences else ()), OUT, seed=8)}

    def torch(e):
        layer, y = make_torch(e, **sizes(num_layers=layers, **torch_sizes or {})), e.nn.Linear(U, OUT)

        def loss(x, label):
            out, _ = torch_run(e, layer, x.flip(1) if backwards else x)
            out = out[:, :, 0] if sequences else out[:, -1, 0]
            return e.mse(y(out.flip(1) if backwards and sequences else out), label)
        return {" ".join(names): layer, "y": y}, loss

    def keras(e):
        made = {n: make_keras(e, return_sequences=sequences or n != names[-1], **keras_options or {}) for n in names}
        y = e.layers.Dense(OUT)

        def loss(x, label):
            for layer in made.values():
                x = layer(x)
            return e.mse(y(e.ops.flip(x, 1) if backwards and sequences else x), label)
        return {**made, "y": y}, loss
    return Case(f"{cell}_{name}", "\n".join(lines), data, make_torch and torch, keras)


def bidirectional(cell, how, sequences):
    operator, own, make_torch, make_keras = CELLS[cell]
    every = " return_sequences=yes" if sequences else ""
    width = 2 * U if how == "concat" else U
    text = f"""
        a = {operator}(x) units={U}{own} bidirectional=yes merge={how}{every}
        y = dense(a) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, IN), "label": real(*((T,) if sequences else ()), OUT, seed=8)}

    def torch(e):
        a, y = make_torch(e, **sizes(bidirectional=True)), e.nn.Linear(width, OUT)

        def loss(x, label):
            out, states = torch_run(e, a, x)
            parts = (out[:, :, 0], out[:, :, 1]) if sequences else states[0]
            return e.mse(y(merge(e, how, parts)), label)
        return {"a": a, "y": y}, loss

    def keras(e):
        a = e.layers.Bidirectional(make_keras(e, return_sequences=sequences), merge_mode=how)
        y = e.layers.Dense(OUT)
        return {"a": a, "y": y}, lambda x, label: e.mse(y(a(x)), label)
    return Case(f"{cell}_bidirectional_{how}{'_sequences' * sequences}", text, data, make_torch and torch, keras)


def masked(cell, both, sequences, kind="padded"):
    """Padded steps. PyTorch's packed sequences have neither holes nor rows without any step."""
    operator, own, make_torch, make_keras = CELLS[cell]
    every = " return_sequences=yes" if sequences else ""
    twice = " bidirectional=yes" if both else ""
    text = f"""
        a = {operator}(x, mask=mask) units={U}{own}{twice}{every}
        y = dense(a) units={OUT}
        loss = mse(y, label)"""
    _, mask = steps(T)
    if kind == "holes":
        mask = whole(2, T, seed=9).astype(bool)
    elif kind == "hidden":
        mask[::3] = False
    data = {"x": real(T, IN), "mask": mask, "label": real(*((T,) if sequences else ()), OUT, seed=8)}

    def torch(e):
        a, y = make_torch(e, **sizes(bidirectional=both)), e.nn.Linear(U * (1 + both), OUT)

        def loss(x, mask, label):
            out, states = torch_run(e, a, x, mask=mask)
            out = out.flatten(2) if sequences else e.torch.cat(list(states[0]), -1)
            return e.mse(y(out), label)
        return {"a": a, "y": y}, loss

    def keras(e):
        a = make_keras(e, return_sequences=sequences)
        a, y = e.layers.Bidirectional(a) if both else a, e.layers.Dense(OUT)
        return {"a": a, "y": y}, lambda x, mask, label: e.mse(y(a(x, mask=mask)), label)
    name = f"{cell}_{kind}{'_bidirectional' * both}{'_sequences' * sequences}"
    return Case(name, text, data, torch if make_torch and kind == "padded" else None, keras)


def lengths(cell):
    """The mask made of lengths."""
    case = masked(cell, False, False)
    length, _ = steps(T)
    data = {"x": case.data["x"], "length": length, "label": case.data["label"]}
    text = f"mask = sequence_mask(length) size={T}\n{case.text.strip()}"

    def with_mask(make, arange):
        def build(e):
            parts, loss = make(e)
            return parts, lambda x, length, label: loss(x, arange(e) < length[:, None], label)
        return build
    return Case(f"{cell}_lengths", text, data, case.torch and with_mask(case.torch, lambda e: e.torch.arange(T)),
                with_mask(case.keras, lambda e: e.ops.arange(T)))


def letters(cell, count):
    """Names of the states of a cell: h, or h and c, for each of `count` directions."""
    kinds = "hc" if CELLS[cell][0] == "lstm" else "h"
    return [prefix + kind for prefix in ("", "backward_")[:count] for kind in kinds]


def states(cell, both=False, mask_too=False):
    """An encoder's final states begin a decoder; a dense of z begins the encoder."""
    operator, own, make_torch, make_keras = CELLS[cell]
    twice = " bidirectional=yes" if both else ""
    kinds = letters(cell, 1 + both)
    masks = ", mask=mask" if mask_too else ""
    begun = ", ".join(f"{k}0={k}0" for k in kinds)
    ended = ", ".join(f"{k}0={k}1" for k in kinds)
    text = "\n".join([
        *(f"{k}0 = dense(z) units={U} act=tanh" for k in kinds),
        f"a, {', '.join(k + '1' for k in kinds)} = {operator}(x, {begun}{masks}) units={U}{own}{twice}",
        f"b, {', '.join(k + '2' for k in kinds)} = {operator}(v, {ended}) units={U}{own}{twice} return_sequences=yes",
        f"all = concat({', '.join(k + '2' for k in kinds)})",
        f"y1 = dense(b) units={OUT}", "loss1 = mse(y1, label)",
        f"y2 = dense(all) units={OUT}", "loss2 = mse(y2, other)",
        "loss = add(loss1, loss2)"])
    data = {"x": real(T, IN), "v": real(4, IN, seed=10), "z": real(4, seed=11), "label": real(4, OUT, seed=8),
            "other": real(OUT, seed=12)}
    if mask_too:
        data["mask"] = steps(T)[1]

    def torch(e):
        a, b = (make_torch(e, **sizes(bidirectional=both)) for _ in "ab")
        start = {f"{k}0": e.nn.Linear(4, U) for k in kinds}
        y1, y2 = e.nn.Linear(U * (1 + both), OUT), e.nn.Linear(U * len(kinds), OUT)

        def loss(x, v, z, label, other, mask=None):
            begin = [e.torch.tanh(layer(z)) for layer in start.values()]
            each = len(kinds) // (1 + both)  # PyTorch: a tensor a kind, directions on its first axis
            begin = [e.torch.stack(begin[i::each]) for i in range(each)]
            _, end = torch_run(e, a, x, begin, mask)
            made, last = torch_run(e, b, v, end)
            last = [last[i][d] for d in range(1 + both) for i in range(each)]
            return e.mse(y1(made.flatten(2)), label) + e.mse(y2(e.torch.cat(last, -1)), other)
        return {"a": a, "b": b, **start, "y1": y1, "y2": y2}, loss

    def keras(e):
        a, b = make_keras(e, return_state=True), make_keras(e, return_sequences=True, return_state=True)
        if both:
            a, b = e.layers.Bidirectional(a), e.layers.Bidirectional(b)
        start = {f"{k}0": e.layers.Dense(U, activation="tanh") for k in kinds}
        y1, y2 = e.layers.Dense(OUT), e.layers.Dense(OUT)

        def loss(x, v, z, label, other, mask=None):
            _, *end = a(x, initial_state=[layer(z) for layer in start.values()], mask=mask)
            made, *last = b(v, initial_state=end)
            return e.mse(y1(made), label) + e.mse(y2(e.ops.concatenate(last, -1)), other)
        return {"a": a, "b": b, **start, "y1": y1, "y2": y2}, loss
    return Case(f"{cell}_states{'_bidirectional' * both}{'_masked' * mask_too}", text, data, make_torch and torch, keras)


def begun(cell):
    """Initial states and masks with holes, at the first steps too: the output is 0 until there was a step."""
    operator, own, _, make_keras = CELLS[cell]
    kinds = letters(cell, 1)
    text = "\n".join([
        *(f"{k}0 = dense(z) units={U} act=tanh" for k in kinds),
        f"a = {operator}(x, {', '.join(f'{k}0={k}0' for k in kinds)}, mask=mask) units={U}{own} return_sequences=yes",
        f"y = dense(a) units={OUT}", "loss = mse(y, label)"])
    data = {"x": real(T, IN), "mask": whole(2, T, seed=9).astype(bool), "z": real(4, seed=11),
            "label": real(T, OUT, seed=8)}

    def keras(e):
        a, y = make_keras(e, return_sequences=True), e.layers.Dense(OUT)
        start = {f"{k}0": e.layers.Dense(U, activation="tanh") for k in kinds}

        def loss(x, mask, z, label):
            return e.mse(y(a(x, initial_state=[layer(z) for layer in start.values()], mask=mask)), label)
        return {"a": a, **start, "y": y}, loss
    return Case(f"{cell}_begun_holes", text, data, keras=keras)


def only_keras(name, operator, own, make):
    text = f"""
        a = {operator}(x) units={U}{own} return_sequences=yes
        b = {operator}(a) units={U}{own}
        y = dense(b) units={OUT}
        loss = mse(y, label)"""

    def keras(e):
        a, b, y = make(e, return_sequences=True), make(e), e.layers.Dense(OUT)
        return {"a": a, "b": b, "y": y}, lambda x, label: e.mse(y(b(a(x))), label)
    return Case(name, text, {"x": real(T, IN), "label": real(OUT, seed=8)}, keras=keras)


def cases():
    for cell in CELLS:
        yield plain("last", cell)
        yield plain("sequences", cell, sequences=True)
        yield plain("stacked", cell, layers=3)
        yield plain("stacked_sequences", cell, layers=2, sequences=True)
        yield plain("one_step", cell, t=1)
        yield plain("no_bias", cell, " bias=no", torch_sizes={"bias": False}, keras_options={"use_bias": False})
        for sequences in (False, True):
            yield plain("reverse_sequences" if sequences else "reverse", cell, " reverse=yes", sequences,
                        keras_options={"go_backwards": True}, backwards=True)
        for how in ("concat", "sum", "mul", "ave"):
            yield bidirectional(cell, how, False)
            yield bidirectional(cell, how, True)
        for both in (False, True):
            for sequences in (False, True):
                yield masked(cell, both, sequences)
                yield masked(cell, both, sequences, "holes")
            yield masked(cell, both, True, "hidden")
            yield states(cell, both)
            yield states(cell, both, True)
        yield lengths(cell)
        yield begun(cell)
    for name, row in KERAS_CELLS.items():
        yield only_keras(name, *row)
