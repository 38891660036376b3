//! The `rem-ci` binary: parse, run, exit code.

use std::process::ExitCode;

/// Plans are made of small texts and maps: with the system's allocator they take a third longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rem_ci::cli::main()
}
