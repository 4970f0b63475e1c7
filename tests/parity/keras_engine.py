# SPDX-License-Identifier: Apache-2.0
"""Keras beside thalweg: where its layers keep their weights, one step, and functions for chains of layers."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import tensorflow as tf
import numpy as np
from keras import layers, ops

from case import parse_options

NAME = "keras"


def variable(array, trainable=True):
    return keras.Variable(array, trainable=trainable)


# ---- a net beside thalweg's: its weights by thalweg's names, in thalweg's layouts, and its steps ----

class Twin:
    def __init__(self, parts, losses, optimizer_text, batch):
        self.parts = parts
        lines = losses if isinstance(losses, list) else [(losses, None)]
        for function, _ in lines:
            function(**inputs(batch))  # what comes into being at the first pass
        dice = np.random.default_rng(7)
        for layer in parts.values():
            for value in layer.trainable_variables if isinstance(layer, layers.Layer) else []:
                value.assign_add(dice.uniform(-0.1, 0.1, value.shape))  # off the zeros and ones
        self.lines = [(function, optimizer(*parse_options(optimizer_text), self.trained(names or parts)))
                      for function, names in lines]

    def trained(self, names):
        found = []
        for name in names:
            layer = self.parts[name]
            found += layer.trainable_variables if isinstance(layer, layers.Layer) else [layer] * layer.trainable
        return found

    def weights(self):
        found = {}
        for name, layer in self.parts.items():
            found |= export(name, layer)
        return {name: ops.convert_to_numpy(value).copy() for name, value in found.items()}

    def step(self, batch):
        for function, step in self.lines:
            step(lambda: function(**inputs(batch)))


def inputs(batch):
    return {name: tf.constant(array) for name, array in batch.items()}


def compiled(layer):
    """A layer through XLA: TensorFlow's own CPU kernels have no gradient of convolutions in groups."""
    return tf.function(lambda x: layer(x), jit_compile=True)


NAMES = {"kernel": "weight", "recurrent_kernel": "recurrent", "embeddings": "weight", "gamma": "scale", "beta": "shift",
         "moving_mean": "mean", "moving_variance": "variance"}


def export(name, layer):
    """{thalweg's name: weight} of a layer, the layouts being the same. Paths are "multi_head_attention/query/kernel"."""
    if not isinstance(layer, layers.Layer):
        return {name: layer}
    found = {}
    for value in layer.variables:
        *rooms, last = value.path.split("/")
        if last.startswith("seed_generator") or "seed_generator" in value.path:
            continue
        prefix = ""
        if isinstance(layer, layers.Bidirectional) and any(r.startswith("backward_") for r in rooms):
            prefix = "backward_"
        if isinstance(layer, layers.MultiHeadAttention):
            prefix = rooms[-1].replace("attention_output", "output") + "_"
        found[f"{name}.{prefix}{NAMES.get(last, last)}"] = value
    return found


# ---- functions of chains ----


def conv2d(x, weight, bias, stride=1, dilation=1, padding="valid", groups=1):
    if isinstance(padding, tuple):
        top, left, bottom, right = padding
        x, padding = ops.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0))), "valid"
    # TensorFlow's CPU kernels know no groups: they are convolved one by one
    parts = zip(ops.split(x, groups, -1), ops.split(weight, groups, -1)) if groups > 1 else [(x, weight)]
    if isinstance(stride, tuple) and len(set(stride)) > 1:  # nor unequal strides: rows and columns are picked afterwards
        assert padding == "valid"
        made = [ops.conv(a, w, 1, padding, dilation_rate=dilation)[:, ::stride[0], ::stride[1]] for a, w in parts]
    else:
        made = [ops.conv(a, w, stride, padding, dilation_rate=dilation) for a, w in parts]
    y = ops.concatenate(made, -1) if groups > 1 else made[0]
    return y if bias is None else y + bias


def conv2d_transpose(x, weight, bias, stride=1, padding="valid"):
    y = ops.conv_transpose(x, weight, stride, padding)
    return y if bias is None else y + bias


def maxpool2d(x, size, stride, padding="valid"):
    return ops.max_pool(x, size, stride, padding)


def avgpool2d(x, size, stride, padding="valid"):
    return ops.average_pool(x, size, stride, padding)


def batch_norm(x, p, momentum, epsilon):
    layer = p.get("layer")
    if layer is None:
        layer = p["layer"] = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
        layer.build(x.shape)
        for ours, theirs in (("scale", "gamma"), ("shift", "beta"), ("mean", "moving_mean"),
                             ("variance", "moving_variance")):
            object.__setattr__(layer, theirs, p[ours])  # past the tracker, which allows none after build
    return layer(x, training=True)


def matmul(x, weight):
    return ops.matmul(x, weight)


def flatten(x):
    return ops.reshape(x, (x.shape[0], -1))


def global_maxpool2d(x):
    return ops.max(x, (1, 2))


def global_avgpool2d(x):
    return ops.mean(x, (1, 2))


def act(name, x):
    function = keras.activations.get(name)
    return function(x, approximate=False) if name == "gelu" else function(x)


# Losses as functions: as objects they leave out what a mask of the layers before hides.

def mse(prediction, label):
    return ops.mean(keras.losses.mean_squared_error(label, prediction))


def cross_entropy(logits, label):
    return ops.mean(keras.losses.sparse_categorical_crossentropy(label, logits, from_logits=True))


def bce(probability, label):
    return ops.mean(keras.losses.binary_crossentropy(label, probability))


def loss(name, options, prediction, label, weight):
    smooth = float(options.get("label_smoothing", 0))
    if name == "cross_entropy":
        made = (keras.losses.SparseCategoricalCrossentropy(from_logits=True) if len(label.shape) == 1 else
                keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smooth))
    elif name == "binary_cross_entropy":
        made = keras.losses.BinaryCrossentropy(from_logits=options.get("from_logits") == "yes", label_smoothing=smooth)
    elif name == "huber":
        made = keras.losses.Huber(float(options["delta"]))
    else:
        made = {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError}[name]()
    return made(label, prediction, sample_weight=weight)


def optimizer(name, options, variables):
    common = {"learning_rate": options["lr"]}
    for ours, theirs in (("clip_value", "clipvalue"), ("clip_norm", "clipnorm"), ("global_clip_norm", "global_clipnorm"),
                         ("weight_decay", "weight_decay"), ("epsilon", "epsilon")):
        if ours in options:
            common[theirs] = options[ours]
    if name in ("sgd", "momentum", "nesterov"):
        made = keras.optimizers.SGD(momentum=options.get("momentum", 0.0), nesterov=name == "nesterov", **common)
    elif name == "rmsprop":
        made = keras.optimizers.RMSprop(momentum=options.get("momentum", 0.0),
                                        centered=options.get("centered") == "yes", **common)
    elif name == "adam":
        made = keras.optimizers.Adam(amsgrad=options.get("amsgrad") == "yes", **common)
    else:
        made = {"adagrad": keras.optimizers.Adagrad, "adamw": keras.optimizers.AdamW}[name](**common)

    def step(forward):
        with tf.GradientTape() as tape:
            value = forward()
        made.apply(tape.gradient(value, [v.value for v in variables]), variables)

    return step
