//! A protected environment is not destroyed.

use super::{Case, Guard, Verb};
use crate::problem::{Problem, Severity};

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "protected",
        "The environment's file says `protect: true` (the default), which refuses destroy. Set it to false in a change of its own, \
         reviewed like any other, and destroy after that. In the sandbox it is only a note: nothing real can be lost there.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb != Verb::Destroy || !case.spec.protect {
        return Vec::new();
    }
    let title = format!("{} says protect: true", case.spec.name);
    let help = "set protect: false in the file, in a change of its own, and destroy after that";
    let severity = if case.sandbox { Severity::Note } else { Severity::Error };
    vec![Problem::new("protected", severity, title, help).at((case.place)("protect"))]
}
