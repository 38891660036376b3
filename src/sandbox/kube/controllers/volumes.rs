//! Claims for volumes: what the EBS CSI driver makes for them, attaches, and takes away again.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::karpenter;
use super::meta::{annotation, finalizer, has_finalizer, is_true, items, label, leaving, name, namespace, uid};
use super::{nodes, pods, quantity};
use crate::sandbox::aws::ec2;
use crate::sandbox::kube::store::{Key, text};

const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
const DRIVER: &str = "ebs.csi.aws.com";
const SOURCE: &str = "ebs.csi.aws.com";

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let claims: Vec<Json> = inside.store.list(CLAIMS).cloned().collect();
    for claim in claims {
        if leaving(&claim) {
            release(inside, &claim);
        } else if text(&claim, "/status/phase") != "Bound" {
            provision(inside, &claim);
        }
    }
    reclaim(inside);
    attach(inside);
}

/// The class of a claim: its own, or the default one.
pub(super) fn class(inside: &Inside<'_, '_>, claim: &Json) -> Option<Json> {
    let classes = "storageclasses.storage.k8s.io";
    match claim["spec"]["storageClassName"].as_str() {
        Some(own) => inside.store.get(classes, &Key::global(own)).cloned(),
        None => inside
            .store
            .list(classes)
            .find(|class| annotation(class, "storageclass.kubernetes.io/is-default-class") == "true")
            .cloned(),
    }
}

/// A ready pod of the driver's controller.
fn driver(inside: &Inside<'_, '_>) -> Option<Json> {
    inside.store.list("pods").find(|pod| label(pod, "app") == "ebs-csi-controller" && is_true(pod, "Ready")).cloned()
}

fn failed(inside: &mut Inside<'_, '_>, claim: &Json, class: &str, why: &str) {
    let message = format!(
        "failed to provision volume with StorageClass \"{class}\": rpc error: code = Internal desc = Could not create volume \"pvc-{}\": could not create volume in EC2: {why}",
        uid(claim)
    );
    if inside.work.news(&format!("claim/{}", uid(claim)), &message) {
        inside.event(claim, SOURCE, "Warning", "ProvisioningFailed", &message);
    }
}

fn provision(inside: &mut Inside<'_, '_>, claim: &Json) {
    let Some(class) = class(inside, claim) else { return };
    if ![DRIVER, "kubernetes.io/aws-ebs"].contains(&text(&class, "/provisioner")) {
        return;
    }
    let selected = annotation(claim, "volume.kubernetes.io/selected-node").to_owned();
    let waits = text(&class, "/volumeBindingMode") == "WaitForFirstConsumer";
    if waits && selected.is_empty() {
        if inside.work.news(&format!("claim/{}", uid(claim)), "waits") {
            inside.event(
                claim,
                "persistentvolume-controller",
                "Normal",
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding",
            );
        }
        return;
    }
    let Some(pod) = driver(inside) else {
        if inside.work.news(&format!("claim/{}", uid(claim)), "external") {
            let message = format!(
                "Waiting for a volume to be created either by the external provisioner '{DRIVER}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
            );
            inside.event(claim, "persistentvolume-controller", "Normal", "ExternalProvisioning", &message);
        }
        return;
    };
    let node = inside.store.get("nodes", &Key::global(selected)).or_else(|| inside.store.list("nodes").next());
    let Some(zone) = node.map(|node| label(node, "topology.kubernetes.io/zone").to_owned()) else { return };
    if let Err(why) = karpenter::allowed(inside, &pod, "ec2", "CreateVolume", "EC2") {
        failed(inside, claim, name(&class), &why);
        return;
    }
    make(inside, claim, &class, &zone);
}

fn make(inside: &mut Inside<'_, '_>, claim: &Json, class: &Json, zone: &str) {
    let size = quantity::parse(&claim["spec"]["resources"]["requests"]["storage"]);
    let gib = u32::try_from((size / 1000 + (1 << 30) - 1) >> 30).unwrap_or(1).max(1);
    let volume_name = format!("pvc-{}", uid(claim));
    let given = |key: &str| class["parameters"][key].as_str().unwrap_or_default().to_owned();
    let tags = ec2::Tags::from([
        ("ebs.csi.aws.com/cluster".to_owned(), "true".to_owned()),
        (format!("kubernetes.io/cluster/{}", inside.name), "owned".to_owned()),
        ("CSIVolumeName".to_owned(), volume_name.clone()),
        ("KubernetesCluster".to_owned(), inside.name.clone()),
        ("Name".to_owned(), format!("{}-dynamic-{volume_name}", inside.name)),
        ("kubernetes.io/created-for/pv/name".to_owned(), volume_name.clone()),
        ("kubernetes.io/created-for/pvc/name".to_owned(), name(claim).to_owned()),
        ("kubernetes.io/created-for/pvc/namespace".to_owned(), namespace(claim).to_owned()),
    ]);
    let kind = if given("type").is_empty() { "gp3".to_owned() } else { given("type") };
    let wanted = ec2::Volume {
        size: gib,
        iops: (kind == "gp3").then_some(3000),
        throughput: (kind == "gp3").then_some(125),
        kind,
        encrypted: given("encrypted") == "true",
        kms_key: Some(given("kmsKeyId")).filter(|key| !key.is_empty()),
        zone: zone.to_owned(),
        ..ec2::Volume::default()
    };
    let handle = ec2::volume::make(inside.here, wanted, tags);
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name, "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER},
            "finalizers": ["external-provisioner.volume.kubernetes.io/finalizer", "kubernetes.io/pv-protection"],
        },
        "spec": {
            "accessModes": claim["spec"]["accessModes"], "capacity": {"storage": format!("{gib}Gi")}, "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name(claim), "namespace": namespace(claim), "uid": uid(claim),
            },
            "csi": {"driver": DRIVER, "fsType": "ext4", "volumeHandle": handle},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]},
            ]}]}},
            "persistentVolumeReclaimPolicy": if text(class, "/reclaimPolicy").is_empty() { "Delete" } else { text(class, "/reclaimPolicy") },
            "storageClassName": name(class),
        },
        "status": {"phase": "Bound"},
    });
    inside.ensure(VOLUMES, volume);
    inside.store.change(CLAIMS, &Key::of(claim), |claim| {
        claim["spec"]["volumeName"] = json!(volume_name);
        claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = json!("yes");
        claim["metadata"]["annotations"]["pv.kubernetes.io/bound-by-controller"] = json!("yes");
        finalizer(claim, "kubernetes.io/pvc-protection", true);
        claim["status"]["phase"] = json!("Bound");
        claim["status"]["accessModes"] = claim["spec"]["accessModes"].clone();
        claim["status"]["capacity"] = json!({"storage": format!("{gib}Gi")});
    });
    inside.event(
        claim,
        SOURCE,
        "Normal",
        "ProvisioningSucceeded",
        &format!("Successfully provisioned volume {volume_name}"),
    );
}

/// Whether a pod uses a claim.
fn uses(pod: &Json, claim: &Json) -> bool {
    namespace(pod) == namespace(claim)
        && items(pod, "/spec/volumes").iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == name(claim))
}

/// A claim goes when no pod uses it any more.
fn release(inside: &mut Inside<'_, '_>, claim: &Json) {
    let used = inside.store.list("pods").any(|pod| uses(pod, claim) && !pods::ended(pod));
    if !used && has_finalizer(claim, "kubernetes.io/pvc-protection") {
        inside.store.change(CLAIMS, &Key::of(claim), |claim| finalizer(claim, "kubernetes.io/pvc-protection", false));
    }
}

/// Volumes without their claim are deleted, or kept, as their policy says.
fn reclaim(inside: &mut Inside<'_, '_>) {
    let driver = driver(inside);
    let volumes: Vec<Json> =
        inside.store.list(VOLUMES).filter(|volume| text(volume, "/spec/csi/driver") == DRIVER).cloned().collect();
    for volume in volumes {
        let claim = &volume["spec"]["claimRef"];
        let key = Key::new(text(claim, "/namespace"), text(claim, "/name"));
        let bound = inside.store.get(CLAIMS, &key).is_some_and(|known| uid(known) == text(claim, "/uid"));
        if bound {
            continue;
        }
        let at = Key::of(&volume);
        if text(&volume, "/status/phase") != "Released" {
            inside.store.change(VOLUMES, &at, |volume| volume["status"]["phase"] = json!("Released"));
        }
        let keeps = text(&volume, "/spec/persistentVolumeReclaimPolicy") == "Retain";
        if keeps {
            if leaving(&volume) {
                inside.store.change(VOLUMES, &at, free);
            }
            continue;
        }
        let Some(pod) = &driver else { continue };
        let handle = text(&volume, "/spec/csi/volumeHandle").to_owned();
        if inside.here.region.ec2.volumes.get(&handle).is_some_and(|one| one.attached.is_some()) {
            continue;
        }
        if karpenter::allowed(inside, pod, "ec2", "DeleteVolume", "EC2").is_err() {
            continue;
        }
        inside.here.region.ec2.volumes.remove(&handle);
        inside.here.region.ec2.tags.remove(&handle);
        inside.store.change(VOLUMES, &at, free);
        inside.delete(VOLUMES, &at, 0);
    }
}

fn free(volume: &mut Json) {
    finalizer(volume, "external-provisioner.volume.kubernetes.io/finalizer", false);
    finalizer(volume, "kubernetes.io/pv-protection", false);
}

/// Volumes are attached where their pod is.
fn attach(inside: &mut Inside<'_, '_>) {
    let mut wanted: Vec<(String, Option<String>, Json)> = Vec::new();
    for volume in inside.store.list(VOLUMES) {
        let handle = text(volume, "/spec/csi/volumeHandle");
        let claim = inside
            .store
            .get(CLAIMS, &Key::new(text(volume, "/spec/claimRef/namespace"), text(volume, "/spec/claimRef/name")));
        let user = claim.and_then(|claim| {
            inside.store.list("pods").find(|pod| uses(pod, claim) && !pods::node(pod).is_empty() && !pods::ended(pod))
        });
        let node = user.and_then(|pod| inside.store.get("nodes", &Key::global(pods::node(pod))));
        let machine = node.map(|node| nodes::instance(node).to_owned());
        wanted.push((handle.to_owned(), machine, user.cloned().unwrap_or_default()));
    }
    for (handle, machine, pod) in wanted {
        let alive =
            machine.filter(|id| inside.here.region.ec2.instances.get(id).is_some_and(|one| one.going.is_none()));
        let Some(volume) = inside.here.region.ec2.volumes.get_mut(&handle) else { continue };
        let now = volume.attached.as_ref().map(|(holder, _)| holder.clone());
        if now == alive {
            continue;
        }
        volume.attached = alive.clone().map(|id| (id, "/dev/xvdaa".to_owned()));
        if alive.is_some() {
            let message = format!("AttachVolume.Attach succeeded for volume \"{}\"", text(&pod, "/metadata/name"));
            inside.event(&pod, "attachdetach-controller", "Normal", "SuccessfulAttachVolume", &message);
        }
    }
}

/// Whether all claims of a pod are bound.
pub(super) fn bound(inside: &Inside<'_, '_>, pod: &Json) -> bool {
    items(pod, "/spec/volumes").iter().filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()).all(
        |claim| {
            inside
                .store
                .get(CLAIMS, &Key::new(namespace(pod), claim))
                .is_some_and(|claim| text(claim, "/status/phase") == "Bound")
        },
    )
}

/// A pod that must go to the zone of its volumes, said as a selector.
pub(super) fn zoned(inside: &Inside<'_, '_>, pod: &Json) -> Json {
    let mut pod = pod.clone();
    for claim in items(&pod, "/spec/volumes")
        .iter()
        .filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
        .map(str::to_owned)
        .collect::<Vec<_>>()
    {
        let Some(claim) = inside.store.get(CLAIMS, &Key::new(namespace(&pod), claim)) else { continue };
        let volume = inside.store.get(VOLUMES, &Key::global(text(claim, "/spec/volumeName")));
        let zone = volume.and_then(|volume| {
            volume.pointer("/spec/nodeAffinity/required/nodeSelectorTerms/0/matchExpressions/0/values/0")
        });
        if let Some(zone) = zone.cloned() {
            pod["spec"]["nodeSelector"]["topology.kubernetes.io/zone"] = zone;
        }
    }
    pod
}
