# SPDX-License-Identifier: Apache-2.0
"""PyTorch beside thalweg: where its layers keep their weights, one step, and functions for chains of layers."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from case import parse_options

NAME = "torch"
tensor = torch.tensor


def variable(array, trainable=True):
    return torch.tensor(array, requires_grad=trainable)


# ---- a net beside thalweg's: its weights by thalweg's names, in thalweg's layouts, and its steps ----

class Twin:
    def __init__(self, parts, losses, optimizer_text, batch):
        self.parts = parts
        lines = losses if isinstance(losses, list) else [(losses, None)]
        with torch.no_grad():
            for function, _ in lines:
                function(**inputs(batch))  # what comes into being at the first pass
            generator = torch.Generator().manual_seed(7)
            for layer in parts.values():
                if isinstance(layer, nn.Module):
                    stir(layer, generator)
        self.lines = [(function, optimizer(*parse_options(optimizer_text), self.trained(names or parts)))
                      for function, names in lines]

    def trained(self, names):
        found = []
        for name in names:
            layer = self.parts[name]
            found += [v for v in (layer.parameters() if isinstance(layer, nn.Module) else [layer]) if v.requires_grad]
        return found

    def weights(self):
        found = {}
        for name, layer in self.parts.items():
            found |= export(name, layer)
        return {name: value.detach().numpy().copy() for name, value in found.items()}

    def step(self, batch):
        for function, step in self.lines:
            step(lambda: function(**inputs(batch)))


def inputs(batch):
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def stir(layer, generator):
    """Moves weights off their zeros and ones. Of a recurrent layer's two biases, which only add up, one stays 0."""
    for name, value in layer.named_parameters():
        if name.startswith("bias_hh") and isinstance(layer, (nn.RNN, nn.LSTM)):
            value.zero_()
            value.requires_grad = False
        else:
            value += 0.2 * torch.rand(value.shape, generator=generator) - 0.1


def export(name, layer):
    """{thalweg's name: weight in thalweg's layout} of a layer."""
    if not isinstance(layer, nn.Module):
        return {name: layer}
    if isinstance(layer, nn.RNNBase):
        return export_recurrent(name.split(), layer)
    if isinstance(layer, nn.MultiheadAttention):
        return {f"{name}.{key}": value for key, value in export_attention(layer).items()}
    turned = {nn.Linear: (1, 0), nn.Conv1d: (2, 1, 0), nn.Conv2d: (2, 3, 1, 0), nn.ConvTranspose2d: (2, 3, 1, 0)}
    axes, found = turned.get(type(layer)), {}
    normalizes = isinstance(layer, (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.RMSNorm,
                                    BatchNorm))
    names = {"weight": "scale", "bias": "shift"} if normalizes else {}
    for key, value in [*layer.named_parameters(), *layer.named_buffers()]:
        found[f"{name}.{names.get(key, key)}"] = value.permute(axes) if axes and key == "weight" else value
    return found


def export_recurrent(names, layer):
    gru, found = isinstance(layer, nn.GRU), {}

    def gates(value):  # a GRU's reset gate is PyTorch's first and Keras's second
        if not gru:
            return value
        r, z, n = value.chunk(3)
        return torch.cat((z, r, n))

    for number, name in enumerate(names):
        for end, prefix in (("", ""), ("_reverse", "backward_")):
            take = lambda kind: gates(getattr(layer, f"{kind}_l{number}{end}"))
            if not hasattr(layer, f"weight_ih_l{number}{end}"):
                continue
            found[f"{name}.{prefix}weight"] = take("weight_ih").T
            found[f"{name}.{prefix}recurrent"] = take("weight_hh").T
            if layer.bias:
                both = take("bias_ih"), take("bias_hh")
                found[f"{name}.{prefix}bias"] = torch.stack(both) if gru else sum(both)
    return found


def export_attention(layer):
    heads, found = layer.num_heads, {}
    products = (layer.in_proj_weight.chunk(3) if layer.in_proj_weight is not None else
                (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight))
    for number, (key, product) in enumerate(zip(("query", "key", "value"), products)):
        found[f"{key}_weight"] = product.T.unflatten(1, (heads, -1))
        if layer.in_proj_bias is not None:
            found[f"{key}_bias"] = layer.in_proj_bias.chunk(3)[number].unflatten(0, (heads, -1))
    found["output_weight"] = layer.out_proj.weight.T.unflatten(0, (heads, -1))
    if layer.out_proj.bias is not None:
        found["output_bias"] = layer.out_proj.bias
    return found


class BatchNorm(nn.Module):
    """nn.BatchNorm1d keeps the unbiased running variance, Keras and thalweg the biased one: so by hand."""

    def __init__(self, size, momentum=0.99, epsilon=0.001):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x):
        p = {"scale": self.weight, "shift": self.bias, "mean": self.mean, "variance": self.variance}
        return batch_norm(x, p, self.momentum, self.epsilon)


# ---- functions of chains, on weights in thalweg's layouts ----


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


def mse(prediction, label):
    return F.mse_loss(prediction, label)


def cross_entropy(logits, label):
    return F.cross_entropy(logits.flatten(0, -2), label.flatten().long())


def bce(probability, label):
    return F.binary_cross_entropy(probability, label)


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
