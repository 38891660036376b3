use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMapping, LaunchTemplateEbsBlockDevice, LaunchTemplateInstanceMetadataOptions,
    LaunchTemplateTagSpecification,
};

use super::*;

fn template() -> LaunchTemplate {
    LaunchTemplate {
        key: "system".to_owned(),
        name: "rem-ci-prod-system-01234567".to_owned(),
        volume_gib: 20,
        security_groups: vec!["sg-2".into(), "sg-1".into()],
        node_tags: BTreeMap::from([("rem-ci:environment".to_owned(), "prod".to_owned())]),
        tags: BTreeMap::new(),
    }
}

/// What EC2 gives back for what it was sent.
fn echo(sent: &RequestLaunchTemplateData) -> ResponseLaunchTemplateData {
    let options = sent.metadata_options().unwrap();
    let mapping = &sent.block_device_mappings()[0];
    let ebs = mapping.ebs().unwrap();
    let options = LaunchTemplateInstanceMetadataOptions::builder()
        .set_http_endpoint(options.http_endpoint().cloned())
        .set_http_tokens(options.http_tokens().cloned())
        .set_http_put_response_hop_limit(options.http_put_response_hop_limit());
    let ebs = LaunchTemplateEbsBlockDevice::builder()
        .set_encrypted(ebs.encrypted())
        .set_delete_on_termination(ebs.delete_on_termination())
        .set_volume_size(ebs.volume_size())
        .set_volume_type(ebs.volume_type().cloned());
    let specs = sent.tag_specifications().iter().map(|spec| {
        let tags = Some(spec.tags().to_vec());
        LaunchTemplateTagSpecification::builder()
            .set_resource_type(spec.resource_type().cloned())
            .set_tags(tags)
            .build()
    });
    let mapping = LaunchTemplateBlockDeviceMapping::builder().set_device_name(mapping.device_name().map(str::to_owned));
    ResponseLaunchTemplateData::builder()
        .metadata_options(options.build())
        .block_device_mappings(mapping.ebs(ebs.build()).build())
        .set_security_group_ids(Some(sent.security_group_ids().to_vec()))
        .set_tag_specifications(Some(specs.collect()))
        .build()
}

#[test]
fn a_version_reads_back_as_it_was_wanted() {
    let want = template().want(&Facts::default());
    let have = content_fields(&echo(&data(&want).unwrap()));
    for field in CONTENT {
        assert_eq!(have.get(field), want.get(field), "{field}");
    }
    assert_eq!(content(&have), content(&want));
}

#[test]
fn only_what_a_node_sees_is_content() {
    let want = template().want(&Facts::default());
    let other = LaunchTemplate { name: "other".to_owned(), ..template() };
    assert_eq!(content(&other.want(&Facts::default())), content(&want));
    let larger = LaunchTemplate { volume_gib: 21, ..template() };
    assert_ne!(content(&larger.want(&Facts::default())), content(&want));
}

#[test]
fn nodes_are_hardened() {
    let sent = data(&template().want(&Facts::default())).unwrap();
    let options = sent.metadata_options().unwrap();
    assert_eq!(options.http_tokens(), Some(&LaunchTemplateHttpTokensState::Required));
    assert_eq!(options.http_put_response_hop_limit(), Some(1));
    let ebs = sent.block_device_mappings()[0].ebs().unwrap();
    assert_eq!((ebs.encrypted(), ebs.volume_type()), (Some(true), Some(&VolumeType::Gp3)));
    let tagged: Vec<_> = sent.tag_specifications().iter().filter_map(|spec| spec.resource_type()).collect();
    assert_eq!(tagged, [&ResourceType::Instance, &ResourceType::Volume, &ResourceType::NetworkInterface]);
}

#[test]
fn a_field_without_a_number_is_an_error() {
    let mut want = template().want(&Facts::default());
    want.insert("volume".to_owned(), Value::tags([("device", "/dev/xvda"), ("sizeGiB", "many")]));
    assert!(data(&want).unwrap_err().message.contains("many"));
}
