#!/usr/bin/env bash
# Makes a folder with Debian's Python for arm64, and NumPy and ONNX Runtime for it from PyPI, in
# which qemu-user runs a kit as on a device of Arm:
#
#     apt-get install qemu-user-static
#     bash tests/kit/arm64.sh .cache/arm64
#     FASTERSEG_ARM64=.cache/arm64 pytest tests/kit/runners/test_run_alone.py
#
# Needs apt and pip; changes nothing of this system.
set -euo pipefail
root="$(realpath -m "${1:?usage: arm64.sh FOLDER}")"
[[ -x "$root/usr/bin/python3" && -d "$root/site/onnxruntime" ]] && exit 0

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$root" "$work"/state/lists/partial "$work"/cache/archives/partial
: > "$work/status"
apt=(apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures::=arm64
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends --download-only python3 libstdc++6
for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$root"; done

# The wheels of that very Python, which is not asked: it would be emulated.
version="$(basename "$(readlink "$root/usr/bin/python3")")"
python3 -m pip download -q --only-binary=:all: --python-version "${version#python}" --implementation cp \
    --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
    -d "$work/wheels" 'onnxruntime==1.16.3' 'numpy<2'
for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$root/site"; done
echo "made: $root"
