//! Reading and writing any object of the API as the JSON it is. Writes are server-side applies under one field manager, so
//! that what others set stays theirs.

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::errors::{failure, field_conflicts};
use crate::cloud::lock::may_write;
use crate::engine::{Class, Failure, Read, tally};

/// Under this name we apply.
pub const MANAGER: &str = "rem-ci";

/// Objects in one page of a list.
const PAGE: usize = 500;

/// Managers of hands, not of programs: what a person changed with kubectl is drift that the plan has shown, and an approved
/// plan puts back, as it does what we have set otherwise than by an apply. Everybody else's field is a conflict. Names:
/// kubectl, `--field-manager` of each command.
const HANDS: &[&str] =
    &[MANAGER, "kubectl-edit", "kubectl-patch", "kubectl-label", "kubectl-annotate", "kubectl-taint", "kubectl-scale"];

/// A resource of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Empty for the core group.
    pub group: &'static str,
    /// `v1`.
    pub version: &'static str,
    /// `NodePool`.
    pub kind: &'static str,
    /// `nodepools`.
    pub plural: &'static str,
}

/// Where an object is: its namespace, if its resource has namespaces, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// None for cluster-scoped objects.
    pub namespace: Option<&'a str>,
    /// `metadata.name`.
    pub name: &'a str,
}

impl<'a> Place<'a> {
    /// Of a cluster-scoped object.
    #[must_use]
    pub const fn global(name: &'a str) -> Self {
        Self { namespace: None, name }
    }

    /// Of an object in a namespace.
    #[must_use]
    pub const fn new(namespace: &'a str, name: &'a str) -> Self {
        Self { namespace: Some(namespace), name }
    }
}

impl Api {
    /// `karpenter.sh/v1`, `v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        let mut path = format!("{root}/{}", self.version);
        if let Some(namespace) = namespace {
            path = format!("{path}/namespaces/{namespace}");
        }
        path = format!("{path}/{}", self.plural);
        name.map_or(path.clone(), |name| format!("{path}/{name}"))
    }

    fn call(&self, verb: &str) -> String {
        format!("kubernetes:{verb} {}", self.plural)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// All objects of a resource that a label selector fits, every page; in all namespaces where none is named.
///
/// # Errors
/// What the API server said, or why it said nothing. A resource that it does not serve is [`Class::Gone`].
pub async fn list(client: &kube::Client, api: &Api, namespace: Option<&str>, selector: &str) -> Read<Vec<Json>> {
    let mut found = Vec::new();
    let mut next = String::new();
    loop {
        let mut uri = format!("{}?limit={PAGE}", api.path(namespace, None));
        for (name, value) in [("labelSelector", selector), ("continue", next.as_str())] {
            if !value.is_empty() {
                uri = format!("{uri}&{name}={}", encoded(value));
            }
        }
        let mut page: Json = send(client, &api.call("list"), Method::GET, &uri, None, "").await?;
        if let Some(Json::Array(items)) = page.get_mut("items").map(Json::take) {
            found.extend(items);
        }
        match page.pointer("/metadata/continue").and_then(Json::as_str) {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => return Ok(found),
        }
    }
}

/// One object, if it is there.
///
/// # Errors
/// As [`list`], absence apart.
pub async fn get(client: &kube::Client, api: &Api, place: Place<'_>) -> Read<Option<Json>> {
    let uri = api.path(place.namespace, Some(place.name));
    match send(client, &api.call("get"), Method::GET, &uri, None, "").await {
        Ok(object) => Ok(Some(object)),
        Err(failure) if failure.class == Class::Gone => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Server-side apply: the object gets these fields, and loses those that only this manager had set before. Where the only
/// ones in the way are people's hands, they are taken over; a program's field is a conflict that names it.
///
/// # Errors
/// As [`list`]; a conflict is [`Class::Fatal`] with the code [`FIELD_CONFLICT`](super::errors::FIELD_CONFLICT).
pub async fn apply(client: &kube::Client, api: &Api, place: Place<'_>, manager: &str, object: &Json) -> Read<Json> {
    let uri = format!("{}?fieldManager={manager}", api.path(place.namespace, Some(place.name)));
    let call = api.call("patch");
    let first = request(client, &call, Method::PATCH, &uri, Some(object), APPLY).await?;
    let error = match first {
        Ok(applied) => return Ok(applied),
        Err(error) => error,
    };
    let conflicts = field_conflicts(&error);
    if conflicts.is_empty() || !conflicts.iter().all(|one| HANDS.contains(&one.manager.as_str())) {
        return Err(failure(&call, &error));
    }
    send(client, &call, Method::PATCH, &format!("{uri}&force=true"), Some(object), APPLY).await
}

const APPLY: &str = "application/apply-patch+yaml";

/// A merge patch (RFC 7386), for what no apply can say: a finalizer that goes, a scale.
///
/// # Errors
/// As [`list`].
pub async fn merge(client: &kube::Client, api: &Api, place: Place<'_>, patch: &Json) -> Read<Json> {
    merge_as(client, api, place, MANAGER, patch).await
}

/// The same under the name of another manager.
///
/// # Errors
/// As [`list`].
pub async fn merge_as(client: &kube::Client, api: &Api, place: Place<'_>, manager: &str, patch: &Json) -> Read<Json> {
    let uri = format!("{}?fieldManager={manager}", api.path(place.namespace, Some(place.name)));
    send(client, &api.call("patch"), Method::PATCH, &uri, Some(patch), "application/merge-patch+json").await
}

/// Asks for an object's end; what it owns goes first. `uid` makes sure that it is this one and no other of its name. What is
/// gone already is fine.
///
/// # Errors
/// As [`list`].
pub async fn delete(client: &kube::Client, api: &Api, place: Place<'_>, uid: &str) -> Result<(), Failure> {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"});
    if !uid.is_empty() {
        options["preconditions"] = json!({"uid": uid});
    }
    let uri = api.path(place.namespace, Some(place.name));
    let sent = send(client, &api.call("delete"), Method::DELETE, &uri, Some(&options), "application/json").await;
    match sent {
        Ok(_) => Ok(()),
        Err(failure) if failure.class == Class::Gone => Ok(()),
        // Another one of this name, by its uid: the one that was meant is gone.
        Err(failure) if failure.code == "Conflict" && !uid.is_empty() => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Asks for an object's end with options of one's own: a grace period, another propagation, a uid. What is gone already is
/// fine.
///
/// # Errors
/// As [`list`].
pub async fn delete_with(client: &kube::Client, api: &Api, place: Place<'_>, options: &Json) -> Result<(), Failure> {
    let uri = api.path(place.namespace, Some(place.name));
    let sent = send(client, &api.call("delete"), Method::DELETE, &uri, Some(options), "application/json").await;
    match sent {
        Err(failure) if failure.class != Class::Gone && failure.code != "Conflict" => Err(failure),
        // Another one of this name, by its uid: the one that was meant is gone.
        _ => Ok(()),
    }
}

/// Creates what is under an object: an eviction of a pod.
///
/// # Errors
/// As [`list`].
pub async fn create_under(
    client: &kube::Client,
    api: &Api,
    place: Place<'_>,
    part: &str,
    object: &Json,
) -> Result<(), Failure> {
    let uri = format!("{}/{part}", api.path(place.namespace, Some(place.name)));
    let call = format!("{}/{part}", api.call("create"));
    send(client, &call, Method::POST, &uri, Some(object), "application/json").await.map(drop)
}

async fn send(
    client: &kube::Client,
    call: &str,
    method: Method,
    uri: &str,
    body: Option<&Json>,
    content: &'static str,
) -> Read<Json> {
    request(client, call, method, uri, body, content).await?.map_err(|error| failure(call, &error))
}

/// One request: counted, and held back where it would write and the lock's lease is too short for it.
async fn request(
    client: &kube::Client,
    call: &str,
    method: Method,
    uri: &str,
    body: Option<&Json>,
    content: &'static str,
) -> Result<Result<Json, kube::Error>, Failure> {
    if method != Method::GET && !may_write() {
        let why = "the lock's lease is too short for another write: somebody else may hold it by now";
        return Err(Failure { class: Class::Unknown, call: call.to_owned(), code: String::new(), message: why.into() });
    }
    let mut request = Request::builder().method(method).uri(uri);
    if !content.is_empty() {
        request = request.header(http::header::CONTENT_TYPE, content);
    }
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let request = request.body(body.to_vec()).map_err(|error| Failure::fatal(call, error.to_string()))?;
    tally::inside();
    Ok(client.request(request).await)
}

#[cfg(test)]
mod tests;
