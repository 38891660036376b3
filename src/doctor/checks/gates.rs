//! Do the GitHub environments exist, with rules?

use crate::doctor::{Facts, Finding, HubEnvironment, State};

const CODE: &str = "doctor-gates";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let name = &facts.spec.name;
    let mut gates = vec![name.clone()];
    if facts.spec.roles.destroy.is_some() {
        gates.push(format!("{name}-destroy"));
    }
    let branch = facts.repository.as_ref().map_or("main", |repository| &repository.default_branch);
    gates.iter().map(|gate| one(facts, gate, branch)).collect()
}

fn one(facts: &Facts<'_>, gate: &str, branch: &str) -> Finding {
    let title = format!("GitHub environment {gate} lets only {branch} in");
    let seen = match &facts.hub {
        Err(why) => return Finding::unknown(CODE, title, why),
        Ok(hub) => hub.environments.get(gate).cloned().unwrap_or_else(|| Err("it was not asked for".to_owned())),
    };
    let wrong = |evidence: String, help: &str| Finding::of(CODE, State::Wrong, title.clone(), evidence, help);
    match seen {
        Err(why) => Finding::unknown(CODE, title, &why),
        Ok(None) => {
            let help =
                "rem-ci bootstrap makes it with its rules; the first workflow that names it would make it without any";
            wrong("it does not exist".to_owned(), help)
        }
        Ok(Some(there)) => judged(&there, gate, branch, &title),
    }
}

fn judged(there: &HubEnvironment, gate: &str, branch: &str, title: &str) -> Finding {
    let wrong = |evidence: String, help: &str| Finding::of(CODE, State::Wrong, title, evidence, help);
    if there.name != gate {
        let help = "delete it and run rem-ci bootstrap: GitHub does not tell the cases apart, AWS does";
        return wrong(format!("GitHub calls it {}", there.name), help);
    }
    if !there.listed {
        let help =
            "rem-ci bootstrap sets the rule; if GitHub forgets it, the repository's plan has no protected environments";
        return wrong("every branch may use it".to_owned(), help);
    }
    let others: Vec<_> = there.branches.iter().filter(|name| *name != branch).cloned().collect();
    if !others.is_empty() {
        return wrong(format!("{} may use it too", others.join(", ")), "remove them in the environment's settings");
    }
    if there.branches.is_empty() {
        return wrong(format!("no branch may use it, not even {branch}"), "rem-ci bootstrap adds it");
    }
    let reviewers = format!("{branch} alone, {} may let a job through", there.reviewers);
    let look = |help: &str| Finding::of(CODE, State::Look, title, reviewers.clone(), help);
    if there.reviewers == 0 {
        return look(
            "nobody has to look before a job goes on: rem-ci bootstrap --reviewer NAME; the review of the pull request is the only one",
        );
    }
    if gate.ends_with("-destroy") && !there.prevent_self_review {
        return look("who asks for a destroy may let it through: prevent self-review in the environment's settings");
    }
    Finding::fine(CODE, title, reviewers)
}
