# SPDX-License-Identifier: Apache-2.0
"""The cases on Keras 3's functions, losses and optimizers, weights in thalweg's layouts."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import tensorflow as tf
from keras import ops

NAME = "keras"
tensor = tf.constant


def variable(array, trainable=True):
    return keras.Variable(array, trainable=trainable)


def numpy(value):
    return ops.convert_to_numpy(value)


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
