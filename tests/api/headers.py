# SPDX-License-Identifier: Apache-2.0
"""Compiles each public header alone, in C and in C++, with all warnings as errors. Prints TAP.

usage: headers.py INCLUDE_FOLDER CC... [-- CXX...]
"""
import os
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]


def compile_header(compiler, standard, suffix, include, name):
    with tempfile.NamedTemporaryFile("w", suffix=suffix) as file:
        # twice: the guard; a declaration after it: nothing is left open
        file.write(f"#include <{name}>\n#include <{name}>\nint alone(void);\n")
        file.flush()
        command = [*compiler, standard, *WARNINGS, f"-I{include}", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    include, *rest = sys.argv[1:]
    at = rest.index("--") if "--" in rest else len(rest)
    languages = [("C", rest[:at], "-std=c11", ".c")]
    if rest[at + 1 :]:
        languages.append(("C++", rest[at + 1 :], "-std=c++11", ".cpp"))
    names = sorted(f"thalweg/{name}" for name in os.listdir(os.path.join(include, "thalweg")) if name.endswith(".h"))
    number = failed = 0
    for language, compiler, standard, suffix in languages:
        for name in names:
            done = compile_header(compiler, standard, suffix, include, name)
            number += 1
            failed += done.returncode != 0
            print("not ok" if done.returncode else "ok", number, "-", name, "alone in", language)
            for line in done.stderr.splitlines():
                print("#", line)
    print(f"1..{number}")
    return failed != 0 or number == 0


sys.exit(main())
