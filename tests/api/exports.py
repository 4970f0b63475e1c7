# SPDX-License-Identifier: Apache-2.0
"""Holds the library's exported symbols against the public headers: nothing but tw_*, nothing undeclared, nothing
missing. Prints TAP.

usage: exports.py NM LIBRARY HEADER...
"""
import re
import subprocess
import sys


def exported(nm, library):
    text = subprocess.run([nm, "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.splitlines() if line.strip()}


def declared(headers):
    names = set()
    for path in headers:
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.DOTALL)
        for declaration in re.findall(r"^TW_API\b([^;]*);", text, re.MULTILINE):
            names.add(re.search(r"\b(tw_\w+)\s*\(", declaration).group(1))
    return names


def main():
    nm, library, *headers = sys.argv[1:]
    symbols, functions = exported(nm, library), declared(headers)
    checks = [
        ("only tw_* is exported", sorted(name for name in symbols if not name.startswith("tw_"))),
        ("what is exported is declared in a public header", sorted(symbols - functions)),
        ("what is declared is exported", sorted(functions - symbols)),
        ("there are functions at all", [] if len(functions) > 20 else [f"{len(functions)}"]),
    ]
    for number, (name, wrong) in enumerate(checks, 1):
        print("not ok" if wrong else "ok", number, "-", name)
        for symbol in wrong:
            print("#", symbol)
    print(f"1..{len(checks)}")
    return any(wrong for _, wrong in checks)


sys.exit(main())
