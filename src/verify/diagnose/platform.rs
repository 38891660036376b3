//! Control plane, API server, add-ons, throttling.

use serde_json::Value as Json;

use super::identity::web_identity;
use super::signs::Tells;
use super::{Case, Cause, Subject};
use crate::config::spec::Identity as Access;
use crate::model::identity::addon_access;
use crate::verify::landing::{Taint, tolerated};
use crate::verify::observed::Addon;
use crate::verify::read;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let name = &case.spec.cluster.name;
    let mut found = Vec::new();
    match case.seen.aws.cluster.known() {
        None => {}
        Some(Some(cluster)) if matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING") => {}
        Some(cluster) => {
            let (title, seen) = match cluster {
                None => (format!("there is no cluster {name}"), "EKS knows no cluster of this name".to_owned()),
                Some(cluster) => {
                    (format!("cluster {name} is {}", cluster.status), format!("status {}", cluster.status))
                }
            };
            found.push(
                Cause::new("cause-cluster-absent", title, vec![seen]).run(format!("rem-ci apply {}", case.spec.name)),
            );
            return found;
        }
    }
    if let Some(why) = case.seen.kube.nodes.why() {
        let title = "the API server of the cluster could not be read";
        found.push(
            Cause::new("cause-api-unreachable", title, vec![why.to_owned()])
                .run(format!("rem-ci status {}", case.spec.name)),
        );
    }
    if let Some(lines) = case.seen.kube.ready.known() {
        let bad: Vec<_> = lines.iter().filter(|line| line.starts_with("[-]")).cloned().collect();
        if !bad.is_empty() {
            let command = "kubectl get --raw '/readyz?verbose'";
            found.push(
                Cause::new("cause-api-unhealthy", "the API server is not ready by its own word", bad).run(command),
            );
        }
    }
    found.extend(tolerations(case));
    found.extend(roles(case));
    for addon in case.seen.aws.addons.iter().filter(|addon| !sound(addon)) {
        found.push(degraded(case, addon));
    }
    let told = case.told(Tells::Throttled);
    if !told.is_empty() {
        let command =
            format!("kubectl -n {} logs -l app.kubernetes.io/name=karpenter --tail=100", case.spec.karpenter.namespace);
        let cause = Cause::new("cause-throttled", "calls are turned away", told).likely();
        found.push(cause.run(command));
    }
    found
}

fn sound(addon: &Addon) -> bool {
    addon.issues.is_empty() && !matches!(addon.status.as_str(), "DEGRADED" | "CREATE_FAILED" | "UPDATE_FAILED")
}

/// Pods of kube-system that wait because they do not tolerate the system nodes' taint.
fn tolerations(case: &Case<'_>) -> Vec<Cause> {
    let taint =
        Taint { key: "CriticalAddonsOnly".to_owned(), value: "true".to_owned(), effect: "NoSchedule".to_owned() };
    let mut found: Vec<Cause> = Vec::new();
    for pod in case.seen.kube.pods.iter().filter(|pod| read::namespace(pod) == "kube-system") {
        let Some(waits) = read::unscheduled(pod) else { continue };
        if tolerated(pod, &taint) || case.seen.now - read::created(pod) < 60 {
            continue;
        }
        let addon = addon_of(pod);
        let seen = format!("{} is Pending: {}", read::full_name(pod), waits.message);
        let title = format!("add-on {addon} does not tolerate the taint of the system nodes");
        if let Some(known) = found.iter_mut().find(|cause| cause.title == title) {
            known.evidence.push(seen);
            continue;
        }
        let cause = Cause::new("cause-addon-tolerations", title, vec![format!("the taint is {taint}"), seen]);
        found.push(cause.run(format!("rem-ci apply {}", case.spec.name)));
    }
    found
}

/// The add-on that a pod of kube-system belongs to, by its labels.
fn addon_of(pod: &Json) -> String {
    let label = read::label(pod, "k8s-app").or_else(|| read::label(pod, "app.kubernetes.io/name"));
    match label.or_else(|| read::label(pod, "app")) {
        Some("kube-dns") => "coredns".to_owned(),
        Some("ebs-csi-controller" | "ebs-csi-node") => "aws-ebs-csi-driver".to_owned(),
        Some("aws-node") => "vpc-cni".to_owned(),
        Some(other) => other.to_owned(),
        None => read::name(pod).to_owned(),
    }
}

/// Add-ons whose service account cannot get its role.
fn roles(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    let (Some(live), Some(roles)) = (case.seen.aws.addons.known(), case.seen.aws.addon_roles.known()) else {
        return found;
    };
    let issuer = case.seen.aws.cluster.known().and_then(Option::as_ref).map(|cluster| cluster.issuer.as_str());
    let provider =
        issuer.filter(|issuer| !issuer.is_empty()).map(|issuer| case.id.iam_arn(&format!("oidc-provider/{issuer}")));
    for (name, addon) in &case.spec.addons {
        let (Some(identity), Some(access)) = (addon.identity, addon_access(name)) else { continue };
        let Some(live) = live.iter().find(|one| one.name == *name) else { continue };
        let role = roles.iter().find(|(of, _)| of == name).map(|(_, role)| role);
        let problem = match (role, identity) {
            (None, _) => Some("its role does not exist".to_owned()),
            (Some(role), Access::Irsa) if live.role != role.arn => Some(format!(
                "the add-on was given {}, its role is {}",
                if live.role.is_empty() { "no role" } else { &live.role },
                role.arn
            )),
            (Some(role), Access::Irsa) => access
                .service_accounts
                .iter()
                .find_map(|account| web_identity(&role.trust, provider.as_deref(), access.namespace, account)),
            (Some(_), Access::PodIdentity) => None,
        };
        if let Some(problem) = problem {
            let title = format!("the pods of add-on {name} do not get their role");
            found.push(
                Cause::new("cause-addon-role", title, vec![problem]).run(format!("rem-ci apply {}", case.spec.name)),
            );
        }
    }
    found
}

fn degraded(case: &Case<'_>, addon: &Addon) -> Cause {
    let mut seen = vec![format!("{}, version {}", addon.status, addon.version)];
    seen.extend(addon.issues.iter().cloned());
    let title = format!("add-on {} is {}", addon.name, addon.status);
    let command =
        format!("aws eks describe-addon --cluster-name {} --addon-name {}", case.spec.cluster.name, addon.name);
    Cause::new("cause-addon-degraded", title, seen).about(Subject::Environment).run(command)
}
