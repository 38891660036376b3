//! Commit statuses: what a plan's says, and how an apply reads it again.
//!
//! A status has 140 characters: <https://docs.github.com/en/rest/commits/statuses>. Both digests are in it, the plan's whole.

use super::approval::Digests;
use crate::view::report::Counts;

/// The status of a plan: required before a merge.
#[must_use]
pub fn plan_context(environment: &str) -> String {
    format!("rem-ci/plan/{environment}")
}

/// The status of an apply.
#[must_use]
pub fn apply_context(environment: &str) -> String {
    format!("rem-ci/apply/{environment}")
}

/// What a status says of a pull request that got no cloud: no approval, and it does not look like one.
pub const OFFLINE: &str = "checked without AWS: this approves nothing";

/// What a status says of a plan that may be merged.
#[must_use]
pub fn describe(counts: &Counts, digests: &Digests) -> String {
    let verdict = match (counts.create, counts.changed(), counts.destroyed()) {
        (0, 0, 0) => "no changes".to_owned(),
        (create, change, destroy) => format!("+{create} ~{change} -{destroy}"),
    };
    format!("{verdict} · plan {} · input {}", digests.plan, digests.input)
}

/// The digests out of a status's description; none if it is not one of ours.
#[must_use]
pub fn digests(description: &str) -> Option<Digests> {
    let mut parts = description.split(" · ").skip(1);
    let hex = |text: Option<&str>, word: &str, length: usize| {
        let hex = text?.strip_prefix(word)?;
        let good = hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| hex.to_owned())
    };
    let digests = Digests { plan: hex(parts.next(), "plan ", 64)?, input: hex(parts.next(), "input ", 16)? };
    parts.next().is_none().then_some(digests)
}

#[cfg(test)]
mod tests {
    use super::{Digests, describe, digests};
    use crate::view::report::Counts;

    #[test]
    fn read_back() {
        let ours = Digests::of(&format!("sha256:{}", "ab".repeat(32)), &format!("sha256:{}", "0f".repeat(32)));
        for counts in
            [Counts::default(), Counts { create: 99_999, update: 99_999, delete: 99_999, ..Counts::default() }]
        {
            let text = describe(&counts, &ours);
            assert!(text.chars().count() <= 140, "{text}");
            assert_eq!(digests(&text), Some(ours.clone()), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let (plan, input) = ("ab".repeat(32), "0f".repeat(8));
        for text in [
            String::new(),
            "planning".to_owned(),
            format!("plan {plan} · input {input}"),
            format!("+1 · plan {plan}"),
            format!("+1 · plan {plan} · input {input} · more"),
            format!("+1 · plan {} · input {input}", "AB".repeat(32)),
            format!("+1 · plan {}/ · input {input}", &plan[1..]),
            format!("+1 · plan ../{} · input {input}", &plan[3..]),
        ] {
            assert_eq!(digests(&text), None, "{text}");
        }
    }
}
