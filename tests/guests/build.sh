#!/usr/bin/env bash
# Rebuilds components/*.wasm, one component for each guest crate beside this script.
#
# The guests are compiled for wasm32-unknown-unknown and then wrapped by toolchain/componentize.
# Not for wasm32-wasip2, which would make components directly: its std imports WASI, and these
# guests must import nothing but what their world says.
#
# Where rustup can add the target, the cargo at hand compiles them; elsewhere the scripts in
# toolchain/ do. The same compiler always writes the same bytes, another one need not.
#
# usage: build.sh
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
target=wasm32-unknown-unknown
guests=(*/Cargo.toml)
guests=("${guests[@]%/Cargo.toml}")
target_dir=$PWD/target
mkdir -p components
# Before anything else, as the paths of unpacked dependencies can only be kept out of panic
# messages once there are any.
cargo fetch --quiet --locked

if ! rustup target add "$target" >/dev/null 2>&1; then
    for guest in "${guests[@]}"; do
        GUEST_TARGET_DIR=$target_dir toolchain/build-guest.sh "$guest" "components/$guest.wasm" --locked
    done
    exit
fi

# Settings of an outer cargo (a test run, say) must not reach this build.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET RUSTC \
    RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER
export CARGO_TARGET_DIR=$target_dir

cargo build --release --locked --manifest-path toolchain/componentize/Cargo.toml
# Keep this machine's paths out of panic messages.
flags=
for dir in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags+=${flags:+$'\x1f'}--remap-path-prefix=$dir=/crates
done
CARGO_ENCODED_RUSTFLAGS=$flags cargo build --release --locked --target "$target"

for guest in "${guests[@]}"; do
    "$target_dir/release/componentize" "$target_dir/$target/release/${guest//-/_}.wasm" \
        "components/$guest.wasm"
done
