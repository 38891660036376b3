//! The owner, the account or the region of an environment that exists is another in the file now.

use std::collections::BTreeSet;

use super::{Case, Guard};
use crate::engine::{TAG_ENVIRONMENT, TAG_STACK};
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "stack-changed",
        "Owner, account, region and name of an environment make its stack id, which every resource carries. With another of them \
         the file means another environment: nothing that runs would be its own any more, and all would be made once more beside \
         it. Put the old value back. To move an environment, destroy it with the old file first. If it is another owner's \
         environment of the same name, give this one another name or another state bucket.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    written_down(case).or_else(|| tagged(case)).into_iter().collect()
}

/// The last record says what it was.
fn written_down(case: &Case<'_>) -> Option<Problem> {
    let (last, now) = (case.last?, case.spec);
    let keys = [
        ("owner", &last.owner, &now.owner),
        ("account", &last.account, &now.account),
        ("region", &last.region, &now.region),
    ];
    let changed: Vec<_> = keys.into_iter().filter(|(_, before, now)| before != now).collect();
    let (first, ..) = changed.first()?;
    let said: Vec<_> = changed.iter().map(|(key, before, now)| format!("{key} {before} -> {now}")).collect();
    let title = format!("{} was applied as another stack: {}", now.name, said.join(", "));
    let back: Vec<_> = changed.iter().map(|(key, before, _)| format!("{key}: {before}")).collect();
    let help = format!(
        "put back {}; to move the environment, destroy it with the old file first; another owner's environment wants another name",
        back.join(", ")
    );
    Some(Problem::error("stack-changed", title, help).at((case.place)(first)))
}

/// Nothing was written down, but what stands under our names says it is this environment's, of another stack.
fn tagged(case: &Case<'_>) -> Option<Problem> {
    let clashes = case.plan.sorted.clashes.iter().filter(|(address, _)| case.plan.step(address).is_some());
    let ours = clashes.filter(|(_, live)| live.tags.get(TAG_ENVIRONMENT) == Some(&case.spec.name));
    let stacks: BTreeSet<&str> = ours.filter_map(|(_, live)| live.tags.get(TAG_STACK).map(String::as_str)).collect();
    if stacks.is_empty() {
        return None;
    }
    let stacks: Vec<_> = stacks.into_iter().collect();
    let title = format!("{} is there already, as stack {}", case.spec.name, stacks.join(", "));
    let help = "if `owner` in the file has changed since it was made, put the old one back; if it is another owner's environment, \
                give this one another name";
    Some(Problem::error("stack-changed", title, help).at((case.place)("owner")))
}
