//! Lengths of the names we derive: `rem-ci-ENVIRONMENT-WHAT-8HEX`. Too long is an error, never cut.

use super::Check;
use crate::config::codes::code;

/// A kind of thing with a derived name, AWS's limit on it, and the longest WHAT that the model uses for it.
pub const DERIVED: &[(&str, usize, &str)] = &[
    ("IAM role", 64, "karpenter-controller"),
    ("IAM policy", 128, "karpenter-resource-discovery"),
    ("EventBridge rule", 64, "capacity-reservation"),
    ("SQS queue", 80, "karpenter-interruption"),
    ("launch template", 128, "system-nodes"),
    ("node group", 63, "system-nodes"),
    ("KMS alias", 256, "cluster-secrets"),
    ("security group", 255, "karpenter-nodes"),
];

/// The WHAT of an add-on's role.
#[must_use]
pub fn addon_role(addon: &str) -> String {
    format!("addon-{addon}")
}

pub(super) fn check(check: &mut Check<'_>) {
    let environment = &check.spec.name;
    let length = |what: &str| format!("rem-ci-{environment}-{what}-00000000").len();
    let addons: Vec<String> = check
        .spec
        .addons
        .iter()
        .filter(|(_, addon)| addon.identity.is_some())
        .map(|(name, _)| addon_role(name))
        .collect();
    let all = DERIVED.iter().map(|(kind, most, what)| (*kind, *most, *what));
    let all = all.chain(addons.iter().map(|what| ("IAM role", 64, what.as_str())));
    let worst = all.filter(|(_, most, what)| length(what) > *most).max_by_key(|(_, most, what)| length(what) - most);
    if let Some((kind, most, what)) = worst {
        let over = length(what) - most;
        check.error(
            "name",
            code::NAME_TOO_LONG,
            format!("with `{environment}`, the name of an {kind} is {over} characters over AWS's limit of {most}"),
            format!(
                "rem-ci-{environment}-{what}-… is what it would be; shorten the name to {} characters",
                environment.len().saturating_sub(over)
            ),
        );
    }
}
