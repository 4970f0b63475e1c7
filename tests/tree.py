# SPDX-License-Identifier: Apache-2.0
"""Finds what a build would leave out without a word: sources and tests that no meson.build names, operators without
rows, files without a licence line. And kernel files that define a macro of the head in cl/core, which is undefined behind
them, for all kernels that follow in the program.

usage: tree.py ROOT
"""
import os
import re
import sys

# input and parameter compute nothing; primitives whose rows are their layers': rnn, lstm and gru; layer_norm and group_norm
ROWLESS = {"source", "recurrence", "normalize"}
SOURCE = (".c", ".h", ".cl", ".def", ".py", ".sh", ".cpp")


def files(root, tops, endings):
    for top in tops:
        for folder, below, names in os.walk(os.path.join(root, top)):
            below[:] = sorted(name for name in below if name != "__pycache__")
            for name in sorted(names):
                if name.endswith(endings) and not name.startswith("."):
                    yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def words(root, folder):
    """All quoted words of the meson.build that rules a folder: its own, or that of a folder above."""
    while folder:
        path = f"{folder}/meson.build"
        if os.path.isfile(os.path.join(root, path)):
            return folder, set(re.findall(r"'([^']+)'", re.sub(r"#.*", "", read(root, path))))
        folder = os.path.dirname(folder)
    return "", set()


def named(root, path):
    folder, names = words(root, os.path.dirname(path))
    short = os.path.relpath(path, folder)
    return short in names or short.removesuffix(".c") in names


def unnamed(root):
    operators = words(root, "src/op")[1]
    for path in files(root, ["src", "tests", "examples"], (".c",)):
        rows = path.startswith("tests/op/") and path.count("/") == 2 and os.path.basename(path)[:-2] in operators
        if not rows and not named(root, path):
            yield f"{path} is named in no meson.build"


def rowless(root):
    text = read(root, "src/op/meson.build")
    words_of_list = re.search(r"^operators = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL).group(1)
    for word in re.findall(r"'(\w+)'", words_of_list):
        if word not in ROWLESS and not os.path.isfile(os.path.join(root, f"tests/op/{word}.c")):
            yield f"src/op/{word}.c has no rows in tests/op/{word}.c"


def unlicensed(root):
    for path in files(root, ["src", "include", "cl", "tests", "tools", "examples", "bench"], SOURCE):
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(read(root, path).splitlines()[:2]):
            yield f"{path} does not begin with its licence"


def shadowing(root):
    heads = {}
    for path in files(root, ["cl/core"], (".cl",)):
        heads.update(dict.fromkeys(re.findall(r"^ *# *define (\w+)", read(root, path), re.MULTILINE), path))
    for path in files(root, ["cl"], (".cl",)):
        if not path.startswith("cl/core/"):
            for name in sorted(set(re.findall(r"^ *# *define (\w+)", read(root, path), re.MULTILINE)) & heads.keys()):
                yield f"{path} defines {name}, which is a macro of {heads[name]}"


def main():
    root = sys.argv[1]
    checks = {
        "every C file is named in a meson.build": unnamed,
        "every file of operators has rows": rowless,
        "every file begins with its licence": unlicensed,
        "no kernel file defines a macro of a head": shadowing,
    }
    failed = False
    for number, (name, find) in enumerate(checks.items(), 1):
        found = list(find(root))
        failed = failed or bool(found)
        print("not ok" if found else "ok", number, "-", name)
        for line in found:
            print("#", line)
    print(f"1..{len(checks)}")
    return failed


sys.exit(main())
