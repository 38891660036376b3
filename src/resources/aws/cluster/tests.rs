use super::*;

fn wanted() -> Cluster {
    let spec = spec::Cluster {
        name: "rem-prod".to_owned(),
        version: "1.36".to_owned(),
        upgrade_policy: spec::UpgradePolicy::Standard,
        endpoint: spec::Endpoint { private: true, public: true, public_cidrs: vec!["203.0.113.0/24".to_owned()] },
        logging: spec::Logging::default(),
        secrets_encryption: true,
        deletion_protection: true,
        zonal_shift: true,
        oidc_provider: true,
        service_cidr: None,
        ip_family: spec::IpFamily::Ipv4,
        access: BTreeMap::new(),
    };
    Cluster {
        spec,
        role: Value::text("arn:aws:iam::123456789012:role/c"),
        vpc: Value::text("vpc-1"),
        subnets: vec![Value::text("subnet-2"), Value::text("subnet-1")],
        encryption_key: Some(Value::text("arn:aws:kms:us-east-1:123456789012:key/k")),
        tags: BTreeMap::from([("team".to_owned(), "platform".to_owned())]),
        after: Vec::new(),
    }
}

/// The cluster as EKS would give it back.
fn given() -> sdk::builders::ClusterBuilder {
    sdk::Cluster::builder()
        .name("rem-prod")
        .arn("arn:aws:eks:us-east-1:123456789012:cluster/rem-prod")
        .version("1.36")
        .role_arn("arn:aws:iam::123456789012:role/c")
        .endpoint("https://ABC.gr7.us-east-1.eks.amazonaws.com")
        .identity(
            sdk::Identity::builder()
                .oidc(sdk::Oidc::builder().issuer("https://oidc.eks.us-east-1.amazonaws.com/id/ABC").build())
                .build(),
        )
        .resources_vpc_config(
            sdk::VpcConfigResponse::builder()
                .vpc_id("vpc-1")
                .subnet_ids("subnet-1")
                .subnet_ids("subnet-2")
                .cluster_security_group_id("sg-1")
                .endpoint_private_access(true)
                .endpoint_public_access(true)
                .public_access_cidrs("203.0.113.0/24")
                .build(),
        )
        .kubernetes_network_config(
            sdk::KubernetesNetworkConfigResponse::builder()
                .service_ipv4_cidr("172.20.0.0/16")
                .ip_family(sdk::IpFamily::Ipv4)
                .build(),
        )
        .logging(logging(&["api", "audit", "authenticator", "controllerManager"].map(str::to_owned)))
        .encryption_config(encryption("arn:aws:kms:us-east-1:123456789012:key/k"))
        .access_config(sdk::AccessConfigResponse::builder().authentication_mode(sdk::AuthenticationMode::Api).build())
        .upgrade_policy(sdk::UpgradePolicyResponse::builder().support_type(sdk::SupportType::Standard).build())
        .zonal_shift_config(sdk::ZonalShiftConfigResponse::builder().enabled(true).build())
        .deletion_protection(true)
        .status(sdk::ClusterStatus::Active)
        .tags("team", "platform")
        .tags("rem-ci:stack", "0123456789abcdef")
}

#[test]
fn what_eks_gives_back_is_what_was_wanted() {
    let live = live(given().build());
    let want = wanted().want(&Facts(live.facts.clone()));
    assert_eq!(want, live.fields);
    assert!(want.keys().all(|field| Cluster::KIND.field(field).is_some()));
    assert_eq!(want.len(), Cluster::KIND.fields.len());
    assert_eq!(live.name("issuer"), "oidc.eks.us-east-1.amazonaws.com/id/ABC");
    assert_eq!(live.name("security-group"), "sg-1");
    assert_eq!(live.ready, Ready::Yes);
}

#[test]
fn a_service_range_that_eks_will_choose_is_not_said_before_it_did() {
    assert!(!wanted().want(&Facts::default()).contains_key("serviceCidr"));
}

#[test]
fn public_ranges_count_only_while_the_endpoint_is_public() {
    let mut private = wanted();
    private.spec.endpoint.public = false;
    assert!(!private.want(&Facts::default()).contains_key("publicCidrs"));
    let mut open = wanted();
    open.spec.endpoint.public_cidrs.clear();
    assert_eq!(open.want(&Facts::default()).get("publicCidrs"), Some(&Value::texts(["0.0.0.0/0"])));
}

#[test]
fn one_group_is_updated_at_a_time_and_the_version_last() {
    let change = |field: &str| Change { field: field.to_owned(), before: None, after: None };
    let all = [change("version"), change("logging"), change("publicCidrs"), change("tags")];
    assert_eq!(Group::first(&all), Some(Group::Endpoint));
    assert_eq!(Group::first(&all[..2]), Some(Group::Logging));
    assert_eq!(Group::first(&all[..1]), Some(Group::Version));
    assert_eq!(Group::first(&all[3..]), None);
}

#[test]
fn every_field_that_a_call_can_change_is_in_a_group() {
    for field in Cluster::KIND.fields {
        let grouped = Group::ALL.iter().any(|(_, fields)| fields.contains(&field.name));
        let updatable = field.effect == crate::engine::Effect::InPlace && field.name != "tags";
        assert_eq!(grouped, updatable || field.name == "encryptionKey", "{}", field.name);
    }
}

#[test]
fn the_authentication_mode_goes_up_step_by_step() {
    assert_eq!(next_mode("CONFIG_MAP", "API"), "API_AND_CONFIG_MAP");
    assert_eq!(next_mode("API_AND_CONFIG_MAP", "API"), "API");
}

#[test]
fn log_types_that_are_not_wanted_are_switched_off_by_name() {
    let setups = logging(&["audit".to_owned()]);
    let off: Vec<_> = setups
        .cluster_logging()
        .iter()
        .filter(|setup| setup.enabled() == Some(false))
        .flat_map(sdk::LogSetup::types)
        .collect();
    assert_eq!(off.len(), 4);
    assert!(!off.contains(&&sdk::LogType::Audit));
}

#[test]
fn states_of_a_cluster() {
    let state = |status| ready(&given().status(status).build());
    assert_eq!(state(sdk::ClusterStatus::Updating), Ready::NotYet("UPDATING".to_owned()));
    assert_eq!(state(sdk::ClusterStatus::Pending), Ready::NotYet("PENDING".to_owned()));
    assert_eq!(state(sdk::ClusterStatus::Deleting), Ready::Leaving("DELETING".to_owned()));
    assert_eq!(state(sdk::ClusterStatus::Failed), Ready::Never("FAILED".to_owned()));
}
