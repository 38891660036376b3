//! `rem-ci check ENV...`

use super::{Common, Say};
use crate::problem::{Exit, Problem};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(required = true, value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Ask no AWS at all; files are checked the same either way
    #[arg(long)]
    pub(super) offline: bool,
}

pub(super) fn run(args: &Args, say: &Say) -> Exit {
    let mut problems = Vec::new();
    let mut invalid = false;
    for environment in &args.environments {
        match Common::load(environment) {
            Ok(loaded) => problems.extend(loaded.findings),
            Err(halt) => {
                invalid = true;
                problems.extend(halt.problems);
            }
        }
    }
    let json = say.format == super::Format::Json;
    if json || !problems.is_empty() {
        say.problems(&problems);
    }
    if invalid {
        return Exit::Invalid;
    }
    if !json {
        let files = args.environments.len();
        let warned = problems.iter().filter(|problem| !problem.waived).count();
        say.result(&format!("{files} environment{} valid, {warned} to look at\n", if files == 1 { "" } else { "s" }));
    }
    if problems.iter().any(Problem::stops) { Exit::Refused } else { Exit::Done }
}
