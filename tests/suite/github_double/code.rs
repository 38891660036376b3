//! Commits and pull requests.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::api::{Here, linked};
use super::render;

fn gone() -> Response<Bytes> {
    render::error(404, "Not Found")
}

/// The commit that a name means: a branch or digits.
fn resolve(here: &Here<'_>, name: &str) -> Option<String> {
    let git = &here.state.git;
    git.branches.get(name).cloned().or_else(|| git.commits.contains_key(name).then(|| name.to_owned()))
}

pub(crate) fn commit(here: &mut Here<'_>) -> Response<Bytes> {
    match resolve(here, &here.words[0]) {
        Some(sha) => render::answer(200, &here.state.commit_json(&here.state.git.commits[&sha])),
        None => render::error(422, &format!("No commit found for SHA: {}", here.words[0])),
    }
}

pub(crate) fn branch(here: &mut Here<'_>) -> Response<Bytes> {
    let name = &here.words[0];
    let Some(sha) = here.state.git.branches.get(name) else { return gone() };
    let commit = here.state.commit_json(&here.state.git.commits[sha]);
    let protected = here.state.protections.contains_key(name)
        || (*name == here.state.default_branch && !here.state.rules.is_empty());
    render::answer(
        200,
        &json!({ "name": name, "commit": commit, "protected": protected, "protection": { "enabled": protected } }),
    )
}

pub(crate) fn pulls_of(here: &mut Here<'_>) -> Response<Bytes> {
    let sha = &here.words[0];
    if !here.state.git.commits.contains_key(sha) {
        return render::error(422, &format!("No commit found for SHA: {sha}"));
    }
    let all: Vec<Value> = here.state.pulls_of(sha).into_iter().map(|pull| here.state.pull_json(pull, false)).collect();
    here.paged(&all)
}

/// Files come with the first page only, 300 at most; commits by page, 250 of them where no page is asked for.
pub(crate) fn compare(here: &mut Here<'_>) -> Response<Bytes> {
    let Some((base, head)) = here.words[0].split_once("...") else { return gone() };
    let (Some(base), Some(head)) = (resolve(here, base), resolve(here, head)) else { return gone() };
    let git = &here.state.git;
    let Some(fork_point) = git.fork_point(&base, &head) else { return gone() };
    let (ahead, behind) = (git.between(&base, &head), git.between(&head, &base));
    let status = match (ahead.len(), behind.len()) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let commits: Vec<Value> = ahead.iter().map(|commit| here.state.commit_json(commit)).collect();
    let page = render::page(here.state, &here.path, &here.query, &commits);
    let first = here.asked("page").is_none_or(|page| page == "1");
    let differ = git.differences(&fork_point.sha, &head);
    let file =
        |(path, status): &(String, &str)| json!({ "sha": "0", "filename": path, "status": status, "changes": 1 });
    let files: Vec<Value> = if first { differ.iter().take(300).map(file).collect() } else { Vec::new() };
    let answer = json!({
        "status": status, "ahead_by": ahead.len(), "behind_by": behind.len(), "total_commits": ahead.len(),
        "base_commit": here.state.commit_json(&git.commits[&base]),
        "merge_base_commit": here.state.commit_json(fork_point), "commits": page.items, "files": files,
    });
    linked(render::answer(200, &answer), page.link)
}

pub(crate) fn list_pulls(here: &mut Here<'_>) -> Response<Bytes> {
    let state = here.asked("state").unwrap_or("open");
    let base = here.asked("base");
    let fits = |pull: &&super::state::Pull| {
        (state == "all" || (state == "open") == pull.open) && base.is_none_or(|base| base == pull.base_branch)
    };
    let all: Vec<Value> =
        here.state.pulls.values().rev().filter(fits).map(|pull| here.state.pull_json(pull, false)).collect();
    here.paged(&all)
}

pub(crate) fn pull(here: &mut Here<'_>) -> Response<Bytes> {
    match here.state.pulls.get(&here.number()) {
        Some(pull) => render::answer(200, &here.state.pull_json(pull, true)),
        None => gone(),
    }
}

pub(crate) fn files(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(pull) = here.state.pulls.get(&here.number()) else { return gone() };
    // "Responses include a maximum of 3000 files."
    let file = |(path, status): (String, &str)| json!({ "sha": "0", "filename": path, "status": status, "changes": 1 });
    let all: Vec<Value> = here.state.pull_files(pull).into_iter().take(3000).map(file).collect();
    here.paged(&all)
}

pub(crate) fn commits(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(pull) = here.state.pulls.get(&here.number()) else { return gone() };
    let commits = here.state.git.between(&pull.base_sha, &pull.head_sha);
    let all: Vec<Value> = commits.into_iter().take(250).map(|commit| here.state.commit_json(commit)).collect();
    here.paged(&all)
}

pub(crate) fn reviews(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(pull) = here.state.pulls.get(&here.number()) else { return gone() };
    let review = |(at, review)| here.state.review_json(pull.number, at, review);
    let all: Vec<Value> = pull.reviews.iter().enumerate().map(review).collect();
    here.paged(&all)
}
