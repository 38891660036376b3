//! The launch template of the system nodes.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    self, LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateInstanceMetadataEndpointState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, ResourceType, ResponseLaunchTemplateData,
    VolumeType,
};
use futures_util::future::try_join_all;
use sha2::{Digest as _, Sha256};

use super::ec2_common::{
    changed, fields, gone_is_done, id_of, is_of, live, ours, retag, some_set, tag, tag_map, tagged, text, texts,
};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// What EC2 is told of every system node, `cluster/launch-template/system`.
///
/// Hop limit 1 keeps pods from the node's credentials: `kubelet`, the VPC CNI and all else that needs the metadata service
/// runs on the host's network, and pods have IRSA or Pod Identity ("Restrict access to the instance profile assigned to the
/// worker node", Amazon EKS best practices guide).
#[derive(Clone, Debug)]
pub struct LaunchTemplate {
    /// `system`.
    pub key: String,
    /// Its name in the region; cannot be changed.
    pub name: String,
    /// Root volume, GiB.
    pub volume_gib: u16,
    /// Groups of the nodes. Empty: EKS puts the cluster's own group on them. If any is named here EKS adds none, so the
    /// cluster's must be among them ("Customize managed nodes with launch templates", Amazon EKS user guide).
    pub security_groups: Vec<Value>,
    /// Tags of every instance, volume and network interface: the user's, and the environment's and stack's of ours.
    pub node_tags: BTreeMap<String, String>,
    /// Tags of the template itself.
    pub tags: BTreeMap<String, String>,
}

const DESCRIBE: &str = "ec2:DescribeLaunchTemplates";
const VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";
const NEW_VERSION: &str = "ec2:CreateLaunchTemplateVersion";

/// The fields that are the content of a version: all that a node sees.
const CONTENT: [&str; 6] = ["metadata", "volume", "securityGroups", "instanceTags", "volumeTags", "interfaceTags"];

/// Versions that stay. The one the node group pins is the last or the one before; the others are there for a group whose
/// updates have failed several times, because a group that loses its version is degraded for good ("Managed node group
/// errors", Amazon EKS user guide).
const KEPT: usize = 10;

/// Root device of the Amazon Linux 2023 images of EKS.
const ROOT: &str = "/dev/xvda";

/// What the three parts of a node are called in a tag specification.
const TAGGED: [(&str, ResourceType); 3] = [
    ("instanceTags", ResourceType::Instance),
    ("volumeTags", ResourceType::Volume),
    ("interfaceTags", ResourceType::NetworkInterface),
];

/// A hash of what a version says, equal for equal content and unlike the version's number the same on every run.
#[must_use]
pub fn content(fields: &Fields) -> String {
    let content: serde_json::Map<_, _> =
        CONTENT.iter().filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.to_json()))).collect();
    hex::encode(&Sha256::digest(serde_json::Value::Object(content).to_string().as_bytes())[..8])
}

impl Resource for LaunchTemplate {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "launch-template",
        noun: "launch template",
        actions: &[
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:CreateLaunchTemplate",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:ModifyLaunchTemplate",
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeleteLaunchTemplate",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "name in the region"),
            Field::in_place("metadata", "instance metadata: tokens required (IMDSv2), hop limit 1"),
            Field::in_place("volume", "root volume: gp3, encrypted, deleted with its node"),
            Field::in_place("securityGroups", "groups of the nodes; EKS's own if none is named"),
            Field::in_place("instanceTags", "tags of instances"),
            Field::in_place("volumeTags", "tags of volumes"),
            Field::in_place("interfaceTags", "tags of network interfaces"),
            Field::in_place("tags", "tags of the template itself"),
        ],
        // After the node group that pins a version of it.
        rank: 45,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "A change makes a new version; the node group pins a number, and rolls when its own `version` moves. The \
               newest 10 versions stay, older ones are deleted.",
    };

    fn address(&self) -> Address {
        Address::keyed("cluster", "launch-template", &self.key)
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let node_tags = Some(Value::tags(&self.node_tags));
        fields([
            ("name", Some(Value::text(&self.name))),
            ("metadata", Some(metadata("enabled", "required", 1))),
            ("volume", Some(volume(ROOT, i32::from(self.volume_gib), "gp3", true, true))),
            (
                "securityGroups",
                (!self.security_groups.is_empty()).then(|| Value::set(self.security_groups.iter().cloned())),
            ),
            ("instanceTags", node_tags.clone()),
            ("volumeTags", node_tags.clone()),
            ("interfaceTags", node_tags),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    /// The volume of one node; how many nodes there are, only the node group knows.
    fn cost(fields: &Fields, rates: &Rates) -> Vec<Line> {
        let size = fields.get("volume").and_then(|volume| volume.get("sizeGiB")?.as_text()?.parse().ok());
        size.map_or_else(Vec::new, |gib| lines::gp3_volumes(1, gib, None, None, rates))
    }

    fn moves(changes: &[Change]) -> &'static [&'static str] {
        let content = changes.iter().any(|change| CONTENT.contains(&change.field.as_str()));
        if content { &["version", "content"] } else { &[] }
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.ec2.describe_launch_templates().filters(ours(scope)).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        // Karpenter's templates carry the tags of its node classes; their versions are not asked for.
        let found: Vec<_> = found.iter().filter(|one| is_of(Self::KIND.name, &tag_map(one.tags()))).collect();
        let each = try_join_all(found.into_iter().map(|template| with_latest(world, template))).await?;
        Ok(each.into_iter().flatten().collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_launch_templates().launch_template_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        match found.as_ref().and_then(|answer| answer.launch_templates().first()) {
            Some(template) => with_latest(world, template).await,
            None => Ok(None),
        }
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateLaunchTemplate";
        let request = world.ec2.create_launch_template().client_token(&cx.token);
        let request = request.launch_template_name(text(want, "name", call)?).version_description(content(want));
        let request = request.launch_template_data(data(want)?);
        let request = request.tag_specifications(tagged(ResourceType::LaunchTemplate, cx, want));
        let made = request.send().await.map_err(failed("ec2:CreateLaunchTemplate"))?;
        id_of(call, made.launch_template().and_then(types::LaunchTemplate::launch_template_id))
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if CONTENT.iter().any(|field| changed(changes, field)) {
            let latest = live.name("version");
            // A token for this step from that version: said again it gives the same new version, and the same content
            // after another drift gets a new one.
            let token = Sha256::digest(format!("{}\n{latest}\n{}", cx.token, content(want)).as_bytes());
            let request = world.ec2.create_launch_template_version().client_token(hex::encode(&token[..16]));
            let request = request.launch_template_id(&live.id).version_description(content(want));
            let made = request.launch_template_data(data(want)?).send().await.map_err(failed(NEW_VERSION))?;
            let version = made.launch_template_version().and_then(types::LaunchTemplateVersion::version_number);
            let version = version.ok_or_else(|| Failure::fatal(NEW_VERSION, "the answer has no version"))?;
            // The default cannot be deleted, so it moves along.
            let call = world.ec2.modify_launch_template().launch_template_id(&live.id);
            let call = call.default_version(version.to_string()).send().await;
            call.map_err(failed("ec2:ModifyLaunchTemplate"))?;
            prune(world, &live.id).await?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.delete_launch_template().launch_template_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteLaunchTemplate")))
    }
}

/// Deletes all but the newest versions.
async fn prune(world: &Cloud, id: &str) -> Result<(), Failure> {
    let call = world.ec2.describe_launch_template_versions().launch_template_id(id).into_paginator().items().send();
    let versions: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(VERSIONS))?;
    let numbers = versions.iter().filter(|one| one.default_version() != Some(true));
    let mut numbers: Vec<_> = numbers.filter_map(types::LaunchTemplateVersion::version_number).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    // The default is kept besides, and is the newest.
    let old: Vec<_> = numbers.into_iter().skip(KEPT - 1).map(|number| number.to_string()).collect();
    // 200 is what one call takes ("DeleteLaunchTemplateVersions", Amazon EC2 API reference).
    for some in old.chunks(200) {
        let call = world.ec2.delete_launch_template_versions().launch_template_id(id);
        let call = call.set_versions(Some(some.to_vec())).send().await;
        // Versions that stay do no harm; the next update tries again.
        call.map_err(failed("ec2:DeleteLaunchTemplateVersions"))?;
    }
    Ok(())
}

fn metadata(endpoint: &str, tokens: &str, hops: i32) -> Value {
    Value::tags([("endpoint", endpoint), ("tokens", tokens), ("hopLimit", &hops.to_string())])
}

fn volume(device: &str, gib: i32, form: &str, encrypted: bool, with_node: bool) -> Value {
    Value::tags([
        ("device", device),
        ("sizeGiB", &gib.to_string()),
        ("type", form),
        ("encrypted", &encrypted.to_string()),
        ("deleteOnTermination", &with_node.to_string()),
    ])
}

/// The content of a version, from resolved fields.
fn data(want: &Fields) -> Result<RequestLaunchTemplateData, Failure> {
    let part = |field: &str, key: &str| {
        let text = want.get(field).and_then(|map| map.get(key)).and_then(Value::as_text);
        text.ok_or_else(|| Failure::fatal(NEW_VERSION, format!("`{field}.{key}` has no value")))
    };
    let number = |field: &str, key: &str| {
        let text = part(field, key)?;
        text.parse::<i32>().map_err(|_| Failure::fatal(NEW_VERSION, format!("`{field}.{key}`: `{text}` is no number")))
    };
    let options = LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_endpoint(LaunchTemplateInstanceMetadataEndpointState::from(part("metadata", "endpoint")?))
        .http_tokens(LaunchTemplateHttpTokensState::from(part("metadata", "tokens")?))
        .http_put_response_hop_limit(number("metadata", "hopLimit")?);
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
        .volume_size(number("volume", "sizeGiB")?)
        .volume_type(VolumeType::from(part("volume", "type")?))
        .encrypted(part("volume", "encrypted")? == "true")
        .delete_on_termination(part("volume", "deleteOnTermination")? == "true");
    let device = LaunchTemplateBlockDeviceMappingRequest::builder().device_name(part("volume", "device")?);
    let mut data = RequestLaunchTemplateData::builder()
        .metadata_options(options.build())
        .block_device_mappings(device.ebs(ebs.build()).build());
    let groups = texts(want, "securityGroups");
    if !groups.is_empty() {
        data = data.set_security_group_ids(Some(groups));
    }
    for (field, resource) in TAGGED {
        let tags: Vec<_> = want.get(field).into_iter().flat_map(Value::text_entries).collect();
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|(key, value)| tag(key, value)).collect();
            let spec = LaunchTemplateTagSpecificationRequest::builder().resource_type(resource).set_tags(Some(tags));
            data = data.tag_specifications(spec.build());
        }
    }
    Ok(data.build())
}

/// The fields of a version: the reverse of [`data`].
fn content_fields(data: &ResponseLaunchTemplateData) -> Fields {
    let options = data.metadata_options().map(|options| {
        // What a version does not say is EC2's default.
        let endpoint = options.http_endpoint().map_or("enabled", |state| state.as_str());
        let tokens = options.http_tokens().map_or("optional", |state| state.as_str());
        metadata(endpoint, tokens, options.http_put_response_hop_limit().unwrap_or(1))
    });
    let root = data.block_device_mappings().first().and_then(|mapping| Some((mapping.device_name()?, mapping.ebs()?)));
    let root = root.map(|(device, ebs)| {
        volume(
            device,
            ebs.volume_size().unwrap_or_default(),
            ebs.volume_type().map_or("", VolumeType::as_str),
            ebs.encrypted().unwrap_or_default(),
            ebs.delete_on_termination().unwrap_or_default(),
        )
    });
    let mut have =
        fields([("metadata", options), ("volume", root), ("securityGroups", some_set(data.security_group_ids()))]);
    for (field, resource) in TAGGED {
        let spec = data.tag_specifications().iter().find(|spec| spec.resource_type() == Some(&resource));
        if let Some(spec) = spec {
            have.insert(field.to_owned(), Value::tags(tag_map(spec.tags())));
        }
    }
    have
}

/// A template with what its latest version says; `None` if it went in the meantime.
async fn with_latest(world: &Cloud, template: &types::LaunchTemplate) -> Read<Option<Live>> {
    let id = id_of(DESCRIBE, template.launch_template_id())?;
    let call = world.ec2.describe_launch_template_versions().launch_template_id(&id).versions("$Latest").send().await;
    let latest = match call.map_err(failed(VERSIONS)) {
        Err(failure) if failure.class == Class::Gone => return Ok(None),
        other => other?,
    };
    let latest = latest.launch_template_versions().first();
    let mut live = live(&id, template.tags());
    live.fields.extend(fields([("name", template.launch_template_name().map(Value::text))]));
    if let Some(data) = latest.and_then(types::LaunchTemplateVersion::launch_template_data) {
        live.fields.extend(content_fields(data));
    }
    let number = latest.and_then(types::LaunchTemplateVersion::version_number).or(template.latest_version_number());
    live.names.insert("name".to_owned(), template.launch_template_name().unwrap_or_default().to_owned());
    live.names.insert("version".to_owned(), number.unwrap_or_default().to_string());
    live.names.insert("content".to_owned(), content(&live.fields));
    Ok(Some(live))
}

#[cfg(test)]
mod tests;
