//! Whether everything that an environment's jobs need is there and fits: credentials, trust, permissions, gates, quotas,
//! versions, programs. It changes nothing.
//!
//! `read.rs` and `hub.rs` ask AWS and GitHub; what they give, [`Facts`], is plain data, and each check judges that. What could
//! not be asked is not known, and a check says so: never that all is well.
//!
//! | file | what it says |
//! |---|---|
//! | `facts.rs` | what the checks are given |
//! | `read.rs` | asks AWS and this machine |
//! | `hub.rs` | asks GitHub |
//! | `tokens.rs` | the tokens that the repository's jobs would show, claim by claim |
//! | `policy.rs` | one trust policy against one token |
//! | `checks/` | one question each |
//!
//! | check | question |
//! |---|---|
//! | `credentials.rs` | whose credentials are these? |
//! | `trust.rs` | does each role open for its jobs, and for nobody else's? |
//! | `access.rs` | do roles, boundary and bucket say what `rem-ci bootstrap` would write? |
//! | `gates.rs` | do the GitHub environments exist, with rules? |
//! | `branch.rs` | does an approval mean what was merged? |
//! | `token.rs` | what may this job's GitHub token do? |
//! | `quotas.rs` | is there room for the environment? |
//! | `versions.rs` | are its versions supported? |
//! | `tools.rs` | are the programs here that an apply starts? |
//! | `reach.rs` | does everybody answer? |

pub mod checks;
mod facts;
mod hub;
mod policy;
mod read;
mod tokens;

#[cfg(test)]
mod tests;

pub use facts::{Access, Asked, Bounds, Caller, Facts, Hub, HubEnvironment, Quota, Reached, RoleSeen, Tools};
pub use hub::hub;
pub use policy::{Verdict, judge};
pub use read::{ACTIONS, offline, read};
pub use tokens::{Token, tokens};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Fine,
    /// Works, and wants a look.
    Look,
    /// Would not work, or not safely.
    Wrong,
    /// Could not be asked.
    Unknown,
}

impl State {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Look => "look",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A kebab word that `rem-ci explain` knows.
    pub code: &'static str,
    /// What was looked at.
    pub title: String,
    /// How it came out.
    pub state: State,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub help: String,
}

impl Finding {
    fn fine(code: &'static str, title: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { code, title: title.into(), state: State::Fine, evidence: evidence.into(), help: String::new() }
    }

    fn of(
        code: &'static str,
        state: State,
        title: impl Into<String>,
        evidence: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { code, title: title.into(), state, evidence: evidence.into(), help: help.into() }
    }

    fn unknown(code: &'static str, title: impl Into<String>, why: &str) -> Self {
        Self::of(code, State::Unknown, title, why, "run it with credentials that may ask, or look by hand")
    }
}

/// Every check, in order.
#[must_use]
pub fn diagnose(facts: &Facts<'_>) -> Vec<Finding> {
    checks::CHECKS.iter().flat_map(|check| check(facts)).collect()
}

/// The codes of this room, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "doctor-credentials",
        "Everything of an environment happens in the account that its file names. Credentials of another account are refused by every verb \
         before any other call; none at all leave only what can be told offline.",
    ),
    (
        "doctor-trust",
        "A role opens for a job when each condition of its trust policy fits the claims of the job's token. AWS never says which one did not. \
         The doctor makes the tokens that this repository's workflows would show, with `sub` in both of GitHub's forms, and compares claim by \
         claim; it also says when a policy opens for more than those. `rem-ci bootstrap` writes the policy anew.",
    ),
    (
        "doctor-access",
        "The roles' permissions, their boundary and the state bucket's settings follow from the environment's file and from what this version of \
         rem-ci calls. What differs from that is either missing, and an apply fails half-way, or too much. `rem-ci bootstrap` shows the \
         difference and repairs it.",
    ),
    (
        "doctor-gates",
        "A job that names a GitHub environment which does not exist creates it, without any rule, and any branch may then apply. So the \
         environment must exist, under exactly its name, and let only the default branch in. Private repositories need a plan that has \
         protected environments; others take the rules and forget them.",
    ),
    (
        "doctor-branch",
        "An approval should mean the commit that is merged. Rules of the default branch see to it: approvals are dismissed by a push, the last \
         push is approved by somebody else, and checks must be those of the newest base.",
    ),
    (
        "doctor-token",
        "What a job may do at GitHub is written in its `permissions:`. A plan needs to write pull requests and statuses, drift to write issues, \
         and all of them `id-token: write` to get a role.",
    ),
    (
        "doctor-quota",
        "AWS limits how much of everything an account may have in a region. An environment that does not fit fails in the middle of its first \
         apply; pools whose limits go beyond the vCPU quotas get no nodes at that point. Quotas are raised in the Service Quotas console; it \
         can take a day.",
    ),
    (
        "doctor-version",
        "Versions have their time: Kubernetes on EKS by the calendar, Karpenter by the Kubernetes versions that it supports.",
    ),
    (
        "doctor-tools",
        "An apply starts `helm` for Karpenter's chart, and `session-manager-plugin` where the file says `connect: ssm`; `git` finds what a pull \
         request changes. They are looked for in absolute folders of PATH only.",
    ),
    (
        "doctor-reach",
        "Every AWS service that is spoken to, and GitHub, must answer from here: a firewall or a VPC without the endpoint shows as no answer, \
         which is neither yes nor no.",
    ),
];
