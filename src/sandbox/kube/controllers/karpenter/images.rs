//! Machine images: what `amiSelectorTerms` find.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::items;
use super::identity;
use crate::sandbox::aws::ssm::{self, Release};

/// One image for one architecture.
pub(super) fn status(region: &str, release: &Release) -> Json {
    let arch = if release.architecture == "arm64" { "arm64" } else { "amd64" };
    json!({
        "id": release.image(region), "name": release.name(),
        "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": [arch]}],
    })
}

/// The images of an EC2NodeClass, or why they cannot be told.
pub(super) fn find(inside: &mut Inside<'_, '_>, role: &str, class: &Json) -> Result<Vec<Json>, String> {
    let (now, region) = (inside.now(), inside.here.name.to_owned());
    let minor = inside.eks().map(|cluster| cluster.version().to_owned()).unwrap_or_default();
    let mut found: Vec<Json> = Vec::new();
    for term in items(class, "/spec/amiSelectorTerms").to_vec() {
        if let Some(alias) = term["alias"].as_str() {
            let (family, version) = alias.split_once('@').unwrap_or((alias, "latest"));
            if family != "al2023" {
                continue;
            }
            for architecture in ["x86_64", "arm64"] {
                let path = |which: &str| {
                    format!(
                        "/aws/service/eks/optimized-ami/{minor}/amazon-linux-2023/{architecture}/standard/{which}/image_id"
                    )
                };
                let which = if version == "latest" {
                    "recommended".to_owned()
                } else {
                    format!("amazon-eks-node-al2023-{architecture}-standard-{minor}-{version}")
                };
                let asked = json!({"Name": path(&which)});
                identity::may(inside, role, "ssm", "GetParameter", asked).map_err(|fault| {
                    format!("getting amis, getting AMI queries, {}", identity::words("SSM", "GetParameter", &fault))
                })?;
                let fits =
                    |one: &Release| one.minor == minor && one.architecture == architecture && one.variant == "standard";
                let release = ssm::releases(now).filter(fits).find(|one| which == "recommended" || one.name() == which);
                found.extend(release.map(|release| status(&region, &release)));
            }
            continue;
        }
        identity::may(inside, role, "ec2", "DescribeImages", json!({})).map_err(|fault| {
            format!("getting amis, describing images, {}", identity::words("EC2", "DescribeImages", &fault))
        })?;
        let fits = |one: &Release| match (term["id"].as_str(), term["name"].as_str()) {
            (Some(id), _) => one.image(&region) == id,
            (None, Some(name)) => {
                name == one.name() || name.strip_suffix('*').is_some_and(|head| one.name().starts_with(head))
            }
            (None, None) => false,
        };
        found.extend(
            ssm::releases(now)
                .filter(|one| one.variant == "standard")
                .filter(fits)
                .map(|release| status(&region, &release)),
        );
    }
    Ok(found)
}
