#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests under sanitizers and valgrind, each in a build folder of its own, and counts: the last line of each part
# is "N passed, N failed".
#
#     tools/sanitize.sh [address] [thread] [valgrind]      default: address and thread
#
# address: AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer over all suites but api and examples, kernels
# through PoCL included (the kernels themselves are PoCL's code: canaries and NaN patterns of the op runner watch those). thread: the
# suites that start threads. valgrind: the unit and plan suites.
# Run tools/check.sh first: it leaves the kernels that PoCL has generated, and LLVM under a sanitizer takes ten times as
# long to generate them.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

part() { # name, meson options --, meson test options
    name=$1
    shift
    folder=build-$name
    options=
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    # shellcheck disable=SC2086 # a word each
    build "$folder" -Dbuildtype=debugoptimized $options
    [ ! -d build-check/tests/pocl ] || cp -R build-check/tests/pocl "$folder/tests/"
    meson test -C "$folder" --no-rebuild --timeout-multiplier 10 "$@" || true
    log=$(find "$folder/meson-logs" -name 'testlog*.json' | head -n 1)
    echo "$name:"
    python3 tools/count_tests.py "$log" || failed=1
}

setup build run data
[ $# -gt 0 ] || set -- address thread
failed=0
for what in "$@"; do
    case $what in
        address)
            part sanitize -Db_sanitize=address,undefined -Db_lundef=false -- \
                --suite unit --suite op --suite plan --suite train --suite cli
            ;;
        thread) part thread -Db_sanitize=thread -Db_lundef=false -- --suite unit --suite train --suite cli ;;
        valgrind)
            have valgrind || stop "valgrind is not installed: apt-get install valgrind"
            part valgrind -- --suite unit --suite plan \
                --wrap "valgrind --quiet --suppressions=$PWD/tools/valgrind.supp --leak-check=full \
                    --errors-for-leak-kinds=definite --error-exitcode=99"
            ;;
        *) stop "unknown part $what: address, thread or valgrind" ;;
    esac
done
exit $failed
