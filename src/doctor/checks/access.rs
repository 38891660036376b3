//! Do roles, boundary and bucket say what `rem-ci bootstrap` would write?

use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-access";

/// Lines of one difference that are told; bootstrap's plan has them all.
const LINES: usize = 4;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let title = "permissions, boundary and state bucket are as bootstrap writes them";
    if facts.roles.is_empty() && facts.spec.state.is_none() {
        let help = "rem-ci bootstrap makes the roles and the bucket; without a bucket an apply has no lock";
        return vec![Finding::of(CODE, State::Look, title, "the file names neither roles nor a bucket", help)];
    }
    let differences = match &facts.access {
        Err(why) => return vec![Finding::unknown(CODE, title, why)],
        Ok(differences) => differences,
    };
    if differences.is_empty() {
        return vec![Finding::fine(CODE, title, "no difference")];
    }
    let one = |one: &crate::doctor::Access| {
        let more = one.lines.len().saturating_sub(LINES);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let lines = if one.lines.is_empty() {
            String::new()
        } else {
            format!(": {}{rest}", one.lines[..one.lines.len().min(LINES)].join(", "))
        };
        Finding::of(
            CODE,
            State::Wrong,
            format!("{} is as bootstrap writes it", one.address),
            format!("bootstrap would {} it{lines}", one.action),
            "rem-ci bootstrap shows all of it and repairs it",
        )
    };
    differences.iter().map(one).collect()
}
