# SPDX-License-Identifier: Apache-2.0
"""Every model of examples/ in a short form: trained for a few steps on small data, it learns, and it predicts. Prints TAP.

    python3 examples.py THALWEG EXAMPLES_FOLDER [PART]

Runs on the first OpenCL device ($THALWEG_DEVICE chooses another), and is skipped where there is none. Data are made here, in the
forms of the real ones. A model without an entry below fails. Models whose names hold PART are run.
"""
import concurrent.futures
import gzip
import json
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

THALWEG = str(pathlib.Path(sys.argv[1]).resolve())
EXAMPLES = pathlib.Path(sys.argv[2]).resolve()
PART = sys.argv[3] if len(sys.argv) > 3 else ""
HERE = pathlib.Path(tempfile.mkdtemp(prefix="thalweg-examples-"))
ENTRIES = {}


class Wrong(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Wrong(what)


def run(*args, code=0):
    done = subprocess.run([THALWEG, *map(str, args)], capture_output=True, text=True, cwd=HERE, timeout=300)
    check(done.returncode == code, f"exit code {done.returncode}: {' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return done.stdout


# ---- data, made once ----

MADE = {}


def made(function):
    """The function's SPEC; its files are written at the first call."""
    def once():
        if function not in MADE:
            MADE[function] = function(random.Random(1))
        return MADE[function]
    return once


def write_gzip(path, data):
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(data)


def picture(dice, label, size, channels=1):
    """A bright bar whose height tells the label, in noise."""
    rows = []
    top = 2 + label * (size - 6) // 10
    for y in range(size):
        for _ in range(size):
            rows += [min(255, dice.randrange(60) + (190 if top <= y < top + 3 else 0))] * channels
    return bytes(rows)


@made
def grey(dice):
    """Fashion-MNIST's files."""
    folder = HERE / "idx"
    folder.mkdir()
    labels = [dice.randrange(10) for _ in range(256)]
    pixels = b"".join(picture(dice, label, 28) for label in labels)
    for part in ("train", "t10k"):
        write_gzip(folder / f"{part}-images-idx3-ubyte.gz", struct.pack(">IIII", 0x803, len(labels), 28, 28) + pixels)
        write_gzip(folder / f"{part}-labels-idx1-ubyte.gz", struct.pack(">II", 0x801, len(labels)) + bytes(labels))
    return f"idx:{folder}:train"


@made
def colour(dice):
    """CIFAR-10's files, planes of red, green and blue."""
    folder = HERE / "cifar"
    folder.mkdir()
    samples = []
    for _ in range(128):
        label = dice.randrange(10)
        samples.append(bytes([label]) + picture(dice, label, 32) * 3)
    for number in range(1, 6):
        (folder / f"data_batch_{number}.bin").write_bytes(b"".join(samples))
    return f"cifar10:{folder}:train"


def npy(name, descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    (HERE / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
    return HERE / name


@made
def large(dice):
    """Colour images of 64 x 64 pixels."""
    labels = [dice.randrange(10) for _ in range(48)]
    x = npy("large.npy", "|u1", f"({len(labels)}, 64, 64, 3)", b"".join(picture(dice, k, 64, 3) for k in labels))
    return f"npy:{x},{npy('large_label.npy', '|u1', f'({len(labels)},)', bytes(labels))}"


@made
def hundred(dice):
    """100 numbers, of which the first ten tell the class."""
    values, labels = [], []
    for _ in range(400):
        row = [dice.gauss(0, 1) for _ in range(100)]
        labels.append(max(range(10), key=row.__getitem__))
        values += row
    x = npy("hundred.npy", "<f4", "(400, 100)", struct.pack(f"<{len(values)}f", *values))
    return f"npy:{x},{npy('hundred_label.npy', '|u1', '(400,)', bytes(labels))}"


@made
def line(dice):
    """Ten numbers and a sum of them."""
    values, sums = [], []
    for _ in range(300):
        row = [dice.uniform(-1, 1) for _ in range(10)]
        sums.append(sum((k - 4) * v for k, v in enumerate(row)))
        values += row
    x = npy("line.npy", "<f4", "(300, 10)", struct.pack(f"<{len(values)}f", *values))
    return f"npy:{x},{npy('line_y.npy', '<f4', '(300, 1)', struct.pack('<300f', *sums))}"


@made
def places(dice):
    """64 places of 64 numbers: one number in each place is large, which one tells the class."""
    labels, rows = [], []
    for _ in range(128):
        label = dice.randrange(10)
        row = bytearray(dice.randbytes(64 * 64))
        row[label::64] = bytes([255]) * 64
        labels.append(label)
        rows.append(bytes(row))
    x = npy("places.npy", "|u1", "(128, 64, 64)", b"".join(rows))
    return f"npy:{x},{npy('places_label.npy', '|u1', '(128,)', bytes(labels))}"


def csv(name, header, rows):
    (HERE / name).write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return f"csv:{name}"


@made
def several(dice):
    """103 numbers and 14 labels; the k-th label is yes where the k-th number is above its neighbour."""
    rows = []
    for _ in range(400):
        row = [round(dice.gauss(0, 1), 3) for _ in range(103)]
        rows.append(row + [int(row[k] > row[k + 20]) for k in range(14)])
    names = [f"Att{k}" for k in range(1, 104)] + [f"Class{k}" for k in range(1, 15)]
    return csv("several.csv", ",".join(names), rows) + ",label=Class1..Class14"


@made
def rare(dice):
    """Four numbers and a word that is seldom \"snow\"."""
    rows = []
    for day in range(600):
        kind = "snow" if day % 40 == 0 else dice.choice(["drizzle", "fog", "rain", "sun"])
        place = ["drizzle", "fog", "rain", "snow", "sun"].index(kind)
        rows.append([f"day {day}", *(round(dice.gauss(place == k, 0.4), 3) for k in (0, 1, 2, 3)), kind])
    return csv("rare.csv", "date,a,b,c,d,kind", rows) + ",columns=a..d,label=kind,normalize=yes,weights=balanced"


@made
def gaps(dice):
    """Five numbers, some missing, and a mass."""
    rows = []
    for number in range(300):
        row = [round(dice.gauss(10, 3), 3) for _ in range(5)]
        mass = round(4200 + 150 * (row[0] - 10) - 100 * (row[1] - 10))
        rows.append(["NA" if number % 9 == k else value for k, value in enumerate(row)] + [mass])
    return csv("gaps.csv", "a,b,c,d,e,mass", rows) + ",label=mass,missing=mean,normalize=yes"


@made
def waves(dice):
    """A series that comes again every ten steps."""
    rows = [[1700 + k, round(50 + 45 * math.sin(k * math.pi / 5) + dice.gauss(0, 2), 2)] for k in range(300)]
    return csv("waves.csv", "year,count", rows) + ",columns=count,label=count,window=11"


@made
def text(dice):
    words = ["the ", "stream ", "runs ", "down ", "to ", "a ", "valley ", "and ", "rests.\n"]
    (HERE / "text.txt").write_text("".join(dice.choice(words) for _ in range(1500)))
    return "text:text.txt"


# ---- entries ----

def example(name, spec, *options, falls=True, more=None, below=None, predict=()):
    """A model, its data, and the options of train. falls: in the last epoch train_loss is below 0.9 times what it was in the
    first. Values of the last epoch named in `more` are above a number or, by a name, another value; `below` likewise. predict:
    None, or further options of predict from the same data."""
    ENTRIES[name] = (spec, options, falls, more or {}, below or {}, predict)


example("regression", line, "--epochs", 20, "--batch", 8, below={"train_loss": 15})
example("mlp100", hundred, "--epochs", 6, more={"train_accuracy": 0.2})
example("mnist_cnn", grey, "--epochs", 3, more={"train_accuracy": 0.3})
example("cifar_cnn", colour, "--epochs", 4, more={"train_accuracy": 0.2}, predict=None)
example("image_cnn", large, "--epochs", 3, "--batch", 16, predict=None)
example("autoencoder", grey, "--epochs", 3)
example("attention", places, "--epochs", 8, "--batch", 16)
example("multi_label", several, "--epochs", 12, more={"train_binary_accuracy": 0.6})
example("imbalanced", rare, "--epochs", 8, falls=False, more={"train_balanced.snow": "train_plain.snow_plain"})
example("missing", gaps, "--epochs", 10, "--batch", 16, below={"train_mae": 300})
example("series", waves, "--epochs", 12, below={"train_mae": "train_naive"})
example("rnn_rows", grey, "--epochs", 6, "--batch", 16)
example("lstm_rows", grey, "--epochs", 6, "--batch", 16)
example("lstm_relu", grey, "--epochs", 6, "--batch", 16)
example("denoising", grey, "--epochs", 2, "--batch", 16, predict=None)
example("gan", grey, "--epochs", 2, "--batch", 64, "--images", "prediction", falls=False, predict=("--samples", 4))
example("conditional_gan", grey, "--epochs", 1, "--batch", 64, falls=False, predict=None)
example("characters", text, "--epochs", 1, "--batch", 8, falls=False, below={"train_loss": 4.9}, predict=None)


# ---- running ----

def judge(name):
    spec, options, falls, more, below, predict = ENTRIES[name]
    model, out, data = EXAMPLES / f"{name}.tw", HERE / name, spec()
    lines = run("train", model, "--data", data, "--out", out, "--json", *options).splitlines()
    epochs = [json.loads(text) for text in lines if text.startswith("{")]
    first, last = epochs[0], epochs[-1]
    for key, value in last.items():
        check(value is not None and math.isfinite(value), f"{key} is {value}")
    if falls:
        check(last["train_loss"] < 0.9 * first["train_loss"],
              f"train_loss went from {first['train_loss']} to {last['train_loss']}")
    for key, least in more.items():
        check(last[key] > last.get(least, least), f"{key} is {last[key]}, not above {least} {last.get(least, '')}")
    for key, most in below.items():
        check(last[key] < last.get(most, most), f"{key} is {last[key]}, not below {most} {last.get(most, '')}")
    if predict is not None:
        source = () if "--samples" in predict else ("--data", data)
        run("predict", out, *source, "--out", HERE / f"{name}.npy", *predict)
        check((HERE / f"{name}.npy").stat().st_size > 128, "nothing was predicted")


def trial(name):
    """Why the model fails, or None; and the seconds it took."""
    begin = time.monotonic()
    why = None
    try:
        check(name in ENTRIES, f"examples/{name}.tw has no entry in tests/examples/examples.py")
        judge(name)
    except (Wrong, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
        why = f"{type(error).__name__}: {error}"
    return why, time.monotonic() - begin


def main():
    models = sorted(path.stem for path in EXAMPLES.glob("*.tw"))
    names = [name for name in models if PART in name]
    names += [name for name in sorted(set(ENTRIES) - set(models)) if PART in name]  # these fail: there is no such file
    if subprocess.run([THALWEG, "devices"], capture_output=True, check=False).returncode == 3:
        print("1..0 # SKIP no OpenCL device")
        return 0
    for name in names:
        if name in ENTRIES:
            ENTRIES[name][0]()  # data are made before the threads begin
    failed = 0
    # Most of the time goes to compiling, which a driver does on one core: two at a time.
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for number, (name, (why, seconds)) in enumerate(zip(names, pool.map(trial, names)), 1):
            failed += why is not None
            print(f"{'not ok' if why else 'ok'} {number} - {name}\n# {seconds:.1f} s")
            for text in (why or "").splitlines():
                print("#", text)
            sys.stdout.flush()
    print(f"1..{len(names)}")
    return failed > 0


try:
    code = main()
finally:
    shutil.rmtree(HERE, ignore_errors=True)
sys.exit(code)
