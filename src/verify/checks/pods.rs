//! Pods without a node: each has a reason, and none of ours is among them.

use serde_json::Value as Json;

use super::over;
use crate::config::Spec;
use crate::verify::Check;
use crate::verify::landing::{Pool, landing};
use crate::verify::observed::Observed;
use crate::verify::read::{self, text};

/// So long, in seconds, a node may take: longer than Karpenter's launches do.
const PATIENCE: i64 = 180;

pub(super) fn check(seen: &Observed, spec: &Spec) -> Check {
    over("verify-pending-pods", "no pod waits for a node without a reason", &seen.kube.pods, |pods| {
        let waiting: Vec<_> =
            pods.iter().filter(|pod| read::unscheduled(pod).is_some() && read::leaving(pod).is_none()).collect();
        let mut passed = true;
        let mut evidence = vec![format!("{} of {} pods wait for a node", waiting.len(), pods.len())];
        for pod in waiting {
            let (good, words) = reason(seen, spec, pod);
            passed &= good;
            evidence.push(format!("{}: {words}", read::full_name(pod)));
        }
        (passed, evidence)
    })
}

/// Why a pod waits, and whether that is how it should be.
fn reason(seen: &Observed, spec: &Spec, pod: &Json) -> (bool, String) {
    let age = seen.now - read::created(pod);
    let own = ["kube-system", spec.karpenter.namespace.as_str()].contains(&read::namespace(pod));
    let said = read::unscheduled(pod).map_or("", |waits| waits.message);
    if own && age >= 60 {
        return (false, format!("waiting for {}: {said}", read::ago(age)));
    }
    let nominated = seen.kube.events.iter().any(|event| {
        text(event, "/reason") == "Nominated"
            && text(event, "/involvedObject/name") == read::name(pod)
            && seen.now - read::last_seen(event) < 300
    });
    if nominated || age < PATIENCE {
        return (true, format!("for {}, a node is to come", read::ago(age)));
    }
    let pools: Vec<_> = seen.kube.node_pools.iter().map(Pool::live).collect();
    let landings = landing(pod, &pools, &[], &[], &spec.region);
    if let Some(may) = landings.iter().find(|one| one.may) {
        return (false, format!("waiting for {}, and {} may take it", read::ago(age), may.pool));
    }
    let why: Vec<_> = landings.iter().map(|one| format!("{}: {}", one.pool, one.reasons.join(", "))).collect();
    (true, format!("no pool takes it ({})", why.join("; ")))
}
