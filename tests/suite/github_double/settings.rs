//! The repository, environments, rules, claims.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::api::{Here, linked};
use super::render;

pub(crate) fn repository(here: &mut Here<'_>) -> Response<Bytes> {
    render::answer(200, &here.state.repository_json())
}

pub(crate) fn claims(here: &mut Here<'_>) -> Response<Bytes> {
    render::answer(200, &here.state.claims)
}

pub(crate) fn rules(here: &mut Here<'_>) -> Response<Bytes> {
    let all = if here.words[0] == here.state.default_branch { here.state.rules.clone() } else { Vec::new() };
    here.paged(&all)
}

pub(crate) fn protection(here: &mut Here<'_>) -> Response<Bytes> {
    match here.state.protections.get(&here.words[0]) {
        Some(protection) => render::answer(200, protection),
        None => render::error(404, "Branch not protected"),
    }
}

/// Names are not case-sensitive.
fn name(here: &Here<'_>) -> Option<String> {
    here.state.environments.keys().find(|name| name.eq_ignore_ascii_case(&here.words[0])).cloned()
}

pub(crate) fn environment(here: &mut Here<'_>) -> Response<Bytes> {
    match name(here) {
        Some(name) => render::answer(200, &here.state.environment_json(&name, &here.state.environments[&name])),
        None => render::error(404, "Not Found"),
    }
}

pub(crate) fn put_environment(here: &mut Here<'_>) -> Response<Bytes> {
    let policy = &here.body["deployment_branch_policy"];
    let branches = policy
        .is_object()
        .then(|| (policy["protected_branches"] == json!(true), policy["custom_branch_policies"] == json!(true)));
    if branches.is_some_and(|(protected, custom)| protected == custom) {
        return render::error(
            422,
            "Validation Failed: protected_branches and custom_branch_policies cannot have the same value",
        );
    }
    let name = name(here).unwrap_or_else(|| here.words[0].clone());
    let id = here.state.id();
    let reviewers = here.body["reviewers"].as_array().cloned().unwrap_or_default();
    if reviewers.len() > 6 {
        return render::invalid("Environment", "reviewers", "invalid");
    }
    let environment = here.state.environments.entry(name.clone()).or_default();
    if environment.id == 0 {
        environment.id = id;
    }
    environment.wait_timer = here.body["wait_timer"].as_u64().unwrap_or_default();
    environment.prevent_self_review = here.body["prevent_self_review"] == json!(true);
    let reviewer = |one: &Value| Some((one["type"].as_str()?.to_owned(), one["id"].as_u64()?));
    environment.reviewers = reviewers.iter().filter_map(reviewer).collect();
    environment.branches = branches;
    if !branches.is_some_and(|(_, custom)| custom) {
        environment.policies.clear();
    }
    render::answer(200, &here.state.environment_json(&name, &here.state.environments[&name]))
}

fn policy_json((id, name, kind): &(u64, String, String)) -> Value {
    json!({ "id": id, "node_id": format!("GP_{id}"), "name": name, "type": kind })
}

pub(crate) fn policies(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(name) = name(here) else { return render::error(404, "Not Found") };
    let all: Vec<Value> = here.state.environments[&name].policies.iter().map(policy_json).collect();
    let page = render::page(here.state, &here.path, &here.query, &all);
    linked(render::answer(200, &json!({ "total_count": all.len(), "branch_policies": page.items })), page.link)
}

pub(crate) fn add_policy(here: &mut Here<'_>) -> Response<Bytes> {
    let Some(name) = name(here) else { return render::error(404, "Not Found") };
    let id = here.state.id();
    let pattern = here.body["name"].as_str().unwrap_or_default().to_owned();
    let kind = here.body["type"].as_str().unwrap_or("branch").to_owned();
    let environment = here.state.environments.get_mut(&name).expect("an environment");
    // "404 Not Found or `deployment_branch_policy.custom_branch_policies` property for the environment is set to false".
    if !environment.branches.is_some_and(|(_, custom)| custom) || pattern.is_empty() {
        return render::error(404, "Not Found");
    }
    // "303 Response if the same branch name pattern already exists".
    if environment.policies.iter().any(|(_, held, of)| *held == pattern && *of == kind) {
        return render::empty(303);
    }
    environment.policies.push((id, pattern, kind));
    render::answer(200, &policy_json(environment.policies.last().expect("a policy")))
}
