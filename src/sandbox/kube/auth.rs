//! Who calls: a token is a pre-signed `GetCallerIdentity` whose caller has an access entry (EKS user guide, "Grant IAM users
//! access to Kubernetes with EKS access entries"; aws-iam-authenticator's README, "API Authorization from Outside a Cluster").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value as Json;

use super::answer::Door;
use super::status::Failure;
use super::store::text;
use crate::sandbox::clock;
use crate::sandbox::region::{Here, texts};

/// A token is good for a quarter of an hour from its signature on, whatever its query says.
const GOOD_FOR_MS: i64 = 15 * 60 * 1000;

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The user's name.
    pub name: String,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// EKS's own policies for it, by their names.
    pub policies: Vec<Policy>,
}

/// An access policy and where it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `AmazonEKSViewPolicy`.
    pub name: String,
    /// Empty for the whole cluster.
    pub namespaces: Vec<String>,
}

impl Who {
    /// The administrator of a served kubeconfig.
    #[must_use]
    pub fn admin() -> Self {
        let groups = vec!["system:masters".to_owned(), "system:authenticated".to_owned()];
        Self { name: "kubernetes-admin".to_owned(), groups, policies: Vec::new() }
    }

    /// Whoever sends no token.
    #[must_use]
    pub fn anonymous() -> Self {
        let groups = vec!["system:unauthenticated".to_owned()];
        Self { name: "system:anonymous".to_owned(), groups, policies: Vec::new() }
    }

    /// Whether every question is answered with yes.
    #[must_use]
    pub fn masters(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }
}

/// Finds out who calls a cluster.
///
/// # Errors
/// 401 for a token that is none, is too old, or whose owner has no entry in this cluster.
pub fn who(here: &Here<'_>, cluster: &str, authorization: &str, door: Door<'_>) -> Result<Who, Failure> {
    if authorization.is_empty() {
        return Ok(Who::anonymous());
    }
    let token = authorization.strip_prefix("Bearer ").ok_or_else(Failure::unauthorized)?;
    if let Door::Served { token: admin, .. } = door
        && !admin.is_empty()
        && token == admin
    {
        return Ok(Who::admin());
    }
    // A client outside signs by the wall clock, which this region's own runs ahead of.
    let now = if matches!(door, Door::Served { .. }) { clock::wall() } else { here.now };
    let key = access_key(token, now).ok_or_else(Failure::unauthorized)?;
    let (caller, principal) = caller(here, &key).ok_or_else(Failure::unauthorized)?;
    let entries = here.region.eks.clusters.get(cluster).map(|cluster| &cluster.entries);
    let entry = entries.and_then(|entries| entries.get(&principal)).ok_or_else(Failure::unauthorized)?;
    let session = caller.rsplit('/').next().unwrap_or_default();
    let name = text(&entry.body, "/username").replace("{{SessionName}}", session);
    let mut groups = texts(&entry.body, "kubernetesGroups");
    groups.push("system:authenticated".to_owned());
    let policies = entry.policies.iter().map(|(arn, associated)| Policy {
        name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
        namespaces: texts(&associated["accessScope"], "namespaces"),
    });
    Ok(Who { name, groups, policies: policies.collect() })
}

/// The access key that has signed a token; nothing when it is no token, or not one of now.
fn access_key(token: &str, now: i64) -> Option<String> {
    let url = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.")?).ok()?;
    let url: http::Uri = String::from_utf8(url).ok()?.parse().ok()?;
    let host = url.host()?;
    let sts = host.starts_with("sts.") || host == "127.0.0.1" || host == "localhost";
    let query: BTreeMap<String, String> = form_urlencoded::parse(url.query()?.as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let is = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let signed = is("X-Amz-SignedHeaders").split(';').any(|header| header == "x-k8s-aws-id");
    let mut scope = is("X-Amz-Credential").split('/');
    let key = scope.next().filter(|key| !key.is_empty())?.to_owned();
    let of_sts = scope.nth(2) == Some("sts");
    let at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", is("X-Amz-Date")).ok()?.to_datetime().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let recent = (now - at).abs() <= GOOD_FOR_MS;
    (sts && of_sts && signed && recent && is("Action") == "GetCallerIdentity" && !is("X-Amz-Signature").is_empty())
        .then_some(key)
}

/// The caller's ARN, and the ARN of the IAM principal behind it.
fn caller(here: &Here<'_>, key: &str) -> Option<(String, String)> {
    if let Some(session) = here.iam.sessions.get(key) {
        let alive = session.expires > here.now;
        return alive.then(|| {
            let principal = if session.role.is_empty() { &session.arn } else { &session.role };
            (session.arn.clone(), principal.clone())
        });
    }
    let digits = key.get(4..16).filter(|digits| digits.chars().all(|digit| digit.is_ascii_digit()));
    let ours = digits.is_none_or(|digits| digits == here.account);
    let arn = format!("arn:{}:iam::{}:user/sandbox", here.partition(), here.account);
    ours.then(|| (arn.clone(), arn))
}

/// Who is meant by `Impersonate-User` and `Impersonate-Group`, if anybody.
#[must_use]
pub fn impersonated(headers: &http::HeaderMap) -> Option<Who> {
    let name = headers.get("impersonate-user")?.to_str().ok()?.to_owned();
    let groups = headers.get_all("impersonate-group").iter().filter_map(|group| Some(group.to_str().ok()?.to_owned()));
    let groups = groups.chain(["system:authenticated".to_owned()]).collect();
    Some(Who { name, groups, policies: Vec::new() })
}

/// The answer to `SelfSubjectReview`: `kubectl auth whoami`.
#[must_use]
pub fn review(who: &Who) -> Json {
    serde_json::json!({
        "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
        "status": { "userInfo": { "username": who.name, "groups": who.groups } },
    })
}
