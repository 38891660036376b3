//! The instance profile of an EC2NodeClass with a role.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{name, uid};
use super::identity;
use crate::sandbox::aws::iam::Profile;
use crate::sandbox::kube::store::text;

/// The profile's name: the class's own, or one made of the cluster and the class.
pub(super) fn name_of(inside: &Inside<'_, '_>, class: &Json) -> String {
    match text(class, "/spec/instanceProfile") {
        "" => format!("{}_{}", inside.name, inside.here.chance(&format!("profile/{}", uid(class)))),
        own => own.to_owned(),
    }
}

fn tags(inside: &Inside<'_, '_>, class: &Json) -> Vec<(String, String)> {
    let mut tags = vec![
        (format!("kubernetes.io/cluster/{}", inside.name), "owned".to_owned()),
        ("eks:eks-cluster-name".to_owned(), inside.name.clone()),
        ("karpenter.k8s.aws/ec2nodeclass".to_owned(), name(class).to_owned()),
        ("topology.kubernetes.io/region".to_owned(), inside.here.name.to_owned()),
    ];
    for (key, value) in class["spec"]["tags"].as_object().into_iter().flatten() {
        tags.push((key.clone(), value.as_str().unwrap_or_default().to_owned()));
    }
    tags
}

/// Makes sure that the profile is there and has the role; gives its name.
pub(super) fn ensure(inside: &mut Inside<'_, '_>, role: &str, class: &Json) -> Result<String, String> {
    let profile = name_of(inside, class);
    if !text(class, "/spec/instanceProfile").is_empty() {
        return if inside.here.iam.profiles.contains_key(&profile) {
            Ok(profile)
        } else {
            Err(format!(
                "getting instance profile \"{profile}\", NoSuchEntity: Instance Profile {profile} cannot be found."
            ))
        };
    }
    let wanted = text(class, "/spec/role").to_owned();
    let known = inside.here.iam.profiles.get(&profile).map(|profile| profile.role.clone());
    if known.as_ref().is_some_and(|role| role.as_ref() == Some(&wanted)) {
        return Ok(profile);
    }
    let failed = |operation: &str, fault: &crate::sandbox::wire::Fault| {
        format!("creating instance profile, {}", identity::words("IAM", operation, fault))
    };
    let (minor, tags) =
        (super::leader::acting(inside).map(|leader| leader.version.1).unwrap_or_default(), tags(inside, class));
    let path = if minor >= 7 {
        format!("/karpenter/{}/{}/{}/", inside.here.name, inside.name, uid(class))
    } else {
        "/".to_owned()
    };
    let asked = json!({"InstanceProfileName": profile, "Path": path});
    identity::may(inside, role, "iam", "GetInstanceProfile", asked.clone())
        .map_err(|fault| failed("GetInstanceProfile", &fault))?;
    if known.is_none() {
        let mut create = asked.clone();
        create["Tags"] = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        identity::may(inside, role, "iam", "CreateInstanceProfile", create)
            .map_err(|fault| failed("CreateInstanceProfile", &fault))?;
    }
    if !inside.here.iam.roles.contains_key(&wanted) {
        return Err(format!(
            "creating instance profile, adding role \"{wanted}\" to instance profile \"{profile}\", NoSuchEntity: The role with name {wanted} cannot be found."
        ));
    }
    if known.is_none() {
        let arn =
            format!("arn:{}:iam::{}:instance-profile{path}{profile}", inside.here.partition(), inside.here.account);
        let id = format!("AIPA{}", inside.suffix(&format!("profile/{profile}"), 12).to_uppercase());
        let (now, usable) = (inside.now(), inside.now() + inside.span(&format!("usable/{profile}"), 3, 8));
        let made = Profile {
            name: profile.clone(),
            path,
            arn,
            id,
            created: now,
            usable,
            role: None,
            tags: tags.into_iter().collect(),
        };
        inside.here.iam.profiles.insert(profile.clone(), made);
    }
    let add = json!({"InstanceProfileName": profile, "RoleName": wanted});
    identity::may(inside, role, "iam", "AddRoleToInstanceProfile", add)
        .map_err(|fault| failed("AddRoleToInstanceProfile", &fault))?;
    if let Some(profile) = inside.here.iam.profiles.get_mut(&profile) {
        profile.role = Some(wanted);
    }
    Ok(profile)
}

/// Takes the profile away that was made for a class.
pub(super) fn remove(inside: &mut Inside<'_, '_>, role: &str, class: &Json) -> Result<(), String> {
    let profile = name_of(inside, class);
    let Some(known) =
        inside.here.iam.profiles.get(&profile).filter(|_| text(class, "/spec/instanceProfile").is_empty())
    else {
        return Ok(());
    };
    let asked = json!({"InstanceProfileName": profile, "RoleName": known.role});
    for operation in ["RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"] {
        identity::may(inside, role, "iam", operation, asked.clone())
            .map_err(|fault| format!("deleting instance profile, {}", identity::words("IAM", operation, &fault)))?;
    }
    inside.here.iam.profiles.remove(&profile);
    Ok(())
}
