# SPDX-License-Identifier: Apache-2.0
"""What thalweg and Keras reach on Fashion-MNIST in as many epochs, from initial weights and an order of their own.

    PYTHON tests/parity/accuracy.py [--thalweg build/thalweg] [--keras] [--epochs 3] [--seeds 1,2] [model ...]

PYTHON is one that has keras, where --keras is given. Prints a JSON object a training: test accuracy, or test mse."""
import argparse
import gzip
import json
import os
import pathlib
import subprocess
import tempfile

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"

# attention.tw wants 64 places of 64 numbers; here the 28 rows of an image become 64 numbers each, and know their place.
ATTENTION_ROWS = """thalweg 1
image = input f32[n,28,28]
label = input i32[n] classes=10
rows = dense(image) units=64
x = position_embedding(rows) length=28
""" + (EXAMPLES / "attention.tw").read_text().split("classes=10\n")[1]


def lstm_rows(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((28, 28)), k.LSTM(64, return_sequences=True), k.LSTM(64),
                             k.Dense(10, activation="softmax")])


def attention_rows(keras):
    k = keras.layers
    inputs = keras.Input((28, 28))
    x = k.Dense(64)(inputs)
    x = x + k.Embedding(28, 64)(keras.ops.arange(28))
    x = k.LayerNormalization()(x + k.MultiHeadAttention(4, 16)(x, x))
    return keras.Model(inputs, k.Dense(10, activation="softmax")(k.GlobalAveragePooling1D()(x)))


def autoencoder(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((28, 28)), k.Flatten(), k.Dense(64, activation="relu"),
                             k.Dense(784, activation="sigmoid"), k.Reshape((28, 28))])


# name: (text of the model, the same in Keras)
MODELS = {"lstm_rows": ((EXAMPLES / "lstm_rows.tw").read_text(), lstm_rows),
          "attention_rows": (ATTENTION_ROWS, attention_rows),
          "autoencoder": ((EXAMPLES / "autoencoder.tw").read_text(), autoencoder)}


def read_idx(path):
    import numpy as np
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, "uint8", offset=4 + 4 * raw[3]).reshape(shape)


def load(folder):
    found = []
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            path = next(p for p in sorted(folder.iterdir()) if p.name.startswith(f"{part}-{kind}-ubyte"))
            found.append(read_idx(path))
    return found


def keras_result(name, args, seed):
    import keras
    keras.utils.set_random_seed(seed)
    x, y, test_x, test_y = load(args.data)
    x, test_x = x.astype("float32") / 255, test_x.astype("float32") / 255
    model, itself = MODELS[name][1](keras), name == "autoencoder"
    model.compile(optimizer="adam", loss="mse" if itself else "sparse_categorical_crossentropy",
                  metrics=[] if itself else ["accuracy"])
    model.fit(x, x if itself else y, batch_size=128, epochs=args.epochs, verbose=0)
    return model.evaluate(test_x, test_x if itself else test_y, batch_size=128, verbose=0, return_dict=True)


def thalweg_result(name, args, seed):
    with tempfile.TemporaryDirectory(prefix="thalweg-accuracy-") as folder:
        model = pathlib.Path(folder) / "model.tw"
        model.write_text(MODELS[name][0])
        command = [args.thalweg, "train", model, "--data", f"idx:{args.data}:train", "--test", f"idx:{args.data}:test",
                   "--epochs", args.epochs, "--batch", 128, "--seed", seed, "--out", f"{folder}/run"]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        last = json.loads((pathlib.Path(folder) / "run/log.jsonl").read_text().splitlines()[-1])
    return {key[5:]: value for key, value in last.items() if key.startswith("test_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thalweg")
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("models", nargs="*", default=list(MODELS))
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    for name in args.models:
        for seed in map(int, args.seeds.split(",")):
            for engine, run in (("thalweg", thalweg_result if args.thalweg else None),
                                ("keras", keras_result if args.keras else None)):
                if run:
                    print(json.dumps({"model": name, "engine": engine, "seed": seed, "epochs": args.epochs,
                                      **{k: round(v, 5) for k, v in run(name, args, seed).items()}}), flush=True)


if __name__ == "__main__":
    main()
