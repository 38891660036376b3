//! Are the programs here that an apply starts?

use crate::config::spec::Connect;
use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-tools";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let ssm = facts.spec.connect == Connect::Ssm;
    let wanted = [
        ("git", State::Look, true, "install git: it finds what a pull request changes"),
        ("helm", State::Wrong, true, "install helm 3 or newer, https://helm.sh/docs/intro/install/"),
        (
            "session-manager-plugin",
            State::Wrong,
            ssm,
            "install AWS's Session Manager plugin, or run inside the VPC with connect: direct",
        ),
    ];
    let needed = wanted.into_iter().filter(|(_, _, needed, _)| *needed);
    needed
        .map(|(name, state, _, help)| {
            let title = format!("{name} is on PATH");
            match facts.tools.0.get(name) {
                Some(Some(path)) => Finding::fine(CODE, title, path.clone()),
                Some(None) => Finding::of(CODE, state, title, "it is not, in no absolute folder of it", help),
                None => Finding::unknown(CODE, title, "it was not looked for"),
            }
        })
        .collect()
}
