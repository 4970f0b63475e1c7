# SPDX-License-Identifier: Apache-2.0
"""The cases on PyTorch's functions, weights in thalweg's layouts."""
import math

import torch
import torch.nn.functional as F

NAME = "torch"
tensor = torch.tensor


def variable(array, trainable=True):
    return torch.tensor(array, requires_grad=trainable)


def numpy(value):
    return value.detach().numpy()


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def edges(sizes, kernel, stride, dilation, padding):
    """What is added (top, left, bottom, right), as TensorFlow and ONNX reckon "same"."""
    if isinstance(padding, tuple):
        return padding if len(padding) == 4 else (*padding, *padding)
    if padding != "same":
        return 0, 0, 0, 0
    before, after = [], []
    for size, k, s, d in zip(sizes, kernel, stride, dilation):
        total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return *before, *after


def padded(x, kernel, stride, dilation, padding, value=0.0):
    top, left, bottom, right = edges(x.shape[1:3], kernel, stride, dilation, padding)
    return F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=value)


def conv2d(x, weight, bias, stride=1, dilation=1, padding="valid", groups=1):
    stride, dilation = pair(stride), pair(dilation)
    x = padded(x, weight.shape[:2], stride, dilation, padding)
    return F.conv2d(x, weight.permute(3, 2, 0, 1), bias, stride, 0, dilation, groups).permute(0, 2, 3, 1)


def conv2d_transpose(x, weight, bias, stride=1, padding="valid"):
    stride, kernel = pair(stride), weight.shape[:2]
    y = F.conv_transpose2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias, stride)
    if padding == "same":
        for axis in (0, 1):
            cut = (kernel[axis] - stride[axis]) // 2
            y = y.narrow(2 + axis, cut, x.shape[1 + axis] * stride[axis])
    return y.permute(0, 2, 3, 1)


def maxpool2d(x, size, stride, padding="valid"):
    x = padded(x, pair(size), pair(stride), (1, 1), padding, -math.inf)
    return F.max_pool2d(x, size, stride).permute(0, 2, 3, 1)


def avgpool2d(x, size, stride, padding="valid"):
    ones = torch.ones_like(x)
    total, count = (F.avg_pool2d(padded(v, pair(size), pair(stride), (1, 1), padding), size, stride) for v in (x, ones))
    return (total / count).permute(0, 2, 3, 1)


def batch_norm(x, p, momentum, epsilon):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes, unbiased=False)
    with torch.no_grad():
        p["mean"].mul_(momentum).add_(mean, alpha=1 - momentum)
        p["variance"].mul_(momentum).add_(variance, alpha=1 - momentum)
    return (x - mean) / torch.sqrt(variance + epsilon) * p["scale"] + p["shift"]


def matmul(x, weight):
    return x @ weight


def flatten(x):
    return x.reshape(x.shape[0], -1)


def global_maxpool2d(x):
    return x.amax((1, 2))


def global_avgpool2d(x):
    return x.mean((1, 2))


def act(name, x):
    if name == "leaky_relu":
        return F.leaky_relu(x, 0.2)  # as Keras's, and as the case says
    return getattr(torch, name)(x) if name in ("tanh", "sigmoid") else getattr(F, name)(x)


def loss(name, options, prediction, label, weight):
    smooth = float(options.get("label_smoothing", 0))
    if name == "cross_entropy":
        each = F.cross_entropy(prediction, label.long() if label.ndim == 1 else label, reduction="none",
                               label_smoothing=smooth)
    elif name == "binary_cross_entropy":
        label = label * (1 - smooth) + smooth / 2
        function = F.binary_cross_entropy_with_logits if options.get("from_logits") == "yes" else F.binary_cross_entropy
        each = function(prediction, label, reduction="none").mean(-1)
    elif name == "huber":
        each = F.huber_loss(prediction, label, reduction="none", delta=float(options["delta"])).mean(-1)
    else:
        function = {"mse": F.mse_loss, "mae": F.l1_loss}[name]
        each = function(prediction, label, reduction="none").mean(-1)
    return (each * weight).mean() if weight is not None else each.mean()


def optimizer(name, options, variables):
    lr, epsilon = options["lr"], options.get("epsilon", 1e-7)
    if name in ("sgd", "momentum", "nesterov"):
        made = torch.optim.SGD(variables, lr, options.get("momentum", 0), nesterov=name == "nesterov")
    elif name == "adagrad":
        made = torch.optim.Adagrad(variables, lr, initial_accumulator_value=0.1, eps=epsilon)
    elif name == "rmsprop":
        made = torch.optim.RMSprop(variables, lr, 0.9, epsilon, momentum=options.get("momentum", 0),
                                   centered=options.get("centered") == "yes")
    else:
        kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
        made = kind(variables, lr, eps=epsilon, weight_decay=options.get("weight_decay", 0),
                    amsgrad=options.get("amsgrad") == "yes")

    def step(value):
        made.zero_grad()
        value.backward()
        if "clip_value" in options:
            torch.nn.utils.clip_grad_value_(variables, options["clip_value"])
        for v in variables if "clip_norm" in options else []:
            torch.nn.utils.clip_grad_norm_([v], options["clip_norm"])
        if "global_clip_norm" in options:
            torch.nn.utils.clip_grad_norm_(variables, options["global_clip_norm"])
        made.step()

    return lambda forward: step(forward())
