//! Questions about the caller: who they are, what they may do (`kubectl auth whoami`, `kubectl auth can-i`).

use serde_json::json;

use super::answer::{Ask, Reply};
use super::auth;
use super::rbac::{Wish, allowed};
use super::status::Failure;
use super::store::{Store, text};

pub(super) fn answer(store: &Store, ask: &Ask<'_>) -> Result<Reply, Failure> {
    if ask.kind.group == "authentication.k8s.io" {
        return Ok(Reply::Json(201, auth::review(ask.who)));
    }
    let mut body = ask.body()?;
    let attributes = body["spec"]["resourceAttributes"].clone();
    let resource = match text(&attributes, "/subresource") {
        "" => text(&attributes, "/resource").to_owned(),
        subresource => format!("{}/{subresource}", text(&attributes, "/resource")),
    };
    let wish = Wish {
        verb: text(&attributes, "/verb"),
        group: text(&attributes, "/group"),
        resource: &resource,
        namespace: text(&attributes, "/namespace"),
        name: text(&attributes, "/name"),
    };
    let yes = if attributes.is_null() { ask.who.masters() } else { allowed(store, ask.who, &wish) };
    body["apiVersion"] = json!(ask.kind.api_version());
    body["kind"] = json!(ask.kind.kind);
    body["status"] = json!({ "allowed": yes });
    Ok(Reply::Json(201, body))
}
