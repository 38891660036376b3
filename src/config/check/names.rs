//! Lengths of the names we derive: `rem-ci-ENVIRONMENT-WHAT-8HEX`. Too long is an error, never cut.

use super::Check;
use crate::config::codes::code;

/// A kind of thing with a derived name, AWS's limit on it, and the longest WHAT that the model uses for it.
pub const DERIVED: &[(&str, usize, &str)] = &[
    ("IAM role", 64, "karpenter-node"),
    ("IAM policy", 128, "karpenter-resource-discovery"),
    ("EventBridge rule", 64, "reservation"),
    ("SQS queue", 80, "interruption"),
    ("security group", 255, "endpoints"),
];

/// The derived name that is furthest over its limit: its kind, the limit, the characters over it, and WHAT.
fn too_long<'a>(
    environment: &str,
    all: impl IntoIterator<Item = &'a (&'a str, usize, &'a str)>,
) -> Option<(&'a str, usize, usize, &'a str)> {
    all.into_iter()
        .map(|(kind, most, what)| {
            let length = format!("rem-ci-{environment}-{what}-00000000").len();
            (*kind, *most, length.saturating_sub(*most), *what)
        })
        .filter(|(_, _, over, _)| *over > 0)
        .max_by_key(|(_, _, over, _)| *over)
}

pub(super) fn check(check: &mut Check<'_>) {
    let environment = &check.spec.name;
    // A name that is itself too long has its own error.
    if environment.len() > 32 {
        return;
    }
    if let Some((kind, most, over, what)) = too_long(environment, DERIVED) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_has_room() {
        assert_eq!(too_long(&"x".repeat(32), DERIVED), None, "names are 32 characters, so every WHAT must leave room");
        let long = [("IAM role", 64, "karpenter-controller")];
        assert_eq!(too_long(&"x".repeat(32), &long), Some(("IAM role", 64, 5, "karpenter-controller")));
    }
}
