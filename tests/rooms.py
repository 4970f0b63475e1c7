# SPDX-License-Identifier: Apache-2.0
"""Reads the include lines of the tree and fails on any that break the order of the rooms (DESIGN: the house).

usage: rooms.py ROOT
Prints TAP: a line a room; then the rules are held against a tree made of breaches, so that the test is known to fail.
"""
import os
import re
import sys
import tempfile

# What each room may include besides itself.
ROOMS = {
    "base": set(),
    "graph": {"base"},
    "op": {"base", "graph"},
    "plan": {"base", "graph", "op"},
    "device": {"base"},
    "schedule": {"base", "graph", "op", "plan", "device"},
    "data": {"base", "graph"},
    "format": {"base", "graph"},
    "train": {"base", "graph", "op", "plan", "device", "schedule", "data", "format"},
}
# What shows how the library is used: its own files and public headers only.
OUTSIDE = {"src/cli", "examples", "bench"}
PUBLIC = "include/thalweg"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def place(path):
    """The room, outside folder or public folder that a path from the root lies in; "" if none."""
    parts = path.split("/")
    for depth in (1, 2):
        if "/".join(parts[:depth]) in OUTSIDE | {PUBLIC}:
            return "/".join(parts[:depth])
    return parts[1] if parts[0] == "src" and len(parts) > 2 and parts[1] in ROOMS else ""


def target(root, path, kind, name):
    """The included file, from the root: "" for a system's header, None when it is not found."""
    if kind == "<":
        return f"include/{name}" if name.startswith("thalweg/") else ""
    for folder in (os.path.dirname(path), "src", ""):
        found = os.path.normpath(os.path.join(folder, name)).replace(os.sep, "/")
        if os.path.isfile(os.path.join(root, found)):
            return found
    return None


def breach(root, path, kind, name):
    """Why a file may not include that, or None."""
    where, found = place(path), target(root, path, kind, name)
    if found is None:
        return "is not found from its folder nor from src"
    if name.startswith(("CL/", "OpenCL/")):
        allowed = path.startswith("src/device/opencl/") or path == f"{PUBLIC}/opencl.h"
        return None if allowed else "OpenCL's headers belong to src/device/opencl"
    if found == "" or place(found) == PUBLIC:
        return None
    if found == "cl/elementwise.def":
        return None if where == "op" else "the rows of elementwise.def belong to op"
    if found == "bench/ops.def":
        return None if where == "src/cli" else "the rows of ops.def belong to the command"
    if name.startswith("../"):
        return "leaves its folder: write it from src"
    if where in OUTSIDE | {PUBLIC}:
        return None if place(found) == where else "is inside the library: only <thalweg/...> is for all"
    room = place(found)
    return None if room == where or room in ROOMS.get(where, set()) else f"{where} comes before {room or found}"


def sources(root):
    for top in ["src", PUBLIC, "examples", "bench"]:
        for folder, below, names in os.walk(os.path.join(root, top)):
            below.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h", ".cpp", ".hpp")):
                    yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def check(root):
    """{place: [breaches]} and the number of include lines read."""
    found, lines = {name: [] for name in [*ROOMS, *sorted(OUTSIDE), PUBLIC]}, 0
    for path in sources(root):
        if not place(path):
            found.setdefault(path, []).append(f"{path} lies in no room")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        for kind, name in INCLUDE.findall(text):
            lines += 1
            why = breach(root, path, kind, name)
            if why:
                found[place(path)].append(f"{path} includes {kind}{name}: {why}")
    return found, lines


# A tree of breaches: each file breaks the rules once.
BAD = {
    "src/base/a.c": '#include "graph/graph.h"\n',
    "src/graph/graph.h": '#  include "op/site.h"\n',
    "src/op/site.h": '#include "device/device.h"\n',
    "src/op/host.c": "#include <CL/cl.h>\n",
    "src/plan/plan.c": '#include "schedule/run.h"\n',
    "src/device/device.h": '#include "graph/graph.h"\n',
    "src/device/host/host.c": '#include "op/site.h"\n',
    "src/schedule/run.h": '#include "train/loop.h"\n',
    "src/data/idx.c": '#include "device/device.h"\n',
    "src/format/safetensors.c": '#include "data/rows.h"\n',
    "src/data/rows.h": '#include "missing.h"\n',
    "src/train/loop.h": '#include "cli/main.h"\n',
    "src/train/up.c": '#include "../base/base.h"\n',
    "src/base/base.h": '#include "../../cl/elementwise.def"\n',
    "cl/elementwise.def": "",
    "src/cli/main.h": '#include "base/base.h"\n',
    "examples/embed.c": '#include "graph/graph.h"\n',
    "bench/bench.c": '#include "plan/recipe.h"\n',
    "src/plan/recipe.h": "",
    "include/thalweg/plan.h": '#include "plan/recipe.h"\n',
    "src/stray.c": "",
}
BREACHES = sum(1 for path, text in BAD.items() if text or path == "src/stray.c")
# And one that keeps them.
GOOD = {
    "src/base/base.h": "#include <thalweg/status.h>\n",
    "src/graph/graph.h": '#include "base/base.h"\n',
    "src/graph/parse.c": '#include "graph.h"\n#include <zlib.h>\n',
    "src/op/rows.c": '#include "../../cl/elementwise.def"\n#include "graph/graph.h"\n',
    "cl/elementwise.def": "",
    "src/device/opencl/open.c": '#include <CL/cl.h>\n#include "base/base.h"\n',
    "src/train/loop.c": '#include "graph/graph.h"\n',
    "src/cli/main.c": '#include "args.h"\n#include <thalweg/thalweg.h>\n',
    "src/cli/args.h": "",
    "include/thalweg/status.h": "#include <stdint.h>\n",
    "include/thalweg/thalweg.h": "#include <thalweg/status.h>\n",
}


def breaches_of(tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return [text for texts in check(root)[0].values() for text in texts]


def main():
    results = []
    found, lines = check(sys.argv[1])
    for name, texts in found.items():
        results.append((f"includes of {name}", texts))
    results.append(("include lines were read", [] if lines > 100 else [f"only {lines}"]))
    bad, good = breaches_of(BAD), breaches_of(GOOD)
    results.append(("each breach of a bad tree is found", [] if len(bad) == BREACHES else bad + [f"want {BREACHES}"]))
    results.append(("a good tree passes", good))
    for number, (name, texts) in enumerate(results, 1):
        print("not ok" if texts else "ok", number, "-", name)
        for text in texts:
            print("#", text)
    print(f"1..{len(results)}")
    return any(texts for _, texts in results)


sys.exit(main())
