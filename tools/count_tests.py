# SPDX-License-Identifier: Apache-2.0
"""Counts TAP lines in Meson's test logs; the last line printed is "N passed, N failed".

usage: count_tests.py TESTLOG.JSON...
A test that ended badly without a "not ok" line (a crash, a timeout, a wrong plan) counts as one failure. Ends with 1
when anything failed or nothing passed.
"""
import json
import re
import sys

LINE = re.compile(r"(not )?ok\b(.*)")
REMARKS = 8 # lines shown before and after a failure


def count(test):
    """(passed, failed, skipped) of one test program, and what to say of its failures."""
    passed = failed = skipped = 0
    names, remarks, follows = [], [], 0
    for line in (test.get("stdout") or "").splitlines():
        match = LINE.match(line)
        if line.startswith("#"):
            if follows > 0: # explains the failure before it
                names.append(f"    {line}")
            remarks = [*remarks, f"    {line}"][-REMARKS:]
            follows -= 1
        elif match and match.group(1):
            failed += 1
            names += [match.group(2).strip(), *([] if follows > 0 else remarks)]
            remarks, follows = [], REMARKS
        elif match:
            skip = re.search(r"#\s*skip", line, re.IGNORECASE)
            skipped, passed = (skipped + 1, passed) if skip else (skipped, passed + 1)
            remarks, follows = [], 0
    if failed == 0 and test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP"):
        failed = 1
        names.append(f"ended as {test['result']}, exit code {test.get('returncode')}")
    return passed, failed, skipped, names


def main():
    totals = [0, 0, 0]
    for path in sys.argv[1:]:
        try:
            with open(path, encoding="utf-8") as file:
                tests = [json.loads(line) for line in file if line.strip()]
        except OSError as error:
            print(f"no test log: {error}")
            totals[1] += 1
            continue
        for test in tests:
            *counts, names = count(test)
            totals = [a + b for a, b in zip(totals, counts)]
            for name in names:
                print(name if name.startswith(" ") else f"failed: {test['name']}: {name}")
    passed, failed, skipped = totals
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
