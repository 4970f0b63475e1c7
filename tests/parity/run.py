# SPDX-License-Identifier: Apache-2.0
"""Trains each case in thalweg and in PyTorch or Keras, and compares the weights. See README.md. Prints TAP."""
import argparse
import importlib.util
import itertools
import pathlib
import sys
import tempfile

import attention
import chains
import gan
import normalization
import recurrent
import sequences
import tokens
from case import compare

FAMILIES = chains, recurrent, tokens, normalization, attention, sequences, gan


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thalweg", required=True)
    parser.add_argument("--engine", choices=["torch", "keras"])
    parser.add_argument("--device")
    parser.add_argument("names", nargs="*", help="parts of cases' names; without them all are run")
    args = parser.parse_args()
    chosen = args.engine or ("torch" if importlib.util.find_spec("torch") else "keras")
    engine = __import__(f"{chosen}_engine")
    rows = [case for case in itertools.chain(*(family.cases() for family in FAMILIES))
            if getattr(case, chosen) and (not args.names or any(n in case.name for n in args.names))]
    failed = 0
    for number, case in enumerate(rows, 1):
        with tempfile.TemporaryDirectory(prefix="thalweg-parity-") as folder:
            wrong = compare(engine, args, pathlib.Path(folder), case)
        for line in wrong:
            print("# " + line.replace("\n", "\n# "))
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {case.name} ({engine.NAME})", flush=True)
    print(f"1..{len(rows)}\n{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
