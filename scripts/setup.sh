#!/usr/bin/env bash
# Installs what the Makefile needs from the system: Python, compilers, QEMU. Debian and Ubuntu only;
# elsewhere it says what to install by hand. Does nothing where everything is there.
#
# scripts/setup.sh             install what is missing
# scripts/setup.sh --packages  the same, and the build systems that tests of packages run
# scripts/setup.sh --python    print the name of a Python that is new enough
set -euo pipefail

with_build_systems=false

readonly PYTHONS=(python3 python3.14 python3.13 python3.12 python3.11)

usable_python() {
    local name
    for name in "${PYTHONS[@]}"; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

arm_library_is_there() {
    local file
    command -v arm-none-eabi-gcc >/dev/null || return 1
    file=$(arm-none-eabi-gcc -print-file-name=nano.specs)
    # A file that is not found is printed as its bare name.
    [[ $file == */* ]]
}

# Some releases pack the libraries of clang's sanitizers apart; there is no command to look for.
# Without clang this says nothing: whether they come with it shows once it is installed.
clang_sanitizers_are_there() {
    command -v clang >/dev/null || return 0
    echo 'int main(void){return 0;}' |
        clang -fsanitize=address,undefined -x c -o /dev/null - 2>/dev/null
}

riscv_library_is_there() {
    command -v riscv64-unknown-elf-gcc >/dev/null || return 1
    echo '#include <string.h>' |
        riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imc -mabi=ilp32 \
            -x c -fsyntax-only - 2>/dev/null
}

# A test looks at reports in a browser. Of these two only Debian has one as a package.
browser_is_there() {
    command -v chromium chromium-browser google-chrome >/dev/null || ! grep -qs '^ID=debian' /etc/os-release
}

# Debian packages of the tools that are not there.
missing_packages() {
    usable_python >/dev/null || echo python3 python3-venv
    command -v gcc >/dev/null && command -v cc >/dev/null || echo gcc libc6-dev
    command -v g++ >/dev/null || echo g++
    command -v clang >/dev/null || echo clang
    clang_sanitizers_are_there || echo libclang-rt-dev
    command -v arm-none-eabi-gcc >/dev/null || echo gcc-arm-none-eabi
    command -v arm-none-eabi-size >/dev/null || echo binutils-arm-none-eabi
    arm_library_is_there || echo libnewlib-arm-none-eabi
    command -v qemu-system-arm >/dev/null || echo qemu-system-arm
    command -v riscv64-unknown-elf-gcc >/dev/null || echo gcc-riscv64-unknown-elf
    riscv_library_is_there || echo picolibc-riscv64-unknown-elf
    command -v qemu-system-riscv32 >/dev/null || echo qemu-system-misc
    browser_is_there || echo chromium
    command -v cppcheck >/dev/null || echo cppcheck
    command -v clang-tidy >/dev/null || echo clang-tidy
    ! $with_build_systems || missing_build_systems
}

missing_build_systems() {
    command -v cmake >/dev/null || echo cmake
    command -v make >/dev/null || echo make
    command -v arduino-builder >/dev/null || echo arduino-builder
    command -v arduino-ctags >/dev/null || echo arduino-ctags
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: not root, and sudo is not installed; run as root: $*" >&2
        return 1
    fi
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "setup: this is neither Debian nor Ubuntu. Please install by hand what is missing:" >&2
        by_hand "$@" >&2
        return 1
    fi
    echo "setup: installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

# What the Debian packages stand for.
by_hand() {
    local package
    for package in "$@"; do
        case $package in
            python3) echo "  Python 3.11 or newer, with the modules venv and ensurepip" ;;
            gcc) echo "  gcc, also as cc" ;;
            g++ | clang | clang-tidy | cmake | make) echo "  $package" ;;
            arduino-builder | arduino-ctags) echo "  $package, of the Arduino project" ;;
            libclang-rt-dev) echo "  the sanitizers of clang: its compiler-rt libraries" ;;
            gcc-arm-none-eabi) echo "  the GNU Arm Embedded toolchain: arm-none-eabi-gcc" ;;
            binutils-arm-none-eabi) echo "  its binutils: arm-none-eabi-size" ;;
            libnewlib-arm-none-eabi) echo "  its C library: newlib and newlib-nano" ;;
            qemu-system-arm) echo "  QEMU for Arm systems, 7.2 or newer: qemu-system-arm" ;;
            gcc-riscv64-unknown-elf) echo "  the GNU compiler for bare RISC-V: riscv64-unknown-elf-gcc" ;;
            picolibc-riscv64-unknown-elf) echo "  its C library: picolibc" ;;
            qemu-system-misc) echo "  QEMU for RISC-V systems, 7.2 or newer: qemu-system-riscv32" ;;
            cppcheck) echo "  cppcheck, with its addon misra.py" ;;
            chromium) echo "  Chromium, for the tests of reports" ;;
        esac
    done
}

# An older Debian or Ubuntu may have a newer Python beside its own.
install_newer_python() {
    local name
    for name in python3.13 python3.12 python3.11; do
        if apt-cache show "$name-venv" >/dev/null 2>&1; then
            install_packages "$name" "$name-venv"
            return
        fi
    done
}

main() {
    if [[ ${1-} == --python ]]; then
        usable_python
        return
    fi
    if [[ ${1-} == --packages ]]; then
        with_build_systems=true
    fi
    local packages _
    for _ in 1 2; do # the second time for what only shows once the first is installed
        read -ra packages <<<"$(missing_packages | tr '\n' ' ')"
        if [[ ${#packages[@]} -gt 0 ]]; then
            install_packages "${packages[@]}"
        fi
    done
    if ! usable_python >/dev/null && command -v apt-cache >/dev/null; then
        install_newer_python
    fi
    if ! usable_python >/dev/null; then
        echo "setup: no Python 3.11 or newer with the modules venv and ensurepip was found on PATH;" >&2
        echo "setup: python3 is: $(python3 --version 2>/dev/null || echo not installed)" >&2
        return 1
    fi
    read -ra packages <<<"$(missing_packages | tr '\n' ' ')"
    if [[ ${#packages[@]} -gt 0 ]]; then
        echo "setup: still missing: ${packages[*]}" >&2
        return 1
    fi
}

main "$@"
