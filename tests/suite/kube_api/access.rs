//! Who may do what: access entries, EKS's policies, RBAC, tokens.

use kube::api::{Api, DynamicObject, ListParams, PostParams};
use serde_json::json;

use super::{ACCOUNT, api, client, client_of, entry, object, refusal, region, session};
use crate::common::{Region, virtual_time};

/// A client of a session of a role that has an entry.
fn of(region: &Region, role: &str, policies: &[&str], groups: &[&str]) -> kube::Client {
    entry(region, "prod", &format!("arn:aws:iam::{ACCOUNT}:role/{role}"), policies, groups);
    client_of(region, &session(region, role))
}

fn secrets(client: &kube::Client) -> Api<DynamicObject> {
    api(client, "v1", "Secret", "secrets", "default")
}

fn pods(client: &kube::Client) -> Api<DynamicObject> {
    api(client, "v1", "Pod", "pods", "default")
}

#[test]
fn a_view_policy_shows_pods_and_no_secrets() {
    virtual_time(async {
        let region = region();
        let viewer = of(&region, "viewer", &["AmazonEKSViewPolicy"], &[]);
        pods(&viewer).list(&ListParams::default()).await.expect("a list");
        let (code, reason, message) = refusal(secrets(&viewer).list(&ListParams::default()).await);
        assert_eq!((code, reason.as_str()), (403, "Forbidden"));
        assert!(
            message.contains("cannot list resource \"secrets\" in API group \"\" in the namespace \"default\""),
            "{message}"
        );
        let nodes = api(&viewer, "v1", "Node", "nodes", "");
        assert!(refusal(nodes.list(&ListParams::default()).await).2.ends_with("at the cluster scope"));
    });
}

#[test]
fn a_group_gets_what_its_bindings_give() {
    virtual_time(async {
        let region = region();
        let planner = of(&region, "planner", &[], &["rem-ci:plan"]);
        assert_eq!(refusal(pods(&planner).list(&ListParams::default()).await).0, 403);
        let admin = client(&region);
        let roles = api(&admin, "rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "");
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "rem-ci:plan" },
            "rules": [{ "apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list"] }],
        });
        roles.create(&PostParams::default(), &object(role)).await.expect("made");
        let bindings = api(&admin, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "");
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "plan" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rem-ci:plan" },
            "subjects": [{ "kind": "Group", "name": "rem-ci:plan" }],
        });
        bindings.create(&PostParams::default(), &object(binding)).await.expect("made");
        pods(&planner).list(&ListParams::default()).await.expect("a list");
        assert_eq!(refusal(secrets(&planner).list(&ListParams::default()).await).0, 403);
        let write = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" } });
        assert_eq!(refusal(pods(&planner).create(&PostParams::default(), &object(write)).await).0, 403);
    });
}

#[test]
fn an_entry_that_goes_takes_its_owner_with_it() {
    virtual_time(async {
        let region = region();
        let editor = of(&region, "editor", &["AmazonEKSAdminViewPolicy"], &[]);
        secrets(&editor).list(&ListParams::default()).await.expect("a list");
        region.sandbox.with(|state| {
            let account = state.accounts.get_mut(ACCOUNT).expect("an account");
            let region = account.regions.get_mut("us-east-1").expect("a region");
            region.eks.clusters.get_mut("prod").expect("a cluster").entries.clear();
        });
        assert_eq!(refusal(secrets(&editor).list(&ListParams::default()).await).0, 401);
    });
}

#[test]
fn a_token_is_good_for_a_quarter_of_an_hour() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        pods(&client).list(&ListParams::default()).await.expect("a list");
        tokio::time::advance(std::time::Duration::from_mins(16)).await;
        assert_eq!(refusal(pods(&client).list(&ListParams::default()).await).0, 401);
    });
}
