//! How things look on the wire: the fields that the documentation's examples have, as far as anybody could read them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::git::Commit;
use super::state::{Actor, Comment, Environment, Home, Issue, Pull, Review, State, Status};

/// RFC 3339, in whole seconds, as GitHub writes it.
pub(crate) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}

pub(crate) fn answer(status: u16, body: &Value) -> Response<Bytes> {
    let text = serde_json::to_vec(body).expect("JSON");
    let tag = format!("W/\"{}\"", hex::encode(Sha256::digest(&text)));
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if status == 200 {
        headers.insert(http::header::ETAG, HeaderValue::from_str(&tag).expect("a tag"));
    }
    response
}

pub(crate) fn empty(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

/// An error, as GitHub words it.
pub(crate) fn error(status: u16, message: &str) -> Response<Bytes> {
    let page = "https://docs.github.com/rest";
    answer(status, &json!({ "message": message, "documentation_url": page, "status": status.to_string() }))
}

pub(crate) fn invalid(resource: &str, field: &str, code: &str) -> Response<Bytes> {
    let errors = json!([{ "resource": resource, "field": field, "code": code }]);
    answer(422, &json!({ "message": "Validation Failed", "errors": errors, "status": "422" }))
}

/// The page of a list that a query asks for, and the `Link` header that goes with it.
pub(crate) struct Paged<'a> {
    pub(crate) items: &'a [Value],
    pub(crate) link: Option<String>,
}

/// Cuts a list into pages; 30 items unless told, 100 at most.
pub(crate) fn page<'a>(state: &State, path: &str, query: &[(String, String)], all: &'a [Value]) -> Paged<'a> {
    let asked =
        |name: &str| query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok());
    let size = asked("per_page").unwrap_or(30).clamp(1, 100);
    let at = asked("page").unwrap_or(1).max(1);
    let last = all.len().div_ceil(size).max(1);
    let items = all.chunks(size).nth(at - 1).unwrap_or(&[]);
    let url = |number: usize| {
        let rest =
            query.iter().filter(|(key, _)| key != "page").map(|(key, value)| format!("{key}={}", encoded(value)));
        let query: Vec<String> = rest.chain([format!("page={number}")]).collect();
        format!("{}{path}?{}", state.base, query.join("&"))
    };
    let mut links = Vec::new();
    if at > 1 {
        links.push(format!("<{}>; rel=\"prev\"", url(at - 1)));
    }
    if at < last {
        links.push(format!("<{}>; rel=\"next\"", url(at + 1)));
        links.push(format!("<{}>; rel=\"last\"", url(last)));
    }
    if at > 1 {
        links.push(format!("<{}>; rel=\"first\"", url(1)));
    }
    Paged { items, link: (!links.is_empty()).then(|| links.join(", ")) }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(crate) fn actor(actor: &Actor) -> Value {
    json!({
        "login": actor.login, "id": actor.id, "node_id": format!("U_{}", actor.id), "type": actor.kind, "site_admin": false,
        "avatar_url": "", "gravatar_id": null, "html_url": format!("https://github.com/{}", actor.login),
    })
}

impl State {
    fn url(&self, rest: &str) -> String {
        format!("{}/repos/{}{rest}", self.base, self.full_name())
    }

    fn page(&self, rest: &str) -> String {
        format!("https://github.com/{}{rest}", self.full_name())
    }

    pub(crate) fn repository_json(&self) -> Value {
        json!({
            "id": self.id, "node_id": format!("R_{}", self.id), "name": self.name, "full_name": self.full_name(),
            "private": self.private, "visibility": if self.private { "private" } else { "public" }, "fork": false,
            "owner": { "login": self.owner.0, "id": self.owner.1, "node_id": "O_1", "type": "Organization", "site_admin": false },
            "html_url": self.page(""), "url": self.url(""), "default_branch": self.default_branch,
            "description": null, "archived": false, "disabled": false,
        })
    }

    pub(crate) fn comment_json(&self, comment: &Comment) -> Value {
        json!({
            "id": comment.id, "node_id": format!("IC_{}", comment.id), "body": comment.body, "user": actor(&comment.author),
            "url": self.url(&format!("/issues/comments/{}", comment.id)),
            "html_url": self.page(&format!("/pull/{}#issuecomment-{}", comment.number, comment.id)),
            "issue_url": self.url(&format!("/issues/{}", comment.number)), "author_association": "NONE",
            "created_at": time(comment.created), "updated_at": time(comment.updated), "performed_via_github_app": null,
        })
    }

    pub(crate) fn status_json(&self, status: &Status) -> Value {
        json!({
            "id": status.id, "node_id": format!("SC_{}", status.id), "state": status.state, "context": status.context,
            "description": status.description, "target_url": status.target_url, "creator": actor(&status.creator),
            "url": self.url(&format!("/statuses/{}", status.sha)), "avatar_url": null,
            "created_at": time(status.created), "updated_at": time(status.created),
        })
    }

    pub(crate) fn issue_json(&self, issue: &Issue) -> Value {
        let labels: Vec<Value> =
            issue.labels.iter().map(|name| json!({ "id": 1, "name": name, "color": "ededed" })).collect();
        json!({
            "id": 900_000 + issue.number, "number": issue.number, "title": issue.title, "body": issue.body,
            "state": if issue.open { "open" } else { "closed" }, "state_reason": issue.reason, "labels": labels,
            "user": actor(&issue.author), "html_url": self.page(&format!("/issues/{}", issue.number)), "locked": false,
            "url": self.url(&format!("/issues/{}", issue.number)), "comments": self.comments_of(issue.number).len(),
            "created_at": time(issue.created), "updated_at": time(issue.updated),
        })
    }

    /// A pull request, as it stands among the issues.
    pub(crate) fn pull_as_issue_json(&self, pull: &Pull) -> Value {
        json!({
            "id": 900_000 + pull.number, "number": pull.number, "title": pull.title, "body": null, "labels": [],
            "state": if pull.open { "open" } else { "closed" }, "user": actor(&pull.author),
            "html_url": self.page(&format!("/pull/{}", pull.number)),
            "pull_request": { "url": self.url(&format!("/pulls/{}", pull.number)) },
        })
    }

    pub(crate) fn pull_json(&self, pull: &Pull, whole: bool) -> Value {
        let own = self.repository_json();
        let head_repo = match &pull.home {
            Home::Own => own.clone(),
            Home::Gone => Value::Null,
            Home::Fork(id, name) => {
                json!({ "id": id, "full_name": name, "name": name, "fork": true, "private": false })
            }
        };
        let mut json = json!({
            "id": 800_000 + pull.number, "node_id": format!("PR_{}", pull.number), "number": pull.number,
            "state": if pull.open { "open" } else { "closed" }, "locked": false, "title": pull.title, "body": null,
            "user": actor(&pull.author), "draft": pull.draft, "labels": [], "merge_commit_sha": pull.merge_sha,
            "html_url": self.page(&format!("/pull/{}", pull.number)), "url": self.url(&format!("/pulls/{}", pull.number)),
            "created_at": time(pull.created), "updated_at": time(pull.merged_at.unwrap_or(pull.created)),
            "closed_at": pull.merged_at.map(time), "merged_at": pull.merged_at.map(time), "author_association": "MEMBER",
            "head": { "label": format!("{}:{}", self.owner.0, pull.head_branch), "ref": pull.head_branch,
                      "sha": pull.head_sha, "repo": head_repo },
            "base": { "label": format!("{}:{}", self.owner.0, pull.base_branch), "ref": pull.base_branch,
                      "sha": pull.base_sha, "repo": own },
        });
        if whole {
            json["merged"] = json!(pull.merged_at.is_some());
            json["mergeable"] = json!(pull.open);
            json["changed_files"] = json!(self.pull_files(pull).len());
            json["commits"] = json!(self.git.between(&pull.base_sha, &pull.head_sha).len());
        }
        json
    }

    /// What a pull request changes since its branch left its base.
    pub(crate) fn pull_files(&self, pull: &Pull) -> Vec<(String, &'static str)> {
        let from = self.git.fork_point(&pull.base_sha, &pull.head_sha).map(|commit| commit.sha.clone());
        self.git.differences(&from.unwrap_or_default(), &pull.head_sha)
    }

    pub(crate) fn commit_json(&self, commit: &Commit) -> Value {
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|sha| json!({ "sha": sha, "url": self.url(&format!("/commits/{sha}")) }))
            .collect();
        json!({
            "sha": commit.sha, "node_id": format!("C_{}", commit.order), "parents": parents,
            "url": self.url(&format!("/commits/{}", commit.sha)), "html_url": self.page(&format!("/commit/{}", commit.sha)),
            "commit": { "message": format!("commit {}", commit.order), "author": { "name": commit.author }, "tree": { "sha": commit.sha } },
            "author": actor(&Actor::user(&commit.author, 500)), "committer": actor(&Actor::user("web-flow", 19_864_447)),
        })
    }

    pub(crate) fn review_json(&self, number: u64, at: usize, review: &Review) -> Value {
        json!({
            "id": 700_000 + at, "user": actor(&review.author), "body": "", "state": review.state, "commit_id": review.sha,
            "submitted_at": time(review.at), "author_association": "MEMBER",
            "html_url": self.page(&format!("/pull/{number}#pullrequestreview-{at}")),
        })
    }

    pub(crate) fn environment_json(&self, name: &str, environment: &Environment) -> Value {
        let mut rules = Vec::new();
        if environment.wait_timer > 0 {
            rules
                .push(json!({ "id": 1, "node_id": "G_1", "type": "wait_timer", "wait_timer": environment.wait_timer }));
        }
        if !environment.reviewers.is_empty() {
            let reviewer = |(kind, id): &(String, u64)| {
                let who = if kind == "Team" {
                    json!({ "id": id, "slug": format!("team-{id}") })
                } else {
                    json!({ "id": id, "login": format!("user-{id}") })
                };
                json!({ "type": kind, "reviewer": who })
            };
            let reviewers: Vec<Value> = environment.reviewers.iter().map(reviewer).collect();
            rules.push(json!({ "id": 2, "node_id": "G_2", "type": "required_reviewers", "reviewers": reviewers,
                               "prevent_self_review": environment.prevent_self_review }));
        }
        if environment.branches.is_some() {
            rules.push(json!({ "id": 3, "node_id": "G_3", "type": "branch_policy" }));
        }
        let branches = environment
            .branches
            .map(|(protected, custom)| json!({ "protected_branches": protected, "custom_branch_policies": custom }));
        json!({
            "id": environment.id, "node_id": "EN_1", "name": name, "url": self.url(&format!("/environments/{name}")),
            "html_url": self.page("/deployments"), "created_at": time(self.now), "updated_at": time(self.now),
            "can_admins_bypass": true, "protection_rules": rules, "deployment_branch_policy": branches,
        })
    }
}
