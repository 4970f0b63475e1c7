# SPDX-License-Identifier: Apache-2.0
"""scaled_dot_product_attention and multi_head_attention: masks, heads, self and cross, and a whole block."""
import numpy as np

from case import Case, real, steps, whole

N_HEADS, DIM, T, S, OUT = 2, 4, 7, 5, 3
IN = N_HEADS * DIM


# ---- scaled_dot_product_attention: query, key and value are denses of x (and v) ----

def rows_mask(kind):
    """What a query may see: [n,s], [n,t,s] or [n,heads,t,s]; every query sees its first key at least."""
    shape = {"padding": (T,), "pairs": (T, T), "heads": (N_HEADS, T, T), "one_head": (1, T, T)}[kind]
    mask = steps(T)[1] if kind == "padding" else whole(2, *shape, seed=9).astype(bool)
    mask[..., 0] = True
    return mask


def broadcast(mask):
    """[n,s], [n,t,s] or [n,h,t,s] as what goes with scores [n,h,t,s]."""
    return mask[:, None, None] if len(mask.shape) == 2 else mask[:, None] if len(mask.shape) == 3 else mask


def dot_product(name, words="", mask=None, heads=True, cross=False, value_dim=DIM):
    size, split = (S if cross else T), f"shape=n,-1,{N_HEADS},"
    made = {"q": ("x", DIM), "k": ("v" if cross else "x", DIM), "w": ("v" if cross else "x", value_dim)}
    lines = []
    for short, (source, dim) in made.items():
        rows = T if source == "x" else S
        lines.append(f"{short} = dense({source}) units={N_HEADS * dim if heads else dim}")
        if heads:
            lines.append(f"{short}h = reshape({short}) shape=n,{rows},{N_HEADS},{dim}")
    end = "h" if heads else ""
    lines.append(f"a = scaled_dot_product_attention(q{end}, k{end}, w{end}{', mask=mask' if mask else ''}) {words}")
    width = N_HEADS * value_dim if heads else value_dim
    lines += [f"f = reshape(a) shape=n,{T},{width}", f"y = dense(f) units={OUT}", "loss = mse(y, label)"]
    data = {"x": real(T, IN), **({"v": real(S, IN, seed=10)} if cross else {}),
            **({"mask": rows_mask(mask)} if mask else {}), "label": real(T, OUT, seed=8)}
    causal = "causal=yes" in words
    scale = float(words.split("scale=")[1].split()[0]) if "scale=" in words else None
    count = N_HEADS if heads else 1

    def torch(e):
        layers = {s: e.nn.Linear(IN, count * dim) for s, (_, dim) in made.items()}
        y = e.nn.Linear(width, OUT)

        def loss(x, label, v=None, mask=None):
            given = {"x": x, "v": v}
            q, k, w = (layers[s](given[source]).unflatten(2, (count, -1)).transpose(1, 2)
                       for s, (source, _) in made.items())
            hide = None if mask is None else broadcast(mask)
            if hide is not None and causal:  # PyTorch takes one or the other
                hide = hide & e.torch.ones(T, size, dtype=bool).tril()
            a = e.F.scaled_dot_product_attention(q, k, w, hide, is_causal=causal and hide is None, scale=scale)
            return e.mse(y(a.transpose(1, 2).flatten(2)), label)
        return {**layers, "y": y}, loss

    def keras(e):
        layers = {s: e.layers.Dense(count * dim) for s, (_, dim) in made.items()}
        y = e.layers.Dense(OUT)

        def loss(x, label, v=None, mask=None):
            given = {"x": x, "v": v}
            q, k, w = (e.ops.reshape(layers[s](given[source]), (x.shape[0], -1, count, dim))
                       for s, (source, dim) in made.items())
            a = e.ops.dot_product_attention(q, k, w, mask=None if mask is None else broadcast(mask), scale=scale,
                                            is_causal=causal)
            return e.mse(y(e.ops.reshape(a, (x.shape[0], T, -1))), label)
        return {**layers, "y": y}, loss
    return Case(f"attention_{name}", "\n".join(lines), data, torch, keras if value_dim == DIM else None)


def dot_product_cases():
    yield dot_product("heads")
    yield dot_product("rank3", heads=False)
    yield dot_product("causal", "causal=yes")
    yield dot_product("scale", "scale=0.3")
    yield dot_product("padding", mask="padding")
    yield dot_product("pairs", mask="pairs")
    yield dot_product("mask_heads", mask="heads")
    yield dot_product("mask_one_head", mask="one_head")
    yield dot_product("causal_padding", "causal=yes", mask="padding")
    yield dot_product("cross", cross=True)
    yield dot_product("value_dim", value_dim=3)


# ---- multi_head_attention ----

def keras_mha(e, **options):
    return e.layers.MultiHeadAttention(**{"num_heads": N_HEADS, "key_dim": DIM, **options})


def self_attention(name, words="", mask=False, causal=False, keras_options=None, in_torch=True, bias=True):
    """PyTorch's layer has heads * key_dim = the width of the query and of the result, and one size of bias."""
    text = f"""
        a = multi_head_attention(x{', mask=mask' if mask else ''}) heads={N_HEADS} key_dim={DIM} {words}
        y = dense(a) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, IN), **({"mask": rows_mask(mask)} if mask else {}), "label": real(T, OUT, seed=8)}

    def torch(e):
        a, y = e.nn.MultiheadAttention(IN, N_HEADS, bias=bias, batch_first=True), e.nn.Linear(IN, OUT)

        def loss(x, label, mask=None):
            hide = {}
            if mask is not None and mask.ndim == 2:
                hide["key_padding_mask"] = ~mask
            elif mask is not None:
                hide["attn_mask"] = ~mask.repeat_interleave(N_HEADS, 0)
            if causal:
                hide["attn_mask"] = ~e.torch.ones(T, T, dtype=bool).tril()
            return e.mse(y(a(x, x, x, need_weights=False, **hide)[0]), label)
        return {"a": a, "y": y}, loss

    def keras(e):
        a, y = keras_mha(e, **keras_options or {}), e.layers.Dense(OUT)

        def loss(x, label, mask=None):
            seen = {}
            if mask is not None:
                seen["attention_mask"] = mask[:, None] if len(mask.shape) == 2 else mask
            return e.mse(y(a(x, x, use_causal_mask=causal, **seen)), label)
        return {"a": a, "y": y}, loss
    return Case(f"mha_{name}", text, data, torch if in_torch else None, keras)


def cross_attention(mask):
    """Another width and length of value; the key, where given, is a third sequence."""
    text = f"""
        a = multi_head_attention(x, v{', mask=mask' if mask else ''}) heads={N_HEADS} key_dim={DIM}
        y = dense(a) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, IN), "v": real(S, 6, seed=10), "label": real(T, OUT, seed=8)}
    if mask:
        data["mask"] = steps(S)[1]

    def torch(e):
        a = e.nn.MultiheadAttention(IN, N_HEADS, kdim=6, vdim=6, batch_first=True)
        y = e.nn.Linear(IN, OUT)

        def loss(x, v, label, mask=None):
            return e.mse(y(a(x, v, v, None if mask is None else ~mask, need_weights=False)[0]), label)
        return {"a": a, "y": y}, loss

    def keras(e):
        a, y = keras_mha(e), e.layers.Dense(OUT)

        def loss(x, v, label, mask=None):
            return e.mse(y(a(x, v, attention_mask=None if mask is None else mask[:, None])), label)
        return {"a": a, "y": y}, loss
    return Case(f"mha_cross{'_padding' * mask}", text, data, torch, keras)


def three_inputs():
    text = f"""
        a = multi_head_attention(x, v, k) heads={N_HEADS} key_dim={DIM}
        y = dense(a) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(T, IN), "v": real(S, 6, seed=10), "k": real(S, 5, seed=11), "label": real(T, OUT, seed=8)}

    def torch(e):
        a, y = e.nn.MultiheadAttention(IN, N_HEADS, kdim=5, vdim=6, batch_first=True), e.nn.Linear(IN, OUT)
        return {"a": a, "y": y}, lambda x, v, k, label: e.mse(y(a(x, k, v, need_weights=False)[0]), label)

    def keras(e):
        a, y = keras_mha(e), e.layers.Dense(OUT)
        return {"a": a, "y": y}, lambda x, v, k, label: e.mse(y(a(x, v, k)), label)
    return Case("mha_key", text, data, torch, keras)


def block():
    """A pre-norm transformer block on tokens, causal, as in examples/characters.tw."""
    vocabulary = 11
    text = f"""
        e = embedding(tokens) vocabulary={vocabulary} width={IN}
        p = position_embedding(e) length={T}
        n1 = layer_norm(p) epsilon=1e-5
        a = multi_head_attention(n1) heads={N_HEADS} key_dim={DIM} causal=yes
        r1 = add(p, a)
        n2 = layer_norm(r1) epsilon=1e-5
        h = dense(n2) units={4 * IN} act=gelu
        d = dense(h) units={IN}
        r2 = add(r1, d)
        n3 = layer_norm(r2) epsilon=1e-5
        y = dense(n3) units={vocabulary}
        loss = cross_entropy(y, label)"""
    data = {"tokens": whole(vocabulary, T), "label": whole(vocabulary, T, seed=8)}

    def torch(e):
        nn = e.nn
        parts = {"e": nn.Embedding(vocabulary, IN), "p": nn.Embedding(T, IN), "n1": nn.LayerNorm(IN),
                 "a": nn.MultiheadAttention(IN, N_HEADS, batch_first=True), "n2": nn.LayerNorm(IN),
                 "h": nn.Linear(IN, 4 * IN), "d": nn.Linear(4 * IN, IN), "n3": nn.LayerNorm(IN),
                 "y": nn.Linear(IN, vocabulary)}

        def loss(tokens, label):
            m = parts
            x = m["e"](tokens) + m["p"](e.torch.arange(T))
            z = m["n1"](x)
            x = x + m["a"](z, z, z, need_weights=False, attn_mask=~e.torch.ones(T, T, dtype=bool).tril())[0]
            x = x + m["d"](e.F.gelu(m["h"](m["n2"](x))))
            return e.cross_entropy(m["y"](m["n3"](x)), label)
        return parts, loss

    def keras(e):
        layers = e.layers
        norm = lambda: layers.LayerNormalization(epsilon=1e-5)
        parts = {"e": layers.Embedding(vocabulary, IN), "p": layers.Embedding(T, IN), "n1": norm(), "a": keras_mha(e),
                 "n2": norm(), "h": layers.Dense(4 * IN, activation="gelu"), "d": layers.Dense(IN), "n3": norm(),
                 "y": layers.Dense(vocabulary)}
        parts["h"].activation = lambda x: e.ops.gelu(x, approximate=False)

        def loss(tokens, label):
            m = parts
            x = m["e"](tokens) + m["p"](np.arange(T))
            z = m["n1"](x)
            x = x + m["a"](z, z, use_causal_mask=True)
            x = x + m["d"](m["h"](m["n2"](x)))
            return e.cross_entropy(m["y"](m["n3"](x)), label)
        return parts, loss
    return Case("transformer_block", text, data, torch, keras)


def cases():
    yield from dot_product_cases()
    yield self_attention("self")
    yield self_attention("causal", "causal=yes", causal=True)
    yield self_attention("padding", mask="padding")
    yield self_attention("pairs", mask="pairs")
    yield self_attention("causal_padding", "causal=yes", mask="padding", causal=True)
    yield self_attention("no_bias", "bias=no", keras_options={"use_bias": False}, bias=False)
    yield self_attention("value_dim", "value_dim=3", keras_options={"value_dim": 3}, in_torch=False)
    yield self_attention("output_dim", "output_dim=6", keras_options={"output_shape": 6}, in_torch=False)
    yield cross_attention(False)
    yield cross_attention(True)
    yield three_inputs()
    yield block()
