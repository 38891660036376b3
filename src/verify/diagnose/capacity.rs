//! Pools at their limit or too narrow; spot, quotas, addresses.

use std::collections::BTreeMap;

use super::signs::Tells;
use super::{Case, Cause, Certainty, Subject};
use crate::verify::landing::{Obstacle, Pool, amount, obstacles};
use crate::verify::read::{self, of_pod};

/// With fewer addresses a subnet takes no node: one for it and its first pods.
const ADDRESSES: i64 = 8;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for pool in &case.pools {
        found.extend(narrow(case, pool));
        found.extend(limit(case, pool));
    }
    found.extend(subnets(case));
    found.extend(market(case));
    for (tells, code, title, command) in [
        (
            Tells::Quota,
            "cause-quota",
            "the account's vCPU quota is used up",
            "aws service-quotas list-service-quotas --service-code ec2 --query \"Quotas[?contains(QuotaName,'Instance Requests') || contains(QuotaName,'On-Demand')].[QuotaName,Value]\"".to_owned(),
        ),
        (
            Tells::SpotRole,
            "cause-spot-role",
            "the account has no service-linked role of EC2 Spot",
            format!("rem-ci apply {}", case.spec.name),
        ),
        (Tells::Image, "cause-image-gone", "EC2 does not know the image of a launch", "kubectl describe ec2nodeclasses".to_owned()),
        (Tells::Launch, "cause-launch", "EC2 refuses to launch", "kubectl describe nodeclaims".to_owned()),
    ] {
        let words = case.told(tells);
        if words.is_empty() {
            continue;
        }
        found.push(weighed(case, Cause::new(code, title, words)).run(command));
    }
    found
}

/// While no pod waits for a node, a failed launch has broken nothing: Karpenter has helped itself.
fn weighed(case: &Case<'_>, cause: Cause) -> Cause {
    if case.hungry() { cause } else { cause.warning() }
}

impl Case<'_> {
    /// Whether a pod waits for a node.
    pub(super) fn hungry(&self) -> bool {
        self.seen.kube.pods.iter().any(|pod| read::unscheduled(pod).is_some() && read::leaving(pod).is_none())
    }
}

fn narrow(case: &Case<'_>, pool: &Pool) -> Option<Cause> {
    let seen = pool.too_narrow(&case.spec.region);
    if seen.is_empty() {
        return None;
    }
    let title = format!("nothing on sale satisfies the requirements of NodePool {}", pool.name);
    let cause = Cause::new("cause-pool-too-narrow", title, seen).about(Subject::Pool(pool.name.clone()));
    Some(cause.run(format!("kubectl get nodepool {} -o yaml", pool.name)))
}

/// A limit matters when pods wait that nothing else keeps out of the pool, and no other pool takes.
fn limit(case: &Case<'_>, pool: &Pool) -> Option<Cause> {
    let none = Vec::new();
    let pods = case.seen.kube.pods.known().unwrap_or(&none);
    let only_limit = |pod: &&serde_json::Value| {
        let found = obstacles(pod, pool, &case.spec.region);
        found.iter().any(|one| matches!(one, Obstacle::Limit(_)))
            && found.iter().all(|one| matches!(one, Obstacle::Limit(_)))
    };
    let nowhere =
        |pod: &&serde_json::Value| !case.pools.iter().any(|other| obstacles(pod, other, &case.spec.region).is_empty());
    let waiting: Vec<_> =
        pods.iter().filter(|pod| read::unscheduled(pod).is_some()).filter(only_limit).filter(nowhere).collect();
    let full = pool.over_limit(&BTreeMap::new());
    let mut seen: Vec<_> = pool
        .limits
        .iter()
        .map(|(resource, limit)| {
            let used = pool.used.get(resource).copied().unwrap_or_default();
            format!("{resource}: {} of {} in use", amount(resource, used), amount(resource, *limit))
        })
        .collect();
    let certainty = match (waiting.is_empty(), full.is_some()) {
        (false, _) => Certainty::Certain,
        (true, true) => Certainty::Warning,
        (true, false) => return None,
    };
    seen.extend(waiting.iter().take(3).map(|pod| {
        let asked = amount("cpu", of_pod(pod, "requests", "cpu"));
        format!(
            "{} waits and asks for {asked} CPU, {} of memory",
            read::full_name(pod),
            amount("memory", of_pod(pod, "requests", "memory"))
        )
    }));
    let title = format!("NodePool {} is at its limit", pool.name);
    let mut cause = Cause::new("cause-pool-limit", title, seen).about(Subject::Pool(pool.name.clone()));
    cause.certainty = certainty;
    Some(cause.run(format!("rem-ci status {}", case.spec.name)))
}

fn subnets(case: &Case<'_>) -> Option<Cause> {
    let told = case.told(Tells::Addresses);
    let full = case.seen.aws.subnets.iter().filter(|subnet| subnet.free < ADDRESSES);
    let full: Vec<_> =
        full.map(|subnet| format!("{} in {}: {} addresses free", subnet.id, subnet.zone, subnet.free)).collect();
    if told.is_empty() && full.is_empty() {
        return None;
    }
    let title = match full.len() {
        0 => "EC2 says that a subnet has no addresses left".to_owned(),
        1 => "a private subnet has no addresses left".to_owned(),
        many => format!("{many} private subnets have no addresses left"),
    };
    let seen = full.into_iter().chain(told).collect();
    let command = "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,AvailabilityZone,AvailableIpAddressCount]' --output table";
    Some(weighed(case, Cause::new("cause-subnet-full", title, seen)).run(command))
}

/// Capacity that EC2 does not have, named by the pool's market.
fn market(case: &Case<'_>) -> Vec<Cause> {
    let told = case.told(Tells::Capacity);
    if told.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for pool in &case.pools {
        let words = case.told_of(Tells::Capacity, |of| of == pool.name);
        if words.is_empty() {
            continue;
        }
        let spot = pool.markets() == ["spot"];
        let what = if spot { "spot capacity" } else { "capacity" };
        let mut seen = words;
        if spot {
            seen.push("the pool buys spot only".to_owned());
        }
        let title = format!("EC2 has no {what} for NodePool {}", pool.name);
        let cause = Cause::new("cause-spot-capacity", title, seen).about(Subject::Pool(pool.name.clone()));
        found.push(weighed(case, cause).run(format!(
            "kubectl get events -A --field-selector reason=InsufficientCapacityError && kubectl describe nodepool {}",
            pool.name
        )));
    }
    if found.is_empty() {
        let cause = Cause::new("cause-spot-capacity", "EC2 has no capacity of what Karpenter asked for", told);
        found.push(weighed(case, cause).run("kubectl get events -A --sort-by=.lastTimestamp"));
    }
    found
}
