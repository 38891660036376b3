//! Policy evaluation (IAM user guide: "Policy evaluation logic"): an explicit deny wins; an allow is needed, and the
//! permissions boundary and the session policy must allow too.

use serde_json::Value as Json;

use super::conditions::{self, Context, any_glob};
use super::document::statements;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    /// `ec2:RunInstances`.
    pub(super) action: String,
    /// ARNs of what is acted on; empty when the sandbox cannot tell.
    pub(super) resources: Vec<String>,
    /// What is known of the request.
    pub(super) context: Context,
    /// Whether `context` has the tags of the resource.
    pub(super) tags_known: bool,
}

/// Keys whose values the sandbox always knows, so that a missing one is a missing one.
const KNOWN: &[&str] = &[
    "aws:requesttag/",
    "aws:tagkeys",
    "aws:requestedregion",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:currenttime",
    "aws:securetransport",
    "iam:permissionsboundary",
    "iam:policyarn",
    "iam:passedtoservice",
    "iam:awsservicename",
    "sts:externalid",
    "aws:username",
    "ec2:createaction",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Deny,
    Allow,
    Nothing,
}

impl Question {
    fn unknown(&self, key: &str) -> bool {
        if self.context.contains_key(key) || KNOWN.iter().any(|known| key.starts_with(known)) {
            return false;
        }
        !(self.tags_known && key.contains(":resourcetag/"))
    }

    /// A statement whose resource or condition cannot be judged, because the sandbox does not know the value, counts as
    /// fitting when it allows and as not fitting when it denies: the sandbox finds missing permissions, it does not
    /// invent them.
    fn fits(&self, statement: &Json) -> bool {
        let allows = statement["Effect"] == "Allow";
        let action = if statement["Action"].is_null() {
            !any_glob(&statement["NotAction"], &self.action, true)
        } else {
            any_glob(&statement["Action"], &self.action, true)
        };
        action && self.resource_fits(statement, allows) && {
            conditions::hold(&statement["Condition"], &self.context, &|key| self.unknown(key), allows)
        }
    }

    fn resource_fits(&self, statement: &Json, allows: bool) -> bool {
        if self.resources.is_empty() {
            return allows || any_glob(&statement["Resource"], "any", false);
        }
        let negated = statement["Resource"].is_null();
        let element = if negated { &statement["NotResource"] } else { &statement["Resource"] };
        let mut hits = self.resources.iter().map(|arn| any_glob(element, arn, false) != negated);
        if allows { hits.all(|hit| hit) } else { hits.any(|hit| hit) }
    }

    fn judge<'a>(&self, documents: impl IntoIterator<Item = &'a String>) -> Verdict {
        let mut verdict = Verdict::Nothing;
        for statement in documents.into_iter().flat_map(|document| statements(document)) {
            if self.fits(&statement) {
                if statement["Effect"] == "Deny" {
                    return Verdict::Deny;
                }
                verdict = Verdict::Allow;
            }
        }
        verdict
    }

    /// Why it is refused by these identity policies and these limits, or nothing if it is allowed.
    pub(super) fn refused(
        &self,
        identity: &[String],
        boundary: Option<&String>,
        session: Option<&String>,
    ) -> Option<String> {
        let limits = [("permissions boundary", boundary), ("session policy", session)];
        if self.judge(identity) == Verdict::Deny {
            return Some("with an explicit deny in an identity-based policy".to_owned());
        }
        for (kind, document) in limits {
            if self.judge(document) == Verdict::Deny {
                return Some(format!("with an explicit deny in a {kind}"));
            }
        }
        if self.judge(identity) == Verdict::Nothing {
            return Some(format!("because no identity-based policy allows the {} action", self.action));
        }
        limits
            .into_iter()
            .find(|(_, document)| document.is_some() && self.judge(*document) == Verdict::Nothing)
            .map(|(kind, _)| format!("because no {kind} allows the {} action", self.action))
    }
}
