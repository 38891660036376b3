//! What a process that holds a job's identity does before anything else, so that a crash gives nothing away.

use std::panic::PanicHookInfo;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::problem::Problem;
use crate::view::out;

/// No core files, no looking into this process by others of the same user (`/proc/PID/environ`, `ptrace`), and panics that tell a place and
/// nothing else: a message may hold what was being worked on.
///
/// # Errors
/// If the system refuses; then nothing secret may be touched.
pub fn harden() -> Result<(), Box<Problem>> {
    let refused = |what: &str, error: rustix::io::Errno| {
        let help = "nothing was done; tell us of this system, please: the Action does not handle secrets without it";
        Box::new(Problem::error("not-hardened", format!("{what}: {error}"), help))
    };
    std::panic::set_hook(Box::new(|panic| drop(out::aside(&said(panic)))));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|error| refused("core files cannot be switched off", error))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| refused("other processes cannot be kept out of this one's memory", error))
}

fn said(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!("rem-ci: something that cannot happen did, at {place}; please report it (rem-ci explain bug)\n")
}
