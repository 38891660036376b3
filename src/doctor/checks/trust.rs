//! Does each role open for its jobs, and for nobody else's?

use crate::doctor::tokens::strangers;
use crate::doctor::{Facts, Finding, RoleSeen, State, Verdict, judge, tokens};

const CODE: &str = "doctor-trust";
const HELP: &str = "rem-ci bootstrap shows the difference and writes the policy anew";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.roles.is_empty() {
        let help =
            "rem-ci bootstrap makes them and writes them into the file; until then pull requests are planned offline";
        return vec![Finding::of(CODE, State::Look, "roles of the jobs", "the file names none", help)];
    }
    facts.roles.iter().flat_map(|role| one(facts, role)).collect()
}

fn one(facts: &Facts<'_>, role: &RoleSeen) -> Vec<Finding> {
    let job = role.job.word();
    let title = format!("the {job} role opens for its jobs");
    let policy = match &role.trust {
        Err(why) => return vec![Finding::unknown(CODE, title, why)],
        Ok(None) => {
            let evidence = format!("{} is not there", role.arn);
            return vec![Finding::of(CODE, State::Wrong, title, evidence, "rem-ci bootstrap makes it")];
        }
        Ok(Some(policy)) => policy,
    };
    let repository = match &facts.repository {
        Err(why) => return vec![Finding::unknown(CODE, title, why)],
        Ok(repository) => repository,
    };
    let all = tokens(repository, &facts.spec.name, role.job);
    let immutable = facts.hub.as_ref().ok().and_then(|hub| hub.immutable);
    let mut findings = Vec::new();
    let mut shut: Vec<String> = Vec::new();
    let mut later: Vec<String> = Vec::new();
    for token in &all {
        let why = match judge(policy, token) {
            Verdict::Opens => continue,
            Verdict::Shut(off) => format!("{}: {}", token.of, off.join("; ")),
            Verdict::Denied(by) => format!("{}: statement {by} denies it", token.of),
        };
        // The form that GitHub uses now stands in the way at once, the other one when the repository is renamed or moved.
        if immutable.is_none_or(|immutable| immutable == token.immutable) { shut.push(why) } else { later.push(why) }
    }
    findings.push(match (shut.as_slice(), later.as_slice()) {
        ([], []) => Finding::fine(CODE, title, format!("{} kinds of token, in both forms of sub", all.len())),
        ([], [first, ..]) => {
            Finding::of(CODE, State::Look, title, format!("not in the other form of sub: {first}"), HELP)
        }
        ([first, rest @ ..], _) => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            Finding::of(CODE, State::Wrong, title, format!("{first}{more}"), HELP)
        }
    });
    let open: Vec<_> = strangers(repository, &facts.spec.name, role.job)
        .into_iter()
        .filter(|(_, token)| judge(policy, token) == Verdict::Opens)
        .map(|(who, _)| who)
        .collect();
    let title = format!("the {job} role opens for nobody else");
    findings.push(if open.is_empty() {
        Finding::fine(CODE, title, "edited workflows, other repositories, environments and bots stay out")
    } else {
        Finding::of(CODE, State::Wrong, title, format!("it opens for {}", open.join(", ")), HELP)
    });
    findings
}
