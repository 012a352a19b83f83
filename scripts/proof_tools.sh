#!/usr/bin/env bash
# Installs what `make prove` needs: Frama-C and z3 by apt, CBMC too where the release has it. Debian 12
# has none: there that of Debian 13 is unpacked into a folder, with the C library that it needs, and
# nothing of the system is changed.
#
# scripts/proof_tools.sh FOLDER    FOLDER/cbmc then runs CBMC
set -euo pipefail

readonly FOLDER=$1

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -qy --no-install-recommends "$@"
}

has_candidate() {
    apt-cache policy "$1" | grep -q 'Candidate: [0-9]'
}

# The packages of Debian 13, their lists and signatures checked, apart from the system's own.
unpack_cbmc() {
    local apt root package
    apt=$(realpath -m "$FOLDER/apt")
    root=$(realpath -m "$FOLDER/root")
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
    local archive # where the system takes its own packages from
    archive=$(apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        sed -n '/security/d; s/^main //p' | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "$archive trixie main" >"$apt/sources.list"
    local options=(
        -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=-"
        -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "APT::Sandbox::User=root"
    )
    apt-get "${options[@]}" update -q
    (cd "$apt" && apt-get "${options[@]}" download -q cbmc minisat libc6 libstdc++6 libgcc-s1)
    for package in "$apt"/*.deb; do
        dpkg -x "$package" "$root"
    done
    cat >"$FOLDER/cbmc" <<SCRIPT
#!/bin/sh
exec $root/usr/lib64/ld-linux-x86-64.so.2 --library-path $root/usr/lib/x86_64-linux-gnu:$root/usr/lib \\
    $root/usr/bin/cbmc "\$@"
SCRIPT
    chmod +x "$FOLDER/cbmc"
}

mkdir -p "$FOLDER"
if ! command -v frama-c >/dev/null || ! command -v z3 >/dev/null; then
    as_root apt-get update -q
    install_packages frama-c-base z3
fi
if ! command -v cbmc >/dev/null && has_candidate cbmc; then
    install_packages cbmc
fi
if has_candidate cbmc; then
    ln -sf "$(command -v cbmc)" "$FOLDER/cbmc"
elif ! "$FOLDER/cbmc" --version >/dev/null 2>&1; then
    unpack_cbmc
fi
"$FOLDER/cbmc" --version
