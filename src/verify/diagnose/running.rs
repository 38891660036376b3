//! What keeps a pod that has its place from running: images, volumes.

use serde_json::Value as Json;

use super::{Case, Cause, Subject};
use crate::verify::read::{self, items, number, text};

/// So many are named, the rest is not.
const MOST: usize = 10;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let pods = || case.seen.kube.pods.iter().filter(|pod| read::alive(pod));
    let mut found: Vec<_> = pods().filter_map(image).take(MOST).collect();
    found.extend(
        pods().filter(|pod| text(pod, "/status/phase") == "Pending").filter_map(|pod| volume(case, pod)).take(MOST),
    );
    found
}

fn image(pod: &Json) -> Option<Cause> {
    let statuses = items(pod, "/status/containerStatuses").chain(items(pod, "/status/initContainerStatuses"));
    let (status, reason) =
        statuses.map(|status| (status, text(status, "/state/waiting/reason"))).find(|(_, reason)| {
            matches!(*reason, "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull")
        })?;
    let image = text(status, "/image");
    let image = if image.is_empty() { text(pod, "/spec/containers/0/image") } else { image };
    let words = text(status, "/state/waiting/message");
    let name = read::full_name(pod);
    let seen = vec![format!("{reason}: {}", if words.is_empty() { "no message" } else { words })];
    let cause =
        Cause::new("cause-image-pull", format!("{name} cannot pull {image}"), seen).about(Subject::Pod(name.clone()));
    Some(cause.run(format!("kubectl -n {} describe pod {}", read::namespace(pod), read::name(pod))))
}

fn volume(case: &Case<'_>, pod: &Json) -> Option<Cause> {
    let claims = case.seen.kube.claims.known()?;
    let named = items(pod, "/spec/volumes").map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
    let own = |name: &&str| !name.is_empty();
    for wanted in named.filter(own) {
        let claim =
            claims.iter().find(|claim| read::name(claim) == wanted && read::namespace(claim) == read::namespace(pod));
        let name = read::full_name(pod);
        let command = format!("kubectl -n {} describe pvc {wanted}", read::namespace(pod));
        let cause =
            |code, title: String, seen| Cause::new(code, title, seen).about(Subject::Pod(name.clone())).run(&*command);
        let Some(claim) = claim else {
            let title = format!("{name} wants a claim that does not exist");
            return Some(cause("cause-volume-unbound", title, vec![format!("no claim {wanted} in its namespace")]));
        };
        if text(claim, "/status/phase") == "Bound" {
            continue;
        }
        if let Some(seen) = class(case, claim) {
            return Some(cause(
                "cause-volume-class",
                format!("{name} waits for a volume of a class that is not there"),
                vec![seen],
            ));
        }
        let mut seen = vec![format!("claim {wanted} is {}", text(claim, "/status/phase"))];
        let failed = case.seen.kube.events.iter().find(|event| {
            text(event, "/involvedObject/name") == wanted && text(event, "/reason") == "ProvisioningFailed"
        });
        seen.extend(failed.map(|event| format!("ProvisioningFailed: {}", text(event, "/message"))));
        let driver = driver(case);
        seen.extend(driver.clone());
        if failed.is_some() || driver.is_some() {
            return Some(cause("cause-volume-unbound", format!("{name} waits for a volume that is not made"), seen));
        }
    }
    None
}

/// What is wrong with the class of a claim.
fn class(case: &Case<'_>, claim: &Json) -> Option<String> {
    let classes = case.seen.kube.storage_classes.known()?;
    let names = || classes.iter().map(read::name).collect::<Vec<_>>().join(", ");
    match claim["spec"]["storageClassName"].as_str() {
        Some("") => None,
        Some(name) if classes.iter().any(|class| read::name(class) == name) => None,
        Some(name) => Some(format!("StorageClass {name} does not exist; there are: {}", names())),
        None => {
            let default =
                |class: &Json| read::annotation(class, "storageclass.kubernetes.io/is-default-class") == Some("true");
            (!classes.iter().any(default))
                .then(|| format!("the claim names no class and none is the default; there are: {}", names()))
        }
    }
}

/// What is wrong with the EBS driver's controller.
fn driver(case: &Case<'_>) -> Option<String> {
    let deployments = case.seen.kube.deployments.known()?;
    let Some(controller) = deployments.iter().find(|one| read::name(one) == "ebs-csi-controller") else {
        return Some("ebs-csi-controller does not exist".to_owned());
    };
    let ready = number(controller, "/status/availableReplicas");
    (ready == 0).then(|| "ebs-csi-controller has no replica that works".to_owned())
}
