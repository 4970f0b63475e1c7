# SPDX-License-Identifier: Apache-2.0
"""Installs the library into a folder, builds client.c against that copy through pkg-config alone, and runs it. Prints
TAP.

usage: client.py BUILD_FOLDER FOLDER CLIENT_C CC...
"""
import os
import shutil
import subprocess
import sys

results = []


def step(name, command, **environment):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    results.append(done.returncode == 0)
    print("ok" if done.returncode == 0 else "not ok", len(results), "-", name)
    if done.returncode:
        print("#", " ".join(command))
        for line in (done.stdout + done.stderr).splitlines():
            print("#", line)
    return done.stdout.strip()


def find(folder, name):
    for where, _, names in os.walk(folder):
        if name in names:
            return where
    return folder


def main():
    build, folder, source, *compiler = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    step("installs", ["meson", "install", "-C", build, "--no-rebuild", "--destdir", folder])
    packages = find(folder, "thalweg.pc")
    prefix = step("has a pkg-config file", ["pkg-config", "--variable=prefix", "thalweg"], PKG_CONFIG_PATH=packages)
    ask = ["pkg-config", f"--define-variable=prefix={folder}{prefix}", "thalweg"]
    flags = step("tells its flags", [*ask, "--cflags", "--libs"], PKG_CONFIG_PATH=packages).split()
    program = os.path.join(folder, "client")
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    step("a client compiles and links", [*compiler, *warnings, source, "-o", program, *flags])
    library = find(folder, "libthalweg.so")
    version = step("the client runs", [program], LD_LIBRARY_PATH=library)
    said = step("agrees on the version", ["pkg-config", "--modversion", "thalweg"], PKG_CONFIG_PATH=packages)
    results.append(version == said and said != "")
    print("ok" if results[-1] else "not ok", len(results), f"- client says {version}, pkg-config says {said}")
    command = os.path.join(find(folder, "thalweg"), "thalweg")
    step("the installed command runs", [command, "ops"], LD_LIBRARY_PATH=library)
    print(f"1..{len(results)}")
    return not all(results)


sys.exit(main())
