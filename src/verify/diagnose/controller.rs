//! The controller itself: absent, crashing, nowhere to run, its CustomResourceDefinitions.

use serde_json::Value as Json;

use super::{Case, Cause, signs};
use crate::verify::read::{self, items, number, text};

/// Kinds that the controller cannot be without.
pub(in crate::verify) const DEFINITIONS: [&str; 3] =
    ["nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "ec2nodeclasses.karpenter.k8s.aws"];

/// Fields by the Karpenter minor that brought them: an older definition lacks them. Source: Karpenter's CRDs by version.
const FIELDS: [(u64, &str, &str); 2] = [
    (8, "nodepools.karpenter.sh", "/schema/openAPIV3Schema/properties/spec/properties/replicas"),
    (
        6,
        "ec2nodeclasses.karpenter.k8s.aws",
        "/schema/openAPIV3Schema/properties/spec/properties/capacityReservationSelectorTerms",
    ),
];

/// The annotation in which rem-ci keeps the chart's version.
pub(in crate::verify) const CHART: &str = crate::resources::k8s::helm_release::ANNOTATION_CHART;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = definitions(case);
    let kube = &case.seen.kube;
    let namespace = case.spec.karpenter.namespace.as_str();
    let Some(deployments) = kube.deployments.known() else { return found };
    let Some(deployment) = deployment(deployments, namespace) else {
        let title = format!("Karpenter's controller is not in namespace {namespace}");
        let seen = format!(
            "{} Deployments in {namespace}, none with app.kubernetes.io/name=karpenter",
            of(deployments, namespace)
        );
        found.push(Cause::new("cause-controller-absent", title, vec![seen]).run(apply(case)));
        return found;
    };
    if number(deployment, "/spec/replicas") == 0 && deployment["spec"]["replicas"].is_number() {
        let title = "Karpenter's controller is scaled to 0 replicas";
        let seen = vec![format!("Deployment {}: spec.replicas 0", read::full_name(deployment))];
        let command = format!(
            "kubectl -n {namespace} scale deployment {} --replicas={}",
            read::name(deployment),
            case.spec.karpenter.values.replicas
        );
        found.push(Cause::new("cause-controller-absent", title, seen).run(command));
        return found;
    }
    for cause in pods(case).filter_map(|pod| pod_cause(case, pod)) {
        // Replicas share their fate: one cause, and what is seen of each.
        match found.iter_mut().find(|known: &&mut Cause| known.code == cause.code) {
            Some(known) => {
                let new = cause.evidence.into_iter().filter(|fact| !known.evidence.contains(fact));
                known.evidence.extend(new.collect::<Vec<_>>());
            }
            None => found.push(cause),
        }
    }
    found
}

fn of(deployments: &[Json], namespace: &str) -> usize {
    deployments.iter().filter(|one| read::namespace(one) == namespace).count()
}

/// The Deployment of Karpenter.
pub(in crate::verify) fn deployment<'a>(deployments: &'a [Json], namespace: &str) -> Option<&'a Json> {
    deployments.iter().find(|one| {
        read::namespace(one) == namespace && read::label(one, "app.kubernetes.io/name") == Some("karpenter")
    })
}

/// What an environment variable of the controller is set to; none where there is no controller, empty where it is not set.
pub(in crate::verify) fn environment<'a>(deployment: &'a Json, name: &str) -> &'a str {
    let containers = items(deployment, "/spec/template/spec/containers");
    let variables = containers.flat_map(|container| items(container, "/env"));
    variables
        .filter(|variable| text(variable, "/name") == name)
        .map(|variable| text(variable, "/value"))
        .next()
        .unwrap_or_default()
}

fn pods<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Json> {
    let namespace = case.spec.karpenter.namespace.as_str();
    case.seen.kube.pods.iter().filter(move |pod| {
        read::namespace(pod) == namespace
            && read::label(pod, "app.kubernetes.io/name") == Some("karpenter")
            && read::leaving(pod).is_none()
            && read::alive(pod)
    })
}

fn apply(case: &Case<'_>) -> String {
    format!("rem-ci apply {}", case.spec.name)
}

fn pod_cause(case: &Case<'_>, pod: &Json) -> Option<Cause> {
    let name = read::full_name(pod);
    let namespace = read::namespace(pod);
    if let Some(unscheduled) = read::unscheduled(pod) {
        let nodes = case.seen.kube.nodes.known().map_or(0, |nodes| nodes.iter().filter(|node| system(node)).count());
        let mut seen = vec![
            format!("{name} is Pending: {}", unscheduled.message),
            format!("system nodes: {nodes}, replicas: {}", case.spec.karpenter.values.replicas),
        ];
        if nodes < usize::from(case.spec.karpenter.values.replicas) {
            seen.push("replicas never share a host".to_owned());
        }
        let title = "a replica of Karpenter's controller has no node";
        let command = format!("kubectl -n {namespace} describe pod {}", read::name(pod));
        return Some(Cause::new("cause-controller-unschedulable", title, seen).run(command));
    }
    let waiting = items(pod, "/status/containerStatuses").find_map(|status| {
        let reason = text(status, "/state/waiting/reason");
        matches!(reason, "CrashLoopBackOff" | "Error" | "RunContainerError" | "CreateContainerConfigError")
            .then(|| (reason, number(status, "/restartCount"), text(status, "/lastState/terminated/reason")))
    });
    if let Some((reason, restarts, last)) = waiting {
        let mut seen = vec![format!(
            "{name}: {reason}, {restarts} restarts{}",
            if last.is_empty() { String::new() } else { format!(", last {last}") }
        )];
        seen.extend(signs::errors(case.seen).iter().rev().take(2).map(|line| line.text.clone()));
        let command = format!("kubectl -n {namespace} logs {} --previous --tail=50", read::name(pod));
        return Some(Cause::new("cause-controller-crash", "Karpenter's controller crashes", seen).run(command));
    }
    let pulling = items(pod, "/status/containerStatuses")
        .any(|status| text(status, "/state/waiting/reason").contains("ImagePull"));
    let old = case.seen.now - read::created(pod) > 120;
    if !read::holds(pod, "Ready") && old && !pulling {
        let words = read::condition(pod, "Ready").map_or("no condition Ready".to_owned(), |ready| ready.words());
        let command = format!("kubectl -n {namespace} logs {} --tail=100", read::name(pod));
        let cause = Cause::new(
            "cause-controller-not-ready",
            "Karpenter's controller is not Ready",
            vec![format!("{name}: {words}")],
        );
        return Some(cause.run(command));
    }
    None
}

/// Whether a node is of the managed system node group.
pub(in crate::verify) fn system(node: &Json) -> bool {
    read::label(node, "eks.amazonaws.com/nodegroup") == Some(crate::model::cluster::SYSTEM)
}

fn definitions(case: &Case<'_>) -> Vec<Cause> {
    let Some(live) = case.seen.kube.definitions.known() else { return Vec::new() };
    let missing: Vec<_> =
        DEFINITIONS.into_iter().filter(|name| !live.iter().any(|one| read::name(one) == *name)).collect();
    if !missing.is_empty() {
        let title = "Karpenter's CustomResourceDefinitions are not in the cluster";
        let seen = missing.into_iter().map(|name| format!("{name} does not exist")).collect();
        return vec![Cause::new("cause-definitions-missing", title, seen).run(apply(case))];
    }
    let running = case.seen.kube.deployments.known().and_then(|all| deployment(all, &case.spec.karpenter.namespace));
    let version =
        running.and_then(|one| read::annotation(one, CHART).or_else(|| read::label(one, "app.kubernetes.io/version")));
    let Some(version) = version else { return Vec::new() };
    let Some(minor) = minor(version) else { return Vec::new() };
    let mut seen = Vec::new();
    for definition in live.iter().filter(|one| DEFINITIONS.contains(&read::name(one))) {
        let name = read::name(definition);
        if let Some(own) = read::annotation(definition, CHART)
            && own != version
        {
            seen.push(format!("{name} is of chart {own}, the controller of {version}"));
            continue;
        }
        for (since, _, pointer) in FIELDS.iter().filter(|(since, of, _)| *of == name && minor >= *since) {
            let field = pointer.rsplit('/').next().unwrap_or_default();
            if !items(definition, "/spec/versions").any(|version| version.pointer(pointer).is_some()) {
                seen.push(format!("{name} has no field {field}, which 1.{since} brought; the controller is {version}"));
            }
        }
    }
    if seen.is_empty() {
        return Vec::new();
    }
    let title = "Karpenter's CustomResourceDefinitions are of another version than its controller";
    vec![Cause::new("cause-definitions-old", title, seen).run(apply(case))]
}

/// The second number of a version.
pub(in crate::verify) fn minor(version: &str) -> Option<u64> {
    version.trim_start_matches('v').split('.').nth(1)?.parse().ok()
}
