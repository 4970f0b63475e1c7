# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools along one axis, and images made larger."""
import math

from case import Case, real

OUT = 3


def net(name, lines, shape, width, target, parts_torch, parts_keras):
    """`lines` make b of x; a dense of b [n,*target,width] is held against labels."""
    text = f"{lines}\ny = dense(b) units={OUT}\nloss = mse(y, label)"
    data = {"x": real(*shape), "label": real(*target, OUT, seed=8)}

    def torch(e):
        (parts, run), y = parts_torch(e), e.nn.Linear(width, OUT)
        return {**parts, "y": y}, lambda x, label: e.mse(y(run(x)), label)

    def keras(e):
        (parts, run), y = parts_keras(e), e.layers.Dense(OUT)
        return {**parts, "y": y}, lambda x, label: e.mse(y(run(x)), label)
    return Case(name, text, data, parts_torch and torch, parts_keras and keras)


def edges(t, kernel, stride, dilation, padding):
    """What is added before and behind, as TensorFlow reckons it."""
    reach = (kernel - 1) * dilation
    if padding == "causal":
        return reach, 0
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((math.ceil(t / stride) - 1) * stride + reach + 1 - t, 0)
        return total // 2, total - total // 2
    return padding


def conv1d(t=11, channels=6, filters=8, kernel=3, stride=1, dilation=1, padding="valid", groups=1, bias=True):
    before, behind = edges(t, kernel, stride, dilation, padding)
    length = (t + before + behind - (kernel - 1) * dilation - 1) // stride + 1
    words = padding if isinstance(padding, str) else ",".join(map(str, padding))
    lines = (f"a = conv1d(x) filters={filters} kernel={kernel} stride={stride} dilation={dilation} padding={words} "
             f"groups={groups} bias={'yes' if bias else 'no'}\nb = tanh(a)")

    def torch(e):
        a = e.nn.Conv1d(channels, filters, kernel, stride, 0, dilation, groups, bias)
        return {"a": a}, lambda x: e.torch.tanh(a(e.F.pad(x.mT, (before, behind))).mT)

    def keras(e):
        own = padding if isinstance(padding, str) else "valid"
        a = e.layers.Conv1D(filters, kernel, stride, own, dilation_rate=dilation, groups=groups, use_bias=bias)
        pad = e.layers.ZeroPadding1D((0, 0) if isinstance(padding, str) else padding)
        call = e.compiled(a) if groups > 1 else a
        return {"a": a}, lambda x: e.ops.tanh(call(pad(x)))
    return (lines, (t, channels), filters, (length,), torch, keras)


def conv1d_cases():
    for name, options in {
            "conv1d": {}, "conv1d_one": {"kernel": 1}, "conv1d_no_bias": {"bias": False}, "conv1d_stride": {"stride": 2},
            "conv1d_same": {"padding": "same"}, "conv1d_same_even": {"padding": "same", "kernel": 4},
            "conv1d_same_stride": {"padding": "same", "stride": 3, "kernel": 5}, "conv1d_causal": {"padding": "causal"},
            "conv1d_causal_dilation": {"padding": "causal", "dilation": 2, "kernel": 4},
            "conv1d_causal_stride": {"padding": "causal", "stride": 2}, "conv1d_dilation": {"dilation": 3},
            "conv1d_same_dilation": {"padding": "same", "dilation": 2}, "conv1d_padding": {"padding": (2, 1)},
            "conv1d_groups": {"groups": 2}, "conv1d_groups_same": {"groups": 3, "filters": 9, "padding": "same"},
            "conv1d_depthwise": {"groups": 6, "filters": 6, "padding": "causal"},
            "conv1d_channels": {"channels": 1, "filters": 16, "kernel": 7}}.items():
        yield net(name, *conv1d(**options))


def with_conv(e, run):
    """A convolution before a pool, so that gradients must come through it."""
    a = e.nn.Conv1d(6, 8, 3) if e.NAME == "torch" else e.layers.Conv1D(8, 3)
    if e.NAME == "torch":
        return {"a": a}, lambda x: run(a(x.mT).mT)
    return {"a": a}, lambda x: run(a(x))


def padded_pool(e, kind, x, size, stride, padding):
    before, behind = edges(x.shape[1], size, stride, 1, padding)
    if kind == "max":
        return e.F.max_pool1d(e.F.pad(x.mT, (before, behind), value=-math.inf), size, stride).mT
    total, count = (e.F.avg_pool1d(e.F.pad(v.mT, (before, behind)), size, stride) for v in (x, e.torch.ones_like(x)))
    return (total / count).mT


def pool1d_cases():
    for kind in ("max", "avg"):
        for size, stride, padding in ((2, 2, "valid"), (3, 2, "valid"), (3, 2, "same"), (2, 1, "same")):
            length = (9 - size) // stride + 1 if padding == "valid" else math.ceil(9 / stride)
            layer = {"max": "MaxPooling1D", "avg": "AveragePooling1D"}[kind]
            yield net(f"{kind}pool1d_{size}_{stride}_{padding}",
                      f"a = conv1d(x) filters=8 kernel=3\nb = {kind}pool1d(a) size={size} stride={stride} "
                      f"padding={padding}", (11, 6), 8, (length,),
                      lambda e, o=(kind, size, stride, padding): with_conv(
                          e, lambda x: padded_pool(e, o[0], x, *o[1:])),
                      lambda e, o=(layer, size, stride, padding): with_conv(e, getattr(e.layers, o[0])(*o[1:])))
        whole = {"max": (lambda x: x.amax(1), "GlobalMaxPooling1D"),
                 "avg": (lambda x: x.mean(1), "GlobalAveragePooling1D")}[kind]
        yield net(f"global_{kind}pool1d", f"a = conv1d(x) filters=8 kernel=3\nb = global_{kind}pool1d(a)", (11, 6), 8, (),
                  lambda e, w=whole: with_conv(e, w[0]), lambda e, w=whole: with_conv(e, getattr(e.layers, w[1])()))


def upsample2d_cases():
    for mode in ("nearest", "bilinear"):
        for size in (2, 3, (2, 3)):
            pair = size if isinstance(size, tuple) else (size, size)
            words = ",".join(map(str, pair)) if isinstance(size, tuple) else size
            lines = f"a = conv2d(x) filters=4 kernel=2\nb = upsample2d(a) size={words} mode={mode}"

            def torch(e, pair=pair, mode=mode):
                a = e.nn.Conv2d(3, 4, 2)
                options = {"align_corners": False} if mode == "bilinear" else {}
                up = e.nn.Upsample(scale_factor=pair, mode=mode, **options)
                return {"a": a}, lambda x: up(a(x.movedim(-1, 1))).movedim(1, -1)

            def keras(e, pair=pair, mode=mode):
                a, up = e.layers.Conv2D(4, 2), e.layers.UpSampling2D(pair, interpolation=mode)
                return {"a": a}, lambda x: up(a(x))
            yield net(f"upsample2d_{mode}_{pair[0]}x{pair[1]}", lines, (5, 4, 3), 4, (4 * pair[0], 3 * pair[1]), torch,
                      keras)


def cases():
    yield from conv1d_cases()
    yield from pool1d_cases()
    yield from upsample2d_cases()
