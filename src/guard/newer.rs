//! A newer add-on version is a note, never a change: nothing moves by itself.

use std::cmp::Ordering;

use super::{Case, Guard};
use crate::problem::{Problem, Severity};
use crate::resources::facts::newer;

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "newer-addon",
        "EKS offers a newer version of an add-on than the one that runs. A `default` or `latest` in the file was resolved when the add-on \
         was made and stays until you move it: write the version you want.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    let facts = &case.plan.facts;
    let addons = case.spec.addons.iter().filter(|(_, addon)| matches!(addon.version.as_str(), "default" | "latest"));
    addons
        .filter_map(|(name, addon)| {
            let runs = facts.get(&format!("addon/{name}/version"))?;
            let offered = facts.get(&format!("addon/{name}/{}", addon.version))?;
            if newer(offered, runs) != Ordering::Greater {
                return None;
            }
            let title =
                format!("add-on {name} {offered} is the {} now; yours stays {runs} until you move it", addon.version);
            let help = format!("to move it, write version: {offered}");
            let path = format!("addons.{name}.version");
            Some(Problem::new("newer-addon", Severity::Note, title, help).at((case.place)(&path)))
        })
        .collect()
}
