//! Create, get, list, update, patch, delete, watch.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use super::{api, client, client_of, object, refusal, region};
use crate::common::virtual_time;

fn config(name: &str) -> kube::api::DynamicObject {
    object(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "default", "labels": { "a": name } },
        "data": { "key": "value" },
    }))
}

#[test]
fn objects_are_made_read_changed_and_deleted() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        let made = maps.create(&PostParams::default(), &config("one")).await.expect("made");
        assert!(made.metadata.uid.is_some() && made.metadata.resource_version.is_some());
        let again = refusal(maps.create(&PostParams::default(), &config("one")).await);
        assert_eq!((again.0, again.1.as_str()), (409, "AlreadyExists"));
        let patch = json!({ "data": { "key": null, "other": "1" } });
        let patched = maps.patch("one", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patched");
        assert_eq!(patched.data["data"], json!({ "other": "1" }));
        let stale = refusal(maps.replace("one", &PostParams::default(), &made).await);
        assert_eq!((stale.0, stale.1.as_str()), (409, "Conflict"));
        maps.delete("one", &DeleteParams::default()).await.expect("deleted").right().expect("a status");
        assert_eq!(refusal(maps.get("one").await), (404, "NotFound".into(), "configmaps \"one\" not found".into()));
    });
}

#[test]
fn lists_come_in_pages_of_one_version_and_by_selector() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        for name in ["a", "b", "c"] {
            maps.create(&PostParams::default(), &config(name)).await.expect("made");
        }
        let first = maps.list(&ListParams::default().limit(2)).await.expect("a page");
        assert_eq!(first.metadata.remaining_item_count, Some(2));
        maps.delete("c", &DeleteParams::default()).await.expect("deleted");
        let token = first.metadata.continue_.expect("more");
        let rest = maps.list(&ListParams::default().limit(9).continue_token(&token)).await.expect("the rest");
        let names: Vec<_> = rest.items.iter().filter_map(|one| one.metadata.name.as_deref()).collect();
        assert_eq!(names, ["c", "kube-root-ca.crt"], "as it was at the first page");
        let chosen = maps.list(&ListParams::default().labels("a in (b, z),a!=q")).await.expect("a list");
        assert_eq!(chosen.items.len(), 1);
        let chosen = maps.list(&ListParams::default().fields("metadata.name=a")).await.expect("a list");
        assert_eq!(chosen.items.len(), 1);
    });
}

#[test]
fn a_watch_tells_of_changes_and_ends_in_its_time() {
    virtual_time(async {
        let region = region();
        let client = client(&region);
        let maps = api(&client, "v1", "ConfigMap", "configmaps", "default");
        let version = maps.list(&ListParams::default()).await.expect("a list").metadata.resource_version.expect("one");
        let watch = maps.watch(&WatchParams::default().timeout(100), &version).await.expect("a watch");
        let began = tokio::time::Instant::now();
        let writer = async {
            tokio::time::advance(Duration::from_secs(5)).await;
            maps.create(&PostParams::default(), &config("one")).await.expect("made");
            maps.delete("one", &DeleteParams::default()).await.expect("deleted");
        };
        let reader = watch.try_collect::<Vec<_>>();
        let (events, ()) = tokio::join!(reader, writer);
        let words: Vec<&str> = events
            .expect("events")
            .iter()
            .map(|event| match event {
                WatchEvent::Added(_) => "added",
                WatchEvent::Deleted(_) => "deleted",
                WatchEvent::Bookmark(_) => "bookmark",
                _ => "other",
            })
            .collect();
        assert_eq!(words, ["added", "deleted", "bookmark"]);
        let took = began.elapsed();
        assert!((100..102).contains(&took.as_secs()), "{took:?}");
    });
}

#[test]
fn who_has_no_entry_is_not_let_in() {
    virtual_time(async {
        let region = region();
        let pods = |key: &str| api(&client_of(&region, key), "v1", "Pod", "pods", "default");
        assert_eq!(refusal(pods("AKIA999999999999SAND").list(&ListParams::default()).await).0, 401);
        let nobody = refusal(pods("").list(&ListParams::default()).await);
        assert_eq!((nobody.0, nobody.1.as_str()), (403, "Forbidden"));
        assert!(nobody.2.contains("system:anonymous"), "{}", nobody.2);
        let client = client(&region);
        assert_eq!(client.apiserver_version().await.expect("a version").minor, "36");
        assert!(client.list_api_groups().await.expect("groups").groups.iter().any(|group| group.name == "apps"));
    });
}
