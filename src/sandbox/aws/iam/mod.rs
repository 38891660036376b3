//! IAM, as its API reference and its user guide describe it: roles, policies, OIDC providers, instance profiles, and
//! the decision whether a caller may do something. Nothing here knows what the rest of the program wants.
//!
//! One file per resource type; each has `handle(here, call)`, which is `None` for operations of another file.

mod actions;
mod authorize;
mod aws_managed;
mod conditions;
mod document;
mod evaluate;
mod policies;
mod profiles;
mod providers;
mod role_policies;
mod roles;
mod service_linked;
mod sessions;
mod tags;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use authorize::authorize;
pub use policies::Policy;
pub use profiles::Profile;
pub use providers::Provider;
pub use roles::Role;
pub use sessions::Session;

use crate::sandbox::region::{self, Here, text, unsupported};
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state; global to an account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub roles: BTreeMap<String, Role>,
    /// Customer managed policies, by ARN.
    pub policies: BTreeMap<String, Policy>,
    /// OIDC providers, by ARN.
    pub providers: BTreeMap<String, Provider>,
    /// Instance profiles, by name.
    pub profiles: BTreeMap<String, Profile>,
    /// What STS has given out, by access key.
    pub sessions: BTreeMap<String, Session>,
    /// Which actions each role's sessions have asked for, by its ARN: IAM's "last accessed information", without dates. Of
    /// this process only.
    #[serde(skip)]
    pub asked: BTreeMap<String, BTreeSet<String>>,
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    roles::handle(here, call)
        .or_else(|| role_policies::handle(here, call))
        .or_else(|| policies::handle(here, call))
        .or_else(|| providers::handle(here, call))
        .or_else(|| profiles::handle(here, call))
        .or_else(|| service_linked::handle(here, call))
        .or_else(|| authorize::handle(here, call))
        .unwrap_or_else(|| Err(unsupported("iam", &call.operation)))
}

impl State {
    /// The caller's ARN, if the access key is one that STS has given out, expired or not.
    #[must_use]
    pub fn session(&self, access_key: &str) -> Option<String> {
        self.sessions.get(access_key).map(|session| session.arn.clone())
    }

    /// The role with this ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(name_of(arn)).filter(|role| role.arn == arn)
    }

    /// Whether an ARN names a principal of this account that exists: its root, the administrator, a role.
    #[must_use]
    pub fn principal_exists(&self, arn: &str) -> bool {
        arn.ends_with(":root") || arn.ends_with(":user/sandbox") || self.role(arn).is_some()
    }
}

pub(crate) use profiles::make_for_nodes as make_profile_for_nodes;
pub(crate) use service_linked::ensure as ensure_service_linked;
pub(crate) use trust::{Federated, allows_principal, allows_service, allows_web_identity};

/// What follows the last `/` of an ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// A global ARN of this account.
fn arn(here: &Here<'_>, resource: &str) -> String {
    format!("arn:{}:iam::{}:{resource}", here.partition(), here.account)
}

/// An unique id as IAM makes them: four letters for the type, 17 of the alphabet.
fn unique(here: &mut Here<'_>, prefix: &str) -> String {
    format!("{prefix}{}", here.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17))
}

fn need<'a>(params: &'a Json, key: &str) -> Result<&'a str, Fault> {
    match text(params, key) {
        "" => Err(invalid(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            lower_first(key)
        ))),
        value => Ok(value),
    }
}

fn lower_first(key: &str) -> String {
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// A name of at most `length` characters out of IAM's alphabet, `[\w+=,.@-]`.
fn need_name<'a>(params: &'a Json, key: &str, length: usize) -> Result<&'a str, Fault> {
    let name = need(params, key)?;
    let field = lower_first(key);
    if name.len() > length {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: Member must have length less than or equal to {length}"
        )));
    }
    if name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter)) {
        Ok(name)
    } else {
        Err(invalid(format!(
            "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )))
    }
}

/// `/`, or a path that begins and ends with one.
fn path_of(params: &Json) -> Result<String, Fault> {
    match text(params, "Path") {
        "" => Ok("/".to_owned()),
        path if path.len() <= 512 && path.starts_with('/') && path.ends_with('/') => Ok(path.to_owned()),
        path => Err(invalid(format!("The specified value for path is invalid: {path}"))),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

fn absent(what: &str) -> Fault {
    Fault::new("NoSuchEntity", what).status(404)
}

fn exists(what: &str) -> Fault {
    Fault::new("EntityAlreadyExists", what).status(409)
}

fn conflict(what: &str) -> Fault {
    Fault::new("DeleteConflict", what).status(409)
}

fn limit(what: &str) -> Fault {
    Fault::new("LimitExceeded", what).status(409)
}

/// One page as IAM cuts it: `Marker` in and out, `MaxItems` (100), `IsTruncated`.
fn paged(params: &Json, key: &str, items: &[Json]) -> Json {
    let size = text(params, "MaxItems").parse().unwrap_or(100_usize).min(1000);
    let (page, next) = region::page(items, text(params, "Marker"), size);
    json!({ key: page, "IsTruncated": next.is_some(), "Marker": next })
}

/// A document as IAM returns it: URL-encoded by RFC 3986.
fn encoded(document: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(document, KEPT).to_string()
}
