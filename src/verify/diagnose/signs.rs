//! What events, conditions and log lines say of launches and calls, sorted by EC2's own error codes.

use crate::verify::observed::Observed;
use crate::verify::read::{self, text};

/// Older than this a sign says nothing of now, in seconds: Karpenter tries again within minutes.
const FRESH: i64 = 30 * 60;

/// What a text tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// An action that IAM refuses.
    Denied,
    /// The web identity is refused by STS.
    Trust,
    /// IAM has no such provider.
    Provider,
    /// A vCPU quota.
    Quota,
    /// The service-linked role of EC2 Spot is not there.
    SpotRole,
    /// No address in a subnet.
    Addresses,
    /// No capacity.
    Capacity,
    /// No image.
    Image,
    /// Too many calls, or a webhook that does not answer.
    Throttled,
    /// A launch that failed for another reason.
    Launch,
}

/// One text that tells of something.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    pub(super) tells: Tells,
    /// Where it was read, and what it says.
    pub(super) words: String,
    /// The pool it is about; empty where it is not to be seen.
    pub(super) pool: String,
}

/// Sources: EC2 API reference, "Error codes"; IAM and STS, "Common errors". The first that is found counts, and what
/// Karpenter wraps in "insufficient capacity" is looked into first.
const WORDS: &[(&str, Tells)] = &[
    ("No OpenIDConnectProvider found", Tells::Provider),
    ("InvalidIdentityToken", Tells::Provider),
    ("sts:AssumeRoleWithWebIdentity", Tells::Trust),
    ("AssumeRoleWithWebIdentity, https response error StatusCode: 403", Tells::Trust),
    ("ServiceLinkedRoleCreationNotPermitted", Tells::SpotRole),
    ("VcpuLimitExceeded", Tells::Quota),
    ("MaxSpotInstanceCountExceeded", Tells::Quota),
    ("InsufficientFreeAddressesInSubnet", Tells::Addresses),
    ("UnauthorizedOperation", Tells::Denied),
    ("AccessDenied", Tells::Denied),
    ("is not authorized to perform", Tells::Denied),
    ("InvalidAMIID", Tells::Image),
    ("InvalidParameterValue: AMI", Tells::Image),
    ("AMINotFound", Tells::Image),
    ("InsufficientInstanceCapacity", Tells::Capacity),
    ("UnfulfillableCapacity", Tells::Capacity),
    ("InsufficientCapacity", Tells::Capacity),
    ("insufficient capacity", Tells::Capacity),
    ("RequestLimitExceeded", Tells::Throttled),
    ("ThrottlingException", Tells::Throttled),
    ("Throttling", Tells::Throttled),
    ("failed calling webhook", Tells::Throttled),
    ("TooManyRequests", Tells::Throttled),
    ("client rate limiter", Tells::Throttled),
    ("LaunchFailed", Tells::Launch),
    ("creating instance", Tells::Launch),
    ("launching nodeclaim", Tells::Launch),
];

/// What a text tells of, if of anything.
pub(super) fn tells(text: &str) -> Option<Tells> {
    WORDS.iter().find(|(word, _)| text.contains(word)).map(|(_, tells)| *tells)
}

/// Everything that is to be seen now.
pub(super) fn all(seen: &Observed) -> Vec<Sign> {
    let mut found = Vec::new();
    for claim in &seen.kube.node_claims {
        let pool = read::label(claim, "karpenter.sh/nodepool").unwrap_or_default();
        for condition in read::conditions(claim).filter(|condition| !condition.holds() && condition.kind == "Launched")
        {
            let said = format!("{} {}", condition.reason, condition.message);
            if let Some(tells) = tells(&said) {
                let words = format!("nodeclaim {}: {}", read::name(claim), condition.words());
                found.push(Sign { tells, words, pool: pool.to_owned() });
            }
        }
    }
    let fresh = |event: &&serde_json::Value| seen.now - read::last_seen(event) <= FRESH;
    for event in seen.kube.events.iter().filter(fresh) {
        let kind = text(event, "/involvedObject/kind");
        if !matches!(kind, "NodeClaim" | "NodePool" | "EC2NodeClass" | "Node") || text(event, "/type") != "Warning" {
            continue;
        }
        let (reason, message) = (text(event, "/reason"), text(event, "/message"));
        if let Some(tells) = tells(&format!("{reason} {message}")) {
            let name = text(event, "/involvedObject/name");
            let ago = read::ago(seen.now - read::last_seen(event));
            let pool = pool_of(seen, kind, name);
            found.push(Sign { tells, words: format!("event {ago} ago on {kind} {name}: {reason}, {message}"), pool });
        }
    }
    for line in errors(seen) {
        if let Some(tells) = tells(&line.text) {
            let ago = read::ago(seen.now - line.at);
            found.push(Sign { tells, words: format!("log {ago} ago: {}", line.text), pool: line.pool });
        }
    }
    found
}

/// The pool of a claim, by its label, or by its name, which begins with the pool's.
fn pool_of(seen: &Observed, kind: &str, name: &str) -> String {
    if kind == "NodePool" {
        return name.to_owned();
    }
    let claim = seen.kube.node_claims.iter().find(|claim| read::name(claim) == name);
    if let Some(pool) = claim.and_then(|claim| read::label(claim, "karpenter.sh/nodepool")) {
        return pool.to_owned();
    }
    let pools = seen.kube.node_pools.iter().map(read::name);
    let pool = pools.filter(|pool| name.strip_prefix(*pool).is_some_and(|rest| rest.starts_with('-')));
    pool.max_by_key(|pool| pool.len()).unwrap_or_default().to_owned()
}

/// An error of the controller's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Line {
    /// Seconds since 1970; the moment of the look where the line does not say.
    pub(in crate::verify) at: i64,
    /// Message and error.
    pub(in crate::verify) text: String,
    /// The pool it names, if it does.
    pub(in crate::verify) pool: String,
}

/// The controller's errors that are fresh. Its lines are JSON objects with `level`, `time`, `message` and `error`; another
/// line counts when it says ERROR or panics.
pub(in crate::verify) fn errors(seen: &Observed) -> Vec<Line> {
    let line = |line: &String| {
        let Ok(json) = serde_json::from_str::<serde_json::Value>(line) else {
            let bad = line.contains("ERROR") || line.starts_with("panic:");
            return bad.then(|| Line { at: seen.now, text: line.clone(), pool: String::new() });
        };
        let level = text(&json, "/level");
        if !level.eq_ignore_ascii_case("error") && !level.eq_ignore_ascii_case("panic") {
            return None;
        }
        let (message, error) = (text(&json, "/message"), text(&json, "/error"));
        let both = if error.is_empty() { message.to_owned() } else { format!("{message}: {error}") };
        let pool = text(&json, "/NodePool/name");
        Some(Line { at: read::moment(text(&json, "/time")).unwrap_or(seen.now), text: both, pool: pool.to_owned() })
    };
    seen.kube.karpenter_log.iter().filter_map(line).filter(|line| seen.now - line.at <= FRESH).collect()
}

impl super::Case<'_> {
    /// The words of all signs that tell of something, without repeats, at most five.
    pub(super) fn told(&self, tells: Tells) -> Vec<String> {
        self.told_of(tells, |_| true)
    }

    /// The same, of some pools.
    pub(super) fn told_of(&self, tells: Tells, of: impl Fn(&str) -> bool) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for sign in self.signs.iter().filter(|sign| sign.tells == tells && of(&sign.pool)) {
            if found.len() < 5 && !found.contains(&sign.words) {
                found.push(sign.words.clone());
            }
        }
        found
    }
}
