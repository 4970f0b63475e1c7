# SPDX-License-Identifier: Apache-2.0
"""examples/characters.tw beside the same net in PyTorch: from the same weights, on the same batches in the same order.

    PYTHON tests/parity/characters.py --thalweg build/thalweg [--epochs 1] [--windows N] [--batch 16] [--device SEL]

PYTHON is one that has torch. Prints the loss of each epoch and on the text's last tenth, of both."""
import argparse
import gzip
import json
import math
import pathlib
import re
import subprocess
import tempfile
import time

import numpy as np
import torch
from torch import nn

import tensors
import torch_engine

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples/characters.tw"


class Sizes:
    """What the twin must know of the model, read from it."""

    def __init__(self, text):
        number = lambda pattern: float(re.search(pattern, text)[1])
        self.length, self.vocabulary = int(number(r"i32\[n,(\d+)\]")), int(number(r"vocabulary=(\d+)"))
        self.width, self.heads = int(number(r"width=(\d+)")), int(number(r"heads=(\d+)"))
        self.wide, self.blocks = int(number(r"units=(\d+) act=gelu")), text.count("multi_head_attention")
        self.lr, self.alpha, self.warmup = number(r" lr=([\d.]+)"), number(r"alpha=([\d.]+)"), number(r"warmup=(\d+)")


def windows(path, size, rows):
    """Tokens i32[rows,length] and the next ones: the first nine tenths in windows of any order, the last in order."""
    text = (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8").read()
    place = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens = np.array([place[c] for c in text], "int32")
    cut, sets = len(tokens) - len(tokens) // 10, []
    for part in (tokens[:cut], tokens[cut:]):
        count = (len(part) - 1) // size
        sets.append((part[:count * size].reshape(count, size), part[1:count * size + 1].reshape(count, size)))
    order = np.random.default_rng(1).permutation(len(sets[0][0]))[:rows]
    return [[c[order] for c in sets[0]], list(sets[1])]


def build(s):
    """{line of characters.tw: layer}, and the function from tokens to logits."""
    parts = {"letters": nn.Embedding(s.vocabulary, s.width), "x0": nn.Embedding(s.length, s.width)}
    for i in range(1, s.blocks + 1):
        parts |= {f"norm_{i}a": nn.LayerNorm(s.width), f"norm_{i}b": nn.LayerNorm(s.width),
                  f"seen_{i}": nn.MultiheadAttention(s.width, s.heads, batch_first=True),
                  f"wide_{i}": nn.Linear(s.width, s.wide), f"back_{i}": nn.Linear(s.wide, s.width)}
    parts |= {"norm": nn.LayerNorm(s.width), "logits": nn.Linear(s.width, s.vocabulary)}
    for name in ("letters", "x0"):
        nn.init.uniform_(parts[name].weight, -0.05, 0.05)  # as Keras's and thalweg's
    hidden = ~torch.ones(s.length, s.length, dtype=bool).tril()

    def run(tokens):
        x = parts["letters"](tokens) + parts["x0"].weight
        for i in range(1, s.blocks + 1):
            z = parts[f"norm_{i}a"](x)
            x = x + parts[f"seen_{i}"](z, z, z, need_weights=False, attn_mask=hidden, is_causal=True)[0]
            x = x + parts[f"back_{i}"](nn.functional.gelu(parts[f"wide_{i}"](parts[f"norm_{i}b"](x))))
        return parts["logits"](parts["norm"](x))
    return parts, run


def export(parts):
    found = {}
    for name, layer in parts.items():
        found |= torch_engine.export(name, layer)
    return {name: value.detach().numpy() for name, value in found.items()}


def train_torch(args, s, run, variables, sets):
    """[(train loss, test loss)] of the epochs."""
    steps = math.ceil(len(sets[0][0]) / args.batch)
    total = steps * args.epochs - s.warmup
    optimizer = torch.optim.Adam(variables, s.lr, eps=1e-7)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / s.warmup if step < s.warmup else s.alpha + (
        1 - s.alpha) * 0.5 * (1 + math.cos(math.pi * min((step - s.warmup) / total, 1))))
    found = []

    def walk(columns, each):
        """The mean loss; `each` is done with the loss of every batch."""
        loss_sum = 0
        for at in range(0, len(columns[0]), args.batch):
            x, y = (torch.from_numpy(c[at:at + args.batch]) for c in columns)
            loss = torch_engine.cross_entropy(run(x), y)
            each(loss)
            loss_sum += loss.item() * len(x)
        return loss_sum / len(columns[0])

    def learn(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    for _ in range(args.epochs):
        learnt = walk(sets[0], learn)
        with torch.no_grad():
            found.append((learnt, walk(sets[1], lambda loss: None)))
    return found


def train_thalweg(args, folder, start, sets):
    tensors.write(folder / "start.safetensors", start)
    specs = []
    for name, columns in zip(("train", "test"), sets):
        for number, column in enumerate(columns):
            np.save(folder / f"{name}{number}.npy", column)
        specs.append("npy:" + ",".join(str(folder / f"{name}{i}.npy") for i in range(2)))
    command = [args.thalweg, "train", MODEL, "--weights", folder / "start.safetensors", "--data", specs[0], "--test",
               specs[1], "--batch", args.batch, "--epochs", args.epochs, "--shuffle", "no", "--keep", "last", "--out",
               folder / "run"] + (["--device", args.device] if args.device else [])
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    lines = (folder / "run/log.jsonl").read_text().splitlines()
    return [(e["train_loss"], e["test_loss"]) for e in map(json.loads, lines)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thalweg", required=True)
    parser.add_argument("--text", type=pathlib.Path, default="/usr/share/doc/jargon-text/jargon.txt.gz")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--windows", type=int, help="only so many windows an epoch")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device")
    args = parser.parse_args()
    torch.manual_seed(1)
    sizes = Sizes(MODEL.read_text())
    sets = windows(args.text, sizes.length, args.windows)
    parts, run = build(sizes)
    start, engines = export(parts), {}
    variables = [v for layer in parts.values() for v in layer.parameters()]
    start = {name: value.copy() for name, value in start.items()}
    clock = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="thalweg-characters-") as folder:
        engines["thalweg"] = train_thalweg(args, pathlib.Path(folder), start, sets)
    print(f"thalweg: {time.monotonic() - clock:.0f} s", flush=True)
    clock = time.monotonic()
    engines["torch"] = train_torch(args, sizes, run, variables, sets)
    print(f"torch: {time.monotonic() - clock:.0f} s")
    for engine, epochs in engines.items():
        for number, (learnt, tested) in enumerate(epochs, 1):
            print(f"{engine}: epoch {number}: train loss {learnt:.4f}, test loss {tested:.4f}")


if __name__ == "__main__":
    main()
