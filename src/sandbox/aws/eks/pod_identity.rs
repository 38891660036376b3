//! Pod identity associations: which role the pods of a service account get.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Made, active_cluster, cluster, in_use, invalid, missing, need, paged, refused, tags};
use crate::sandbox::region::{Here, epoch, list as items, text};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One association.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Association {
    /// As `DescribePodIdentityAssociation` shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
}

fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Association, Fault> {
    let id = need(params, "associationId")?;
    let cluster = cluster(here, params)?;
    let words = format!("Association not found: {id} for cluster {}", text(&cluster.body, "name"));
    cluster.associations.get_mut(id).ok_or_else(|| missing(words))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreatePodIdentityAssociation" => create(here, params),
        "DescribePodIdentityAssociation" => named(here, params).map(|one| json!({ "association": one.body })),
        "ListPodIdentityAssociations" => list(here, params),
        "UpdatePodIdentityAssociation" => update(here, params),
        "DeletePodIdentityAssociation" => delete(here, params),
        _ => return None,
    })
}

/// "Role provided in the request does not have ..." is what EKS says of a trust policy without its agent's service.
fn check_role(here: &Here<'_>, arn: &str) -> Result<(), Fault> {
    let Some(role) = here.iam.role(arn).filter(|role| role.usable <= here.now) else {
        return Err(invalid("Role provided in the request does not exist."));
    };
    let context = std::collections::BTreeMap::new();
    // The agent's request carries the cluster and the account; a trust policy that asks for more than the service is
    // judged when pods ask, not here.
    let trusts = crate::sandbox::aws::iam::allows_service(&role.trust, "pods.eks.amazonaws.com", &context)
        || role.trust.contains("pods.eks.amazonaws.com");
    if trusts {
        Ok(())
    } else {
        Err(invalid("Trust policy of IAM role not allowing pods.eks.amazonaws.com to assume it"))
    }
}

fn put(here: &mut Here<'_>, cluster_name: &str, made: Made, mut body: Json) -> Json {
    let id = format!("a-{}", here.letters("abcdefghijklmnopqrstuvwxyz0123456789", 17));
    body["clusterName"] = json!(cluster_name);
    body["associationId"] = json!(id);
    body["associationArn"] = json!(here.arn("eks", &format!("podidentityassociation/{cluster_name}/{id}")));
    body["createdAt"] = epoch(here.now);
    body["modifiedAt"] = epoch(here.now);
    if let Some(cluster) = here.region.eks.clusters.get_mut(cluster_name) {
        cluster.associations.insert(id, Association { body: body.clone(), made });
    }
    body
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let (namespace, account) = (need(params, "namespace")?, need(params, "serviceAccount")?);
    let role = need(params, "roleArn")?;
    let cluster = active_cluster(here, params)?;
    let cluster_name = text(&cluster.body, "name").to_owned();
    for known in cluster.associations.values() {
        if known.made.repeated(params)? {
            return Ok(json!({ "association": known.body }));
        }
        if known.body["namespace"] == namespace && known.body["serviceAccount"] == account {
            return Err(in_use(format!("Association already exists: {}", text(&known.body, "associationId"))));
        }
    }
    check_role(here, role)?;
    let mut body = json!({
        "namespace": namespace,
        "serviceAccount": account,
        "roleArn": role,
        "tags": tags(params)?,
        "disableSessionTags": params["disableSessionTags"] == true,
    });
    if let Some(target) = params["targetRoleArn"].as_str() {
        body["targetRoleArn"] = json!(target);
    }
    let body = put(here, &cluster_name, Made::by(params), body);
    let id = text(&body, "associationId").to_owned();
    here.span(id, [format!("cluster:{cluster_name}"), role.to_owned()], here.now);
    Ok(json!({ "association": body }))
}

/// Makes the associations that an add-on's request asks for, and gives their ARNs.
pub(super) fn for_addon(
    here: &mut Here<'_>,
    params: &Json,
    cluster_name: &str,
    owner: &str,
) -> Result<Vec<String>, Fault> {
    let wanted = items(params, "podIdentityAssociations");
    for one in &wanted {
        check_role(here, need(one, "roleArn")?)?;
        need(one, "serviceAccount")?;
    }
    let namespace = super::addon_table::row_of(text(params, "addonName")).map_or("kube-system", |row| row.namespace);
    let mut arns = Vec::new();
    for one in wanted {
        let body = json!({
            "namespace": namespace,
            "serviceAccount": one["serviceAccount"],
            "roleArn": one["roleArn"],
            "tags": {},
            "ownerArn": owner,
            "disableSessionTags": false,
        });
        let body = put(here, cluster_name, Made::default(), body);
        arns.push(text(&body, "associationArn").to_owned());
    }
    Ok(arns)
}

/// Takes an add-on's associations away.
pub(super) fn drop_owned(here: &mut Here<'_>, cluster: &str, owner: &str) {
    if let Some(cluster) = here.region.eks.clusters.get_mut(cluster) {
        cluster.associations.retain(|_, one| one.body["ownerArn"] != owner);
    }
}

fn list(here: &mut Here<'_>, params: &Json) -> Answer {
    let cluster = cluster(here, params)?;
    let fits = |body: &Json, key: &str| text(params, key).is_empty() || body[key] == params[key];
    let found = cluster.associations.values().map(|one| &one.body);
    let shown: Vec<Json> = found
        .filter(|body| fits(body, "namespace") && fits(body, "serviceAccount"))
        .map(|body| {
            // The summary has neither role nor tags.
            let mut short = json!({});
            for key in ["clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn"] {
                if !body[key].is_null() {
                    short[key] = body[key].clone();
                }
            }
            short
        })
        .collect();
    paged(params, "associations", &shown)
}

fn update(here: &mut Here<'_>, params: &Json) -> Answer {
    let role = text(params, "roleArn");
    if !role.is_empty() {
        check_role(here, role)?;
    }
    let now = here.now;
    let one = named(here, params)?;
    for key in ["roleArn", "disableSessionTags", "targetRoleArn"] {
        if !params[key].is_null() {
            one.body[key] = params[key].clone();
        }
    }
    one.body["modifiedAt"] = epoch(now);
    Ok(json!({ "association": one.body }))
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let body = named(here, params)?.body.clone();
    if !text(&body, "ownerArn").is_empty() {
        return Err(refused("The association is owned by an add-on and goes with it"));
    }
    cluster(here, params)?.associations.remove(text(params, "associationId"));
    here.span(format!("-{}", text(params, "associationId")), [], here.now);
    Ok(json!({ "association": body }))
}
