# SPDX-License-Identifier: Apache-2.0
"""A case: a model's text, its data, and the same net in the terms of each engine."""
import dataclasses
import subprocess
import typing

import numpy as np

import tensors

STEPS, BATCH, TOLERANCE = 5, 8, 1e-4
WAY = 0.01  # what a weight hardly moves by must be right too: the difference as a part of the way that it went
EPSILON = np.finfo("float32").eps
ROWS = STEPS * BATCH


@dataclasses.dataclass
class Case:
    """`torch` and `keras` take their engine module and return (parts, losses):

    parts   {instance: layer}: the engine's own layers by the name of thalweg's line whose weights they hold
            (several names, by blanks, for a torch layer that stacks them). The engine knows how weights are laid out.
    losses  a function of the inputs, by name, that returns the loss; or, for several train lines, a list of
            (function, names of the parts that it trains)

    None where the engine has no such layer."""
    name: str
    text: str  # the lines between inputs and train lines; train lines too if it holds any
    data: dict  # {input: array of ROWS samples}, in the order of the inputs
    torch: typing.Callable = None
    keras: typing.Callable = None
    optimizer: str = "sgd lr=0.1"

    def model(self):
        kinds = {"f": "f32", "i": "i32", "b": "bool"}
        inputs = [f"{name} = input {kinds[a.dtype.kind]}[{','.join(map(str, ('n', *a.shape[1:])))}]"
                  for name, a in self.data.items()]
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        train = [] if any(line.startswith("train ") for line in lines) else [
            f'train loss=loss optimizer="{self.optimizer}"']
        return "\n".join(["thalweg 1", *inputs, *lines, *train]) + "\n"


def parse_options(text):
    """ "adam lr=0.1" as ("adam", {"lr": 0.1}) """
    name, *words = text.split()
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = value
    return name, found


# ---- data ----

def dice(seed=7):
    return np.random.default_rng(seed)


def real(*shape, seed=7):
    return dice(seed).uniform(-1, 1, (ROWS, *shape)).astype("float32")


def whole(below, *shape, seed=7):
    return dice(seed).integers(0, below, (ROWS, *shape)).astype("int32")


def steps(size, least=1, seed=7):
    """Lengths from least to size, and the mask bool[n,size] of the real steps."""
    lengths = dice(seed).integers(least, size + 1, ROWS).astype("int32")
    lengths[::BATCH] = size  # PyTorch's packed sequences are as long as the longest
    return lengths, np.arange(size) < lengths[:, None]


# ---- comparing ----

def train(args, folder, case, start):
    """The weights after STEPS steps in thalweg, or a sentence on what went wrong."""
    tensors.write(folder / "start.safetensors", start)
    for number, column in enumerate(case.data.values()):
        np.save(folder / f"{number}.npy", column)
    (folder / "case.tw").write_text(case.model())
    command = [args.thalweg, "train", folder / "case.tw", "--weights", folder / "start.safetensors", "--data",
               "npy:" + ",".join(str(folder / f"{i}.npy") for i in range(len(case.data))), "--batch", BATCH,
               "--steps", STEPS, "--shuffle", "no", "--out", folder / "run"]
    if args.device:
        command += ["--device", args.device]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip()
    return tensors.read(folder / "run/weights.safetensors"), None


def compare(engine, args, folder, case):
    """Sentences on what differs; none: all is equal."""
    batches = [{name: a[s * BATCH:(s + 1) * BATCH] for name, a in case.data.items()} for s in range(STEPS)]
    twin = engine.Twin(*getattr(case, engine.NAME)(engine), case.optimizer, batches[0])
    start = twin.weights()
    ours, problem = train(args, folder, case, start)
    if problem:
        return [problem]
    for batch in batches:
        twin.step(batch)
    wrong, moved = [], False
    for name, value in twin.weights().items():
        most, gap, way = (np.abs(v).max() for v in (value, ours[name] - value, value - start[name]))
        moved = moved or way > 0
        if not gap <= TOLERANCE * most:
            wrong.append(f"{name}: differs by {gap / most:.2g} of its size")
        elif not gap <= WAY * way + 4 * EPSILON * STEPS * most:
            wrong.append(f"{name}: differs by {gap / way:.2g} of the way that it went")
    if not moved:
        wrong.append("nothing has moved, so that nothing was compared")
    return wrong
