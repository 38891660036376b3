//! What may this job's GitHub token do?

use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-token";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let title = "the GitHub token reads what it has to";
    let mut findings = vec![match &facts.hub {
        Err(why) => Finding::unknown(CODE, title, why),
        Ok(hub) if hub.refused.is_empty() => Finding::fine(CODE, title, "repository, environments, rules"),
        Ok(hub) => {
            let help = "the `permissions:` of the job say what its token may; a person's token needs the scope `repo`";
            Finding::of(CODE, State::Look, title, hub.refused.join("; "), help)
        }
    }];
    if let Ok(Some(keys)) = facts.hub.as_ref().map(|hub| hub.customised.as_ref()) {
        let help = "set the repository's subject claim back to the default, or write the trust policies by hand";
        findings.push(Finding::of(
            CODE,
            State::Wrong,
            "sub is made in GitHub's own way",
            format!("it is made of {}", keys.join(", ")),
            help,
        ));
    }
    if facts.bounds.job {
        let title = "the job can get an identity token";
        findings.push(if facts.bounds.identity {
            Finding::fine(CODE, title, "the runner offers one")
        } else {
            Finding::of(CODE, State::Wrong, title, "it offers none", "give the job `id-token: write`")
        });
    }
    findings
}
