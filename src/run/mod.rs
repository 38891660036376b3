//! One run of a verb, from an ENV argument to a report. Verbs in `cli/` parse and print; everything between is here.
//!
//! | file | what it does |
//! |---|---|
//! | `world.rs` | opens AWS, the sandbox, or nothing (offline) |
//! | `look.rs` | reads, plans, prices and lets the guards speak: what every verb begins with |
//! | `report.rs` | a [`Looked`] as the views want it |
//! | `apply.rs` | lock, look again, compare with the approval, apply, verify |
//! | `destroy.rs` | the same to the end, with the leftover audit |
//! | `drain/` | what lives in a cluster, before it ends |
//! | `opening.rs` | `connect: runner-cidr`: what it may open, and that it closes |
//! | `base.rs` | a bill against the base branch's |
//! | `audit.rs` | what is left behind |
//! | `tools.rs` | what a live apply must have before it begins |
//! | `record.rs` | what is written down between runs |
//! | `output.rs` | names and ids that others build upon |

mod apply;
mod audit;
mod base;
mod destroy;
pub mod drain;
mod look;
mod opening;
mod output;
mod record;
mod report;
mod tools;
mod world;

pub use apply::{Applied, Approval, Check, apply, apply_if};
pub use audit::{AUDIT_ACTIONS, Leftover};
pub use base::against;
pub use destroy::{Destroyed, destroy, look_before};
pub use drain::{DRAIN_ACTIONS, Survey, Wishes};
pub use look::{Look, Looked, account, look, look_at};
pub use output::outputs;
pub use record::{Record, State, recorded};
pub use report::{apply_report, plan_report, topology, unfinished, verify_report};
pub use world::{Source, World, open};

use crate::problem::{Exit, Problem};

/// Why a run ends early.
#[derive(Debug)]
pub struct Halt {
    /// How the process ends.
    pub exit: Exit,
    /// What to tell.
    pub problems: Vec<Problem>,
}

impl Halt {
    /// One problem.
    #[must_use]
    pub fn new(exit: Exit, problem: Problem) -> Self {
        Self { exit, problems: vec![problem] }
    }
}

impl From<crate::engine::Failure> for Halt {
    fn from(failure: crate::engine::Failure) -> Self {
        use crate::engine::Class;
        let (exit, help) = match failure.class {
            Class::Denied => (Exit::Denied, "check the credentials and the permissions of this role"),
            _ => (Exit::Failed, "run again; nothing is lost"),
        };
        Self::new(exit, Problem::error("call-failed", failure.to_string(), help))
    }
}

/// The codes of this room, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "call-failed",
        "A call to AWS failed in a way that trying again at once would not mend. AWS's own code and words are in the title.",
    ),
    (
        "no-credentials",
        "No AWS credentials were found by the SDK's chain (environment, profile, SSO, web identity, container, instance). Plan, cost and \
         check then fall back to --offline; verbs that need AWS stop. `aws configure sso` or the variables AWS_PROFILE or \
         AWS_ACCESS_KEY_ID give some; --sandbox needs none.",
    ),
    (
        "wrong-account",
        "The credentials belong to another AWS account than the environment file names. Nothing was read or changed. The `account` in the \
         file is a guard: use the credentials of that account, or correct the file.",
    ),
    (
        "price-table",
        "prices/ec2-REGION.json, which `rem-ci prices refresh` writes, is no price table of that region. The table that came with the program is \
         used instead.",
    ),
    ("sandbox-file", "The sandbox file cannot be opened: another process has it, or it is not one of rem-ci's."),
    (
        "locked",
        "Another run holds this environment's lock. It is released when that run ends; a run that died loses it two and a half minutes \
         after its last heartbeat. `rem-ci unlock ENV --lock-id ID` takes it away by hand.",
    ),
    (
        "no-lock",
        "Without `state.bucket` two applies could run at once, so a live apply refuses. `rem-ci bootstrap` makes the bucket and writes it into \
         the file; --no-lock goes ahead without.",
    ),
    (
        "plan-changed",
        "What would be done now goes further than what was approved. The differences are listed; plan again, look, and approve that.",
    ),
    (
        "not-confirmed",
        "Nobody said yes: without a terminal an apply needs --yes or --expect-plan DIGEST, a destroy needs --confirm NAME.",
    ),
    (
        "unread-facts",
        "What AWS offers (zones, add-on versions) could not be read, and something that is to be made needs it. Allow the call, or run again.",
    ),
    (
        "lock-left",
        "The run has ended and could not take its lock away. Its lease runs out by itself: until then other runs wait. The role needs          s3:DeleteObject on locks/; `rem-ci unlock` ends the lock at once.",
    ),
    (
        "not-let-in",
        "Whoever makes an EKS cluster has no rights inside it: access entries of the file say who has. The credentials of this run are of \
         none of its administrators, so Karpenter and all else in the new cluster could not be installed. Apply with the role that \
         `roles.apply` names, or give these credentials an entry under `cluster.access`.",
    ),
    (
        "incomplete",
        "Something failed or was stopped half-way. Nothing is lost: run the same verb again and it goes on from where it is.",
    ),
    (
        "leftover",
        "The leftover audit after a destroy found something that carries the environment's tags and was not kept on purpose.",
    ),
    (
        "chart-not-pinned",
        "A live apply installs Karpenter's chart only by its digest: a tag can be moved, and a mirror can serve anything. `rem-ci pin ENV` \
         resolves the version, has cosign check the signature, and writes `karpenter.chartDigest`.",
    ),
    (
        "tool-missing",
        "A program that this apply needs is not on PATH: `helm` installs Karpenter's chart, `session-manager-plugin` carries the tunnel of \
         `connect: ssm`. They are looked for in absolute folders of PATH only.",
    ),
    (
        "endpoint-left-open",
        "With `connect: runner-cidr` the run opened the cluster's endpoint to its own address and could not close it again. A one-time \
         schedule of EventBridge Scheduler closes it within the hour, and so does the next run of any verb.",
    ),
    ("unverified", "Everything was applied, but a check of the verification failed; its help says what to do."),
];
