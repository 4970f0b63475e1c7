# SPDX-License-Identifier: Apache-2.0
"""The command from outside: every subcommand, every kind of bad input, exit codes. Prints TAP.

    python3 cli.py THALWEG EXAMPLES_FOLDER [PART]

Runs on the host device, which needs no OpenCL, but for what is about devices. Tests whose names hold PART are run.
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

THALWEG = str(pathlib.Path(sys.argv[1]).resolve())
EXAMPLES = pathlib.Path(sys.argv[2]).resolve()
PART = sys.argv[3] if len(sys.argv) > 3 else ""
HERE = pathlib.Path(tempfile.mkdtemp(prefix="thalweg-cli-"))
HOST = ["--device", "host"]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Skip(Exception):
    """What the machine does not have."""


class Wrong(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Wrong(what)


def run(*args, env=None, code=0, **more):
    done = subprocess.run([THALWEG, *map(str, args)], capture_output=True, text=True, cwd=HERE,
                          env={**os.environ, **(env or {})}, timeout=600, **more)
    check(done.returncode == code,
          f"exit code {done.returncode}, not {code}: {' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return done


def refused(code, part, *args, **more):
    """Fails with the code and one sentence that holds the part; no signal, no other output."""
    done = run(*args, code=code, **more)
    check(done.stderr.startswith("thalweg: "), f"stderr: {done.stderr}")
    check(part in done.stderr, f"no \"{part}\" in: {done.stderr}")
    check("Traceback" not in done.stderr and done.stderr.count("thalweg: ") <= 2, done.stderr)
    return done.stderr


def write(name, text):
    path = HERE / name
    path.write_text(text)
    return path


MLP = """thalweg 1
x = input f32[n,3]
label = input i32[n] classes=2
dense(x) units=8 act=relu
logits = dense units=2
prediction = softmax(logits)
loss = cross_entropy(logits, label)
train loss=loss optimizer="adam lr=0.01" metrics=accuracy
"""


def make_csv(name="points.csv", rows=60):
    dice = random.Random(1)
    lines = ["a,b,c,label"]
    for _ in range(rows):
        a, b, c = (dice.uniform(-1, 1) for _ in range(3))
        lines.append(f"{a:.4f},{b:.4f},{c:.4f},{int(a + b > c)}")
    return write(name, "\n".join(lines) + "\n")


def points():
    return write("mlp.tw", MLP), f"csv:{make_csv()},label=label"


def make_idx(folder, count=20, truncated=0, labels=10, kind=3):
    folder = HERE / folder
    folder.mkdir(exist_ok=True)
    dice = random.Random(2)
    for part in ("train", "t10k"):
        pixels = bytes(dice.randrange(256) for _ in range(count * 784))
        image = struct.pack(">BBBBIII", 0, 0, 8, kind, count, 28, 28) + pixels
        label = struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(dice.randrange(labels) for _ in range(count))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(image[:len(image) - truncated])
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(label)
    return folder


def npy(name, descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path = HERE / name
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
    return path


def trained(out="run", *more):
    model, data = points()
    shutil.rmtree(HERE / out, ignore_errors=True)
    run("train", model, "--data", data, "--epochs", 2, "--batch", 16, "--out", out, *HOST, *more)
    return HERE / out, data


# ---- usage ----

@test
def help_and_version():
    check("devices" in run("--help").stdout, "overview")
    check(re.match(r"thalweg \d+\.\d+\.\d+\n$", run("--version").stdout), "version")
    for name in ("devices", "train", "eval", "predict", "bench", "ops", "print", "tune"):
        check(f"thalweg {name}" in run(name, "--help").stdout, name)
    run(code=2)


@test
def documented_options():
    root = EXAMPLES.parent
    found = 0
    for path in [root / "README.md", root / "CHANGELOG.md", EXAMPLES / "README.md", *sorted((root / "docs").glob("*.md"))]:
        text = path.read_text().replace("\\\n", " ")
        for command, rest in re.findall(r"thalweg (bench|devices|eval|ops|predict|print|train|tune)\b([^`\n]*)", text):
            known = set(re.findall(r"^  (--[a-z-]+)", run(command, "--help").stdout, re.M))
            for option in re.findall(r"(?<![\w-])--[a-z-]+", rest):
                found += 1
                check(option in known, f"{path.name}: thalweg {command} has no {option}")
    check(found > 50, f"{found} options found")


@test
def wrong_usage():
    model, data = points()
    refused(2, "no command \"tain\": did you mean train?", "tain")
    refused(2, "there are devices", "nonsense")
    refused(2, "did you mean train?", "help", "trian")
    check("thalweg train MODEL.tw" in run("help", "train").stdout, "help on a command")
    refused(2, "--out needs a value", "train", model, "--data", data, "--out", "--epochs", 3)
    refused(1, "smaller", "bench", EXAMPLES / "regression.tw", "--batch", 1000000000000, *HOST)
    refused(2, "did you mean --epochs", "train", model, "--data", data, "--epoch", 3)
    refused(2, "at least 1", "train", model, "--data", data, "--batch", 0)
    refused(2, "at least 1", "train", model, "--data", data, "--batch", "-4")
    refused(2, "at least 1", "train", model, "--data", data, "--epochs", "many")
    refused(2, "at least 1", "train", model, "--data", data, "--epochs", "99999999999999999999999")
    refused(2, "needs a value", "train", model, "--data")
    refused(2, "yes|no", "train", model, "--data", data, "--shuffle", "maybe")
    refused(2, "--data", "train", model)
    refused(2, "model", "train", "--data", data)
    refused(2, "not both", "train", model, "--data", data, "--test", data, "--split", 0.1)
    refused(2, "below 1", "train", model, "--data", data, "--split", 1.5)
    refused(2, "second.tw", "print", model, "second.tw")
    refused(2, "weights", "eval", model, "--data", data, *HOST)
    refused(2, "needs a model", "bench")
    refused(2, "--batch", "bench", model, *HOST)
    refused(2, "takes no value", "train", model, "--data", data, "--json=1")


# ---- the subcommands ----

@test
def ops():
    check("conv2d" in run("ops").stdout, "all")
    check("filters" in run("ops", "conv2d").stdout, "one")
    refused(1, "conv2d", "ops", "conv2dd")


@test
def print_model():
    model, _ = points()
    text = run("print", model).stdout
    check(text.startswith("thalweg 1\n"), text)
    again = write("again.tw", text)
    check(run("print", again).stdout == text, "parse(print(g)) is g")
    summary = run("print", model, "--summary").stdout
    check("logits.weight" in summary and "f32[8,2]" in summary and "50 trained numbers" in summary, summary)
    check("MB of device memory" in run("print", model, "--memory", *HOST).stdout, "memory")
    for example in EXAMPLES.glob("*.tw"):
        run("print", example)


@test
def train_writes_a_run():
    model, data = points()
    done = run("train", model, "--data", data, "--test", data, "--epochs", 3, "--batch", 16, "--out", "fresh", *HOST)
    check(done.stdout.count("epoch ") == 3 and "test_accuracy" in done.stdout and "\r" not in done.stdout, done.stdout)
    files = sorted(p.name for p in (HERE / "fresh").iterdir())
    check(set(files) >= {"log.jsonl", "model.tw", "state.safetensors", "weights.safetensors"}, files)
    check(not [f for f in files if "part" in f or "tmp" in f], files)
    rows = [json.loads(line) for line in (HERE / "fresh/log.jsonl").read_text().splitlines()]
    check([r["epoch"] for r in rows] == [1, 2, 3], rows)
    check({"epoch", "seconds", "train_loss", "train_accuracy", "test_loss", "test_accuracy"} <= set(rows[0]), rows)
    check(rows[2]["train_loss"] < rows[0]["train_loss"], rows)


@test
def train_json():
    model, data = points()
    done = run("train", model, "--data", data, "--split", 0.2, "--epochs", 2, "--json", *HOST)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    check([r["epoch"] for r in rows] == [1, 2] and "test_loss" in rows[0] and "train_accuracy" in rows[0], rows)


@test
def folds():
    model, data = points()
    args = ["train", model, "--data", data, "--folds", 4, "--epochs", 2, "--batch", 16, "--seed", 5, *HOST]
    lines = [json.loads(line) for line in run(*args, "--json", "--out", "cv").stdout.splitlines()]
    check([line.get("fold") for line in lines] == [1, 2, 3, 4, None], lines)
    check([line["seed"] for line in lines[:4]] == [5, 6, 7, 8], lines)
    check(all(line["test_samples"] == 15 and line["train_samples"] == 45 for line in lines[:4]), lines)
    values = [line["test_loss"] for line in lines[:4]]
    mean = sum(values) / 4
    check(abs(lines[4]["mean_test_loss"] - mean) < 1e-6, lines[4])
    deviation = (sum((value - mean) ** 2 for value in values) / 3) ** 0.5
    check(abs(lines[4]["deviation_test_loss"] - deviation) < 1e-6, lines[4])
    check({"model.tw", "weights.safetensors", "log.jsonl"} <= {p.name for p in (HERE / "cv/fold-4").iterdir()}, "files")
    logged = json.loads((HERE / "cv/fold-2/log.jsonl").read_text().splitlines()[-1])
    check(abs(logged["test_loss"] - values[1]) < 1e-6, logged)
    model_text = [(HERE / f"cv/fold-{k}/model.tw").read_text() for k in (1, 4)]
    check(model_text[0] == model_text[1], "models differ")
    told = run(*args).stdout.splitlines()
    check(len(told) == 5 and told[0].startswith("fold 1/4  45 + 15 samples") and " +- " in told[4], told)
    again = [json.loads(line) for line in run(*args, "--json").stdout.splitlines()]
    check([line["test_loss"] for line in again[:4]] == values, "another result from the same seed")
    run("train", model, "--data", data, "--folds", 60, "--steps", 1, *HOST)  # one sample each
    run("train", model, "--data", data, "--folds", 2, "--shuffle", "no", "--keep", "best", *HOST)
    run("eval", "cv/fold-1", "--data", data, *HOST)
    fresh = run(*args, "--json", "--weights", "cv/fold-1/weights.safetensors", "--steps", 1).stdout.splitlines()
    check(len(fresh) == 5, fresh)
    refused(1, "cv/fold-1 already holds a run", *args, "--out", "cv")
    refused(1, "just 60 samples", "train", model, "--data", data, "--folds", 61, *HOST)
    refused(1, "just 60 samples", "train", model, "--data", data, "--folds", 999999999999, *HOST)
    refused(2, "at least 2", "train", model, "--data", data, "--folds", 1, *HOST)
    refused(2, "at least 1", "train", model, "--data", data, "--folds", 0, *HOST)
    refused(2, "leave --test out", "train", model, "--data", data, "--test", data, "--folds", 3, *HOST)
    refused(2, "leave --split out", "train", model, "--data", data, "--split", 0.1, "--folds", 3, *HOST)
    refused(2, "cannot resume", "train", "--resume", "cv/fold-1", "--data", data, "--folds", 3, *HOST)


@test
def terminal_bar():
    import pty
    model, data = points()
    try:
        master, slave = pty.openpty()
    except OSError as why: # a chroot without /dev/pts
        raise Skip(str(why)) from why
    child = subprocess.Popen([THALWEG, "train", str(model), "--data", data, "--epochs", "30", "--batch", "1", *HOST],
                             stdout=slave, stderr=subprocess.DEVNULL, cwd=HERE)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    check(child.wait() == 0, "exit code")
    check(b"\r" in shown and b"[" in shown and b"samples/s" in shown and b"loss" in shown, shown[:300])


@test
def eval_and_predict():
    folder, data = trained()
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    value = json.loads(run("eval", folder, "--data", data, "--json", *HOST).stdout)
    check(value["samples"] == 60 and 0 <= value["accuracy"] <= 1 and value["loss"] < rows[0]["train_loss"], value)
    check("accuracy" in run("eval", folder, "--data", data, *HOST).stdout, "text")
    run("eval", "mlp.tw", "--weights", folder / "weights.safetensors", "--data", data, *HOST)
    run("predict", folder, "--data", data, "--out", "y.npy", *HOST)
    raw = (HERE / "y.npy").read_bytes()
    length = struct.unpack("<H", raw[8:10])[0]
    check(raw[:6] == b"\x93NUMPY" and (10 + length) % 64 == 0, raw[:80])
    header = raw[10:10 + length].decode()
    check("'<f4'" in header and "(60, 2,)" in header, header)
    numbers = struct.unpack("<120f", raw[10 + length:])
    check(all(abs(numbers[2 * i] + numbers[2 * i + 1] - 1) < 1e-5 for i in range(60)), "probabilities")
    lines = run("predict", folder, "--data", data, "--batch", 7, *HOST).stdout.splitlines()
    check(len(lines) == 60 and abs(float(lines[59].split(",")[1]) - numbers[119]) < 1e-5, lines[:2])
    run("predict", folder, "--data", data, "--out", "y.csv", *HOST)
    table = (HERE / "y.csv").read_text().splitlines()
    check(table[0] == "prediction_1,prediction_2" and len(table) == 61, table[:2])
    single = [struct.unpack("<f", struct.pack("<f", float(value)))[0] for line in table[1:] for value in line.split(",")]
    check(tuple(single) == numbers, "the same floats by CSV and NPY")
    check(not (HERE / "y.csv.part").exists(), "a part is left")
    same = write("minus.tw", "thalweg 1\nx = input f32[n,2]\nprediction = neg(x)\nfirst = reduce_sum(x) axes=1\n")
    run("predict", same, "--data", "csv:y.csv", "--out", "minus.csv", *HOST)
    lines = (HERE / "minus.csv").read_text().splitlines()
    check(lines[1] == ",".join("-" + value for value in table[1].split(",")), "what CSV says is read again")
    run("predict", same, "--data", "csv:y.csv", "--node", "first", "--out", "first.csv", *HOST)
    check((HERE / "first.csv").read_text().startswith("first\n"), "a single column")
    for name in ("y.txt", "y.npz", "out.d/y.", "y.CSV"):
        refused(2, f"--out {name}: a name that ends in", "predict", folder, "--data", data, "--out", name, *HOST)
        check(not (HERE / name).exists(), f"{name} was written")
    run("predict", folder, "--data", data, "--node", "logits", *HOST)
    refused(1, "nonode", "predict", folder, "--data", data, "--node", "nonode", *HOST)
    refused(1, "each sample", "predict", folder, "--data", data, "--node", "loss", *HOST)


CHARACTERS = """thalweg 1
x = input i32[n,t]
y = input i32[n,t]
one_hot(x) depth=40
logits = dense units=40
prediction = softmax(logits)
loss = cross_entropy(logits, y)
train loss=loss optimizer="adam lr=0.05" metrics=accuracy
"""


@test
def sizes_of_letters():
    model = write("letters.tw", CHARACTERS)
    data = f"text:{write('letters.txt', 'abcdefghij' * 40)}"
    shutil.rmtree(HERE / "letters", ignore_errors=True)
    refused(1, "--sizes", "train", model, "--data", data, *HOST)
    run("train", model, "--data", data, "--sizes", "t=8", "--out", "letters", *HOST)
    check("size,t,8," in (HERE / "letters/preparation.csv").read_text(), "remembered")
    value = json.loads(run("eval", "letters", "--data", data, "--json", *HOST).stdout)
    check(value["samples"] == 49, value)
    value = json.loads(run("eval", "letters", "--data", data, "--sizes", "t=10", "--json", *HOST).stdout)
    check(value["samples"] == 39, value)
    value = json.loads(run("eval", "letters", "--data", data + ",length=20", "--json", *HOST).stdout)  # the data's
    check(value["samples"] == 19, value)
    check(len(run("predict", "letters", "--data", data, *HOST).stdout.splitlines()) == 50, "predict: what follows the last is not needed")
    run("train", "--resume", "letters", "--data", data, "--epochs", 2, *HOST)
    check("size,t,8," in (HERE / "letters/preparation.csv").read_text(), "resumed")
    refused(1, "where t is 5", "eval", "letters", "--data", data + ",length=20", "--sizes", "t=5", *HOST)
    refused(1, "not a letter", "train", model, "--data", data, "--sizes", "eight", *HOST)
    refused(1, "t=0", "train", model, "--data", data, "--sizes", "t=0", *HOST)
    refused(1, "n is the batch", "train", model, "--data", data, "--sizes", "n=8", *HOST)
    refused(2, "--sizes", "train", model, "--data", data, "--sizes", "t=8," * 400, *HOST)
    plain = write("plain.tw", MLP.replace("f32[n,3]", "f32[n,t]").replace("dense(x)", "reshape(x) shape=n,3\ndense"))
    _, points_spec = points()
    run("train", plain, "--data", points_spec, *HOST)  # columns tell
    refused(1, "--sizes t=32", "print", plain, "--memory", *HOST)
    check("MB" in run("print", plain, "--memory", "--sizes", "t=3", *HOST).stdout, "memory")
    check("f32[n,3]" in run("print", plain, "--summary", "--sizes", "t=3").stdout, "summary")
    check("f32[n,?]" in run("print", plain, "--summary").stdout, "summary without")
    refused(1, "--sizes", "bench", plain, "--batch", 4, *HOST)
    check("a step" in run("bench", plain, "--batch", 4, "--sizes", "t=3", *HOST).stdout, "bench")
    (HERE / "letters/preparation.csv").write_text("damaged")
    refused(1, "preparation.csv", "eval", "letters", "--data", data, *HOST)


@test
def writes_text():
    model = write("letters.tw", CHARACTERS)
    text = "the quick brown fox\njumps over a l\u00e4zy dog. " * 30
    data = f"text:{write('fox.txt', text)},length=16"
    shutil.rmtree(HERE / "fox", ignore_errors=True)
    run("train", model, "--data", data + ",part=train", "--test", data + ",part=test", "--epochs", 20, "--out", "fox",
        *HOST)
    names = (HERE / "fox/classes.txt").read_text().splitlines()
    check(names[0] == "\\n" and names[-1] == "\u00e4" and len(names) == len(set(text)), names)

    def written(*more, prompt="the "):
        return run("predict", "fox", "--text", prompt, "--length", 40, *HOST, *more).stdout

    one = written()
    check(one == written("--seed", 0) and one != written("--seed", 1), "the same seed, the same text")
    check(one.startswith("the ") and len(one) == 45 and one.endswith("\n"), repr(one))
    best = written("--temperature", 0)
    check(best == written("--top-k", 1, "--seed", 7) == written("--temperature", 0.001), "the most probable")
    check(len(set(written("--top-k", 3, "--seed", 2, "--temperature", 9))) <= len(names), "few")
    # This model looks at the last character alone: what stands before it, and how much, changes nothing.
    ends = {written("--temperature", 0, prompt=p)[len(p):] for p in ("a", "dog. a", "over the brown fox jumps a")}
    check(len(ends) == 1, ends)
    check(len(run("predict", "fox", "--text", "\u00e4", *HOST).stdout) == 202, "default length")
    refused(1, '"Q" is none', "predict", "fox", "--text", "Quick", *HOST)
    refused(2, "--text is empty", "predict", "fox", "--text", "", *HOST)
    refused(2, "not both", "predict", "fox", "--text", "a", "--data", data, *HOST)
    refused(2, "not both", "predict", "fox", "--text", "a", "--out", "y.npy", *HOST)
    refused(2, "are for --text", "predict", "fox", "--data", data, "--temperature", 2, *HOST)
    refused(2, "from 0", "predict", "fox", "--text", "a", "--temperature", "-1", *HOST)
    refused(2, "from 0", "predict", "fox", "--text", "a", "--temperature", "warm", *HOST)
    refused(2, "at least 1", "predict", "fox", "--text", "a", "--top-k", 0, *HOST)
    refused(1, "no probabilities", "predict", "fox", "--text", "a", "--node", "logits", *HOST)
    refused(1, "no vocabulary", "predict", model, "--weights", "fox/weights.safetensors", "--text", "a", *HOST)
    write("other.txt", "the cat ")
    run("eval", "fox", "--data", f"text:{HERE}/other.txt,length=4", *HOST)
    write("other.txt", "a Cat, a cat")
    refused(1, '"C"', "eval", "fox", "--data", f"text:{HERE}/other.txt,length=4", *HOST)
    run("eval", "fox", "--data", f"text:{HERE}/other.txt,length=4,unknown=drop", *HOST)
    folder, _ = trained("numbers")
    refused(1, "classes.txt", "predict", folder, "--text", "a", *HOST)


@test
def writes_text_behind_windows():
    model = write("window.tw", CHARACTERS.replace("x = input i32[n,t]", "x = input i32[n,4]")
                  .replace("y = input i32[n,t]", "y = input i32[n]").replace("logits =", "flatten\nlogits ="))
    data = f"text:{write('digits.txt', '0123456789' * 50)},step=1"
    shutil.rmtree(HERE / "window", ignore_errors=True)
    run("train", model, "--data", data, "--epochs", 5, "--out", "window", *HOST)
    out = run("predict", "window", "--text", "3456", "--length", 12, "--temperature", 0, *HOST).stdout
    check(out == "3456789012345678\n", out)
    refused(1, "has 3 characters, but this model tells what follows 4", "predict", "window", "--text", "345", *HOST)


@test
def series_of_a_table():
    model = write("series.tw", """thalweg 1
x = input f32[n,6,2]
y = input f32[n]
flatten(x)
prediction = dense units=1
reshape shape=n
loss = mse(reshape_1, y)
train loss=loss optimizer="adam lr=0.02"
""")
    rows = [f"day {i},{500 + 100 * (i % 7)},{0.001 * (i % 5)}" for i in range(300)]
    write("series.csv", "day,load,wind\n" + "\n".join(rows) + "\n")
    data = "csv:series.csv,label=load,columns=load..wind,window=6"
    shutil.rmtree(HERE / "series", ignore_errors=True)
    run("train", model, "--data", data + ",normalize=all,part=train", "--test", data + ",part=test", "--epochs", 30,
        "--out", "series", *HOST)
    rows = [json.loads(line) for line in (HERE / "series/log.jsonl").read_text().splitlines()]
    check(rows[-1]["test_loss"] < 0.1, rows[-1])
    check(len((HERE / "series/preparation.csv").read_text().splitlines()) == 4, "two columns, one label")
    value = json.loads(run("eval", "series", "--data", data + ",part=test", "--json", *HOST).stdout)
    check(abs(value["loss"] - rows[-1]["test_loss"]) < 1e-6, value)
    check(len(run("predict", "series", "--data", "csv:series.csv,window=6", *HOST).stdout.splitlines()) == 295, "predict")
    refused(1, "needs 7", "train", model, "--data", "csv:" + str(write("few.csv", "load,wind\n1,2\n")) +
            ",label=load,window=6", *HOST)


@test
def balanced_weights():
    model = write("balanced.tw", MLP.replace("classes=2\n", "classes=2\nweight = input f32[n]\n")
                  .replace("(logits, label)", "(logits, label, weight)"))
    _, data = points()
    shutil.rmtree(HERE / "balanced", ignore_errors=True)
    run("train", model, "--data", data + ",weights=balanced", "--out", "balanced", *HOST)
    check("class,0," in (HERE / "balanced/preparation.csv").read_text(), "remembered")
    run("eval", "balanced", "--data", data + ",weights=balanced", *HOST)
    run("predict", "balanced", "--data", data, *HOST)
    refused(1, "no further input", "train", "mlp.tw", "--data", data + ",weights=balanced", *HOST)
    good = make_idx("weighed")
    images = write("images.tw", (EXAMPLES / "mnist_cnn.tw").read_text().replace("(logits, label)", "(logits, label, weight)")
                   .replace("label = input", "weight = input f32[n]\nlabel = input"))
    text = images.read_text().splitlines()
    at = next(i for i, line in enumerate(text) if line.startswith("weight ="))
    text[at], text[at + 1] = text[at + 1], text[at]
    images.write_text("\n".join(text) + "\n")
    run("train", images, "--data", f"idx:{good}:train,weights=balanced", "--steps", 1, "--batch", 2, *HOST)
    refused(1, "must be balanced", "train", images, "--data", f"idx:{good}:train,weights=odd", *HOST)


@test
def bench():
    row = json.loads(run("bench", EXAMPLES / "regression.tw", "--batch", 10, "--json", *HOST).stdout)
    check(set(row) >= {"model", "device", "batch", "train_ms", "infer_ms", "first_step_ms", "host_mb", "device_mb"}, row)
    check(row["model"] == "regression" and row["train_ms"] > 0 and row["infer_ms"] > 0, row)
    check("a step" in run("bench", EXAMPLES / "regression.tw", "--batch", 10, *HOST).stdout, "text")


ROW_OF_OPS = "softmax_cross_entropy 128x10"


def save(name, **changes):
    """A saved run of that row, with a head; None leaves a field out."""
    row = {"operator": "softmax_cross_entropy", "shapes": "128x10", "ms": 1, "gbytes_limit": None, **changes}
    return write(name, "".join(json.dumps({k: v for k, v in each.items() if v is not None or k.endswith("limit")}) + "\n"
                               for each in ({"device": "thalweg host reference", "gflops_limit": None}, row)))


@test
def bench_ops():
    head, row = map(json.loads, run("bench", "--ops", ROW_OF_OPS, "--json", *HOST).stdout.splitlines())
    check(set(head) >= {"version", "device", "platform", "driver", "gflops_limit", "gbytes_limit"}, head)
    check(head["gflops_limit"] is None and row["fraction"] is None, "the host has no limits")
    check(row["operator"] + " " + row["shapes"] == ROW_OF_OPS and row["ms"] > 0 and row["passes"] >= 15, row)
    check(row["median_ms"] >= row["ms"] and row["gbytes"] > 0, row)
    text = run("bench", ROW_OF_OPS, "--ops", *HOST).stdout
    check(re.search(r"^softmax_cross_entropy +128x10 +[0-9.]+ ", text, re.MULTILINE) and "\nms: " in text, text)
    several = run("bench", "--ops", ROW_OF_OPS, "softmax 128x10", "--json", *HOST).stdout.splitlines()
    check([json.loads(line)["operator"] for line in several[1:]] == ["softmax", "softmax_cross_entropy"], "sorted")
    refused(2, "did you mean softmax?", "bench", "--ops", "sofmax", *HOST)
    refused(2, "does not know", "bench", EXAMPLES / "mlp100.tw", "more", "--batch", 1, *HOST)
    refused(2, "--against goes with --ops", "bench", EXAMPLES / "mlp100.tw", "--batch", 1, "--against", "x", *HOST)
    refused(2, "simd", "bench", "--ops", ROW_OF_OPS, "--kernels", "fast", *HOST)


@test
def bench_ops_against():
    ops = ["bench", "--ops", ROW_OF_OPS, *HOST]
    saved = write("saved_run", run(*ops, "--json").stdout)
    check("slower" not in run("bench", "--ops", ROW_OF_OPS, *HOST, "--against", save("saved_slow", ms=1e9)).stdout, "ratio")
    done = run(*ops, "--against", save("saved_fast", ms=1e-9), code=1)
    check(re.search(r"^softmax_cross_entropy .*  slower$", done.stdout, re.MULTILINE), done.stdout)
    check("1 of 1 rows are slower than in " in done.stderr, done.stderr)
    row = json.loads(run(*ops, "--against", save("saved_fast", ms=1e-9), "--json", code=1).stdout.splitlines()[1])
    check(row["slower"] is True and row["ratio"] > 1.1, row)
    row = json.loads(run(*ops, "--against", save("saved_slow", ms=1e9), "--json").stdout.splitlines()[1])
    check(row["slower"] is False and row["ratio"] < 1, row)
    altered = [json.loads(line) for line in saved.read_text().splitlines()]
    altered[1]["ms"] /= 1e6
    run(*ops, "--against", write("saved_altered", "\n".join(map(json.dumps, altered))), code=1)
    for name, text, part in (("empty", "", "holds no run"), ("words", "not JSON\n", "object 1 is not"),
                             ("other", '{"epoch": 1}\n', "object 1 is not"), ("list", "[1, 2]", "object 1 is not"),
                             ("head", saved.read_text().splitlines()[0], "holds no run"),
                             ("row", saved.read_text() + '{"operator": "add"}', "object 3 is not"),
                             ("cut", saved.read_text()[:-9], "object 2 is not")):
        refused(1, part, *ops, "--against", write("saved_" + name, text))
    refused(1, "negative: object 2 is not", *ops, "--against", save("saved_negative", ms=-1))
    refused(1, "cannot be read", *ops, "--against", "nowhere.json")
    refused(1, "it is a folder", *ops, "--against", HERE)
    done = run(*ops, "--against", save("saved_rows", shapes="3x3"), code=1)
    check("has none of these rows" in done.stderr, done.stderr)


@test
def bench_ops_on_device():
    if subprocess.run([THALWEG, "devices"], capture_output=True, timeout=600).returncode == 3:
        raise Skip("no OpenCL")
    for row in (ROW_OF_OPS, "adam 131072"):
        ops = ["bench", "--ops", row, "--kernels", "simd"]
        text = run(*ops, "--json").stdout
        head, found = map(json.loads, text.splitlines())
        check(head["gflops_limit"] > 0 and head["gbytes_limit"] > 0, head)
        check(found["gflops_limit"] > 0 and found["gbytes_limit"] > 0 and found["launch_ms_limit"] > 0, found)
        parts = {name: found[name] or 0 for name in ("arithmetic", "memory", "launch")}
        check(min(parts["memory"], parts["launch"]) > 0 and (parts["arithmetic"] > 0) == (found["gflops"] is not None), found)
        check(found["fraction"] == parts[found["limit"]] == max(parts.values()), found)
        # a saved run in which the limits were reached a thousand times better, in any time
        better = {**found, **{name: 1000 * part for name, part in parts.items()}}
        run(*ops, "--against", write("saved_better", json.dumps(head) + "\n" + json.dumps(better)), code=1)
        worse = {**better, "ms": found["ms"] / 1000, **{name: part / 1000 for name, part in parts.items()}}
        run(*ops, "--against", write("saved_worse", json.dumps(head) + "\n" + json.dumps(worse)))


@test
def tune():
    if subprocess.run([THALWEG, "devices"], capture_output=True, timeout=600).returncode == 3:
        raise Skip("no OpenCL device")
    model = write("tune.tw", MLP)
    cache = HERE / "tune-cache"
    env = {"THALWEG_CACHE": str(cache), "THALWEG_TUNED": ""}
    tuned = lambda: [path.read_text() for path in cache.glob("tuned-*.txt")]
    done = run("tune", model, "--batch", 8, "--seconds", 0, env=env)
    check("nothing was measured" in done.stdout and "left" in done.stdout and not tuned(), done.stdout)
    done = run("tune", model, "--batch", 8, "--seconds", 1000, env=env)
    check("inference" in done.stdout and "ms before" in done.stdout and "saved to" in done.stdout, done.stdout)
    check(" 0 left" not in done.stdout and "left" not in done.stdout, done.stdout)
    check(len(tuned()) == 1 and tuned()[0].startswith("thalweg tuned 1\n"), tuned())
    rows = [json.loads(line) for line in
            run("tune", model, "--batch", 8, "--json", "--candidates", "--seconds", 1000, env=env).stdout.splitlines()]
    stages = [row for row in rows if "best" in row]
    check(len(stages) >= 4 and all(row["best_ms"] <= row["standard_ms"] for row in stages), stages)
    check(len([row for row in rows if "candidate" in row]) >= 3 * len(stages), rows)
    check(rows[-1]["measured"] == rows[-1]["stages"] == len(stages) and rows[-1]["saved"] and rows[-1]["left"] == 0, rows[-1])
    # a file of another version is named, not used, and tuning goes on
    path = next(cache.glob("tuned-*.txt"))
    path.write_text("thalweg tuned 2\n")
    x = write("tune.csv", "a,b,c,label\n" + "1,2,3,0\n4,5,6,1\n" * 8)
    done = run("train", model, "--data", f"csv:{x},label=label", "--batch", 8, env=env)
    check("of another version" in done.stderr and "loss" in done.stdout, done.stderr)
    done = run("train", model, "--data", f"csv:{x},label=label", "--batch", 8, env={**env, "THALWEG_TUNED": "no"})
    check("version" not in done.stderr, done.stderr)
    run("tune", "--forget", env=env)
    check(not tuned(), "forgotten")
    # nowhere to write to
    nowhere = {**env, "THALWEG_CACHE": ""}
    refused(1, "could not be saved", "tune", model, "--batch", 8, "--seconds", 1000, env=nowhere)
    done = run("tune", model, "--batch", 8, "--seconds", 0, env=nowhere)  # said before anything is measured
    check("will not be saved" in done.stderr, done.stderr)
    refused(2, "needs a model", "tune", env=env)
    refused(2, "--forget", "tune", model, "--forget", env=env)
    refused(1, "host device", "tune", model, *HOST, env=env)


@test
def devices():
    done = subprocess.run([THALWEG, "devices"], capture_output=True, text=True, timeout=600)
    if done.returncode == 3:
        check("thalweg: " in done.stderr, done.stderr)
        return
    check(done.returncode == 0 and "self-check: pass" in done.stdout, done.stdout + done.stderr)
    for line in run("devices", "--json").stdout.splitlines():
        check("passes" in json.loads(line), line)


@test
def no_platform():
    empty = HERE / "no-vendors"
    empty.mkdir(exist_ok=True)
    env = {"OCL_ICD_VENDORS": str(empty), "OCL_ICD_FILENAMES": "", "THALWEG_DEVICE": ""}
    model, data = points()
    env.pop("THALWEG_DEVICE")
    refused(3, "OpenCL", "devices", env=env)
    refused(3, "OpenCL", "train", model, "--data", data, env=env)
    run("train", model, "--data", data, *HOST, env=env)


@test
def unknown_device():
    model, data = points()
    refused(3, "no-such-device", "train", model, "--data", data, "--device", "no-such-device")
    refused(3, "77:5", "train", model, "--data", data, "--device", "77:5")


# ---- resuming, interrupts, folders ----

@test
def resume():
    model, data = points()
    run("train", model, "--data", data, "--epochs", 4, "--batch", 16, "--seed", 3, "--out", "whole", *HOST)
    run("train", model, "--data", data, "--epochs", 2, "--batch", 16, "--seed", 3, "--out", "half", *HOST)
    run("train", "--resume", "half", "--data", data, "--epochs", 4, *HOST)
    for name in ("weights.safetensors", "state.safetensors"):
        check((HERE / "whole" / name).read_bytes() == (HERE / "half" / name).read_bytes(), name)
    check(len((HERE / "half/log.jsonl").read_text().splitlines()) == 4, "log")
    check("nothing to do" in run("train", "--resume", "half", "--data", data, "--epochs", 4, *HOST).stdout, "done")
    refused(2, "seed", "train", "--resume", "half", "--data", data, "--seed", 4, *HOST)
    refused(1, "no such folder", "train", "--resume", "nowhere", "--data", data, *HOST)
    refused(1, "no run", "train", "--resume", ".", "--data", data, *HOST)
    other = write("other.tw", MLP.replace("units=8", "units=9"))
    refused(1, "another model", "train", other, "--resume", "half", "--data", data, *HOST)
    state = HERE / "half/state.safetensors"
    state.write_bytes(state.read_bytes()[:-10])
    refused(1, "state.safetensors", "train", "--resume", "half", "--data", data, "--epochs", 5, *HOST)


@test
def same_seed_same_bytes():
    a, _ = trained("a", "--seed", "5")
    b, _ = trained("b", "--seed", "5")
    c, _ = trained("c", "--seed", "6")
    read = lambda folder: (folder / "weights.safetensors").read_bytes()
    check(read(a) == read(b) and read(a) != read(c), "weights")


@test
def interrupt():
    model, _ = points()
    data = f"csv:{make_csv('many.csv', 4000)},label=label"
    shutil.rmtree(HERE / "cut", ignore_errors=True)
    child = subprocess.Popen([THALWEG, "train", str(model), "--data", data, "--epochs", "100000", "--out", "cut", *HOST],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE)
    for _ in range(600):
        if (HERE / "cut/state.safetensors").exists():
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=120)
    check(child.returncode == 130 and "cancelled" in errors and "--resume cut" in errors, f"{child.returncode} {errors}")
    epochs = len((HERE / "cut/log.jsonl").read_text().splitlines())
    mine = HERE / f"cut/model.tw.{os.getpid()}.0.tmp"  # of a process that lives
    for left in (mine, HERE / f"cut/state.safetensors.{child.pid}.0.tmp"):
        left.write_text("half")
    run("train", "--resume", "cut", "--data", data, "--epochs", epochs + 1, *HOST)
    check([p for p in (HERE / "cut").iterdir() if p.suffix == ".tmp"] == [mine], "parts of files stay")


@test
def output_folders():
    model, data = points()
    trained("taken")
    before = (HERE / "taken/weights.safetensors").read_bytes()
    refused(1, "--resume", "train", model, "--data", data, "--out", "taken", *HOST)
    check((HERE / "taken/weights.safetensors").read_bytes() == before, "written over")
    wild = write("wild.tw", MLP.replace("adam lr=0.01", "sgd lr=1e30"))
    refused(1, "the loss became", "train", wild, "--data", data, "--batch", 16, "--out", "wild", *HOST)
    run("train", model, "--data", data, "--out", "wild", *HOST)  # a run that never got anywhere is in nobody's way
    write("a-file", "")
    refused(1, "is a file", "train", model, "--data", data, "--out", "a-file", *HOST)
    refused(1, "a-file", "train", model, "--data", data, "--out", "a-file/run", *HOST)
    refused(1, "folder", "predict", "taken", "--data", data, "--out", ".", *HOST)
    refused(1, "nowhere/y.npy", "predict", "taken", "--data", data, "--out", "nowhere/y.npy", *HOST)
    if os.geteuid() != 0:
        locked = HERE / "locked"
        locked.mkdir(exist_ok=True)
        locked.chmod(0o555)
        refused(1, "cannot be written", "train", model, "--data", data, "--out", "locked", *HOST)
        run("train", model, "--data", data, *HOST, env={"THALWEG_CACHE": str(locked)})
    run("train", model, "--data", data, *HOST, env={"THALWEG_CACHE": "/proc/none"})


@test
def full_disk():
    import resource
    model, data = points()
    trained("full")
    before = (HERE / "full/state.safetensors").read_bytes()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    refused(1, "full/", "train", "--resume", "full", "--data", data, "--epochs", 5, *HOST, preexec_fn=limit)
    check((HERE / "full/state.safetensors").read_bytes() == before, "state")
    refused(1, "z.npy", "predict", "full", "--data", data, "--out", "z.npy", *HOST, preexec_fn=limit)
    check(not (HERE / "z.npy").exists() and not (HERE / "z.npy.part").exists(), "half a file")
    os.mkfifo(HERE / "pipe")
    reader = subprocess.Popen(["cat", str(HERE / "pipe")], stdout=subprocess.PIPE)
    run("predict", "full", "--data", data, "--out", "pipe", *HOST)
    check(reader.communicate(timeout=60)[0][:6] == b"\x93NUMPY", "through a pipe")
    check((HERE / "pipe").is_fifo(), "a pipe was replaced by a file")
    with open("/dev/full", "w") as full:
        done = subprocess.run([THALWEG, "ops"], stdout=full, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 1 and "could not be written" in done.stderr, done.stderr)


# ---- pictures ----

PICTURES = """thalweg 1
x = input f32[n,16]
shift = parameter f32[16] init=zeros
prediction = add(x, shift)
nought = fill value=0
image = reshape(prediction) shape=n,4,4,1
black = mul(image, nought)
red = concat(image, black, black) axis=-1
noise = random_uniform() shape=n,8,8,1
three = dense(x) units=3 trainable=no
loss = mse(prediction, x)
train loss=loss optimizer="sgd lr=0.1"
"""


def read_png(path):
    """Width, height, and rows of pixels as tuples (PNG specification, 8 bits, not interlaced)."""
    raw = path.read_bytes()
    check(raw[:8] == b"\x89PNG\r\n\x1a\n", raw[:8])
    at, packed = 8, b""
    while at < len(raw):
        length, kind = struct.unpack(">I4s", raw[at:at + 8])
        body = raw[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            check(bits == 8 and colour in (0, 2) and not interlaced, body)
        packed += body if kind == b"IDAT" else b""
        at += length + 12
    size = 3 if colour == 2 else 1
    data, rows, above = zlib.decompress(packed), [], bytes(width * size)
    for y in range(height):
        kind, *line = data[y * (width * size + 1):(y + 1) * (width * size + 1)]
        for i, byte in enumerate(line):
            left, corner = (line[i - size], above[i - size]) if i >= size else (0, 0)
            nearest = min((abs(above[i] - corner), 0, left), (abs(left - corner), 1, above[i]),
                          (abs(left + above[i] - 2 * corner), 2, corner))[2]
            line[i] = (byte + (0, left, above[i], (left + above[i]) // 2, nearest)[kind]) % 256
        rows.append([tuple(line[i:i + size]) for i in range(0, len(line), size)])
        above = line
    return width, height, rows


def picture_run():
    """Twelve samples of 4 x 4 equal pixels, sample i of 20 i / 255; the last two beyond 0 and 1. The weights stay 0."""
    levels = [20 * i / 255 for i in range(10)] + [-1, 2]
    data = npy("levels.npy", "<f4", "(12, 16)", b"".join(struct.pack("<16f", *[v] * 16) for v in levels))
    model = write("pictures.tw", PICTURES)
    shutil.rmtree(HERE / "drawn", ignore_errors=True)
    done = subprocess.run([THALWEG, "train", model, "--data", f"npy:{data}", "--epochs", "2", "--batch", "5", "--out",
                           "drawn", "--images", "x,prediction", *HOST], capture_output=True, text=True, cwd=HERE)
    if "build it with libpng" in done.stderr:
        raise Skip("a build without libpng")
    check(done.returncode == 0, done.stderr)
    return f"npy:{data}"


@test
def pictures_of_training():
    data = picture_run()
    check(sorted(p.name for p in (HERE / "drawn/images").iterdir()) == ["0001.png", "0002.png"], "a picture an epoch")
    width, height, rows = read_png(HERE / "drawn/images/0002.png")
    # 12 samples, 10 a row, each node a row in turn; 4 x 4 pixels become 64 x 64, 2 pixels lie between
    check((width, height) == (10 * 66 + 2, 4 * 66 + 2), f"{width} x {height}")
    for row in (0, 1):
        for i in range(10):
            check(rows[2 + 66 * row][2 + 66 * i] == rows[65 + 66 * row][65 + 66 * i] == (20 * i,), f"sample {i}")
            check(rows[1 + 66 * row][2 + 66 * i] == (255,), "between")
        check(rows[2 + 66 * (row + 2)][2] == (0,) and rows[2 + 66 * (row + 2)][2 + 66] == (255,), "held to 0 and 255")
        check(rows[2 + 66 * (row + 2)][2 + 66 * 2] == (255,), "nothing")
    run("train", "--resume", "drawn", "--data", data, "--epochs", 3, "--images", "noise", *HOST)
    run("train", "--resume", "drawn", "--data", data, "--epochs", 4, "--images", "noise", *HOST)
    first, second = ((HERE / f"drawn/images/{name}.png").read_bytes() for name in ("0003", "0004"))
    check(first == second, "random nodes draw the same in every epoch")


@test
def pictures_of_predictions():
    data = picture_run()
    run("predict", "drawn", "--data", data, "--out", "grey.png", *HOST)
    width, height, rows = read_png(HERE / "grey.png")
    check((width, height) == (662, 134) and rows[2][2 + 66 * 3] == (60,), f"{width} x {height}")
    run("predict", "drawn", "--data", data, "--images", "x,red", "--samples", 3, "--range=-1,1", "--out", "red.png", *HOST)
    width, height, rows = read_png(HERE / "red.png")
    check((width, height) == (3 * 66 + 2, 2 * 66 + 2), f"{width} x {height}")
    level = 128 + 20  # of 2 * 20 / 255 over -1 to 1
    check(rows[2][2 + 66 * 2] == (level,) * 3 and rows[68][2 + 66 * 2] == (level, 128, 128), rows[68][2 + 66 * 2])
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        run("predict", "drawn", "--samples", 7, "--images", "noise", "--seed", seed, "--out", f"{name}.png", *HOST)
    a, b, c = ((HERE / f"{name}.png").read_bytes() for name in "abc")
    check(a == b != c and read_png(HERE / "a.png")[:2] == (7 * 66 + 2, 68), "noise by seed")
    run("predict", "drawn", "--samples", 300, "--node", "noise", "--out", "noise.npy", *HOST)
    raw = (HERE / "noise.npy").read_bytes()
    numbers = struct.unpack(f"<{300 * 64}f", raw[-300 * 256:])
    check(b"(300, 8, 8, 1,)" in raw[:128] and len(set(numbers)) > 19000 and 0 <= min(numbers) < 0.01, "numbers")
    check(len(run("predict", "drawn", "--data", data, "--samples", 7, *HOST).stdout.splitlines()) == 7, "the first 7")


@test
def bad_pictures():
    data = picture_run()
    predict = ["predict", "drawn", "--data", data, *HOST]
    train = ["train", "pictures.tw", "--data", data, *HOST]
    refused(1, "no node \"nose\"", *predict, "--images", "x,nose", "--out", "p.png")
    refused(1, "[n,3]", *predict, "--images", "three", "--out", "p.png")
    refused(1, "each sample", *predict, "--images", "x,loss", "--out", "p.png")
    refused(2, "comma", *predict, "--images", "x,,noise", "--out", "p.png")
    refused(2, "--out", *predict, "--images", "x")
    refused(2, "not both", *predict, "--images", "x", "--node", "x", "--out", "p.png")
    refused(2, "black", *predict, "--range", "1,0", "--out", "p.png")
    refused(2, "pictures", *predict, "--range", "0,1", "--out", "p.npy")
    refused(1, "only 12", *predict, "--samples", 13, "--out", "p.png")
    refused(1, "nowhere/p.png", *predict, "--out", "nowhere/p.png")
    refused(2, "give --data", "predict", "drawn", "--samples", 3, "--out", "p.png", *HOST)
    refused(2, "--samples", "predict", "drawn", *HOST)
    refused(1, "fewer", "predict", "drawn", "--samples", 500000, "--images", "noise", "--out", "p.png", *HOST)
    refused(2, "--out", *train, "--images", "x")
    refused(2, "--images", *train, "--range", "0,1")
    refused(1, "did you mean noise", *train, "--images", "nose", "--out", "bad")
    refused(1, "no picture", *train, "--images", "three", "--out", "bad")
    (HERE / "blocked").mkdir()
    write("blocked/images", "")
    refused(1, "blocked/images", *train, "--images", "x", "--out", "blocked")
    check(not list(HERE.glob("*.part")) and not (HERE / "p.png").exists(), "parts of files stay")


# ---- bad models ----

def bad_model(part, text, line, column=None):
    _, data = points()
    model = write("bad.tw", text)
    told = refused(1, part, "train", model, "--data", data, *HOST)
    place = re.search(r"bad\.tw:(\d+):(\d+): ", told)
    check(place and int(place[1]) == line, f"line {line}: {told}")
    check(column is None or int(place[2]) == column, f"column {column}: {told}")
    check("    " + text.splitlines()[line - 1] in told, f"the line itself: {told}")


@test
def bad_models():
    bad_model("dense", MLP.replace("dense(x)", "dence(x)"), 4, 1)
    bad_model("units", MLP.replace("units=8", "unts=8"), 4)
    bad_model("relu", MLP.replace("act=relu", "act=rellu"), 4)
    bad_model("labels", MLP.replace("(logits, label)", "(logits, labels)"), 7)
    bad_model("adam", MLP.replace("adam lr", "adan lr"), 8)
    bad_model("accuracy", MLP.replace("metrics=accuracy", "metrics=acuracy"), 8)
    bad_model("", MLP.replace("loss=loss", "loss=los"), 8)
    bad_model("", MLP.replace("units=8", "units=-8"), 4)
    bad_model("", MLP.replace("units=8", "units=99999999999999999999"), 4)
    bad_model("", MLP.replace("f32[n,3]", "f32[n,-3]"), 2)
    bad_model("", MLP.replace("f32[n,3]", "f32[n,9000000000000000000,9000000000000000000]"), 2)
    bad_model("", MLP.replace("dense(x)", "h = dense(h)"), 4)
    bad_model("", MLP.replace("(logits, label)", "(logits, x)"), 7)
    bad_model("nothing to train", MLP.replace("(logits, label)", "(x, label)").replace("classes=2", ""), 8, 1)
    bad_model("", MLP.replace("thalweg 1", "thalweg 2"), 1)
    bad_model("", MLP.replace('"adam lr=0.01"', '"adam lr=0.01'), 8)
    bad_model("did you mean \"relu\"?", MLP.replace("act=relu", "act=rellu"), 4)
    bad_model("did you mean \"train\"?", MLP.replace("train loss", "trian loss"), 8, 1)
    bad_model("units=-8", MLP.replace("units=8", "units=-8"), 4, 1)
    bad_model("l2=", MLP.replace("units=8", "units=8 l2=-1"), 4, 1)
    bad_model("itself", MLP.replace("dense(x)", "h = dense(h)"), 4, 11)
    bad_model("in line 5", MLP.replace("dense(x)", "dense(logits)"), 4, 7)
    bad_model("\"zeros\"", MLP.replace("units=8", "units=8 init=zeroes"), 4, 1)
    bad_model("stands twice", MLP.replace("metrics=accuracy", "metrics=accuracy,accuracy"), 8, 1)
    bad_model("momentum", MLP.replace("logits =", "batch_norm momentum=2\nlogits ="), 5, 1)
    bad_model("epsilon", MLP.replace("logits =", "batch_norm epsilon=0\nlogits ="), 5, 1)
    bad_model("random_normal()", MLP.replace("dense(x)", "z = random_normal shape=n,3\ndense(z)"), 4)
    bad_model("from 0 to 2", MLP.replace("classes=2", "classes=3"), 7, 8)
    _, data = points()
    no_loss = write("noloss.tw", "\n".join(MLP.splitlines()[:-2]) + "\n")
    refused(1, "train line", "train", no_loss, "--data", data, *HOST)
    refused(1, "none.tw", "train", "none.tw", "--data", data, *HOST)
    refused(1, "", "train", write("empty.tw", ""), "--data", data, *HOST)
    (HERE / "binary.tw").write_bytes(bytes([0x1b, 0x07]) + bytes(range(256)) * 10)
    told = refused(1, "no model", "train", "binary.tw", "--data", data, *HOST, errors="replace")
    check("\x1b" not in told and "\x07" not in told, "control characters")
    refused(2, "folder", "train", ".", "--data", data, *HOST)


# ---- bad data ----

def bad_data(part, spec, model="mlp.tw"):
    return refused(1, part, "train", model, "--data", spec, *HOST)


@test
def bad_csv():
    points()
    bad_data("none.csv", "csv:none.csv,label=label")
    bad_data("lable", "csv:points.csv,label=lable")
    bad_data("", "csv:points.csv,label=a")
    bad_data("did you mean label=?", "csv:points.csv,lable=label")
    bad_data("no option color=", "csv:points.csv,color=label")
    write("short.csv", "a,b,c,label\n1,2,3,0\n1,2\n")
    bad_data("3", "csv:short.csv,label=label")
    write("missing.csv", "a,b,c,label\n1,2,3,0\n1,,3,1\n")
    bad_data("3", "csv:missing.csv,label=label")
    write("word.csv", "a,b,c,label\n1,two,3,0\n")
    bad_data("two", "csv:word.csv,label=label")
    write("nan.csv", "a,b,c,label\n1,2,3,0\n1,nan,3,1\n")
    bad_data("", "csv:nan.csv,label=label")
    write("range.csv", "a,b,c,label\n1,2,3,0\n1,2,3,7\n")
    bad_data("7", "csv:range.csv,label=label")
    write("unbounded.tw", MLP.replace(" classes=2", ""))  # how many there are follows from the logits
    bad_data("labels from 0 to 1", "csv:range.csv,label=label", "unbounded.tw")
    write("none.csv", "")
    bad_data("none.csv", "csv:none.csv,label=label")
    (HERE / "utf16.csv").write_text("a,b,c,label\n1,2,3,0\n", encoding="utf-16")
    bad_data("UTF-16", "csv:utf16.csv,label=label")
    (HERE / "zero.csv").write_bytes(b"a,b,c,label\n1,2\0junk,3,0\n")
    bad_data("value 0", "csv:zero.csv,label=label")
    write("quote.csv", "a,b,c,label\n1,\"2,3,0\n")
    bad_data("quote.csv", "csv:quote.csv,label=label")
    bad_data("", "cvs:points.csv")
    bad_data("", "csv:")
    bad_data("", "nonsense")


@test
def bad_idx():
    model = EXAMPLES / "mnist_cnn.tw"
    good = make_idx("good")
    run("predict", model, "--weights", "none.safetensors", "--data", f"idx:{good}:test", *HOST, code=1)
    bad_data("none", "idx:none:train", model)
    bad_data("", f"idx:{good}:tset", model)
    bad_data("", f"idx:{make_idx('cut', truncated=100)}:train", model)
    bad_data("", f"idx:{make_idx('labels', labels=256)}:train", model)
    bad_data("", f"idx:{make_idx('kind', kind=9)}:train", model)
    huge = make_idx("huge")
    path = huge / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 0xffffffff, 0xffffffff, 0xffffffff) + b"x")
    bad_data("", f"idx:{huge}:train", model)
    fewer = make_idx("fewer")
    path = fewer / "train-labels-idx1-ubyte"
    path.write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 7) + bytes(7))
    bad_data("", f"idx:{fewer}:train", model)


@test
def bad_npy():
    points()
    x = npy("x.npy", "<f4", "(4, 3)", struct.pack("<12f", *range(12)))
    y = npy("y.npy", "<i4", "(4,)", struct.pack("<4i", 0, 1, 0, 1))
    run("train", "mlp.tw", "--data", f"npy:{x},{y}", *HOST)
    bad_data("none.npy", f"npy:none.npy,{y}")
    bad_data("cut.npy", f"npy:{npy('cut.npy', '<f4', '(4, 3)', b'1234')},{y}")
    bad_data("shape.npy", f"npy:{npy('shape.npy', '<f4', '(4, 5)', bytes(80))},{y}")
    bad_data("neg.npy", f"npy:{npy('neg.npy', '<f4', '(-4, 3)', bytes(48))},{y}")
    bad_data("big.npy", f"npy:{npy('big.npy', '<f4', '(9223372036854775807, 9223372036854775807)', bytes(48))},{y}")
    bad_data("text.npy", f"npy:{npy('text.npy', '<U4', '(4, 3)', bytes(48 * 4))},{y}")
    nan = struct.pack("<12f", *range(7), float("nan"), *range(4))
    bad_data("", f"npy:{npy('nan.npy', '<f4', '(4, 3)', nan)},{y}")
    bad_data("", f"npy:{x},{npy('label.npy', '<i4', '(4,)', struct.pack('<4i', 0, 1, 2, -1))}")
    bad_data("", f"npy:{x},{npy('few.npy', '<i4', '(3,)', bytes(12))}")
    (HERE / "junk.npy").write_bytes(b"not an array at all")
    bad_data("junk.npy", f"npy:junk.npy,{y}")


@test
def bad_cifar():
    model = EXAMPLES / "cifar_cnn.tw"
    folder = HERE / "cifar"
    folder.mkdir(exist_ok=True)
    bad_data("cifar", f"cifar10:{folder}:train", model)
    for i in range(1, 6):
        (folder / f"data_batch_{i}.bin").write_bytes(bytes(3073 * 2 - 5))
    bad_data("data_batch", f"cifar10:{folder}:train", model)
    for i in range(1, 6):
        (folder / f"data_batch_{i}.bin").write_bytes((bytes([77]) + bytes(3072)) * 2)
    bad_data("77", f"cifar10:{folder}:train", model)


def safetensors(name, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = HERE / name
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@test
def bad_weights():
    folder, data = trained("fine")

    def bad(part, path):
        refused(1, part, "eval", "mlp.tw", "--weights", path, "--data", data, *HOST)

    good = (folder / "weights.safetensors").read_bytes()
    bad("none.safetensors", "none.safetensors")
    (HERE / "cut.safetensors").write_bytes(good[:-7])
    bad("cut.safetensors", "cut.safetensors")
    (HERE / "tiny.safetensors").write_bytes(b"abc")
    bad("tiny.safetensors", "tiny.safetensors")
    (HERE / "long.safetensors").write_bytes(b"\xff" * 8 + good[8:])
    bad("long.safetensors", "long.safetensors")
    bad("json.safetensors", safetensors("json.safetensors", b"{\"a\": "))
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    bad("missing: ", safetensors("few.safetensors", {"logits.bias": entry}, bytes(8)))
    bad("", safetensors("neg.safetensors", {"a": {**entry, "shape": [-2]}}, bytes(8)))
    bad("", safetensors("big.safetensors", {"a": {**entry, "shape": [2**62, 2**62]}}, bytes(8)))
    bad("", safetensors("over.safetensors", {"a": {**entry, "data_offsets": [0, 8000]}}, bytes(8)))
    done = run("eval", "mlp.tw", "--weights", "few.safetensors", "--partial", "--data", data, *HOST)
    check("took 1 of 4" in done.stderr, done.stderr)
    safetensors("foreign.safetensors", {"other": entry}, bytes(8))
    refused(1, "none of the model's weights", "eval", "mlp.tw", "--weights", "foreign.safetensors", "--partial", "--data",
            data, *HOST)
    run("train", "mlp.tw", "--data", data, "--weights", folder / "weights.safetensors", *HOST)
    other = write("wide.tw", MLP.replace("units=8", "units=9"))
    told = refused(1, "misshaped", "train", other, "--data", data, "--weights", folder / "weights.safetensors", *HOST)
    check("[3,8]" in told and "[3,9]" in told, told)


def main():
    failed = number = 0
    for function in TESTS:
        if PART not in function.__name__:
            continue
        number += 1
        try:
            function()
            print(f"ok {number} - {function.__name__}", flush=True)
        except Skip as why:
            print(f"ok {number} - {function.__name__} # SKIP {why}", flush=True)
        except (Wrong, subprocess.TimeoutExpired, OSError, ValueError, KeyError, struct.error) as why:
            failed += 1
            print("# " + str(why).replace("\n", "\n# "))
            print(f"not ok {number} - {function.__name__}", flush=True)
    print(f"1..{number}")
    for folder, _, _ in os.walk(HERE):
        os.chmod(folder, 0o755)
    shutil.rmtree(HERE, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
