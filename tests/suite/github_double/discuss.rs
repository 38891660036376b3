//! Comments, issues, statuses.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::api::Here;
use super::render;
use super::state::Status;

/// A comment's body may be so long, in bytes; the error speaks of 65536 characters.
const LONGEST: usize = 262_144;

/// Whether a number is that of an issue or a pull request.
fn known(here: &Here<'_>) -> bool {
    let number = here.number();
    here.state.issues.contains_key(&number) || here.state.pulls.contains_key(&number)
}

/// The body that was sent, if it can be one.
fn text(here: &Here<'_>) -> Result<String, Box<Response<Bytes>>> {
    let text = here.body["body"].as_str().unwrap_or_default();
    match text.len() {
        0 => Err(Box::new(render::invalid("IssueComment", "body", "missing_field"))),
        1..=LONGEST => Ok(text.to_owned()),
        _ => Err(Box::new(render::error(422, "Validation Failed: body is too long (maximum is 65536 characters)"))),
    }
}

pub(crate) fn list_comments(here: &mut Here<'_>) -> Response<Bytes> {
    if !known(here) {
        return render::error(404, "Not Found");
    }
    let all: Vec<Value> =
        here.state.comments_of(here.number()).into_iter().map(|comment| here.state.comment_json(comment)).collect();
    here.paged(&all)
}

pub(crate) fn create_comment(here: &mut Here<'_>) -> Response<Bytes> {
    if !known(here) {
        return render::error(404, "Not Found");
    }
    let body = match text(here) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let id = here.state.comment(here.number(), &here.actor, &body);
    render::answer(201, &here.state.comment_json(&here.state.comments[&id]))
}

pub(crate) fn get_comment(here: &mut Here<'_>) -> Response<Bytes> {
    match here.state.comments.get(&here.number()) {
        Some(comment) => render::answer(200, &here.state.comment_json(comment)),
        None => render::error(404, "Not Found"),
    }
}

pub(crate) fn update_comment(here: &mut Here<'_>) -> Response<Bytes> {
    let body = match text(here) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let (id, now) = (here.number(), here.state.now);
    let Some(comment) = here.state.comments.get_mut(&id) else { return render::error(404, "Not Found") };
    // Whoever may write may edit everybody's; the author stays.
    (comment.body, comment.updated) = (body, now);
    render::answer(200, &here.state.comment_json(&here.state.comments[&id]))
}

pub(crate) fn delete_comment(here: &mut Here<'_>) -> Response<Bytes> {
    match here.state.comments.remove(&here.number()) {
        Some(_) => render::empty(204),
        None => render::error(404, "Not Found"),
    }
}

pub(crate) fn list_issues(here: &mut Here<'_>) -> Response<Bytes> {
    let state = here.asked("state").unwrap_or("open").to_owned();
    let wanted = |open: bool| state == "all" || (state == "open") == open;
    let labels: Vec<String> =
        here.asked("labels").map(|labels| labels.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let creator = here.asked("creator").map(str::to_owned);
    let by = |login: &str| creator.as_deref().is_none_or(|creator| creator == login);
    let state = &*here.state;
    let issues = state.issues.values().filter(|issue| {
        wanted(issue.open) && by(&issue.author.login) && labels.iter().all(|label| issue.labels.contains(label))
    });
    let pulls = state.pulls.values().filter(|pull| labels.is_empty() && wanted(pull.open) && by(&pull.author.login));
    let mut all: Vec<(u64, Value)> = issues.map(|issue| (issue.number, state.issue_json(issue))).collect();
    all.extend(pulls.map(|pull| (pull.number, state.pull_as_issue_json(pull))));
    all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let all: Vec<Value> = all.into_iter().map(|(_, json)| json).collect();
    here.paged(&all)
}

pub(crate) fn get_issue(here: &mut Here<'_>) -> Response<Bytes> {
    match here.state.issues.get(&here.number()) {
        Some(issue) => render::answer(200, &here.state.issue_json(issue)),
        None => render::error(404, "Not Found"),
    }
}

fn labels(body: &Value) -> Vec<String> {
    let name = |label: &Value| label.as_str().or_else(|| label["name"].as_str()).map(str::to_owned);
    body["labels"].as_array().map(|labels| labels.iter().filter_map(name).collect()).unwrap_or_default()
}

pub(crate) fn create_issue(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(title) = here.body["title"].as_str().filter(|title| !title.is_empty()).map(str::to_owned) else {
        return render::invalid("Issue", "title", "missing_field");
    };
    let body = here.body["body"].as_str().unwrap_or_default().to_owned();
    let labels = labels(&here.body);
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let actor = here.actor.clone();
    let number = here.state.issue(&actor, &title, &body, &labels);
    render::answer(201, &here.state.issue_json(&here.state.issues[&number]))
}

pub(crate) fn update_issue(here: &mut Here<'_>) -> Response<Bytes> {
    let (number, now) = (here.number(), here.state.now);
    let Some(issue) = here.state.issues.get_mut(&number) else { return render::error(404, "Not Found") };
    if let Some(title) = here.body["title"].as_str() {
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = here.body["body"].as_str() {
        body.clone_into(&mut issue.body);
    }
    if let Some(state) = here.body["state"].as_str() {
        issue.open = state == "open";
        issue.reason = here.body["state_reason"].as_str().map(str::to_owned);
    }
    if here.body["labels"].is_array() {
        issue.labels = labels(&here.body).into_iter().collect();
    }
    issue.updated = now;
    render::answer(200, &here.state.issue_json(&here.state.issues[&number]))
}

pub(crate) fn create_status(here: &mut Here<'_>) -> Response<Bytes> {
    let sha = here.words[0].clone();
    if !here.state.git.commits.contains_key(&sha) {
        return render::error(422, &format!("No commit found for SHA: {sha}"));
    }
    let Some(state) = here.body["state"].as_str() else { return render::invalid("Status", "state", "missing_field") };
    if !["error", "failure", "pending", "success"].contains(&state) {
        return render::invalid("Status", "state", "invalid");
    }
    let description = here.body["description"].as_str().map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > 140) {
        return render::error(422, "Validation Failed: description is too long (maximum is 140 characters)");
    }
    // "there is a limit of 1000 statuses per sha and context within a repository".
    let context = here.body["context"].as_str().unwrap_or("default").to_owned();
    let status = Status {
        id: 0,
        sha,
        state: state.to_owned(),
        context,
        description,
        target_url: here.body["target_url"].as_str().map(str::to_owned),
        creator: here.actor.clone(),
        created: here.state.now,
    };
    let status = Status { id: here.state.id(), ..status };
    let json = here.state.status_json(&status);
    here.state.statuses.push(status);
    render::answer(201, &json)
}

pub(crate) fn list_statuses(here: &mut Here<'_>) -> Response<Bytes> {
    let name = &here.words[0];
    let sha = here.state.git.branches.get(name).unwrap_or(name).clone();
    let all: Vec<Value> = here
        .state
        .statuses
        .iter()
        .rev()
        .filter(|status| status.sha == sha)
        .map(|status| here.state.status_json(status))
        .collect();
    here.paged(&all)
}
