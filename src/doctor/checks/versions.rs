//! Are its versions supported? The check of the file knows the calendars; here is what it says of them.

use crate::doctor::{Facts, Finding, State};
use crate::problem::Severity;

const CODE: &str = "doctor-version";

/// Findings of the file's check that are about versions.
const ABOUT: [&str; 7] = [
    "version-pair",
    "kubernetes-version",
    "kubernetes-unknown",
    "out-of-support",
    "support-ends",
    "karpenter-version",
    "karpenter-unknown",
];

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let spec = facts.spec;
    let title = format!("Kubernetes {} and Karpenter {} are supported", spec.cluster.version, spec.karpenter.version);
    let about = facts.findings.iter().filter(|finding| !finding.waived && ABOUT.contains(&finding.code));
    let mut said: Vec<_> = about.collect();
    said.sort_by_key(|finding| finding.severity);
    if said.is_empty() {
        return vec![Finding::fine(CODE, title, format!("upgradePolicy {:?}", spec.cluster.upgrade_policy))];
    }
    let state = |severity| match severity {
        Severity::Error => State::Wrong,
        Severity::Note => State::Fine,
        Severity::Widens | Severity::Warning => State::Look,
    };
    said.iter()
        .map(|finding| {
            let help = format!("{} (rem-ci explain {})", finding.help, finding.code);
            Finding::of(CODE, state(finding.severity), title.clone(), finding.title.clone(), help)
        })
        .collect()
}
