//! The paths, and which permission each wants ("Permissions required for GitHub Apps" of GitHub's documentation).

use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_NONE_MATCH, LINK};
use http::{HeaderValue, Request, Response};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::fault::Does;
use super::state::{Actor, State};
use super::{code, discuss, oidc, record, render, settings};

/// What a handler sees.
pub(crate) struct Here<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) actor: Actor,
    /// The words that stand for the holes of the template, without owner and repository.
    pub(crate) words: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Here<'_> {
    /// A value of the query.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The number in a hole.
    pub(crate) fn number(&self) -> u64 {
        self.words[0].parse().unwrap_or_default()
    }

    /// One page of a list.
    pub(crate) fn paged(&self, all: &[Value]) -> Response<Bytes> {
        let page = render::page(self.state, &self.path, &self.query, all);
        linked(render::answer(200, &Value::from(page.items)), page.link)
    }
}

/// With a `Link` header.
pub(crate) fn linked(mut response: Response<Bytes>, link: Option<String>) -> Response<Bytes> {
    if let Some(link) = link {
        response.headers_mut().insert(LINK, HeaderValue::from_str(&link).expect("a header"));
    }
    response
}

type Handler = fn(&mut Here<'_>) -> Response<Bytes>;

/// One path: method, template below the repository's, the sets of permissions of which one must be had, who answers.
struct Route(&'static str, &'static str, &'static str, Handler);

const ROUTES: &[Route] = &[
    Route("GET", "", "metadata=read", settings::repository),
    Route("GET", "/issues/{issue_number}/comments", "issues=read; pull_requests=read", discuss::list_comments),
    Route("POST", "/issues/{issue_number}/comments", "issues=write; pull_requests=write", discuss::create_comment),
    Route("GET", "/issues/comments/{comment_id}", "issues=read; pull_requests=read", discuss::get_comment),
    Route("PATCH", "/issues/comments/{comment_id}", "issues=write; pull_requests=write", discuss::update_comment),
    Route("DELETE", "/issues/comments/{comment_id}", "issues=write; pull_requests=write", discuss::delete_comment),
    Route("GET", "/issues", "issues=read", discuss::list_issues),
    Route("POST", "/issues", "issues=write", discuss::create_issue),
    Route("PATCH", "/issues/{issue_number}", "issues=write; pull_requests=write", discuss::update_issue),
    Route("GET", "/issues/{issue_number}", "issues=read; pull_requests=read", discuss::get_issue),
    Route("POST", "/statuses/{sha}", "statuses=write", discuss::create_status),
    Route("GET", "/commits/{ref}/statuses", "statuses=read", discuss::list_statuses),
    Route("GET", "/commits/{commit_sha}/pulls", "contents=read,pull_requests=read", code::pulls_of),
    Route("GET", "/commits/{ref}", "contents=read", code::commit),
    Route("GET", "/compare/{basehead}", "contents=read", code::compare),
    Route("GET", "/branches/{branch}", "contents=read", code::branch),
    Route("GET", "/branches/{branch}/protection", "administration=read", settings::protection),
    Route("GET", "/rules/branches/{branch}", "metadata=read", settings::rules),
    Route("GET", "/pulls", "pull_requests=read", code::list_pulls),
    Route("GET", "/pulls/{pull_number}", "pull_requests=read", code::pull),
    Route("GET", "/pulls/{pull_number}/files", "pull_requests=read", code::files),
    Route("GET", "/pulls/{pull_number}/commits", "pull_requests=read", code::commits),
    Route("GET", "/pulls/{pull_number}/reviews", "pull_requests=read", code::reviews),
    Route("GET", "/environments/{environment_name}", "actions=read", settings::environment),
    Route("PUT", "/environments/{environment_name}", "administration=write", settings::put_environment),
    Route("GET", "/environments/{environment_name}/deployment-branch-policies", "actions=read", settings::policies),
    Route(
        "POST",
        "/environments/{environment_name}/deployment-branch-policies",
        "administration=write",
        settings::add_policy,
    ),
    Route("GET", "/actions/oidc/customization/sub", "actions=read", settings::claims),
];

/// The holes of a template, if a path fits it.
fn fits(template: &str, path: &str) -> Option<Vec<String>> {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut words = Vec::new();
    for (hole, word) in template.iter().zip(path) {
        if hole.starts_with('{') {
            words.push(percent_decode_str(word).decode_utf8().ok()?.into_owned());
        } else if *hole != word {
            return None;
        }
    }
    Some(words)
}

/// How a call ends.
pub(crate) enum Outcome {
    /// After so many seconds more.
    Answer(Response<Bytes>, u64),
    /// The connection breaks.
    Cut,
}

/// Answers one request. `path` is below the API's address.
pub(crate) fn answer(state: &mut State, request: &Request<Bytes>, path: &str) -> Outcome {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let method = request.method().clone();
    // Static words win over holes.
    let below = path.strip_prefix(&format!("/repos/{}", state.full_name()));
    let route = below.and_then(|below| {
        let found = ROUTES.iter().filter(|route| route.0 == method.as_str());
        let mut found: Vec<_> = found.filter_map(|route| Some((route, fits(route.1, below)?))).collect();
        found.sort_by_key(|(_, words)| words.len());
        found.into_iter().next()
    });
    let template = route.as_ref().map(|(route, _)| format!("/repos/{{owner}}/{{repo}}{}", route.1));
    let call = format!("{method} {}", template.as_deref().unwrap_or(path));
    state.calls.push(call.clone());

    let mut struck = None;
    for fault in &mut state.faults {
        if fault.strikes(&call) {
            struck = Some(fault.does.clone());
        }
    }
    let mut slow = 0;
    match &struck {
        Some(Does::Cut) => return Outcome::Cut,
        Some(Does::Fails(status)) => return Outcome::Answer(render::error(*status, "Server Error"), 0),
        Some(Does::Secondary(after)) => return Outcome::Answer(secondary(*after), 0),
        Some(Does::Slow(seconds)) => slow = *seconds,
        Some(Does::Meanwhile(act)) => act(state),
        Some(Does::Primary(wait)) => {
            let reset = state.now + wait;
            for token in state.tokens.values_mut() {
                (token.remaining, token.reset) = (0, reset);
            }
        }
        Some(Does::Lost | Does::FailsAfter(_)) | None => {}
    }
    let response = if path == oidc::PATH {
        oidc::answer(state, request)
    } else {
        let response = permitted(state, request, path, query.clone(), route);
        record::line(template.as_deref(), path, &query, request, &response);
        response
    };
    match struck {
        Some(Does::Lost) => Outcome::Cut,
        Some(Does::FailsAfter(status)) => Outcome::Answer(render::error(status, "Server Error"), 0),
        _ => Outcome::Answer(response, slow),
    }
}

fn secondary(after: Option<u64>) -> Response<Bytes> {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut response = render::error(403, message);
    if let Some(after) = after {
        response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(after));
    }
    response
}

fn permitted(
    state: &mut State,
    request: &Request<Bytes>,
    path: &str,
    query: Vec<(String, String)>,
    route: Option<(&Route, Vec<String>)>,
) -> Response<Bytes> {
    let said = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = said.strip_prefix("Bearer ").or_else(|| said.strip_prefix("token ")).unwrap_or_default().to_owned();
    if request.headers().get(http::header::USER_AGENT).is_none() {
        return render::error(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        );
    }
    let now = state.now;
    let Some(held) = state.tokens.get_mut(&token) else { return render::error(401, "Bad credentials") };
    if held.reset <= now {
        (held.remaining, held.reset) = (held.limit, now + 3600);
    }
    if held.remaining == 0 {
        let mut response = render::error(403, "API rate limit exceeded for installation ID 1.");
        limits(&mut response, held.limit, 0, held.reset);
        return response;
    }
    held.remaining -= 1;
    let (limit, mut left, reset, actor) = (held.limit, held.remaining, held.reset, held.actor.clone());
    let Some((Route(_, _, wants, handler), words)) = route else { return render::error(404, "Not Found") };
    let allowed = wants.split(';').any(|set| set.split(',').all(|one| may(&held.permissions, one.trim())));
    let mut response = if allowed {
        let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        handler(&mut Here { state: &mut *state, actor, words, query, path: path.to_owned(), body })
    } else {
        render::error(403, "Resource not accessible by integration")
    };
    let same =
        request.headers().get(IF_NONE_MATCH).is_some_and(|tag| response.headers().get(http::header::ETAG) == Some(tag));
    if same {
        *response.status_mut() = http::StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
        // "Making a conditional request does not count against your primary rate limit if a 304 response is returned".
        left += 1;
        state.tokens.get_mut(&token).expect("a token").remaining = left;
    }
    limits(&mut response, limit, left, reset);
    response.headers_mut().insert("x-accepted-github-permissions", HeaderValue::from_static(wants));
    response
}

fn limits(response: &mut Response<Bytes>, limit: u64, left: u64, reset: i64) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(left));
    headers.insert("x-ratelimit-used", HeaderValue::from(limit - left.min(limit)));
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
}

/// Whether permissions hold `name=level`; everybody may read metadata.
fn may(permissions: &std::collections::BTreeMap<String, String>, wanted: &str) -> bool {
    let (name, level) = wanted.split_once('=').expect("name=level");
    let held = permissions.get(name).map(String::as_str);
    name == "metadata" || held == Some("write") || (held == Some("read") && level == "read")
}
