# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Shared by quickstart.sh and check.sh, which source it: what must be installed, and where the data set is.
#
# After `setup WORD...` (words: build, run, data, check) everything those need is there, or the script has ended with a
# sentence. Only Debian and its kin are installed for; elsewhere it says what to install.

say() {
    printf '%s\n' "$*"
}

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" > /dev/null 2>&1
}

# cc needs the C library's headers, which Debian's gcc only recommends.
compiles() {
    printf '#include <stdio.h>\n' | cc -E - > /dev/null 2>&1
}

have_library() {
    have pkg-config && pkg-config --exists "$1"
}

have_opencl_driver() {
    ls /etc/OpenCL/vendors/*.icd > /dev/null 2>&1 || [ -n "${OCL_ICD_VENDORS:-}" ]
}

# The folder of the four Fashion-MNIST files: $FASHION_MNIST, or where Debian's package put them.
fashion_mnist() {
    if [ -n "${FASHION_MNIST:-}" ]; then
        printf '%s\n' "$FASHION_MNIST"
    else
        dpkg -L dataset-fashion-mnist 2> /dev/null | sed -n 's|/train-images-idx3-ubyte\(\.gz\)\{0,1\}$||p' | head -n 1
    fi
}

# Debian packages that are missing for the given words, a line each. A tool that came another way (a newer Meson,
# clang as cc) counts as there.
missing_packages() {
    for word in "$@"; do
        case $word in
            build)
                compiles || printf 'gcc\nlibc6-dev\n'
                have meson || echo meson
                have ninja || echo ninja-build
                have python3 || echo python3
                have pkg-config || echo pkg-config
                have_library OpenCL || echo ocl-icd-opencl-dev
                have_library zlib || echo zlib1g-dev
                have_library jansson || echo libjansson-dev
                have_library libpng || echo libpng-dev
                ;;
            run) have_opencl_driver || echo pocl-opencl-icd ;;
            data) [ -n "$(fashion_mnist)" ] || echo dataset-fashion-mnist ;;
            check) have c++ || echo g++ ;;
        esac
    done
}

# Where packages have other names, or none.
elsewhere() {
    cat >&2 << EOF
This script installs packages on Debian and Ubuntu only. Missing here: $*
  Fedora: sudo dnf install gcc gcc-c++ meson ninja-build pkgconf ocl-icd-devel opencl-headers zlib-devel jansson-devel libpng-devel pocl
  Arch:   sudo pacman -S --needed gcc meson ninja pkgconf ocl-icd opencl-headers zlib jansson libpng pocl
  macOS:  brew install meson ninja pkgconf opencl-headers opencl-icd-loader zlib jansson libpng pocl
The data set: put Fashion-MNIST's four files (train-images-idx3-ubyte.gz and so on) into a folder and name it:
  FASHION_MNIST=/path/to/folder $0
EOF
    exit 1
}

install_packages() {
    say "Installing Debian packages:" "$@"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || stop "Not root, and no sudo. Run this as root, then start again: apt-get install $*"
        as_root=sudo
        say "(sudo may ask for your password: only apt-get runs as root)"
    fi
    $as_root apt-get update -q || say "apt-get update failed; trying with the lists that are there"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" ||
        stop "apt-get could not install: $*"
}

setup() {
    missing=$(missing_packages "$@")
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086 # a word each
        if have apt-get; then
            install_packages $missing
        else
            elsewhere $missing
        fi
    fi
    [ -d /sys/devices ] || stop "/sys is not mounted, and PoCL ends the process without it: mount -t sysfs sysfs /sys"
    missing=$(missing_packages "$@")
    # shellcheck disable=SC2086
    [ -z "$missing" ] || stop "Still missing after installing:" $missing
}

# A build folder, set up once, built to date. $1: folder; the rest: options for meson setup.
build() {
    folder=$1
    shift
    say "Building in $folder"
    if [ -f "$folder/build.ninja" ]; then
        meson setup --reconfigure "$folder" "$@" > /dev/null || stop "Meson failed: see $folder/meson-logs/meson-log.txt"
    else
        meson setup "$folder" "$@" > /dev/null || stop "Meson failed: see $folder/meson-logs/meson-log.txt"
    fi
    ninja -C "$folder" > "$folder/build.log" 2>&1 || {
        tail -n 40 "$folder/build.log" >&2
        stop "The build failed: all of it is in $folder/build.log"
    }
}
