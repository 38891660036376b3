#!/usr/bin/env bash
# Builds the released program for this machine's architecture into FOLDER/rem-ci-VERSION-linux-ARCH: static, so that it runs on any Linux.
#
#   build.sh FOLDER
#
# glibc's own static libraries do (libc6-dev); no musl is needed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
into=${1:?a folder}

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "no release is built on $(uname -m)" >&2; exit 64 ;;
esac
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)

# Paths of the machine are no part of a program that others are to build again, bit by bit.
export CARGO_INCREMENTAL=0 SOURCE_DATE_EPOCH=0
export RUSTFLAGS="--remap-path-prefix=$PWD=/rem-ci --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Only the program itself is linked statically; build scripts and macros are libraries of the compiler.
cargo rustc --release --locked --bin rem-ci -- -C target-feature=+crt-static

mkdir -p -- "$into"
install -m 755 target/release/rem-ci "$into/rem-ci-$version-linux-$arch"
