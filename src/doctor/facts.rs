//! What the checks are given: plain data.

use std::collections::BTreeMap;

use crate::bootstrap::Repository;
use crate::config::Spec;
use crate::model::access::Job;
use crate::problem::Problem;

/// What was asked for, or why there is no answer.
pub type Asked<T> = Result<T, String>;

/// Whose credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// 12 digits.
    pub account: String,
    /// Who.
    pub arn: String,
}

/// A role that the file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSeen {
    /// What for.
    pub job: Job,
    /// As the file has it.
    pub arn: String,
    /// Its trust policy, as JSON; none where there is no such role.
    pub trust: Asked<Option<String>>,
}

/// Something of the roles, the boundary or the bucket that is not as bootstrap would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `access/iam-policy/plan-1`.
    pub address: String,
    /// `create`, `update`, …
    pub action: String,
    /// Leaves: `document.Statement.0.Action lacks ec2:DescribeVpcs`.
    pub lines: Vec<String>,
}

/// A quota, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// As AWS calls it.
    pub name: &'static str,
    /// `L-F678F1CE`.
    pub code: &'static str,
    /// How much there may be.
    pub limit: Asked<u64>,
    /// How much there is.
    pub used: Asked<u64>,
    /// How much the environment adds at once.
    pub adds: u64,
    /// How much it may come to have in all; where that is more than fits, it works until then.
    pub most: Option<u64>,
}

/// Whether somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `eks`, `GitHub`.
    pub service: String,
    /// None if it did, whatever it said; else why not.
    pub silent: Option<String>,
}

/// Programs on PATH.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools(pub BTreeMap<&'static str, Option<String>>);

/// What GitHub says.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Whether `sub` has numbers in it; none where that could not be read.
    pub immutable: Option<bool>,
    /// Whether the repository makes `sub` in a way of its own.
    pub customised: Option<Vec<String>>,
    /// By the name that was asked for; none where there is no such environment.
    pub environments: BTreeMap<String, Asked<Option<HubEnvironment>>>,
    /// Kinds of the default branch's rules with their parameters.
    pub rules: Asked<Vec<(String, serde_json::Value)>>,
    /// What the token may not do: GitHub's words.
    pub refused: Vec<String>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            immutable: None,
            customised: None,
            environments: BTreeMap::new(),
            rules: Err("they were not asked for".to_owned()),
            refused: Vec::new(),
        }
    }
}

/// A GitHub environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubEnvironment {
    /// As GitHub writes it.
    pub name: String,
    /// Whether only branches of a list may use it.
    pub listed: bool,
    /// That list.
    pub branches: Vec<String>,
    /// How many may let a job through.
    pub reviewers: usize,
    /// Whether who started the job may not.
    pub prevent_self_review: bool,
}

/// What this run is: on a laptop, in a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Whether it is a job of GitHub's.
    pub job: bool,
    /// Whether that job may ask for an identity token.
    pub identity: bool,
}

/// Everything.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The environment.
    pub spec: &'a Spec,
    /// What the check of its file said.
    pub findings: &'a [Problem],
    /// Where this runs.
    pub bounds: Bounds,
    /// Whose credentials these are.
    pub caller: Asked<Caller>,
    /// The roles of the file.
    pub roles: Vec<RoleSeen>,
    /// What bootstrap would change.
    pub access: Asked<Vec<Access>>,
    /// Whose jobs are trusted.
    pub repository: Asked<Repository>,
    /// Quotas.
    pub quotas: Vec<Quota>,
    /// Programs.
    pub tools: Tools,
    /// GitHub.
    pub hub: Asked<Hub>,
    /// Who answers.
    pub reached: Vec<Reached>,
}
