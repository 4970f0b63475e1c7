#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and trains the reference CNN on Fashion-MNIST. Arguments go to `thalweg train`
# (--epochs 1, --device 0:1, ...), after the defaults.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

setup build run data
build build -Dbuildtype=release -Dtests=false
data=$(fashion_mnist)
if [ ! -w "${HOME:-/nowhere}" ]; then # caches need a place
    export POCL_CACHE_DIR="${POCL_CACHE_DIR:-$PWD/build/pocl}" THALWEG_CACHE="${THALWEG_CACHE:-$PWD/build/cache}"
    mkdir -p "$POCL_CACHE_DIR"
fi
say "Training examples/mnist_cnn.tw on Fashion-MNIST ($data)"
exec build/thalweg train examples/mnist_cnn.tw --data "idx:$data:train" --test "idx:$data:test" --batch 128 --epochs 10 "$@"
