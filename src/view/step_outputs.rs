//! Outputs of a step, as the runner reads them from the file that `GITHUB_OUTPUT` names.
//!
//! Every value has a type that cannot hold a line break: digits, hex, words of ours, JSON of checked names. They are written
//! as heredocs with a random delimiter of 128 bits all the same, as GitHub advises:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings>.

use rust_decimal::Decimal;

use crate::problem::Exit;

/// What a step gives to those that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepOutputs {
    /// `sha256:…` of the plan; several environments have several, one a plan, joined by a space.
    pub plan_digests: Vec<String>,
    /// Whether anything would change, or has changed.
    pub changed: Option<bool>,
    /// Resources to add, change, destroy; replaced ones count in both of the outer two.
    pub counts: Option<[usize; 3]>,
    /// USD a month after.
    pub monthly_cost: Option<Decimal>,
    /// USD a month more.
    pub monthly_delta: Option<Decimal>,
    /// Why it failed.
    pub failure_reason: Option<Reason>,
    /// Where the plan's JSON was written; under the runner's temporary folder.
    pub plan_file: Option<String>,
    /// The job matrix, as JSON that is known to be of checked names.
    pub matrix: Option<String>,
}

/// Why a run failed, one word of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(Exit);

impl Reason {
    /// Of an exit code; none where it did not fail.
    #[must_use]
    pub const fn of(exit: Exit) -> Option<Self> {
        match exit {
            Exit::Done | Exit::Changes => None,
            other => Some(Self(other)),
        }
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self.0 {
            Exit::Done | Exit::Changes => "",
            Exit::Failed => "failed",
            Exit::Invalid => "invalid",
            Exit::Refused => "refused",
            Exit::PlanChanged => "plan-changed",
            Exit::Locked => "locked",
            Exit::Incomplete => "apply-failed",
            Exit::Unverified => "unverified",
            Exit::Denied => "denied",
            Exit::Usage => "usage",
            Exit::Interrupted => "interrupted",
        }
    }
}

impl StepOutputs {
    /// The lines for the file. `random` must be new for every call and known to nobody before.
    #[must_use]
    pub fn encode(&self, random: u128) -> String {
        let delimiter = format!("rem-ci-{random:032x}");
        let mut out = String::new();
        for (name, value) in self.pairs() {
            // Types see to it; a value that got past them is not written at all.
            if !value.contains(['\n', '\r']) && !value.contains(&delimiter) {
                out.extend([name, "<<", &delimiter, "\n", &value, "\n", &delimiter, "\n"]);
            }
        }
        out
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let digests: Vec<_> = self.plan_digests.iter().filter(|text| digest(text)).cloned().collect();
        if !digests.is_empty() {
            pairs.push(("plan-digest", digests.join(" ")));
        }
        if let Some(changed) = self.changed {
            pairs.push(("changed", changed.to_string()));
        }
        if let Some(counts) = self.counts {
            let names = ["to-add", "to-change", "to-destroy"];
            pairs.extend(names.into_iter().zip(counts.map(|count| count.to_string())));
        }
        for (name, money) in [("monthly-cost", self.monthly_cost), ("monthly-delta", self.monthly_delta)] {
            pairs.extend(money.map(|money| (name, format!("{:.2}", super::number::cents(money)))));
        }
        pairs.extend(self.failure_reason.map(|reason| ("failure-reason", reason.word().to_owned())));
        pairs.extend(self.plan_file.clone().filter(|path| plain_path(path)).map(|path| ("plan-file", path)));
        pairs.extend(self.matrix.clone().filter(|json| plain_json(json)).map(|json| ("matrix", json)));
        pairs
    }
}

fn digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// An absolute path of ours: nothing that a shell or a workflow expression would take for something else.
fn plain_path(path: &str) -> bool {
    path.len() < 400
        && path.starts_with('/')
        && path.ends_with(".json")
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._- ".contains(c))
}

/// JSON of checked names: braces, quotes, and what names, accounts, regions and digests are made of.
fn plain_json(json: &str) -> bool {
    json.chars().all(|c| c.is_ascii_alphanumeric() || "{}[]\",:_-. ".contains(c))
        && serde_json::from_str::<serde_json::Value>(json).is_ok()
}
