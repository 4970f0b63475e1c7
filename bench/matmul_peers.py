# SPDX-License-Identifier: Apache-2.0
"""The matmul rows of `thalweg bench --ops` beside OpenBLAS (NumPy's) and CLBlast on the same OpenCL device.

usage: matmul_peers.py LIBTHALWEG.so [--rounds N] [--device SEL] [--json] [PART ...]
Needs numpy whose BLAS is OpenBLAS (PyPI's); with pyopencl and libclblast CLBlast has a column, too. OpenBLAS gets as many
threads as the process has cores. For each shape the three take turns: a round is about 40 ms of each, one behind the
other, begun with 20 ms that do not count, and with a pause behind OpenBLAS's, whose threads spin on for a while. A pass makes
the same product several times, as many as take about 4 ms, 64 at most: thalweg's are one plan, OpenBLAS's and CLBlast's so many calls. All
times are the wall clock's, from the first call to the last result. Every product of a pass writes to the same array (CLBlast's: buffer).
thalweg uploads its operands before each pass, but one of 1 MB or more that is 8 times as large as the other is a parameter, as a layer's
weight is, and stays on the device: OpenBLAS's and CLBlast's operands all stay where they are. It does not bring back results of less than
64 KiB, which it computes in memory of its own; larger ones it computes in the caller's array. PART: shapes that
contain it alone. Prints medians of all passes in GFLOP/s, with half of the distance of the quartiles.
"""
import argparse
import ctypes
import ctypes.util
import json
import math
import os
import re
import statistics
import time

CORES = len(os.sched_getaffinity(0))
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(CORES))
import numpy  # noqa: E402 (reads the variable as it loads)

SECONDS, LEAST, WARM = 0.04, 5, 0.02  # of a turn; passes of one; seconds before it
PASS, MOST, CLBLAST_CALLS = 8e8, 64, 10  # operations of a pass; products of one
DIRECT = 1 << 16  # bytes of results that thalweg computes in the caller's array
PAUSE = 0.2  # OpenBLAS's threads spin for 0.1 s before they sleep, and would halve what follows
SIZES = re.compile(r"(?:(\d+) of )?(\d+)x(\d+)x(\d+)( transpose_a)?( transpose_b)?$")


def shapes():
    """The labels of bench/ops.def's matmul rows: "512x512x512", "64 of 64x16x64", "128x128x128 transpose_a"."""
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops.def"), encoding="utf-8").read()
    forms = {"MATMUL": "{}x{}x{}", "MATMUL_A": "{}x{}x{} transpose_a", "MATMUL_B": "{}x{}x{} transpose_b",
             "MATMUL_AB": "{}x{}x{} transpose_a transpose_b", "MATMULS": "{} of {}x{}x{}"}
    for name, numbers in re.findall(r"^(MATMUL\w*)\(([\d, ]+)\)$", text, re.MULTILINE):
        yield forms[name].format(*numbers.split(", "))


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("line", ctypes.c_int32), ("column", ctypes.c_int32),
                ("text", ctypes.c_char * 1000)]


class Options(ctypes.Structure):
    _fields_ = [("batch", ctypes.c_int64), ("sizes", ctypes.c_char_p), ("kernels", ctypes.c_char_p),
                ("memory_budget", ctypes.c_uint64), ("no_fusion", ctypes.c_bool), ("no_proof", ctypes.c_bool),
                ("seed", ctypes.c_uint64), ("borrow_inputs", ctypes.c_bool)]


class Thalweg:
    def __init__(self, path, device):
        self.library = ctypes.CDLL(os.path.abspath(path))
        self.context, self.device = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("tw_context_create", None, ctypes.byref(self.context))
        self.call("tw_device_open", self.context, device.encode() if device else None, ctypes.byref(self.device))

    def call(self, name, *args):
        error = Error()
        if getattr(self.library, name)(*args, ctypes.byref(error)):
            raise RuntimeError(error.text.decode())

    def prepare(self, text, batch, inputs, weights, calls, result):
        graph, params = ctypes.c_void_p(), ctypes.c_void_p()
        self.batch, self.plan, self.calls, self.keep = batch, ctypes.c_void_p(), calls, (graph, params, inputs)
        self.call("tw_graph_parse", self.context, text, ctypes.c_size_t(len(text)), ctypes.byref(graph))
        self.call("tw_params_create", graph, self.device, ctypes.c_uint64(0), ctypes.byref(params))
        for name, weight in weights.items():
            self.call("tw_params_set", params, name.encode(), ctypes.c_void_p(weight.ctypes.data), ctypes.c_size_t(weight.nbytes))
        names = (ctypes.c_char_p * calls)(*[f"y{i}".encode() for i in range(calls)])
        self.call("tw_plan_create", params, calls, names, ctypes.byref(Options(batch=batch)), ctypes.byref(self.plan))
        self.inputs = (ctypes.c_void_p * len(inputs))(*[each.ctypes.data for each in inputs])
        self.outputs = (ctypes.c_void_p * calls)(*[result.ctypes.data] * calls)
        self.run()
        if result.nbytes < DIRECT:
            self.outputs = (ctypes.c_void_p * calls)()

    def run(self):
        self.call("tw_plan_run", self.plan, ctypes.c_int64(self.batch), self.inputs, self.outputs)

    def release(self):
        graph, params, _ = self.keep
        for name, handle in (("plan", self.plan), ("params", params), ("graph", graph)):
            getattr(self.library, f"tw_{name}_destroy")(ctypes.byref(handle))


class Clblast:
    """Products through clblast.h's C interface; None where it or pyopencl is missing."""

    def __init__(self, device):
        import pyopencl
        self.cl = pyopencl
        self.library = ctypes.CDLL(ctypes.util.find_library("clblast"))
        found = [each for platform in pyopencl.get_platforms() for each in platform.get_devices()]
        match = [each for each in found if not device or device.lower() in (each.platform.name + each.name).lower()
                 or (device == "pocl" and "Portable" in each.platform.name)]
        self.context = pyopencl.Context(match[:1])
        self.queue = pyopencl.CommandQueue(self.context)

    def prepare(self, a, b, sizes, calls):
        flags = self.cl.mem_flags
        self.sizes, self.calls, count = sizes, calls, sizes[0]
        self.buffers = [self.cl.Buffer(self.context, flags.READ_WRITE | flags.COPY_HOST_PTR, hostbuf=each)
                        for each in (a, b)]
        self.buffers.append(self.cl.Buffer(self.context, flags.READ_WRITE, 4 * count * sizes[1] * sizes[3]))

    def product(self):
        count, m, k, n, transpose_a, transpose_b = self.sizes
        size, one, zero = ctypes.c_size_t, ctypes.c_float(1), ctypes.c_float(0)
        a, b, c = (ctypes.c_void_p(each.int_ptr) for each in self.buffers)
        queue = ctypes.c_void_p(self.queue.int_ptr)
        ta, tb = (112 if each else 111 for each in (transpose_a, transpose_b))
        lda, ldb = size(m if transpose_a else k), size(k if transpose_b else n)
        head = (101, ta, tb, size(m), size(n), size(k))  # row-major
        if count == 1:
            code = self.library.CLBlastSgemm(*head, one, a, size(0), lda, b, size(0), ldb, zero, c, size(0), size(n),
                                             ctypes.byref(queue), None)
        else:
            code = self.library.CLBlastSgemmStridedBatched(*head, one, a, size(0), lda, size(m * k), b, size(0), ldb,
                                                           size(k * n), zero, c, size(0), size(n), size(m * n),
                                                           size(count), ctypes.byref(queue), None)
        if code:
            raise RuntimeError(f"CLBlast's status {code}")

    def run(self):
        for _ in range(self.calls):
            self.product()
        self.queue.finish()

    def result(self, like):
        out = numpy.empty_like(like)
        self.product()
        self.cl.enqueue_copy(self.queue, out, self.buffers[2])
        return out


class Openblas:
    def prepare(self, a, b, out, calls):
        self.a, self.b, self.out, self.calls = a, b, out, calls

    def run(self):
        for _ in range(self.calls):
            numpy.matmul(self.a, self.b, out=self.out)


def openblas_version():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = sorted({line.split()[-1] for line in maps if "openblas" in line})
    for path in paths:
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_config64_", "scipy_openblas_get_config", "openblas_get_config"):
            if hasattr(library, name):
                getattr(library, name).restype = ctypes.c_char_p
                return getattr(library, name)().decode()
    raise SystemExit("numpy's BLAS is not OpenBLAS: take numpy from PyPI")


def model(sizes, calls):
    """The row's text (n is what it is in ops.def), its batch, and the shapes of a and b. y0, y1 ... are the product."""
    count, m, k, n, transpose_a, transpose_b = sizes
    lead = [count] if count > 1 else []
    a, b = lead + ([k, m] if transpose_a else [m, k]), lead + ([n, k] if transpose_b else [k, n])
    weight = resident(a, b)
    batch = count if count > 1 else 1 if weight == "a" else a[0]
    letters = [[*map(str, a)], [*map(str, b)]]
    if weight != "a":
        letters[0][0] = "n"
    if count > 1:
        letters[1][0] = "n"
    if transpose_a:
        letters[1][1 if transpose_b else 0] = "n"
    lines = [f"{name} = {'parameter' if name == weight else 'input'} f32[{','.join(of)}]\n" for name, of in zip("ab", letters)]
    options = f"{' transpose_a=yes' if transpose_a else ''}{' transpose_b=yes' if transpose_b else ''}"
    products = "".join(f"y{i} = matmul(a, b){options}\n" for i in range(calls))
    return f"thalweg 1\n{''.join(lines)}{products}".encode(), batch, a, b


def resident(a, b):
    """Which operand of these shapes is a parameter: "a", "b" or None."""
    sizes = {"a": 4 * math.prod(a), "b": 4 * math.prod(b)}
    small, large = sorted(sizes, key=sizes.get)
    return large if sizes[large] >= max(8 * sizes[small], 1 << 20) else None


def turn(engine, times):
    """Milliseconds of a product, one more for each pass."""
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < WARM:
        engine.run()
        count += 1
    start, count = time.perf_counter(), 0
    least = 1 if isinstance(engine, Clblast) else LEAST
    while count < least or time.perf_counter() - start < SECONDS:
        before = time.perf_counter()
        engine.run()
        times.append((time.perf_counter() - before) / engine.calls * 1e3)
        count += 1
    if isinstance(engine, Openblas):
        time.sleep(PAUSE)


def measure(label, engines, rounds):
    match = SIZES.match(label)
    sizes = [int(match[1] or 1), int(match[2]), int(match[3]), int(match[4]), bool(match[5]), bool(match[6])]
    operations = 2 * sizes[0] * sizes[1] * sizes[2] * sizes[3]
    calls = max(1, min(MOST, int(PASS / operations)))
    text, batch, shape_a, shape_b = model(sizes, calls)
    random = numpy.random.default_rng(0)
    a, b = (random.standard_normal(shape, dtype=numpy.float32) for shape in (shape_a, shape_b))
    left, right = (numpy.swapaxes(a, -1, -2) if sizes[4] else a), (numpy.swapaxes(b, -1, -2) if sizes[5] else b)
    expected = numpy.matmul(left, right)
    engines["OpenBLAS"].prepare(left, right, numpy.empty_like(expected), calls)
    operands, weight = {"a": a, "b": b}, resident(shape_a, shape_b)
    results = {"thalweg": numpy.empty_like(expected)}
    engines["thalweg"].prepare(text, batch, [each for name, each in operands.items() if name != weight],
                               {weight: operands[weight]} if weight else {}, calls, results["thalweg"])
    if "CLBlast" in engines:
        engines["CLBlast"].prepare(a, b, sizes, min(calls, CLBLAST_CALLS))
        results["CLBlast"] = engines["CLBlast"].result(expected)
    for name, found in results.items():
        if not numpy.allclose(found, expected, rtol=1e-3, atol=1e-3 * sizes[2] ** 0.5):
            raise SystemExit(f"{name} computes {label} wrongly")
    times = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            turn(engine, times[name])
    engines["thalweg"].release()
    row = {"shape": label}
    for name, passes in times.items():
        quarter = statistics.quantiles(passes, n=4)
        row[name] = {"ms": statistics.median(passes), "gflops": 1e-6 * operations / statistics.median(passes),
                     "spread": (quarter[2] - quarter[0]) / 2 / statistics.median(passes), "passes": len(passes)}
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_intermixed_args()
    engines = {"OpenBLAS": Openblas(), "thalweg": Thalweg(args.library, args.device)}
    try:
        engines["CLBlast"] = Clblast(args.device)
    except (ImportError, OSError, TypeError) as missing:
        print(f"# no CLBlast: {missing}")
    if not args.json:
        print(f"# {openblas_version()}, {CORES} threads")
        print(f"{'shape':<40}" + "".join(f"{name:>12} {'+-':>5}" for name in engines) + f"{'/OpenBLAS':>11}"
              + (f"{'/CLBlast':>10}" if "CLBlast" in engines else ""))
    for label in shapes():
        if args.parts and not any(part in label for part in args.parts):
            continue
        row = measure(label, engines, args.rounds)
        if args.json:
            print(json.dumps(row), flush=True)
            continue
        ours = row["thalweg"]["gflops"]
        print(f"{label:<40}" + "".join(f"{row[name]['gflops']:>12.1f} {100 * row[name]['spread']:>4.0f}%" for name in engines)
              + f"{ours / row['OpenBLAS']['gflops']:>11.2f}"
              + (f"{ours / row['CLBlast']['gflops']:>10.1f}" if "CLBlast" in engines else ""), flush=True)


main()
