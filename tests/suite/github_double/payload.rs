//! The payloads of events (`GITHUB_EVENT_PATH`), of the state as it is.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use serde_json::{Value, json};

use super::render::actor;
use super::state::{Actor, State};

impl State {
    fn with_sender(&self, mut payload: Value, sender: &Actor) -> Value {
        payload["repository"] = self.repository_json();
        payload["sender"] = actor(sender);
        payload
    }

    /// `opened`, `synchronize`, `reopened`, `closed`, …
    pub(crate) fn pull_request_event(&self, number: u64, action: &str) -> Value {
        let pull = &self.pulls[&number];
        let payload = json!({ "action": action, "number": number, "pull_request": self.pull_json(pull, true) });
        self.with_sender(payload, &pull.author)
    }

    /// A push to a branch.
    pub(crate) fn push_event(&self, branch: &str, before: &str, after: &str, pusher: &Actor) -> Value {
        let commits = self.git.between(before, after);
        let commit =
            |sha: &str| json!({ "id": sha, "message": "", "author": { "name": pusher.login }, "distinct": true });
        let commits: Vec<Value> = commits.into_iter().map(|made| commit(&made.sha)).collect();
        let payload = json!({
            "ref": format!("refs/heads/{branch}"), "before": before, "after": after, "created": false, "deleted": false,
            "forced": false, "base_ref": null, "commits": commits, "head_commit": commit(after),
            "pusher": { "name": pusher.login },
        });
        self.with_sender(payload, pusher)
    }

    /// A group of the merge queue wants its checks. `group` is what [`State::enqueue`] said.
    pub(crate) fn merge_group_event(&self, group: &(String, String, String)) -> Value {
        let (branch, base, head) = group;
        let payload = json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": head, "head_ref": format!("refs/heads/{branch}"), "base_sha": base,
                "base_ref": format!("refs/heads/{}", self.default_branch), "head_commit": { "id": head },
            },
        });
        self.with_sender(payload, &Actor::user("github-merge-queue[bot]", 118_344_674))
    }

    /// Somebody starts a workflow by hand.
    pub(crate) fn dispatch_event(&self, branch: &str, inputs: &Value, sender: &Actor) -> Value {
        let workflow = ".github/workflows/rem-ci.yml";
        self.with_sender(
            json!({ "ref": format!("refs/heads/{branch}"), "inputs": inputs, "workflow": workflow }),
            sender,
        )
    }

    /// The clock starts one.
    pub(crate) fn schedule_event(&self, cron: &str) -> Value {
        self.with_sender(
            json!({ "schedule": cron, "workflow": ".github/workflows/rem-ci.yml" }),
            &Actor::user("octocat", 583_231),
        )
    }
}
