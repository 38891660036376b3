//! Does everybody answer?

use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-reach";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let title = "AWS and GitHub answer from here";
    if facts.reached.is_empty() {
        return vec![Finding::unknown(CODE, title, "nobody was asked")];
    }
    let (silent, heard): (Vec<_>, Vec<_>) = facts.reached.iter().partition(|one| one.silent.is_some());
    if silent.is_empty() {
        let names: Vec<_> = heard.iter().map(|one| one.service.as_str()).collect();
        return vec![Finding::fine(CODE, title, names.join(", "))];
    }
    let help = "look at the proxy, the firewall and, in a VPC, at its endpoints";
    let one = |one: &&crate::doctor::Reached| {
        let why = one.silent.clone().unwrap_or_default();
        Finding::of(CODE, State::Wrong, format!("{} answers from here", one.service), why, help)
    };
    silent.iter().map(one).collect()
}
