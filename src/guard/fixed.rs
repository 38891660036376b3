//! Differences that no call can bring about.

use super::{Case, Guard};
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "fixed-field",
        "AWS has no call that changes this field of an existing resource, and replacing the resource for it is not done by \
         itself. Put the old value back, or follow the help.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    let fixed = case.plan.impossible.iter();
    fixed
        .map(|fixed| {
            let title = format!("{} of {} cannot be changed", fixed.field, fixed.address);
            Problem::error("fixed-field", title, fixed.help).about(&fixed.address)
        })
        .collect()
}
