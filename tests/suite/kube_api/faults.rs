//! Faults by rule, and the chain of layers that a real client puts above the door.

use std::time::Duration;

use kube::api::ListParams;
use kube::client::retry::RetryPolicy;
use rem_ci::sandbox::state::{Action, Rule};
use tower::ServiceBuilder;
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

use super::{ACCOUNT, Signed, api, client, refusal, region, token};
use crate::common::{Region, virtual_time};

fn inject(region: &Region, operation: &str, nth: u64, action: Action) {
    let rule = Rule { service: "kubernetes".into(), operation: operation.into(), nth, action, seen: 0 };
    region.sandbox.with(|state| state.faults.push(rule));
}

#[test]
fn rules_name_the_verb_and_the_resource() {
    virtual_time(async {
        let region = region();
        inject(&region, "list pods", 1, Action::Internal);
        inject(&region, "list nodes", 1, Action::Deny);
        inject(&region, "list flowschemas.flowcontrol.apiserver.k8s.io", 1, Action::Error("ServiceUnavailable".into()));
        let client = client(&region);
        let pods = api(&client, "v1", "Pod", "pods", "default");
        assert_eq!(refusal(pods.list(&ListParams::default()).await).0, 500);
        pods.list(&ListParams::default()).await.expect("only the first");
        assert_eq!(refusal(api(&client, "v1", "Node", "nodes", "").list(&ListParams::default()).await).0, 403);
        let flows = api(&client, "flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", "");
        assert_eq!(refusal(flows.list(&ListParams::default()).await).0, 503);
    });
}

#[test]
fn a_cut_is_an_error_of_the_connection_and_a_cut_answer_one_of_its_body() {
    virtual_time(async {
        let region = region();
        inject(&region, "list pods", 1, Action::CutBefore);
        inject(&region, "list pods", 2, Action::Truncate);
        let pods = api(&client(&region), "v1", "Pod", "pods", "default");
        for _ in 0..2 {
            let cut = pods.list(&ListParams::default()).await;
            assert!(!matches!(cut, Ok(_) | Err(kube::Error::Api(_))), "{cut:?}");
        }
        pods.list(&ListParams::default()).await.expect("a list");
    });
}

#[test]
fn a_throttled_client_that_waits_gets_through() {
    virtual_time(async {
        let region = region();
        inject(&region, "list pods", 1, Action::Throttle);
        inject(&region, "list pods", 2, Action::Throttle);
        let signed = Signed { door: region.sandbox.kubernetes(), token: token(&region, &format!("AKIA{ACCOUNT}SAND")) };
        let layers = ServiceBuilder::new()
            .layer(BufferLayer::new(64))
            .layer(RetryLayer::new(RetryPolicy::server_retry()))
            .service(signed);
        let client = kube::Client::new(layers, "default");
        let began = tokio::time::Instant::now();
        api(&client, "v1", "Pod", "pods", "default").list(&ListParams::default()).await.expect("a list");
        assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    });
}
