use super::*;

const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

fn given(kind: &str, principal: &str) -> sdk::AccessEntry {
    sdk::AccessEntry::builder()
        .cluster_name("rem-prod")
        .principal_arn(principal)
        .r#type(kind)
        .kubernetes_groups(if kind == "STANDARD" { "viewers" } else { "system:nodes" })
        .build()
}

#[test]
fn a_read_gives_every_field_back() {
    let policy = sdk::AssociatedAccessPolicy::builder()
        .policy_arn(ADMIN)
        .access_scope(sdk::AccessScope::builder().r#type(sdk::AccessScopeType::Namespace).namespaces("web").build())
        .build();
    let live = live(&given("STANDARD", "arn:aws:iam::123456789012:role/sre"), &[policy]);
    let wanted = AccessEntry {
        key: "user-sre".to_owned(),
        cluster: Value::text("rem-prod"),
        cluster_name: "rem-prod".to_owned(),
        principal: Value::text("arn:aws:iam::123456789012:role/sre"),
        kind: EntryType::Standard,
        groups: vec!["viewers".to_owned()],
        policies: BTreeMap::from([(ADMIN.to_owned(), vec!["web".to_owned()])]),
        tags: BTreeMap::new(),
    };
    let want = wanted.want(&Facts::default());
    assert_eq!(want, live.fields);
    assert_eq!(want.len(), AccessEntry::KIND.fields.len());
    assert_eq!(policies(&want), wanted.policies);
}

#[test]
fn the_groups_that_eks_gives_to_nodes_are_not_a_difference() {
    let live = live(&given("EC2_LINUX", "arn:aws:iam::123456789012:role/rem-ci/prod/node"), &[]);
    assert_eq!(live.fields["groups"], Value::Set(Vec::new()));
}

#[test]
fn only_an_untagged_entry_of_a_node_role_of_ours_counts_as_made_by_eks() {
    let node = "arn:aws:iam::123456789012:role/rem-ci/prod/rem-ci-prod-system-node-01234567";
    let made = |kind, principal| made_by_eks(&live(&given(kind, principal), &[]), "prod");
    assert!(made("EC2_LINUX", node));
    assert!(!made("STANDARD", node));
    assert!(!made("EC2_LINUX", "arn:aws:iam::123456789012:role/other"));
    assert!(!made("EC2_LINUX", "arn:aws:iam::123456789012:role/rem-ci/prod-eu/node"));
    let mut tagged = live(&given("EC2_LINUX", node), &[]);
    tagged.tags.insert("team".to_owned(), "web".to_owned());
    assert!(!made_by_eks(&tagged, "prod"));
}

#[test]
fn an_entry_in_use_is_there_already_and_not_a_reason_to_wait() {
    let failure = |class, code: &str| Failure {
        class,
        call: "eks:CreateAccessEntry".to_owned(),
        code: code.to_owned(),
        message: "The specified access entry resource is already in use on this cluster.".to_owned(),
    };
    assert!(is_taken(&failure(Class::Passing, "ResourceInUseException")));
    assert!(!is_taken(&failure(Class::Throttled, "ThrottlingException")));
}
