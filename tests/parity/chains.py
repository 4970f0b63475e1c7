# SPDX-License-Identifier: Apache-2.0
"""Chains of layers over images and vectors, losses and optimizers. Layers are (operator, attributes), in order."""
import numpy as np

from case import ROWS, Case, dice, parse_options

IMAGE = (9, 11, 6)


def head(*layers):
    """Layers over images, then ten classes."""
    return [*layers, ("flatten", {}), ("dense", {"units": 10})]


def conv(**attributes):
    return ("conv2d", {"filters": 8, "kernel": 3, **attributes})


def up(**attributes):
    return ("conv2d_transpose", {"filters": 5, "kernel": 3, **attributes})


# name: (layers, input shape, loss, target)
CHAINS = {
    "dense": ([("dense", {"units": 16, "act": "relu"}), ("dense", {"units": 10})], (20,), "cross_entropy", "class"),
    "dense_no_bias": ([("dense", {"units": 16, "bias": "no", "act": "tanh"}), ("dense", {"units": 10})], (20,),
                      "cross_entropy", "class"),
    "conv2d": (head(conv(act="relu")), IMAGE, "cross_entropy", "class"),
    "conv2d_two": (head(conv(act="relu"), conv(filters=16)), IMAGE, "cross_entropy", "class"),
    "conv2d_1x1": (head(conv(kernel=1)), IMAGE, "cross_entropy", "class"),
    "conv2d_5x2": (head(conv(kernel=(5, 2))), IMAGE, "cross_entropy", "class"),
    "conv2d_stride": (head(conv(stride=2)), IMAGE, "cross_entropy", "class"),
    "conv2d_stride_3x1": (head(conv(stride=(3, 1))), IMAGE, "cross_entropy", "class"),
    "conv2d_same": (head(conv(padding="same"), conv(filters=4, padding="same")), IMAGE, "cross_entropy", "class"),
    "conv2d_same_stride": (head(conv(padding="same", stride=2)), IMAGE, "cross_entropy", "class"),
    "conv2d_same_even": (head(conv(padding="same", kernel=4)), IMAGE, "cross_entropy", "class"),
    "conv2d_padding": (head(conv(padding=(2, 0, 1, 3))), IMAGE, "cross_entropy", "class"),
    "conv2d_dilation": (head(conv(dilation=2)), IMAGE, "cross_entropy", "class"),
    "conv2d_dilation_same": (head(conv(dilation=(2, 3), padding="same")), IMAGE, "cross_entropy", "class"),
    "conv2d_groups": (head(conv(groups=2)), IMAGE, "cross_entropy", "class"),
    "conv2d_groups_stride": (head(conv(filters=9, groups=3, stride=2, padding="same")), IMAGE, "cross_entropy",
                             "class"),
    "conv2d_depthwise": (head(conv(filters=6, groups=6)), IMAGE, "cross_entropy", "class"),
    "conv2d_depthwise_multiplier": (head(conv(filters=12, groups=6, padding="same")), IMAGE, "cross_entropy", "class"),
    "conv2d_depthwise_stride": (head(conv(), conv(filters=8, groups=8, stride=2, padding="same")), IMAGE,
                                "cross_entropy", "class"),
    "conv2d_transpose": (head(up()), IMAGE, "cross_entropy", "class"),
    "conv2d_transpose_stride": (head(up(stride=2)), IMAGE, "cross_entropy", "class"),
    "conv2d_transpose_same": (head(up(stride=2, padding="same")), IMAGE, "cross_entropy", "class"),
    "conv2d_transpose_two": (head(conv(stride=2), up(kernel=4, stride=2, padding="same")), IMAGE, "cross_entropy",
                             "class"),
    "batch_norm": (head(conv(), ("batch_norm", {}), ("relu", {})), IMAGE, "cross_entropy", "class"),
    "batch_norm_dense": ([("dense", {"units": 16}), ("batch_norm", {"momentum": 0.9, "epsilon": 0.01}),
                          ("dense", {"units": 10})], (20,), "cross_entropy", "class"),
    "maxpool2d": (head(conv(act="relu"), ("maxpool2d", {"size": 2})), IMAGE, "cross_entropy", "class"),
    "maxpool2d_overlap": (head(conv(), ("maxpool2d", {"size": 3, "stride": 2, "padding": "same"})), IMAGE,
                          "cross_entropy", "class"),
    # filters by 16: gradients go through the pool (src/op/convolution_pool.c)
    "maxpool2d_wide": (head(conv(filters=16, act="relu"), ("maxpool2d", {"size": 2}),
                            conv(filters=32, padding="same", act="relu"), ("maxpool2d", {"size": 2})), IMAGE,
                       "cross_entropy", "class"),
    "maxpool2d_wide_two": (head(conv(filters=16), conv(filters=48, kernel=(2, 5)), ("maxpool2d", {"size": 2}),
                                ("tanh", {})), IMAGE, "cross_entropy", "class"),
    "maxpool2d_wide_4x1": (head(conv(filters=16, kernel=1), conv(filters=16, padding="same"),
                                ("maxpool2d", {"size": (4, 1)})), IMAGE, "cross_entropy", "class"),
    "avgpool2d": (head(conv(act="relu"), ("avgpool2d", {"size": 2})), IMAGE, "cross_entropy", "class"),
    "avgpool2d_same": (head(conv(), ("avgpool2d", {"size": 3, "stride": 2, "padding": "same"})), IMAGE,
                       "cross_entropy", "class"),
    "global_maxpool2d": ([conv(), ("global_maxpool2d", {}), ("dense", {"units": 10})], IMAGE, "cross_entropy", "class"),
    "global_avgpool2d": ([conv(), ("global_avgpool2d", {}), ("dense", {"units": 10})], IMAGE, "cross_entropy", "class"),
    "mse": ([("dense", {"units": 3})], (20,), "mse", "value"),
    "mae": ([("dense", {"units": 3})], (20,), "mae", "value"),
    "huber": ([("dense", {"units": 3})], (20,), "huber delta=0.5", "value"),
    "bce_logits": ([("dense", {"units": 3})], (20,), "binary_cross_entropy from_logits=yes", "bits"),
    "bce": ([("dense", {"units": 3, "act": "sigmoid"})], (20,), "binary_cross_entropy", "bits"),
    "bce_smooth": ([("dense", {"units": 3})], (20,), "binary_cross_entropy from_logits=yes label_smoothing=0.1", "bits"),
    "one_hot": ([("dense", {"units": 10})], (20,), "cross_entropy", "one_hot"),
    "one_hot_smooth": ([("dense", {"units": 10})], (20,), "cross_entropy label_smoothing=0.2", "one_hot"),
    "weighted": ([("dense", {"units": 10})], (20,), "cross_entropy", "class_weighted"),
    "weighted_mse": ([("dense", {"units": 3})], (20,), "mse", "value_weighted"),
}
CHAINS["act_leaky_relu"] = ([("dense", {"units": 16}), ("leaky_relu", {"alpha": 0.2}), ("dense", {"units": 10})], (20,),
                           "cross_entropy", "class")
for act in ("relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "tanh"):
    CHAINS[f"act_{act}"] = ([("dense", {"units": 16}), (act, {}), ("dense", {"units": 10})], (20,), "cross_entropy",
                           "class")

MLP = CHAINS["dense"]
# texts, each over the case "dense"
OPTIMIZERS = {
    "sgd": "sgd lr=0.1",
    "momentum": "momentum lr=0.05 momentum=0.9",
    "nesterov": "nesterov lr=0.05 momentum=0.9",
    "adagrad": "adagrad lr=0.05",
    "rmsprop": "rmsprop lr=0.01 epsilon=1e-14",
    "rmsprop_centered": "rmsprop lr=0.01 epsilon=1e-14 momentum=0.5 centered=yes",
    "adam": "adam lr=0.01 epsilon=1e-14",
    "amsgrad": "adam lr=0.01 epsilon=1e-14 amsgrad=yes",
    "adamw": "adamw lr=0.01 epsilon=1e-14 weight_decay=0.1",
    "clip_value": "sgd lr=0.1 clip_value=0.01",
    "clip_norm": "sgd lr=0.1 clip_norm=0.1",
    "global_clip_norm": "sgd lr=0.1 global_clip_norm=0.1",
}
# PyTorch adds its epsilon at another place than Keras and thalweg, which shows where it is not tiny: only for Keras
OPTIMIZERS_KERAS = {
    "rmsprop_default": "rmsprop lr=0.01",
    "rmsprop_centered_default": "rmsprop lr=0.01 momentum=0.5 centered=yes",
    "adam_default": "adam lr=0.01",
    "amsgrad_default": "adam lr=0.01 amsgrad=yes",
    "adamw_default": "adamw lr=0.01",
}


class Net:
    """A case's layers on an engine; weights come into being at the first pass."""

    def __init__(self, engine, layers, dice):
        self.engine, self.layers, self.dice = engine, layers, dice
        self.weights, self.trained = {}, []

    def weight(self, name, shape, low=None, high=None, trainable=True):
        if name not in self.weights:
            bound = (6 / sum(shape[-2:])) ** 0.5 / max(1, np.prod(shape[:-2])) ** 0.5
            low, high = (-bound, bound) if low is None else (low, high)
            made = self.engine.variable(self.dice.uniform(low, high, shape).astype("float32"), trainable)
            self.weights[name] = made
            if trainable:
                self.trained.append(made)
        return self.weights[name]

    def bias(self, name, size, attributes):
        return None if attributes.get("bias") == "no" else self.weight(f"{name}.bias", (size,), -0.1, 0.1)

    def layer(self, name, operator, attributes, x):
        e = self.engine
        pick = lambda *names: {n: attributes[n] for n in names if n in attributes}
        if operator == "dense":
            y = e.matmul(x, self.weight(f"{name}.weight", (x.shape[-1], attributes["units"])))
            bias = self.bias(name, attributes["units"], attributes)
            y = y if bias is None else y + bias
        elif operator in ("conv2d", "conv2d_transpose"):
            kernel, filters = attributes["kernel"], attributes["filters"]
            kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
            inner = x.shape[-1] // attributes.get("groups", 1)
            shape = (*kernel, inner, filters) if operator == "conv2d" else (*kernel, filters, inner)
            y = getattr(e, operator)(x, self.weight(f"{name}.weight", shape), self.bias(name, filters, attributes),
                                     **pick("stride", "dilation", "padding", "groups"))
        elif operator in ("maxpool2d", "avgpool2d"):
            size = attributes["size"]
            y = getattr(e, operator)(x, size, attributes.get("stride", size), **pick("padding"))
        elif operator == "batch_norm":
            y = self.batch_norm(name, attributes, x)
        elif operator in ("flatten", "global_maxpool2d", "global_avgpool2d"):
            y = getattr(e, operator)(x)
        else:
            y = e.act(operator, x)
        return e.act(attributes["act"], y) if "act" in attributes else y

    def batch_norm(self, name, attributes, x):
        size = (x.shape[-1],)
        if name not in self.__dict__:
            self.__dict__[name] = {"scale": self.weight(f"{name}.scale", size, 0.5, 1.5),
                                   "shift": self.weight(f"{name}.shift", size, -0.1, 0.1),
                                   "mean": self.weight(f"{name}.mean", size, -0.1, 0.1, False),
                                   "variance": self.weight(f"{name}.variance", size, 0.5, 1.5, False)}
        return self.engine.batch_norm(x, self.__dict__[name], attributes.get("momentum", 0.99),
                                      attributes.get("epsilon", 0.001))

    def __call__(self, x):
        for number, (operator, attributes) in enumerate(self.layers):
            x = self.layer(f"l{number}", operator, attributes, x)
        return x


def plain(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def units(layers):
    return next(a["units"] for o, a in reversed(layers) if o == "dense")


def text(layers, loss, weighted):
    lines, previous = [], "x"
    for number, (operator, attributes) in enumerate(layers):
        options = "".join(f" {k}={plain(v)}" for k, v in attributes.items())
        lines.append(f"l{number} = {operator}({previous}){options}")
        previous = f"l{number}"
    name, _, options = loss.partition(" ")
    lines.append(f"loss = {name}({previous}, label{', weight' if weighted else ''}) {options}".rstrip())
    return "\n".join(lines)


def make_data(layers, shape, target):
    roll, size = dice(), units(layers)
    kind, _, weighted = target.partition("_weighted")
    x = roll.uniform(-1, 1, (ROWS, *shape)).astype("float32")
    label = {"class": lambda: roll.integers(0, 10, ROWS).astype("int32"),
             "one_hot": lambda: np.eye(size, dtype="float32")[roll.integers(0, size, ROWS)],
             "bits": lambda: roll.integers(0, 2, (ROWS, size)).astype("float32"),
             "value": lambda: roll.uniform(-1, 1, (ROWS, size)).astype("float32")}[kind]()
    data = {"x": x, "label": label}
    if "_weighted" in target:
        data["weight"] = roll.uniform(0.5, 2, ROWS).astype("float32")
    return data


def chain(name, row, optimizer="sgd lr=0.1"):
    layers, shape, loss, target = row

    def twin(engine):
        net = Net(engine, layers, dice())
        return net.weights, lambda x, label, weight=None: engine.loss(*parse_options(loss), net(x), label, weight)

    return Case(name, text(layers, loss, "_weighted" in target), make_data(layers, shape, target), twin, twin, optimizer)


def cases():
    for name, row in CHAINS.items():
        yield chain(name, row)
    for name, words in OPTIMIZERS.items():
        yield chain(f"optimizer_{name}", MLP, words)
    for name, words in OPTIMIZERS_KERAS.items():
        made = chain(f"optimizer_{name}", MLP, words)
        made.torch = None
        yield made
