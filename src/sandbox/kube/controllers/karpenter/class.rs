//! EC2NodeClass: its selectors are resolved, its instance profile is made, its launches are tried.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::super::inside::Inside;
use super::super::meta::{finalizer, has_finalizer, is_true, items, leaving, name, set_condition, uid};
use super::super::world;
use super::leader::{Leader, acting};
use super::{identity, images, log, profile};
use crate::sandbox::aws::ec2;
use crate::sandbox::kube::store::{Key, text};

pub(super) const CLASSES: &str = "ec2nodeclasses.karpenter.k8s.aws";
const FINALIZER: &str = "karpenter.k8s.aws/termination";

/// One condition: type, status, reason, message.
type Judged = (&'static str, &'static str, String, String);

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(leader) = acting(inside) else { return };
    let classes: Vec<Json> = inside.store.list(CLASSES).cloned().collect();
    for class in classes {
        if leaving(&class) {
            end(inside, &leader, &class);
        } else {
            // Nothing that it depends on has changed since.
            let cluster = inside.eks().map(|cluster| cluster.version().to_owned());
            let grounds = world::grounds(inside.here);
            let ground = format!("{grounds}/{cluster:?}/{leader:?}/{}/{}", class["spec"], class["status"].is_object());
            if inside.work.karpenter.news(&format!("class/{}", uid(&class)), &ground) {
                resolve(inside, &leader, &class);
                let ground = format!("{}/{cluster:?}/{leader:?}/{}/true", world::grounds(inside.here), class["spec"]);
                inside.work.karpenter.news(&format!("class/{}", uid(&class)), &ground);
            }
        }
    }
}

/// What makes nodes drift when it changes: everything but what is looked up anew each time.
pub(super) fn hash(class: &Json) -> String {
    let mut spec = class["spec"].clone();
    for field in ["amiSelectorTerms", "subnetSelectorTerms", "securityGroupSelectorTerms"] {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove(field);
        }
    }
    let digest = Sha256::digest(spec.to_string());
    digest[..8].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)).to_string()
}

/// Whether tags satisfy a term's: `*` is any value.
fn tagged(term: &Json, tags: Option<&ec2::Tags>) -> bool {
    let wanted = term["tags"].as_object();
    wanted.is_none_or(|wanted| {
        wanted
            .iter()
            .all(|(key, value)| tags.and_then(|tags| tags.get(key)).is_some_and(|have| value == "*" || value == have))
    })
}

fn selected(terms: &[Json], id: &str, name: &str, tags: Option<&ec2::Tags>) -> bool {
    terms.iter().any(|term| match term["id"].as_str() {
        Some(wanted) => wanted == id,
        None => {
            (term["name"].is_null() || term["name"] == name)
                && (term["tags"].is_object() || term["name"].is_string())
                && tagged(term, tags)
        }
    })
}

/// The subnets of a class, most free addresses first, as Karpenter lists them.
fn subnets(inside: &Inside<'_, '_>, class: &Json) -> Vec<Json> {
    let (ec2, terms) = (&inside.here.region.ec2, items(class, "/spec/subnetSelectorTerms"));
    let mut found: Vec<(usize, Json)> = ec2
        .subnets
        .iter()
        .filter(|(id, _)| selected(terms, id, "", ec2.tags.get(*id)))
        .map(|(id, subnet)| {
            (ec2::subnet::free(ec2, id, subnet), json!({"id": id, "zone": subnet.zone, "zoneID": subnet.zone_id}))
        })
        .collect();
    found
        .sort_by_key(|(free, subnet)| (std::cmp::Reverse(*free), subnet["id"].as_str().unwrap_or_default().to_owned()));
    found.into_iter().map(|(_, subnet)| subnet).collect()
}

fn groups(inside: &Inside<'_, '_>, class: &Json) -> Vec<Json> {
    let (ec2, terms) = (&inside.here.region.ec2, items(class, "/spec/securityGroupSelectorTerms"));
    let groups = ec2.security_groups.iter();
    groups
        .filter(|(id, group)| selected(terms, id, &group.name, ec2.tags.get(*id)))
        .map(|(id, group)| json!({"id": id, "name": group.name}))
        .collect()
}

fn resolve(inside: &mut Inside<'_, '_>, leader: &Leader, class: &Json) {
    let mut judged: Vec<Judged> = Vec::new();
    let mut status = json!({});
    let yes = |kind: &'static str| (kind, "True", kind.to_owned(), String::new());
    let role = leader.role.clone();
    for (field, kind, operation, reason, what) in [
        ("subnets", "SubnetsReady", "DescribeSubnets", "SubnetsNotFound", "SubnetSelector did not match any Subnets"),
        (
            "securityGroups",
            "SecurityGroupsReady",
            "DescribeSecurityGroups",
            "SecurityGroupsNotFound",
            "SecurityGroupSelector did not match any SecurityGroups",
        ),
    ] {
        if let Err(fault) = identity::may(inside, &role, "ec2", operation, json!({})) {
            let why = format!(
                "getting {}, {}",
                if field == "subnets" { "subnets" } else { "security groups" },
                identity::words("EC2", operation, &fault)
            );
            log::error(inside, "nodeclass", name(class), &why);
            judged.push((kind, "Unknown", "ReconcileError".to_owned(), why));
            continue;
        }
        let found = if field == "subnets" { subnets(inside, class) } else { groups(inside, class) };
        judged.push(if found.is_empty() { (kind, "False", reason.to_owned(), what.to_owned()) } else { yes(kind) });
        status[field] = json!(found);
    }
    match images::find(inside, &role, class) {
        Ok(found) if found.is_empty() => {
            judged.push((
                "AMIsReady",
                "False",
                "AMINotFound".to_owned(),
                "AMISelector did not match any AMIs".to_owned(),
            ));
        }
        Ok(found) => {
            status["amis"] = json!(found);
            judged.push(yes("AMIsReady"));
        }
        Err(why) => {
            log::error(inside, "nodeclass", name(class), &why);
            judged.push(("AMIsReady", "Unknown", "ReconcileError".to_owned(), why));
        }
    }
    if leader.version >= (1, 3) {
        judged.push(reservations(inside, leader, class));
    }
    match profile::ensure(inside, &role, class) {
        Ok(found) => {
            status["instanceProfile"] = json!(found);
            judged.push(yes("InstanceProfileReady"));
        }
        Err(why) => {
            log::error(inside, "nodeclass", name(class), &why);
            judged.push(("InstanceProfileReady", "False", "InstanceProfileNotReady".to_owned(), why));
        }
    }
    if leader.version >= (1, 2) {
        let usable = judged.iter().all(|one| one.1 == "True");
        judged.push(if usable {
            tried(inside, leader, class)
        } else {
            (
                "ValidationSucceeded",
                "Unknown",
                "DependenciesNotReady".to_owned(),
                "Awaiting AMI, Instance Profile, Security Group, and Subnet resolution".to_owned(),
            )
        });
    }
    write(inside, class, status, &judged);
}

/// Capacity reservations are only asked for where some are selected; the right to ask is needed anyway.
fn reservations(inside: &mut Inside<'_, '_>, leader: &Leader, class: &Json) -> Judged {
    const KIND: &str = "CapacityReservationsReady";
    if items(class, "/spec/capacityReservationSelectorTerms").is_empty() {
        return (KIND, "True", KIND.to_owned(), String::new());
    }
    match identity::may(inside, &leader.role, "ec2", "DescribeCapacityReservations", json!({})) {
        Ok(()) => (KIND, "True", KIND.to_owned(), String::new()),
        Err(fault) => (
            KIND,
            "Unknown",
            "ReconcileError".to_owned(),
            identity::words("EC2", "DescribeCapacityReservations", &fault),
        ),
    }
}

/// The three dry runs of a launch.
fn tried(inside: &mut Inside<'_, '_>, leader: &Leader, class: &Json) -> Judged {
    const KIND: &str = "ValidationSucceeded";
    let tags = super::launch::tags(inside, class, "karpenter-dry-run", "karpenter-dry-run");
    for (operation, reason) in [
        ("CreateFleet", "CreateFleetAuthCheckFailed"),
        ("CreateLaunchTemplate", "CreateLaunchTemplateAuthCheckFailed"),
        ("RunInstances", "RunInstancesAuthCheckFailed"),
    ] {
        if let Err(fault) = super::launch::may(inside, &leader.role, operation, &tags) {
            let message = format!("Controller isn't authorized to call ec2:{operation}");
            log::error(
                inside,
                "nodeclass",
                name(class),
                &format!("validating ec2:{operation} authorization, {}", identity::words("EC2", operation, &fault)),
            );
            return (KIND, "False", reason.to_owned(), message);
        }
    }
    (KIND, "True", KIND.to_owned(), String::new())
}

fn write(inside: &mut Inside<'_, '_>, class: &Json, mut status: Json, judged: &[Judged]) {
    let now = inside.now();
    let was = is_true(class, "Ready");
    let hash = hash(class);
    let object = inside.store.change(CLASSES, &Key::of(class), |class| {
        finalizer(class, FINALIZER, true);
        class["metadata"]["annotations"]["karpenter.k8s.aws/ec2nodeclass-hash"] = json!(hash);
        class["metadata"]["annotations"]["karpenter.k8s.aws/ec2nodeclass-hash-version"] = json!("v4");
        let known = class["status"]["conditions"].clone();
        if known.is_array() {
            status["conditions"] = known;
        }
        class["status"] = status;
        for (kind, status, reason, message) in judged {
            set_condition(class, now, kind, status, reason, message);
        }
        ready(class, now, judged.iter().map(|one| (one.0, one.1)));
    });
    if let Some(class) = object {
        let now_ready = is_true(&class, "Ready");
        if was != now_ready {
            let (from, to) = if now_ready { ("Unknown", "True") } else { ("True", "False") };
            let message = format!(
                "Status condition transitioned, Type: Ready, Status: {from} -> {to}, Reason: {}",
                text(super::super::meta::condition(&class, "Ready"), "/reason")
            );
            inside.event(&class, "karpenter", "Normal", "Ready", &message);
        }
    }
}

/// `Ready` is what the other conditions say together.
pub(super) fn ready<'a>(object: &mut Json, now: i64, all: impl Iterator<Item = (&'a str, &'a str)> + Clone) {
    let told = |wanted: &str| {
        let odd: Vec<String> = all
            .clone()
            .filter(|(_, status)| *status == wanted)
            .map(|(kind, status)| format!("{kind}={status}"))
            .collect();
        odd.join(", ")
    };
    let (no, unknown) = (told("False"), told("Unknown"));
    if no.is_empty() && unknown.is_empty() {
        set_condition(object, now, "Ready", "True", "Ready", "");
    } else if no.is_empty() {
        set_condition(object, now, "Ready", "Unknown", "ReconcilingDependents", &unknown);
    } else {
        set_condition(object, now, "Ready", "False", "UnhealthyDependents", &no);
    }
}

/// A class goes when no NodeClaim uses it any more, with its instance profile.
fn end(inside: &mut Inside<'_, '_>, leader: &Leader, class: &Json) {
    if !has_finalizer(class, FINALIZER) {
        return;
    }
    let users: Vec<String> = inside
        .store
        .list("nodeclaims.karpenter.sh")
        .filter(|claim| text(claim, "/spec/nodeClassRef/name") == name(class))
        .map(|claim| name(claim).to_owned())
        .collect();
    if !users.is_empty() {
        let message = format!("Waiting on NodeClaim termination for {}", users.join(", "));
        inside.event(class, "karpenter", "Normal", "WaitingOnNodeClaimTermination", &message);
        return;
    }
    match profile::remove(inside, &leader.role, class) {
        Ok(()) => {
            inside.store.change(CLASSES, &Key::of(class), |class| finalizer(class, FINALIZER, false));
        }
        Err(why) => log::error(inside, "nodeclass.termination", name(class), &why),
    }
}
