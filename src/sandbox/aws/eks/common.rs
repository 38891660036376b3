//! Faults, ids, pages and client tokens, as all of EKS's operations have them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::Cluster;
use crate::sandbox::region::{self, Here, text};
use crate::sandbox::wire::{Answer, Fault};

pub(super) fn invalid(words: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", words)
}

pub(super) fn refused(words: impl Into<String>) -> Fault {
    Fault::new("InvalidRequestException", words)
}

pub(super) fn in_use(words: impl Into<String>) -> Fault {
    Fault::new("ResourceInUseException", words).status(409)
}

pub(super) fn missing(words: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", words).status(404)
}

pub(super) fn need<'a>(params: &'a Json, key: &str) -> Result<&'a str, Fault> {
    match text(params, key) {
        "" => Err(invalid(format!("{key} is required"))),
        value => Ok(value),
    }
}

/// The name of a cluster in a request: `name`, or `clusterName` in what belongs to a cluster.
pub(super) fn cluster_name(params: &Json) -> Result<&str, Fault> {
    need(params, "clusterName").or_else(|_| need(params, "name"))
}

/// The cluster that a request names.
pub(super) fn cluster<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Cluster, Fault> {
    let name = cluster_name(params)?;
    let words = format!("No cluster found for name: {name}.");
    here.region.eks.clusters.get_mut(name).ok_or_else(|| missing(words))
}

/// The cluster, if things can be made in it.
pub(super) fn active_cluster<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Cluster, Fault> {
    let cluster = cluster(here, params)?;
    let name = text(&cluster.body, "name");
    match cluster.status() {
        "ACTIVE" => Ok(cluster),
        "UPDATING" => Err(in_use(format!("Cluster '{name}' currently has an update in progress"))),
        status => Err(refused(format!("Cluster '{name}' is not in ACTIVE status, it is {status}"))),
    }
}

/// How a thing was made: a second request with the same client token gets the first one's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// `clientRequestToken`; empty if none was given.
    pub token: String,
    /// The request.
    pub request: Json,
}

impl Made {
    pub(super) fn by(params: &Json) -> Self {
        Self { token: text(params, "clientRequestToken").to_owned(), request: params.clone() }
    }

    /// Whether a request repeats this one.
    ///
    /// # Errors
    /// When the token is the same and the request is not.
    pub(super) fn repeated(&self, params: &Json) -> Result<bool, Fault> {
        if self.token.is_empty() || self.token != text(params, "clientRequestToken") {
            return Ok(false);
        }
        if self.request == *params {
            return Ok(true);
        }
        Err(invalid("The clientRequestToken was used before with different parameters"))
    }
}

/// An id as EKS makes them for updates and in ARNs.
pub(super) fn uuid(here: &mut Here<'_>) -> String {
    let hex = here.letters("0123456789abcdef", 31);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

/// One page of a list: `maxResults` (100), `nextToken`.
pub(super) fn paged(params: &Json, key: &str, items: &[Json]) -> Answer {
    let size = match &params["maxResults"] {
        Json::Null => 100,
        Json::String(size) => size.parse().unwrap_or_default(),
        size => size.as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or_default(),
    };
    if !(1..=100).contains(&size) {
        return Err(invalid("maxResults must be between 1 and 100"));
    }
    let (page, next) = region::page(items, text(params, "nextToken"), size);
    let mut answer = json!({ key: page });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

/// A request's `tags`: at most 50, none of AWS's own.
pub(super) fn tags(params: &Json) -> Result<Map<String, Json>, Fault> {
    let tags = params["tags"].as_object().cloned().unwrap_or_default();
    if tags.len() > 50 {
        return Err(invalid("A resource can have at most 50 tags"));
    }
    if let Some(key) =
        tags.keys().find(|key| key.to_lowercase().starts_with("aws:") || key.len() > 128 || key.is_empty())
    {
        return Err(invalid(format!("Tag key {key} is not allowed")));
    }
    Ok(tags)
}

/// A name that begins with a letter or a digit and goes on with those, `-` and `_`.
pub(super) fn good_name(name: &str, longest: usize) -> bool {
    name.len() <= longest
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}

/// Checks a role that EKS is to use: it exists, other services know it by now, it trusts `service`, it has `policies`
/// (one of each group).
pub(super) fn role(here: &Here<'_>, arn: &str, service: &str, policies: &[&[&str]]) -> Result<(), Fault> {
    let known = here.iam.role(arn).filter(|role| role.usable <= here.now);
    let trusted = known
        .filter(|role| super::super::iam::allows_service(&role.trust, service, &std::collections::BTreeMap::new()));
    let Some(role) = trusted else {
        return Err(invalid(format!(
            "Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
        )));
    };
    for group in policies {
        let has = group.iter().any(|policy| role.attached.iter().any(|arn| arn.ends_with(&format!("/{policy}"))));
        // A policy of the customer's may say the same; EKS accepts any role that has one.
        let own = role.attached.iter().any(|arn| !arn.contains(":iam::aws:")) || !role.inline.is_empty();
        if !has && !own {
            return Err(invalid(format!(
                "The provided role doesn't have the Amazon EKS Managed Policies associated with it. Please ensure the following policies [{}] are attached",
                group.first().copied().unwrap_or_default()
            )));
        }
    }
    Ok(())
}
