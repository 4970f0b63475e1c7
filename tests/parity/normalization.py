# SPDX-License-Identifier: Apache-2.0
"""layer_norm, rms_norm, group_norm and instance_norm, over sequences and images."""
from case import Case, real

OUT = 3


def normalized(name, line, shape, width, make_torch, make_keras):
    """A dense, the layer, tanh, a dense; x is [n,*shape], the middle [n,*shape[:-1],width]."""
    text = f"""
        a = dense(x) units={width}
        b = {line}
        c = tanh(b)
        y = dense(c) units={OUT}
        loss = mse(y, label)"""
    data = {"x": real(*shape), "label": real(*shape[:-1], OUT, seed=8)}

    def torch(e):
        a, (b, run), y = e.nn.Linear(shape[-1], width), make_torch(e), e.nn.Linear(width, OUT)
        return {"a": a, "b": b, "y": y}, lambda x, label: e.mse(y(e.torch.tanh(run(a(x)))), label)

    def keras(e):
        a, b, y = e.layers.Dense(width), make_keras(e), e.layers.Dense(OUT)
        return {"a": a, "b": b, "y": y}, lambda x, label: e.mse(y(e.ops.tanh(b(a(x)))), label)
    return Case(name, text, data, make_torch and torch, make_keras and keras)


def plainly(layer):
    return layer, layer


def channels_first(layer):
    """PyTorch's layers over groups have channels on axis 1."""
    return layer, lambda x: layer(x.movedim(-1, 1)).movedim(1, -1)


def cases():
    row, picture = (7, 5), (5, 4, 6)
    yield normalized("layer_norm", "layer_norm(a)", row, 9, lambda e: plainly(e.nn.LayerNorm(9, 1e-3)),
                     lambda e: e.layers.LayerNormalization())
    yield normalized("layer_norm_one_row", "layer_norm(a) epsilon=1e-6", (6,), 33,
                     lambda e: plainly(e.nn.LayerNorm(33, 1e-6)), lambda e: e.layers.LayerNormalization(epsilon=1e-6))
    yield normalized("layer_norm_no_shift", "layer_norm(a) shift=no", row, 9,
                     lambda e: plainly(e.nn.LayerNorm(9, 1e-3, bias=False)),
                     lambda e: e.layers.LayerNormalization(center=False))
    yield normalized("layer_norm_no_scale", "layer_norm(a) scale=no", row, 9, None,
                     lambda e: e.layers.LayerNormalization(scale=False))
    yield normalized("layer_norm_bare", "layer_norm(a) scale=no shift=no", row, 9,
                     lambda e: plainly(e.nn.LayerNorm(9, 1e-3, elementwise_affine=False)),
                     lambda e: e.layers.LayerNormalization(scale=False, center=False))
    yield normalized("layer_norm_axis", "layer_norm(a) axis=1", row, 9, None,
                     lambda e: e.layers.LayerNormalization(axis=1))
    yield normalized("layer_norm_images", "layer_norm(a)", picture, 8, lambda e: plainly(e.nn.LayerNorm(8, 1e-3)),
                     lambda e: e.layers.LayerNormalization())
    yield normalized("rms_norm", "rms_norm(a)", row, 9, lambda e: plainly(e.nn.RMSNorm(9, 1e-6)),
                     lambda e: e.layers.RMSNormalization())
    yield normalized("rms_norm_epsilon", "rms_norm(a) epsilon=0.1", row, 16, lambda e: plainly(e.nn.RMSNorm(16, 0.1)),
                     lambda e: e.layers.RMSNormalization(epsilon=0.1))
    for groups in (1, 2, 8):
        yield normalized(f"group_norm_{groups}", f"group_norm(a) groups={groups}", picture, 8,
                         lambda e, g=groups: channels_first(e.nn.GroupNorm(g, 8, 1e-3)),
                         lambda e, g=groups: e.layers.GroupNormalization(g))
    yield normalized("group_norm_rows", "group_norm(a) groups=3 epsilon=1e-5", row, 9,
                     lambda e: channels_first(e.nn.GroupNorm(3, 9, 1e-5)),
                     lambda e: e.layers.GroupNormalization(3, epsilon=1e-5))
    yield normalized("group_norm_bare", "group_norm(a) groups=4 scale=no shift=no", picture, 8,
                     lambda e: channels_first(e.nn.GroupNorm(4, 8, 1e-3, affine=False)),
                     lambda e: e.layers.GroupNormalization(4, scale=False, center=False))
    yield normalized("instance_norm", "instance_norm(a)", picture, 8,
                     lambda e: channels_first(e.nn.InstanceNorm2d(8, 1e-3, affine=True)),
                     lambda e: e.layers.GroupNormalization(-1))
    yield normalized("instance_norm_rows", "instance_norm(a)", row, 9,
                     lambda e: channels_first(e.nn.InstanceNorm1d(9, 1e-3, affine=True)),
                     lambda e: e.layers.GroupNormalization(-1))
