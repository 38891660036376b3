//! The `rem-ci` binary: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    rem_ci::cli::main()
}
