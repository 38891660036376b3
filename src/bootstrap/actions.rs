//! Which IAM actions each role has: out of what the kinds and the rooms that call AWS declare, so that a call that is new is
//! allowed without anybody writing it down twice.

use std::collections::BTreeSet;

use super::home::reads;
use crate::cloud::kubernetes::{opening, tunnel};
use crate::config::Spec;
use crate::config::spec::Connect;
use crate::model::access::Job;
use crate::resources::{self, facts};
use crate::run::{AUDIT_ACTIONS, DRAIN_ACTIONS};
use crate::verify;

/// An IAM action: `ec2:CreateVpc`.
pub type Action = &'static str;

/// Who asks, and for what: the actions of a job on an environment.
#[must_use]
pub fn actions(spec: &Spec, job: Job) -> BTreeSet<Action> {
    let kinds = resources::KINDS.iter().flat_map(|kind| kind.kind().actions).copied();
    let looks = kinds.chain(facts::ACTIONS.iter().copied()).chain(PRICES.iter().copied());
    let looks: BTreeSet<Action> = looks.collect();
    let mut all: BTreeSet<Action> = match job {
        // A destroy's plan, too: it looks for what others have made around the cluster.
        Job::Plan => {
            let looks = looks.into_iter().chain(AUDIT_ACTIONS.iter().copied());
            looks.filter(|action| is_read(action) && !BY_WRITERS.contains(action)).collect()
        }
        Job::Apply => {
            let more = verify::observe::ACTIONS.iter().chain(verify::canary::ACTIONS).copied();
            looks.into_iter().chain(more).filter(|action| !NEVER.contains(action)).collect()
        }
        Job::Destroy => {
            let ends = looks.into_iter().filter(|action| is_read(action) || ends(action));
            let ends = ends.chain(ALONG_AN_END.iter().copied());
            ends.chain(AUDIT_ACTIONS.iter().copied())
                .chain(DRAIN_ACTIONS.iter().copied())
                .filter(|action| !NEVER.contains(action))
                .collect()
        }
    };
    if job != Job::Plan {
        match spec.connect {
            Connect::Direct => {}
            Connect::Ssm => all.extend(tunnel::ACTIONS),
            Connect::RunnerCidr => all.extend(opening::ACTIONS),
        }
    }
    all
}

/// Prices that the embedded tables lack.
const PRICES: &[Action] = &["pricing:GetProducts"];

/// Reads that only a call which changes something makes first: a plan does not need them.
const BY_WRITERS: &[Action] = &[
    "events:DescribeRule",
    "iam:GetInstanceProfile",
    "iam:ListEntitiesForPolicy",
    "iam:ListInstanceProfilesForRole",
    "iam:ListPolicyVersions",
];

/// What no role of ours may do, though a kind can: it takes the boundary off (R8).
const NEVER: &[Action] = &["iam:DeleteRolePermissionsBoundary"];

/// Changes that a destroy makes on its way: protection off, rules out of groups that hold each other, Karpenter told to let go.
const ALONG_AN_END: &[Action] = &["eks:UpdateClusterConfig", "kms:ScheduleKeyDeletion"];

fn name(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, name)| name)
}

fn is_read(action: &str) -> bool {
    reads(name(action))
}

/// Whether an action ends something or takes it off something else.
fn ends(action: &str) -> bool {
    const VERBS: [&str; 7] = ["Delete", "Detach", "Disassociate", "Release", "Remove", "Revoke", "Terminate"];
    VERBS.iter().any(|verb| name(action).starts_with(verb)) && !NOT_AT_AN_END.contains(&action)
}

/// Takings away that are parts of a change, not of an end.
const NOT_AT_AN_END: &[Action] = &[
    "autoscaling:DeleteTags",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:DeleteRoute",
    "ec2:DeleteTags",
    "eks:DisassociateAccessPolicy",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "logs:DeleteRetentionPolicy",
];

#[cfg(test)]
mod tests {
    use super::super::home::homes;
    use super::*;

    /// A kind that calls something new must say where it may.
    #[test]
    fn every_action_has_a_home() {
        let kinds = resources::KINDS.iter().flat_map(|kind| kind.kind().actions);
        let rooms = [facts::ACTIONS, verify::observe::ACTIONS, verify::canary::ACTIONS, AUDIT_ACTIONS, DRAIN_ACTIONS];
        let rooms = rooms.into_iter().chain([tunnel::ACTIONS, opening::ACTIONS, PRICES]).flatten();
        let homeless: Vec<_> = kinds.chain(rooms).filter(|action| homes(action).is_empty()).collect();
        assert!(homeless.is_empty(), "{homeless:?}");
    }
}
