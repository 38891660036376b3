use serde_json::json;

use super::*;

const NOW: Millis = 1_764_000_000_000;

fn pod(name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "default", "name": name}, "spec": {"a": 1}})
}

fn store_with(name: &str) -> (Store, Key) {
    let mut store = Store::default();
    store.create(NOW, "pods", pod(name)).expect("new");
    (store, Key::new("default", name))
}

#[test]
fn an_equal_update_changes_nothing_and_a_spec_change_counts_the_generation() {
    let (mut store, key) = store_with("one");
    let before = store.version();
    store.change("pods", &key, |_| ()).expect("there");
    assert_eq!(store.version(), before);
    store.change("pods", &key, |pod| pod["status"] = json!({"phase": "Running"})).expect("there");
    assert_eq!(store.get("pods", &key).expect("there")["metadata"]["generation"], 1);
    let pod = store.change("pods", &key, |pod| pod["spec"]["a"] = json!(2)).expect("there");
    assert_eq!(pod["metadata"]["generation"], 2);
    assert_eq!(store.since("pods", before).expect("recent").len(), 2);
}

#[test]
fn a_stale_version_is_refused() {
    let (mut store, key) = store_with("one");
    let old = store.get("pods", &key).expect("there").clone();
    store.change("pods", &key, |pod| pod["spec"]["a"] = json!(2)).expect("there");
    assert_eq!(store.update("pods", old), Err(Refused::Stale));
}

#[test]
fn finalizers_hold_and_the_last_one_lets_go() {
    let (mut store, key) = store_with("one");
    store.change("pods", &key, |pod| pod["metadata"]["finalizers"] = json!(["x/y"])).expect("there");
    store.delete(NOW, "pods", &key, 0).expect("there");
    assert_eq!(text(store.get("pods", &key).expect("held"), "/metadata/deletionTimestamp"), time(NOW));
    store.change("pods", &key, |pod| pod["metadata"]["finalizers"] = json!([])).expect("there");
    assert_eq!(store.get("pods", &key), None);
    let told = store.since("pods", 0).expect("recent");
    assert_eq!(told.last().map(|change| change.what), Some(What::Deleted));
}

#[test]
fn a_grace_period_waits_for_the_kubelet() {
    let (mut store, key) = store_with("one");
    store.delete(NOW, "pods", &key, 30).expect("there");
    assert!(store.get("pods", &key).is_some());
    store.delete(NOW, "pods", &key, 0).expect("there");
    assert!(store.get("pods", &key).is_none());
}

#[test]
fn after_a_restart_older_versions_are_gone_and_the_current_one_is_not() {
    let (store, _) = store_with("one");
    let text = serde_json::to_string(&store).expect("plain data");
    let mut again: Store = serde_json::from_str(&text).expect("plain data");
    let version = again.version();
    assert!(again.since("pods", version).is_some());
    assert!(again.since("pods", version - 1).is_none());
    again.create(NOW, "pods", pod("two")).expect("new");
    assert_eq!(again.since("pods", version).expect("known").len(), 1);
}

#[test]
fn events_count() {
    let (mut store, key) = store_with("one");
    let pod = store.get("pods", &key).expect("there").clone();
    for _ in 0..2 {
        store.event(NOW, &pod, "default-scheduler", "Warning", "FailedScheduling", "0/2 nodes are available");
    }
    let events: Vec<_> = store.list("events").collect();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["count"], 2);
}
