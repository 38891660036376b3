//! How objects end: finalizers, grace, namespaces, budgets; and what is told of it.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use kube::api::{
    Api, DeleteParams, DynamicObject, EvictParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use serde_json::{Value as Json, json};

use super::{api, ask, client, object, put, refusal, region, still};
use crate::common::virtual_time;

fn config(name: &str, finalizers: &[&str]) -> DynamicObject {
    object(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "finalizers": finalizers } }))
}

#[test]
fn a_finalizer_holds_an_object_until_it_is_taken_off() {
    virtual_time(async {
        let region = region();
        still(&region);
        let maps = api(&client(&region), "v1", "ConfigMap", "configmaps", "default");
        maps.create(&PostParams::default(), &config("one", &["test.example/hold"])).await.expect("made");
        let held = maps.delete("one", &DeleteParams::default()).await.expect("asked").left().expect("the object");
        assert!(held.metadata.deletion_timestamp.is_some());
        let open = json!({ "metadata": { "finalizers": null } });
        maps.patch("one", &PatchParams::default(), &Patch::Merge(&open)).await.expect("let go");
        assert_eq!(refusal(maps.get("one").await).0, 404);
        maps.create(&PostParams::default(), &config("two", &[])).await.expect("made");
        maps.delete("two", &DeleteParams::foreground()).await.expect("asked");
        let waiting = maps.get("two").await.expect("waits for its dependants");
        assert_eq!(waiting.metadata.finalizers.expect("some"), ["foregroundDeletion"]);
    });
}

#[test]
fn a_namespace_is_emptied_and_takes_nothing_new() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let spaces = api(&client, "v1", "Namespace", "namespaces", "");
        let space = object(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "apps" } }));
        spaces.create(&PostParams::default(), &space).await.expect("made");
        let accounts = api(&client, "v1", "ServiceAccount", "serviceaccounts", "apps");
        accounts.get("default").await.expect("every namespace has one");
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "apps");
        maps.create(&PostParams::default(), &config("held", &["test.example/hold"])).await.expect("made");
        spaces.delete("apps", &DeleteParams::default()).await.expect("asked");
        let (code, _, message) = refusal(maps.create(&PostParams::default(), &config("late", &[])).await);
        assert_eq!(code, 403);
        assert!(message.contains("because it is being terminated"), "{message}");
        assert_eq!(spaces.get("apps").await.expect("held").data["status"]["phase"], "Terminating");
        maps.patch("held", &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "finalizers": [] } })))
            .await
            .expect("let go");
        assert_eq!(refusal(spaces.get("apps").await).0, 404);
        let nowhere = api(&client, "v1", "ConfigMap", "configmaps", "nowhere");
        let (code, _, message) = refusal(nowhere.create(&PostParams::default(), &config("x", &[])).await);
        assert_eq!((code, message.as_str()), (404, "namespaces \"nowhere\" not found"));
    });
}

#[test]
fn a_budget_refuses_an_eviction_by_its_name() {
    virtual_time(async {
        let region = region();
        still(&region);
        let client = client(&region);
        let labels = json!({ "app": "db" });
        put(
            &region,
            "pods",
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "db-0", "namespace": "default", "labels": labels },
                "spec": { "nodeName": "n", "containers": [{ "name": "db", "image": "db" }] }, "status": { "phase": "Running" },
            }),
        );
        put(
            &region,
            "poddisruptionbudgets.policy",
            json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": "db", "namespace": "default" },
                "spec": { "maxUnavailable": 0, "selector": { "matchLabels": labels } },
                "status": { "disruptionsAllowed": 0, "desiredHealthy": 1, "currentHealthy": 1 },
            }),
        );
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), "default");
        let result = pods.evict("db-0", &EvictParams::default()).await;
        let Err(kube::Error::Api(status)) = result else { panic!("{result:?}") };
        assert_eq!((status.code, status.reason.as_str()), (429, "TooManyRequests"));
        let causes = status.details.expect("details").causes;
        assert_eq!(causes[0].reason, "DisruptionBudget");
        assert_eq!(causes[0].message, "The disruption budget db needs 1 healthy pods and has 1 currently");
        let budgets = api(&client, "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "default");
        let looser = json!({ "status": { "disruptionsAllowed": 1 } });
        budgets.patch_status("db", &PatchParams::default(), &Patch::Merge(looser)).await.expect("looser");
        pods.evict("db-0", &EvictParams::default()).await.expect("evicted");
        let leaving = pods.get("db-0").await.expect("has its grace");
        assert_eq!(leaving.metadata.deletion_grace_period_seconds, Some(30));
        let budget = budgets.get("db").await.expect("there");
        assert_eq!(budget.data["status"]["disruptionsAllowed"], 0);
    });
}

/// A watch that is resumed from before a deletion hears of it: nothing else would tell.
#[test]
fn a_deletion_is_told_to_who_resumes_and_a_selector_turns_changes_into_comings_and_goings() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        let mut one = config("one", &[]);
        one.metadata.labels = Some([("tier".to_owned(), "web".to_owned())].into());
        let made = maps.create(&PostParams::default(), &one).await.expect("made");
        let from = made.metadata.resource_version.expect("a version");
        let label = |tier: &str| Patch::Merge(json!({ "metadata": { "labels": { "tier": tier } } }));
        maps.patch("one", &PatchParams::default(), &label("db")).await.expect("patched");
        maps.patch("one", &PatchParams::default(), &label("web")).await.expect("patched");
        maps.delete("one", &DeleteParams::default()).await.expect("deleted");
        let params = WatchParams::default().labels("tier=web").timeout(5).disable_bookmarks();
        let events: Vec<WatchEvent<DynamicObject>> =
            maps.watch(&params, &from).await.expect("a watch").try_collect().await.expect("events");
        let words: Vec<&str> = events
            .iter()
            .map(|event| match event {
                WatchEvent::Added(_) => "added",
                WatchEvent::Modified(_) => "modified",
                WatchEvent::Deleted(_) => "deleted",
                _ => "other",
            })
            .collect();
        assert_eq!(words, ["deleted", "added", "deleted"]);
    });
}

#[test]
fn a_version_that_is_forgotten_is_gone_and_one_to_come_is_too_large() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        // A server that starts again remembers no changes.
        region.sandbox.with(|state| {
            let text = serde_json::to_string(state).expect("JSON");
            *state = serde_json::from_str(&text).expect("the state");
        });
        let watched = maps.watch(&WatchParams::default(), "3").await;
        assert_eq!(refusal(watched.map(|_| ())).0, 410);
        let watched = maps.watch(&WatchParams::default(), "999999").await;
        assert_eq!(refusal(watched.map(|_| ())).0, 504);
        maps.list(&ListParams::default()).await.expect("a list always does");
    });
}

#[test]
fn a_watch_sees_what_time_brings() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        let version = maps.list(&ListParams::default()).await.expect("a list").metadata.resource_version.expect("one");
        let watch = maps.watch(&WatchParams::default().timeout(200), &version).await.expect("a watch");
        let sandbox = region.sandbox.clone();
        let other = async {
            tokio::time::advance(Duration::from_secs(90)).await;
            // Another client of the same region, through the door for AWS: nobody has told this watch.
            sandbox.with(|state| {
                let now = 1_764_000_000_000;
                rem_ci::sandbox::region::with_here(state, now, super::ACCOUNT, "us-east-1", "", |here| {
                    let cluster = here.region.kube.clusters.get_mut("prod").expect("a cluster");
                    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "default" } });
                    cluster.store.create(now, "configmaps", map).expect("made");
                });
            });
        };
        let (events, ()) = tokio::join!(watch.try_collect::<Vec<WatchEvent<DynamicObject>>>(), other);
        let added = events.expect("events").into_iter().filter(|event| matches!(event, WatchEvent::Added(_))).count();
        assert_eq!(added, 1);
    });
}

#[test]
fn paths_and_kinds_that_are_not_there_are_told_apart() {
    virtual_time(async {
        let region = region();
        let (code, text) = ask(&region, "/apis/apps/v1/nonsense", "").await;
        assert_eq!((code, text.as_str()), (404, "404 page not found\n"));
        let (code, text) = ask(&region, "/api/v1/namespaces/default/pods/none", "").await;
        let status: Json = serde_json::from_str(&text).expect("a Status");
        assert_eq!((code, &status["kind"], &status["reason"]), (404, &json!("Status"), &json!("NotFound")));
        assert_eq!(ask(&region, "/healthz", "").await, (200, "ok".to_owned()));
    });
}
