#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Says which C files differ from .clang-format; with --fix it formats them.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
    --fix) mode=-i ;;
    '') mode='--dry-run -Werror' ;;
    *) echo "usage: tools/format.sh [--fix]" >&2 && exit 2 ;;
esac
# shellcheck disable=SC2086 # a word each
find include src tests examples -name '*.[ch]' -exec clang-format --style=file $mode {} +
