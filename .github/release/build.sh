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
flags="--remap-path-prefix=$PWD=/rem-ci --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Static, and without tables for unwinding: a release ends where it panics. It stays one that is loaded anywhere in memory.
flags+=" -C target-feature=+crt-static -C force-unwind-tables=no"
# With a target named, the flags are those of the program alone: build scripts and macros are libraries of the compiler.
host=$(rustc --version --verbose | sed -n 's/^host: //p')
RUSTFLAGS=$flags cargo build --release --locked --bin rem-ci --target "$host"

mkdir -p -- "$into"
install -m 755 "target/$host/release/rem-ci" "$into/rem-ci-$version-linux-$arch"
