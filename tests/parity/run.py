# SPDX-License-Identifier: Apache-2.0
"""Trains each case in thalweg and in PyTorch or Keras, and compares the weights. See README.md. Prints TAP."""
import argparse
import importlib.util
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

import cases

STEPS, BATCH, TOLERANCE = 5, 8, 1e-4


def safetensors_write(path, tensors):
    header, data, at = {}, b"", 0
    for name, array in sorted(tensors.items()):
        raw = np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        data, at = data + raw, at + len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def safetensors_read(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            part = raw[8 + length + start:8 + length + end]
            found[name] = np.frombuffer(part, "<f4").reshape(entry["shape"])
    return found


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


def model_text(layers, shape, loss, target, optimizer):
    weighted = target.endswith("_weighted")
    kind = target.replace("_weighted", "")
    size = next(a["units"] for o, a in reversed(layers) if o == "dense")
    lines = ["thalweg 1", f"x = input f32[n,{','.join(map(str, shape))}]"]
    lines.append("label = input i32[n] classes=10" if kind == "class" else f"label = input f32[n,{size}]")
    if weighted:
        lines.append("weight = input f32[n]")
    previous = "x"
    for number, (operator, attributes) in enumerate(layers):
        options = "".join(f" {k}={plain(v)}" for k, v in attributes.items())
        lines.append(f"l{number} = {operator}({previous}){options}")
        previous = f"l{number}"
    name, _, options = loss.partition(" ")
    lines.append(f"loss = {name}({previous}, label{', weight' if weighted else ''}) {options}".rstrip())
    lines.append(f"train loss=loss optimizer=\"{optimizer}\"")
    return "\n".join(lines) + "\n"


def make_data(layers, shape, target, dice):
    n = STEPS * BATCH
    size = next(a["units"] for o, a in reversed(layers) if o == "dense")
    x = dice.uniform(-1, 1, (n, *shape)).astype("float32")
    kind = target.replace("_weighted", "")
    label = {"class": lambda: dice.integers(0, 10, n).astype("int32"),
             "one_hot": lambda: np.eye(size, dtype="float32")[dice.integers(0, size, n)],
             "bits": lambda: dice.integers(0, 2, (n, size)).astype("float32"),
             "value": lambda: dice.uniform(-1, 1, (n, size)).astype("float32")}[kind]()
    columns = [x, label]
    if target.endswith("_weighted"):
        columns.append(dice.uniform(0.5, 2, n).astype("float32"))
    return columns


def parse_options(text):
    name, *words = text.split()
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = value
    return name, found


def compare(engine, args, folder, case, optimizer):
    layers, shape, loss, target = case
    dice = np.random.default_rng(7)
    columns = make_data(layers, shape, target, dice)
    net = Net(engine, layers, dice)
    loss_name, loss_options = parse_options(loss)
    before = {}

    def batch(step):
        return [engine.tensor(c[step * BATCH:(step + 1) * BATCH]) for c in columns]

    running = lambda: {n: engine.numpy(v).copy() for n, v in net.weights.items()}
    net(batch(0)[0])  # makes the weights
    for name, value in net.weights.items():  # and the pass has changed running statistics: draw them anew
        if name.endswith((".mean", ".variance")):
            fresh = np.full(value.shape, 0.25 if name.endswith(".mean") else 1.5, "float32")
            value.assign(fresh) if hasattr(value, "assign") else value.data.copy_(engine.tensor(fresh))
    before = running()
    safetensors_write(folder / "start.safetensors", before)
    for number, column in enumerate(columns):
        np.save(folder / f"{number}.npy", column)
    (folder / "case.tw").write_text(model_text(layers, shape, loss, target, optimizer))
    command = [args.thalweg, "train", folder / "case.tw", "--weights", folder / "start.safetensors", "--data",
               "npy:" + ",".join(str(folder / f"{i}.npy") for i in range(len(columns))), "--batch", str(BATCH),
               "--steps", str(STEPS), "--shuffle", "no", "--out", folder / "run"]
    if args.device:
        command += ["--device", args.device]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        return [done.stderr.strip()]
    step = engine.optimizer(*parse_options(optimizer), net.trained)
    for number in range(STEPS):
        values = batch(number)
        step(lambda: engine.loss(loss_name, loss_options, net(values[0]), values[1],
                                 values[2] if len(values) > 2 else None))
    ours, theirs, wrong = safetensors_read(folder / "run/weights.safetensors"), running(), []
    for name, value in theirs.items():
        most, gap = np.abs(value).max(), np.abs(ours[name] - value).max()
        if not gap <= TOLERANCE * most:
            wrong.append(f"{name}: differs by {gap / most:.2g} of its size")
    if all(np.array_equal(value, before[name]) for name, value in theirs.items()):
        wrong.append("nothing has moved, so that nothing was compared")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thalweg", required=True)
    parser.add_argument("--engine", choices=["torch", "keras"])
    parser.add_argument("--device")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    chosen = args.engine or ("torch" if importlib.util.find_spec("torch") else "keras")
    engine = __import__(f"{chosen}_engine")
    rows = [(name, case, "sgd lr=0.1") for name, case in cases.CASES.items()]
    rows += [(f"optimizer_{name}", cases.MLP, text) for name, text in cases.OPTIMIZERS.items()]
    if chosen == "keras":
        rows += [(f"optimizer_{name}", cases.MLP, text) for name, text in cases.OPTIMIZERS_KERAS.items()]
    rows = [row for row in rows if not args.names or any(n in row[0] for n in args.names)]
    failed = 0
    for number, (name, case, optimizer) in enumerate(rows, 1):
        with tempfile.TemporaryDirectory(prefix="thalweg-parity-") as folder:
            wrong = compare(engine, args, pathlib.Path(folder), case, optimizer)
        for line in wrong:
            print("# " + line.replace("\n", "\n# "))
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name} ({engine.NAME})", flush=True)
    print(f"1..{len(rows)}\n{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
