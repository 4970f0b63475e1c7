#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test; the last line is "N passed, N failed". Fails when a test fails
# or none ran. The plain build runs all suites. A second one, with address and undefined-behaviour sanitizers (and without
# -Werror: gcc warns falsely under them), runs the suites unit and plan; tools/sanitize.sh runs the others so.
# Arguments go to `meson test` of the plain build (--suite op, a test's name, ...), and then there is no second build.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

setup build run data check
FASHION_MNIST=$(fashion_mnist)
export FASHION_MNIST

build build-check -Dbuildtype=debugoptimized -Dwerror=true
# A failing test is counted below, from the logs of this run.
rm -f build-check/meson-logs/testlog.json build-sanitize/meson-logs/testlog.json
meson test -C build-check --no-rebuild --print-errorlogs "$@" || true
logs=build-check/meson-logs/testlog.json
if [ $# -eq 0 ]; then
    build build-sanitize -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
    # Kernels that PoCL has generated need no LLVM under the sanitizers: minutes less.
    [ ! -d build-check/tests/pocl ] || cp -R build-check/tests/pocl build-sanitize/tests/
    meson test -C build-sanitize --no-rebuild --print-errorlogs --suite unit --suite plan || true
    logs="$logs build-sanitize/meson-logs/testlog.json"
fi
# shellcheck disable=SC2086 # a word each
exec python3 tools/count_tests.py $logs
