//! One request of a cluster's API: the way in for every door.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, DATE, HeaderValue};
use http::{Request, Response};
use serde_json::Value as Json;

use super::auth::{self, Who};
use super::rbac::{self, Wish};
use super::rest::{self, Path, Query, Target};
use super::status::Failure;
use super::store::Store;
use super::types::Kind;
use super::watch::Watch;
use super::{controllers, crd, discovery, openapi, proto, read, review, subresource, table, write};
use crate::sandbox::region::{self, Here};
use crate::sandbox::state::{Action, Millis, State};

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub enum Door<'a> {
    /// From a client in this process: the host is that of the endpoint which EKS gave.
    Inside,
    /// From loopback: the path says which cluster.
    Served {
        /// Whose clusters are served.
        account: &'a str,
        /// The administrator's token; empty for none.
        token: &'a str,
    },
}

/// What comes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer, after so many milliseconds.
    Answer(Response<Bytes>, u64),
    /// A watch begins, after so many milliseconds.
    Watch(Box<Watch>, u64),
    /// The connection breaks.
    Cut,
    /// There is no server of that name.
    Unreachable(String),
}

/// What is answered with, before it is bytes.
#[derive(Debug)]
pub(super) enum Reply {
    /// An object.
    Json(u16, Json),
    /// An object, with warnings for whoever sent the request.
    Warned(u16, Json, Vec<String>),
    /// Plain text.
    Text(String),
    /// A watch.
    Watch(Box<Watch>),
}

/// Which cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// 12 digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// Its name.
    pub cluster: String,
}

/// One request about objects.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) now: Millis,
    pub(super) place: &'a Place,
    pub(super) verb: &'static str,
    pub(super) kind: Kind,
    pub(super) target: &'a Target,
    pub(super) query: &'a Query,
    pub(super) who: &'a Who,
    pub(super) request: &'a Request<Bytes>,
}

impl Ask<'_> {
    /// A header; empty when it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The field manager: as told, else the client's name.
    pub(super) fn manager(&self) -> &str {
        match self.query.text("fieldManager") {
            "" => match self.header("user-agent").split('/').next().unwrap_or_default() {
                "" => "unknown",
                agent => agent,
            },
            manager => manager,
        }
    }

    /// The body as an object.
    ///
    /// # Errors
    /// 400 for what cannot be read, 415 for formats that are not JSON or YAML.
    pub(super) fn body(&self) -> Result<Json, Failure> {
        let media = self.header("content-type");
        let bytes = self.request.body();
        if media.contains("protobuf") || media.contains("cbor") {
            let read = proto::read(bytes);
            return read.ok_or_else(|| Failure::media(media, "application/json, application/yaml"));
        }
        if media.contains("yaml") {
            return serde_yaml::from_slice(bytes)
                .map_err(|error| Failure::bad(format!("error decoding YAML: {error}")));
        }
        serde_json::from_slice(bytes).map_err(|error| Failure::bad(format!("error decoding JSON: {error}")))
    }

    /// Whether the caller may do something else with this kind.
    pub(super) fn may(&self, store: &Store, verb: &str) -> Result<(), Failure> {
        rbac::authorize(store, self.who, &self.wish(verb, &self.kind.plural))
    }

    fn wish<'b>(&'b self, verb: &'b str, resource: &'b str) -> Wish<'b> {
        Wish { verb, group: &self.kind.group, resource, namespace: &self.target.namespace, name: &self.target.name }
    }
}

/// The cluster that a request is for, and the rest of its path; an unknown host is an error.
fn place(state: &State, request: &Request<Bytes>, door: Door<'_>) -> Result<(Place, String), String> {
    let path = request.uri().path();
    let found = |account: &str, region: &str, cluster: &str| Place {
        account: account.to_owned(),
        region: region.to_owned(),
        cluster: cluster.to_owned(),
    };
    match door {
        Door::Inside => {
            let header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
            let host = request.uri().host().or(header).unwrap_or_default();
            let host = host.split(':').next().unwrap_or_default().to_lowercase();
            for (account_id, account) in &state.accounts {
                for (region_name, region) in &account.regions {
                    for (name, cluster) in &region.eks.clusters {
                        let endpoint = cluster.body["endpoint"].as_str().unwrap_or_default();
                        let own = endpoint.strip_prefix("https://").unwrap_or_default().to_lowercase();
                        if !own.is_empty() && own == host {
                            return Ok((found(account_id, region_name, name), path.to_owned()));
                        }
                    }
                }
            }
            Err(format!("no such host: {host}"))
        }
        Door::Served { account, .. } => {
            let named = path.strip_prefix("/clusters/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
            let regions = state.accounts.get(account).map(|account| &account.regions);
            for (region_name, region) in regions.into_iter().flatten() {
                for name in region.kube.clusters.keys() {
                    if named.is_none_or(|(wanted, _)| wanted == name) {
                        let rest = named.map_or_else(|| path.to_owned(), |(_, rest)| format!("/{rest}"));
                        return Ok((found(account, region_name, name), rest));
                    }
                }
            }
            Err(named.map_or_else(
                || "the sandbox has no cluster with a control plane".to_owned(),
                |(name, _)| format!("the sandbox has no cluster {name} with a control plane"),
            ))
        }
    }
}

/// What fault rules call an operation: `create pods`, `get nodes/status`, `get /version`.
fn operation(request: &Request<Bytes>, path: &Path, query: &Query) -> String {
    if let Path::Target(target) = path
        && let Ok(verb) = rest::verb(request.method(), target, query)
    {
        let group = if target.group.is_empty() { String::new() } else { format!(".{}", target.group) };
        let sub = if target.subresource.is_empty() { String::new() } else { format!("/{}", target.subresource) };
        return format!("{verb} {}{group}{sub}", target.plural);
    }
    format!("get {}", request.uri().path())
}

/// Answers one request at `now`, after everything that is due by then.
pub fn answer(state: &mut State, now: Millis, request: &Request<Bytes>, door: Door<'_>) -> Outcome {
    if let Door::Served { account, .. } = door {
        settle_all(state, now, account);
    }
    let (place, rest) = match place(state, request, door) {
        Ok(found) => found,
        Err(why) => return Outcome::Unreachable(why),
    };
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let path = rest::path(&rest);
    let action = region::injected(state, "kubernetes", &operation(request, &path, &query));
    let mut slow = 0;
    let early = match &action {
        Some(Action::CutBefore) => return Outcome::Cut,
        Some(Action::Error(reason)) => Some(injected(reason)),
        Some(Action::Deny) => Some(Failure::new(403, "Forbidden", "injected")),
        Some(Action::Throttle) => Some(Failure::throttled()),
        Some(Action::Internal) => Some(Failure::internal("injected")),
        Some(Action::Slow(millis)) => {
            slow = *millis;
            None
        }
        Some(Action::CutAfter | Action::Truncate) | None => None,
    };
    let reply = match early {
        Some(failure) => Err(failure),
        None => region::with_here(state, now, &place.account, &place.region, "", |here| {
            settle(here);
            if !here.region.kube.clusters.contains_key(&place.cluster) {
                return None;
            }
            Some(respond(here, &place, request, &path, &query, door))
        })
        .unwrap_or_else(|| Err(Failure::new(503, "ServiceUnavailable", "the control plane is gone"))),
    };
    if action == Some(Action::CutAfter) {
        return Outcome::Cut;
    }
    let mut response = match reply {
        Ok(Reply::Watch(watch)) => return Outcome::Watch(watch, slow),
        Ok(Reply::Text(text)) => written(200, "text/plain; charset=utf-8", Bytes::from(text)),
        Ok(Reply::Json(code, json)) => written(code, "application/json", Bytes::from(json.to_string())),
        Ok(Reply::Warned(code, json, warnings)) => {
            let mut response = written(code, "application/json", Bytes::from(json.to_string()));
            for warning in warnings {
                if let Ok(value) = HeaderValue::from_str(&format!("299 - {warning:?}")) {
                    response.headers_mut().append("warning", value);
                }
            }
            response
        }
        Err(failure) => failure.response(),
    };
    if action == Some(Action::Truncate) {
        let body = response.body().clone();
        *response.body_mut() = body.slice(..body.len() / 2);
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    if let Some(date) = region::http_date(now).and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    Outcome::Answer(response, slow)
}

fn written(code: u16, media: &str, body: Bytes) -> Response<Bytes> {
    Response::builder().status(code).header("content-type", media).body(body).unwrap_or_default()
}

/// Lets time pass in a region.
pub(super) fn settle(here: &mut Here<'_>) {
    region::settle(here);
    let mut changed = false;
    for cluster in here.region.kube.clusters.values_mut() {
        changed |= crd::settle(&mut cluster.store, here.now);
    }
    if changed {
        controllers::settle(here);
    }
}

/// The same in all regions of an account: a path names no region, so the cluster is found after it.
fn settle_all(state: &mut State, now: Millis, account: &str) {
    let regions = state.accounts.get(account).map(|account| account.regions.keys().cloned().collect::<Vec<_>>());
    for region in regions.unwrap_or_default() {
        region::with_here(state, now, account, &region, "", settle);
    }
}

/// A fault rule's code as the API would answer it.
fn injected(reason: &str) -> Failure {
    let code = match reason {
        "Unauthorized" => 401,
        "Forbidden" => 403,
        "NotFound" => 404,
        "AlreadyExists" | "Conflict" => 409,
        "Expired" | "Gone" => 410,
        "Invalid" => 422,
        "TooManyRequests" => 429,
        "InternalError" => 500,
        "ServiceUnavailable" => 503,
        "Timeout" | "ServerTimeout" => 504,
        _ => 400,
    };
    Failure::new(code, reason, "injected")
}

fn respond(
    here: &mut Here<'_>,
    place: &Place,
    request: &Request<Bytes>,
    path: &Path,
    query: &Query,
    door: Door<'_>,
) -> Result<Reply, Failure> {
    let authorization =
        request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut who = auth::who(here, &place.cluster, authorization, door)?;
    let now = here.now;
    let Some(cluster) = here.region.kube.clusters.get_mut(&place.cluster) else {
        return Err(Failure::new(503, "ServiceUnavailable", "the control plane is gone"));
    };
    if let Some(other) = auth::impersonated(request.headers()) {
        let wish = Wish { verb: "impersonate", resource: "users", name: &other.name, ..Wish::default() };
        rbac::authorize(&cluster.store, &who, &wish)?;
        who = other;
    }
    let Path::Target(target) = path else {
        return describe(cluster, &who, path, request);
    };
    let kind =
        crd::find(&cluster.store, &target.group, &target.version, &target.plural).ok_or_else(Failure::no_path)?;
    let verb = rest::verb(request.method(), target, query)?;
    let whole = target.namespace.is_empty();
    if (!kind.namespaced && !whole) || (kind.namespaced && whole && !target.name.is_empty()) {
        return Err(Failure::no_path());
    }
    if !target.subresource.is_empty() && !kind.has(&target.subresource) {
        return Err(Failure::no_path());
    }
    let resource = if target.subresource.is_empty() {
        kind.plural.clone()
    } else {
        format!("{}/{}", kind.plural, target.subresource)
    };
    let ask = Ask { now, place, verb, kind, target, query, who: &who, request };
    rbac::authorize(&cluster.store, &who, &ask.wish(verb, &resource))?;
    if !ask.kind.verbs().contains(&verb) {
        return Err(Failure::method());
    }
    if ["authorization.k8s.io", "authentication.k8s.io"].contains(&ask.kind.group.as_str()) {
        return review::answer(&cluster.store, &ask);
    }
    let reply = match (target.subresource.as_str(), verb) {
        ("scale" | "log" | "eviction" | "binding" | "finalize", _) => subresource::answer(cluster, &ask),
        (_, "get" | "list" | "watch") => read::answer(cluster, &ask),
        _ => write::answer(cluster, &ask),
    }?;
    Ok(table::render(&cluster.store, &ask, reply))
}

/// Everything that is not about objects.
fn describe(cluster: &super::Cluster, who: &Who, path: &Path, request: &Request<Bytes>) -> Result<Reply, Failure> {
    let known = !who.groups.iter().any(|group| group == "system:unauthenticated");
    let open =
        matches!(path, Path::Other(path) if ["/version", "/healthz", "/livez", "/readyz"].contains(&path.as_str()));
    if !known && !open {
        let path = request.uri().path();
        let message = format!("forbidden: User {:?} cannot get path {path:?}", who.name);
        return Err(Failure::new(403, "Forbidden", message));
    }
    let kinds = || controllers_served(cluster);
    let found = match path {
        Path::Versions => {
            let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
            Some(discovery::versions(host.unwrap_or("10.100.0.1:443")))
        }
        Path::Groups => Some(discovery::groups(&kinds())),
        Path::Group(group) => discovery::group(&kinds(), group),
        Path::Resources(group, version) => discovery::resources(&kinds(), group, version),
        Path::Other(other) => match other.as_str() {
            "/version" => Some(discovery::version(&cluster.version)),
            "/healthz" | "/livez" | "/readyz" => return Ok(Reply::Text("ok".to_owned())),
            other => return openapi::answer(&cluster.store, &kinds(), other),
        },
        Path::Target(_) => None,
    };
    found.map(|json| Reply::Json(200, json)).ok_or_else(Failure::no_path)
}

/// The kinds that are served now: metrics only while something measures them.
fn controllers_served(cluster: &super::Cluster) -> Vec<Kind> {
    let mut kinds = crd::kinds(&cluster.store);
    if !controllers::metrics_served(&cluster.store) {
        kinds.retain(|kind| kind.group != "metrics.k8s.io");
    }
    kinds
}
