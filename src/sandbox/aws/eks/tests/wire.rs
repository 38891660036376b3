//! The same through the SDK's own clients: what is written is what they read.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::types::{AuthenticationMode, ClusterStatus, CreateAccessConfigRequest, VpcConfigRequest};
use aws_types::region::Region;
use serde_json::json;

use super::{START, World};
use crate::sandbox::connector::Sandbox;

#[tokio::test(start_paused = true)]
async fn sdk_clients_read_the_answers() {
    let world = World::cluster(json!({}));
    let now = world.now;
    let sandbox = Sandbox::new(world.state, Arc::new(move || now), None);
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(sandbox)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIA123456789012TEST",
            "secret",
            None,
            None,
            "test",
        )))
        .build();
    let eks = aws_sdk_eks::Client::new(&config);
    let cluster = eks.describe_cluster().name("one").send().await.unwrap().cluster.unwrap();
    assert_eq!(cluster.status(), Some(&ClusterStatus::Active));
    assert_eq!(cluster.created_at().unwrap().secs(), START / 1000 + 10);
    assert!(cluster.certificate_authority().unwrap().data().is_some());
    let addons = eks.describe_addon_versions().kubernetes_version("1.36").types("networking").send().await.unwrap();
    assert!(addons.addons().iter().any(|addon| addon.addon_name() == Some("vpc-cni")));
    let entry = eks.describe_access_entry().cluster_name("one").principal_arn("arn:aws:iam::123456789012:user/sandbox");
    assert_eq!(entry.send().await.unwrap().access_entry.unwrap().r#type(), Some("STANDARD"));
    let access = CreateAccessConfigRequest::builder().authentication_mode(AuthenticationMode::Api).build();
    let again = eks.create_cluster().name("one").role_arn(super::ROLE).access_config(access);
    let again = again.resources_vpc_config(VpcConfigRequest::builder().subnet_ids("subnet-a").build()).send().await;
    assert!(again.unwrap_err().into_service_error().is_resource_in_use_exception());

    let iam = aws_sdk_iam::Client::new(&config);
    let role = iam.get_role().role_name("control").send().await.unwrap().role.unwrap();
    assert!(role.assume_role_policy_document().unwrap().starts_with("%7B"));
    let attached = iam.list_attached_role_policies().role_name("nodes").send().await.unwrap();
    assert_eq!(attached.attached_policies().len(), 2);
    let missing = iam.get_role().role_name("nobody").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_entity_exception());
    let sts = aws_sdk_sts::Client::new(&config);
    let who = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(who.arn(), Some("arn:aws:iam::123456789012:user/sandbox"));
}
