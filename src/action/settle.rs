//! A pull request does not judge itself: what guards it is read from its base.
//!
//! `policy`, waivers, `protect`, budgets, `account`, and the roles and the bucket that a run uses are those of the base
//! commit's file (`security.md` A5). What the pull request changes of them is said first in the comment and counts from its
//! own merge on. Where the pull request is the stricter of the two, it is taken at its word.

use jiff::civil::Date;

use crate::config::spec::{Policy, Spec, Threshold};
use crate::config::{Loaded, waive};
use crate::problem::{Problem, Severity};

/// An environment with its guards as the base has them. `base` none is an environment that the base does not have.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The pull request's environment under the base's guards.
    pub loaded: Loaded,
    /// `sha256:…` of the environment as the pull request has it.
    pub input_digest: String,
    /// What the pull request changes of its own guards.
    pub cautions: Vec<Problem>,
}

/// Puts the base's guards in the place of the pull request's own.
#[must_use]
pub fn settle(head: &Loaded, base: Option<&Spec>, today: Date) -> Settled {
    let mut loaded = head.clone();
    let spec = &mut loaded.spec;
    let mut said = Said { head, found: Vec::new() };
    let policy = base.map(|base| base.policy.clone()).unwrap_or_default();
    said.policy(&policy, &spec.policy);
    spec.policy = Policy {
        require_review: policy.require_review || spec.policy.require_review,
        // A waiver that the pull request takes away is gone at once.
        waivers: policy
            .waivers
            .into_iter()
            .filter(|old| head.spec.policy.waivers.iter().any(|new| new.code == old.code))
            .collect(),
    };
    if let Some(base) = base {
        if base.protect && !spec.protect {
            said.weaker("protect", "protect: true becomes false, which lets the environment be destroyed");
        }
        spec.protect |= base.protect;
        if base.account != spec.account {
            said.moved("account", &base.account, &spec.account);
        }
        for (path, old, new) in [
            ("roles.plan", &base.roles.plan, &mut spec.roles.plan),
            ("roles.apply", &base.roles.apply, &mut spec.roles.apply),
            ("roles.destroy", &base.roles.destroy, &mut spec.roles.destroy),
        ] {
            if old.is_some() && old != new {
                let became = new.as_deref().unwrap_or("none");
                said.weaker(path, &format!("{path} becomes {became}"));
                new.clone_from(old);
            }
        }
        if base.state.is_some() && base.state != spec.state {
            said.weaker("state", "the state bucket, which holds lock, records and approvals, becomes another");
            spec.state.clone_from(&base.state);
        }
        for (name, old) in &base.cost.budget {
            let new = spec.cost.budget.get(name).cloned().unwrap_or_default();
            let both = Threshold { warn: lower(old.warn, new.warn), fail: lower(old.fail, new.fail) };
            if looser(old.warn, new.warn) || looser(old.fail, new.fail) {
                let show = |at: Option<u64>| at.map_or_else(|| "none".to_owned(), |at| at.to_string());
                let sides = [("warn", old.warn, new.warn), ("fail", old.fail, new.fail)];
                let looser = sides.into_iter().filter(|(_, old, new)| looser(*old, *new));
                let shown: Vec<_> =
                    looser.map(|(side, old, new)| format!("{side} {} -> {}", show(old), show(new))).collect();
                let text = format!("the budget on {name} becomes looser: {}", shown.join(", "));
                said.weaker(&format!("cost.budget.{name}"), &text);
            }
            spec.cost.budget.insert(name.clone(), both);
        }
        if base.cost.strict && !spec.cost.strict {
            said.weaker("cost.strict", "cost.strict becomes false: a budget on what nobody can price would pass");
        }
        spec.cost.strict |= base.cost.strict;
    }
    waive(&mut loaded.findings, &loaded.spec.policy, today);
    Settled { input_digest: crate::config::input_digest(&head.spec), cautions: said.found, loaded }
}

/// The stricter of two thresholds.
fn lower(old: Option<u64>, new: Option<u64>) -> Option<u64> {
    match (old, new) {
        (Some(old), Some(new)) => Some(old.min(new)),
        (old, new) => old.or(new),
    }
}

fn looser(old: Option<u64>, new: Option<u64>) -> bool {
    old.is_some_and(|old| new.is_none_or(|new| new > old))
}

struct Said<'a> {
    head: &'a Loaded,
    found: Vec<Problem>,
}

impl Said<'_> {
    /// Something that guards the environment is changed, and the change does not count yet.
    fn weaker(&mut self, path: &str, title: &str) {
        let help = "this plan is judged by what the base branch says; the change counts once it is merged by itself";
        let problem = Problem::new("guard-changed", Severity::Widens, title, help);
        self.found.push(problem.at(self.head.places.at(path)));
    }

    /// Another account is another environment: nothing of it may be asked with the old one's role.
    fn moved(&mut self, path: &str, old: &str, new: &str) {
        let title = format!("{path} becomes {new}, the base branch says {old}");
        let help =
            "an environment does not move: add a new one with another name, and destroy this one with its own file";
        let problem = Problem::error("guard-account", title, help);
        self.found.push(problem.at(self.head.places.at(path)));
    }

    fn policy(&mut self, old: &Policy, new: &Policy) {
        if old.require_review && !new.require_review {
            self.weaker(
                "policy.requireReview",
                "policy.requireReview becomes false: nobody else would have to approve",
            );
        }
        for (index, waiver) in new.waivers.iter().enumerate() {
            let known = old.waivers.iter().find(|known| known.code == waiver.code);
            let title = match known {
                None => format!("{} is waived until {}: {}", waiver.code, waiver.until, waiver.reason),
                Some(known) if known.until < waiver.until => {
                    format!("the waiver of {} ends {} instead of {}", waiver.code, waiver.until, known.until)
                }
                Some(_) => continue,
            };
            self.weaker(&format!("policy.waivers[{index}]"), &title);
        }
    }
}

#[cfg(test)]
mod tests;
