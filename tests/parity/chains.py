# SPDX-License-Identifier: Apache-2.0
"""What is compared: a table of cases. Layers are (operator, attributes), in order."""

IMAGE = (9, 11, 6)


def head(*layers):
    """Layers over images, then ten classes."""
    return [*layers, ("flatten", {}), ("dense", {"units": 10})]


def conv(**attributes):
    return ("conv2d", {"filters": 8, "kernel": 3, **attributes})


def up(**attributes):
    return ("conv2d_transpose", {"filters": 5, "kernel": 3, **attributes})


# name: (layers, input shape, loss, target)
CASES = {
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
CASES["act_leaky_relu"] = ([("dense", {"units": 16}), ("leaky_relu", {"alpha": 0.2}), ("dense", {"units": 10})], (20,),
                           "cross_entropy", "class")
for act in ("relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "tanh"):
    CASES[f"act_{act}"] = ([("dense", {"units": 16}), (act, {}), ("dense", {"units": 10})], (20,), "cross_entropy",
                           "class")

MLP = CASES["dense"]
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
