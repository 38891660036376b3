//! How an environment is right now, for a person who was woken by it: pure, over what was observed.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::diagnose::{CHART, Cause, Certainty, deployment, diagnose, environment, errors, landing_of, system};
use super::landing::{Landing, Pool, amount, landing};
use super::observed::{Observed, Seen};
use super::read::{self, milli, number, of_pod, text};
use crate::config::Spec;
use crate::cost::Book;
use crate::model::Identity;
use crate::view::Untrusted;
use crate::view::report::{
    AddonRow, Amounts, CauseRow, ControlPlaneRow, CostNow, DiagnoseReport, ErrorRow, EventRow, KarpenterRow,
    LandingRow, LimitRow, Mode, NodeRow, PendingRow, PodRow, PoolRow, QueueRow, StatusReport, Verdict,
};

/// Hours of a month, as all our monthly figures have it.
const MONTH: i64 = 730;
/// Interruptions older than this are history, in seconds.
const DAY: i64 = 86_400;

/// Reasons of the events by which Karpenter tells of an interruption. Source: karpenter-provider-aws,
/// `pkg/controllers/interruption/events`.
const INTERRUPTIONS: [&str; 7] = [
    "SpotInterrupted",
    "SpotRebalanceRecommendation",
    "TerminatingOnInterruption",
    "InstanceStopping",
    "InstanceTerminating",
    "InstanceUnhealthy",
    "CapacityReservationInstanceInterrupted",
];

/// The whole status.
#[must_use]
pub fn status(seen: &Observed, spec: &Spec, id: &Identity, mode: Mode) -> StatusReport {
    let causes = diagnose(seen, spec, id, None);
    let broken = causes.iter().any(|cause| cause.certainty != Certainty::Warning);
    let read = seen.kube.nodes.known().is_some() && seen.aws.cluster.known().is_some();
    let nodes = nodes(seen, spec);
    StatusReport {
        environment: Untrusted::new(&spec.name),
        cluster: Untrusted::new(&spec.cluster.name),
        region: Untrusted::new(&spec.region),
        mode,
        at: moment(seen.now),
        verdict: match (broken, read) {
            (true, _) => Verdict::Degraded,
            (false, true) => Verdict::Healthy,
            (false, false) => Verdict::Unknown,
        },
        causes: causes.iter().map(cause_row).collect(),
        control_plane: control_plane(seen),
        addons: addons(seen),
        karpenter: karpenter(seen, spec),
        cost: cost(&nodes, spec),
        pools: pools(seen, &nodes),
        pods: pods(seen),
        nodes,
        pending: pending(seen, spec),
        interruptions: interruptions(seen),
        queue: queue(seen, spec),
        unread: unread(seen),
    }
}

/// A diagnosis as a report; `pod` is `namespace/name`.
#[must_use]
pub fn diagnosis(seen: &Observed, spec: &Spec, id: &Identity, pod: Option<&str>) -> DiagnoseReport {
    let landings = pod.and_then(|pod| landing_of(seen, spec, pod)).unwrap_or_default();
    DiagnoseReport {
        environment: Untrusted::new(&spec.name),
        pod: pod.map(Untrusted::new),
        causes: diagnose(seen, spec, id, pod).iter().map(cause_row).collect(),
        landing: landings.iter().map(landing_row).collect(),
        unread: unread(seen),
    }
}

/// `2026-11-24 12:00 UTC`.
fn moment(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn cause_row(cause: &Cause) -> CauseRow {
    CauseRow {
        code: cause.code,
        title: Untrusted::new(&cause.title),
        certainty: cause.certainty.as_str(),
        evidence: texts(&cause.evidence),
        help: cause.help,
        command: Untrusted::new(&cause.command),
    }
}

fn landing_row(landing: &Landing) -> LandingRow {
    LandingRow {
        pool: Untrusted::new(&landing.pool),
        may: landing.may,
        reasons: texts(&landing.reasons),
        markets: landing.markets.clone(),
        nodes: texts(&landing.nodes),
    }
}

fn texts(texts: &[String]) -> Vec<Untrusted> {
    texts.iter().map(Untrusted::new).collect()
}

fn control_plane(seen: &Observed) -> ControlPlaneRow {
    let cluster = seen.aws.cluster.known().and_then(Option::as_ref);
    let lines = seen.kube.ready.known();
    let failing: Vec<_> = seen.kube.ready.iter().filter(|line| line.starts_with("[-]")).cloned().collect();
    let unhealthy = seen.kube.components.iter().filter(|one| {
        read::items(one, "/conditions")
            .any(|condition| text(condition, "/type") == "Healthy" && text(condition, "/status") != "True")
    });
    ControlPlaneRow {
        status: cluster.map(|cluster| Untrusted::new(&cluster.status)).unwrap_or_default(),
        version: cluster.map(|cluster| Untrusted::new(&cluster.version)).unwrap_or_default(),
        api_ready: lines.map(|_| failing.is_empty()),
        api_checks: seen.kube.ready.iter().filter(|line| line.starts_with("[+]")).count(),
        components_unhealthy: unhealthy.map(|one| Untrusted::new(read::name(one))).collect(),
        api_failing: texts(&failing),
    }
}

fn addons(seen: &Observed) -> Vec<AddonRow> {
    let row = |addon: &super::observed::Addon| AddonRow {
        name: Untrusted::new(&addon.name),
        version: Untrusted::new(&addon.version),
        status: Untrusted::new(&addon.status),
        issues: texts(&addon.issues),
    };
    seen.aws.addons.iter().map(row).collect()
}

fn karpenter(seen: &Observed, spec: &Spec) -> KarpenterRow {
    let found = seen.kube.deployments.known().and_then(|all| deployment(all, &spec.karpenter.namespace));
    let lines = errors(seen);
    let version =
        found.and_then(|one| read::annotation(one, CHART).or_else(|| read::label(one, "app.kubernetes.io/version")));
    let last = lines.iter().rev().take(5);
    KarpenterRow {
        version: version.map(Untrusted::new).unwrap_or_default(),
        replicas: found.map_or(0, |one| number(one, "/spec/replicas")),
        available: found.map_or(0, |one| number(one, "/status/availableReplicas")),
        errors: last.map(|line| ErrorRow { ago_s: seen.now - line.at, text: Untrusted::new(&line.text) }).collect(),
        error_count: lines.len(),
    }
}

/// Thousandths of bytes as MiB.
fn mib(milli: u128) -> u64 {
    u64::try_from(milli / (1000 * 1024 * 1024)).unwrap_or(u64::MAX)
}

fn small(milli: u128) -> u64 {
    u64::try_from(milli).unwrap_or(u64::MAX)
}

fn nodes(seen: &Observed, spec: &Spec) -> Vec<NodeRow> {
    let book = Book::embedded(&spec.region);
    let mut by_node: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for pod in seen.kube.pods.iter().filter(|pod| read::alive(pod)) {
        by_node.entry(text(pod, "/spec/nodeName")).or_default().push(pod);
    }
    let row = |node: &Json| {
        let name = read::name(node);
        let pods = by_node.get(name).cloned().unwrap_or_default();
        let metrics = seen.kube.node_metrics.iter().find(|one| read::name(one) == name);
        let amounts = |resource: &str, unit: fn(u128) -> u64| Amounts {
            allocatable: unit(milli(&node["status"]["allocatable"][resource])),
            requests: unit(pods.iter().map(|pod| of_pod(pod, "requests", resource)).sum()),
            limits: unit(pods.iter().map(|pod| of_pod(pod, "limits", resource)).sum()),
            used: metrics.map(|one| unit(milli(&one["usage"][resource]))),
        };
        let kind = read::label(node, "node.kubernetes.io/instance-type").unwrap_or_default();
        let pool = if system(node) { "system" } else { read::label(node, "karpenter.sh/nodepool").unwrap_or_default() };
        let market = read::label(node, "karpenter.sh/capacity-type").or_else(|| {
            read::label(node, "eks.amazonaws.com/capacityType")
                .map(|word| if word == "SPOT" { "spot" } else { "on-demand" })
        });
        let ready = read::holds(node, "Ready");
        NodeRow {
            name: Untrusted::new(name),
            pool: Untrusted::new(pool),
            instance_type: Untrusted::new(kind),
            zone: Untrusted::new(read::label(node, "topology.kubernetes.io/zone").unwrap_or_default()),
            market: Untrusted::new(market.unwrap_or("on-demand")),
            ready,
            state: Untrusted::new(state(node, ready)),
            version: Untrusted::new(text(node, "/status/nodeInfo/kubeletVersion")),
            age_s: seen.now - read::created(node),
            cpu: amounts("cpu", small),
            memory: amounts("memory", mib),
            pods: u64::try_from(pods.len()).unwrap_or(u64::MAX),
            pods_allocatable: small(milli(&node["status"]["allocatable"]["pods"]) / 1000),
            usd_per_hour: book.and_then(|book| book.instance(kind)).map(|price| price.usd_per_hour),
        }
    };
    let mut rows: Vec<_> = seen.kube.nodes.iter().map(row).collect();
    rows.sort_by(|one, other| {
        let key = |row: &NodeRow| (row.pool != Untrusted::from("system"), row.pool.clone(), row.name.clone());
        key(one).cmp(&key(other))
    });
    rows
}

fn state(node: &Json, ready: bool) -> &'static str {
    match (ready, read::leaving(node).is_some(), node["spec"]["unschedulable"].as_bool()) {
        (_, true, _) => "leaving",
        (false, ..) => "NotReady",
        (_, _, Some(true)) => "cordoned",
        _ => "",
    }
}

/// What nodes cost. A spot price is not in the tables; it never exceeds the on-demand price, so that is the bound.
fn cost(nodes: &[NodeRow], spec: &Spec) -> CostNow {
    let priced = || nodes.iter().filter_map(|node| Some((node, node.usd_per_hour?)));
    let usd_per_hour: Decimal = priced().map(|(_, usd)| usd).sum();
    let spot = priced().filter(|(node, _)| node.market == Untrusted::from("spot"));
    CostNow {
        usd_per_hour,
        usd_per_month: usd_per_hour * Decimal::from(MONTH),
        spot_at_on_demand: spot.map(|(_, usd)| usd).sum(),
        unpriced: nodes.iter().filter(|node| node.usd_per_hour.is_none()).count(),
        price_date: Book::embedded(&spec.region).map(|book| book.date().to_owned()).unwrap_or_default(),
    }
}

fn pools(seen: &Observed, nodes: &[NodeRow]) -> Vec<PoolRow> {
    let row = |object: &Json| {
        let pool = Pool::live(object);
        let bad = read::conditions(object).filter(|condition| !condition.holds());
        let limit = |(resource, limit): (&String, &u128)| {
            let used = pool.used.get(resource).copied().unwrap_or_default();
            LimitRow {
                resource: Untrusted::new(resource),
                used: amount(resource, used),
                limit: amount(resource, *limit),
                percent: (used * 100).checked_div(*limit).map_or(100, small),
            }
        };
        PoolRow {
            name: Untrusted::new(&pool.name),
            ready: pool.ready,
            conditions: bad.map(|condition| Untrusted::new(condition.words())).collect(),
            nodes: nodes.iter().filter(|node| node.pool == Untrusted::new(&pool.name)).count(),
            limits: pool.limits.iter().map(limit).collect(),
        }
    };
    seen.kube.node_pools.iter().map(row).collect()
}

/// Pods on nodes, those first that ask for the greatest share of theirs.
fn pods(seen: &Observed) -> Vec<PodRow> {
    let room: BTreeMap<&str, &Json> =
        seen.kube.nodes.iter().map(|node| (read::name(node), &node["status"]["allocatable"])).collect();
    let row = |pod: &Json| {
        let node = text(pod, "/spec/nodeName");
        let room = room.get(node)?;
        let (cpu, memory) = (of_pod(pod, "requests", "cpu"), of_pod(pod, "requests", "memory"));
        let share = |part: u128, resource: &str| (part * 100).checked_div(milli(&room[resource])).map_or(0, small);
        Some(PodRow {
            pod: Untrusted::new(read::full_name(pod)),
            node: Untrusted::new(node),
            cpu_requests: small(cpu),
            cpu_limits: small(of_pod(pod, "limits", "cpu")),
            memory_requests: mib(memory),
            memory_limits: mib(of_pod(pod, "limits", "memory")),
            percent: share(cpu, "cpu").max(share(memory, "memory")),
        })
    };
    let mut rows: Vec<_> = seen.kube.pods.iter().filter(|pod| read::alive(pod)).filter_map(row).collect();
    rows.sort_by(|one, other| (other.percent, &one.pod).cmp(&(one.percent, &other.pod)));
    rows
}

fn pending(seen: &Observed, spec: &Spec) -> Vec<PendingRow> {
    let pools: Vec<_> = seen.kube.node_pools.iter().map(Pool::live).collect();
    let row = |pod: &Json| {
        let said = read::unscheduled(pod)?;
        let landings = landing(pod, &pools, &[], &[], &spec.region);
        let takers: Vec<_> = landings.iter().filter(|one| one.may).map(|one| one.pool.as_str()).collect();
        let near = || landings.iter().min_by_key(|one| one.reasons.len());
        let why = match (takers.as_slice(), near()) {
            ([], Some(near)) => format!("no pool takes it; {}: {}", near.pool, near.reasons.join(", ")),
            ([], None) => "there is no pool".to_owned(),
            (takers, _) => format!("{} may take it", takers.join(", ")),
        };
        let reason = if said.message.is_empty() { why } else { format!("{why} ({})", said.message) };
        Some(PendingRow {
            pod: Untrusted::new(read::full_name(pod)),
            age_s: seen.now - read::created(pod),
            reason: Untrusted::new(reason),
        })
    };
    seen.kube.pods.iter().filter(|pod| read::leaving(pod).is_none()).filter_map(row).collect()
}

fn interruptions(seen: &Observed) -> Vec<EventRow> {
    let row = |event: &Json| {
        let reason = text(event, "/reason");
        let ago_s = seen.now - read::last_seen(event);
        (INTERRUPTIONS.contains(&reason) && ago_s <= DAY).then(|| EventRow {
            ago_s,
            reason: Untrusted::new(reason),
            object: Untrusted::new(format!(
                "{} {}",
                text(event, "/involvedObject/kind"),
                text(event, "/involvedObject/name")
            )),
            message: Untrusted::new(text(event, "/message")),
        })
    };
    let mut rows: Vec<_> = seen.kube.events.iter().filter_map(row).collect();
    rows.sort_by_key(|row| row.ago_s);
    rows
}

fn queue(seen: &Observed, spec: &Spec) -> QueueRow {
    let told = seen.kube.deployments.known().and_then(|all| deployment(all, &spec.karpenter.namespace));
    let told = told.map(|one| environment(one, "INTERRUPTION_QUEUE")).unwrap_or_default();
    match seen.aws.queue.known().and_then(Option::as_ref) {
        None => QueueRow::default(),
        Some(queue) => QueueRow {
            name: Untrusted::new(&queue.name),
            waiting: queue.waiting,
            in_flight: queue.in_flight,
            wired: told == queue.name,
        },
    }
}

/// Parts that could not be read, one line for each reason.
fn unread(seen: &Observed) -> Vec<Untrusted> {
    let (kube, aws) = (&seen.kube, &seen.aws);
    let parts = [
        ("readyz", why(&kube.ready)),
        ("nodes", why(&kube.nodes)),
        ("pods", why(&kube.pods)),
        ("deployments", why(&kube.deployments)),
        ("daemon sets", why(&kube.daemon_sets)),
        ("service accounts", why(&kube.service_accounts)),
        ("volume claims", why(&kube.claims)),
        ("storage classes", why(&kube.storage_classes)),
        ("disruption budgets", why(&kube.budgets)),
        ("events", why(&kube.events)),
        ("definitions", why(&kube.definitions)),
        ("NodePools", why(&kube.node_pools)),
        ("EC2NodeClasses", why(&kube.node_classes)),
        ("NodeClaims", why(&kube.node_claims)),
        ("Karpenter's log", why(&kube.karpenter_log)),
        ("cluster", why(&aws.cluster)),
        ("add-ons", why(&aws.addons)),
        ("node group", why(&aws.node_group)),
        ("access entries", why(&aws.entries)),
        ("queue", why(&aws.queue)),
        ("rules", why(&aws.rules)),
        ("controller's role", why(&aws.controller)),
        ("roles of add-ons", why(&aws.addon_roles)),
        ("OIDC providers", why(&aws.providers)),
        ("associations", why(&aws.associations)),
        ("subnets", why(&aws.subnets)),
        ("instances", why(&aws.instances)),
    ];
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (part, why) in parts.into_iter().filter_map(|(part, why)| Some((part, why?))) {
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, parts)) => parts.push(part),
            None => reasons.push((why, vec![part])),
        }
    }
    reasons.into_iter().map(|(why, parts)| Untrusted::new(format!("{}: {why}", parts.join(", ")))).collect()
}

fn why<T>(part: &Seen<T>) -> Option<&str> {
    part.why()
}

#[cfg(test)]
mod tests;
