#!/usr/bin/env bash
# Rebuilds components/*.wasm, one component for each guest crate beside this script.
#
# The guests are compiled for wasm32-unknown-unknown and then wrapped by toolchain/componentize.
# Not for wasm32-wasip2, which would make components directly: its std imports WASI, and these
# guests must import nothing but what their world says. Those named below are there for WASI; they are
# built for wasm32-wasip2, where rustup has it.
#
# Where rustup can add the target, the cargo at hand compiles them; elsewhere the scripts in
# toolchain/ do. The same compiler always writes the same bytes, another one need not.
#
# usage: build.sh
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
target=wasm32-unknown-unknown
wasi_target=wasm32-wasip2
wasi_guests=(logger prober)
guests=()
for manifest in */Cargo.toml; do
    guest=${manifest%/Cargo.toml}
    case " ${wasi_guests[*]} " in
    *" $guest "*) ;;
    *) guests+=("$guest") ;;
    esac
done
target_dir=$PWD/target
mkdir -p components
# Before anything else, as the paths of unpacked dependencies can only be kept out of panic
# messages once there are any.
cargo fetch --quiet --locked

if ! rustup target add "$target" >/dev/null 2>&1; then
    for guest in "${guests[@]}"; do
        GUEST_TARGET_DIR=$target_dir toolchain/build-guest.sh "$guest" "components/$guest.wasm" --locked
    done
    echo "${0##*/}: without rustup, ${wasi_guests[*]} stay as they are: they need $wasi_target" >&2
    exit
fi
rustup target add "$wasi_target"

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
export CARGO_ENCODED_RUSTFLAGS=$flags
cargo build --release --locked --target "$target" "${guests[@]/#/--package=}"
cargo build --release --locked --target "$wasi_target" "${wasi_guests[@]/#/--package=}"

for guest in "${guests[@]}"; do
    "$target_dir/release/componentize" "$target_dir/$target/release/${guest//-/_}.wasm" \
        "components/$guest.wasm"
done
for guest in "${wasi_guests[@]}"; do
    # The linker of this target has made a component already.
    cp -- "$target_dir/$wasi_target/release/${guest//-/_}.wasm" "components/$guest.wasm"
done
