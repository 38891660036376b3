//! Server-side apply: who owns which field, and what a real server answers when two want the same one.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value as Json, json};

use super::{api, client, define, object, refusal, region};
use crate::common::{Region, virtual_time};

fn widgets(region: &Region) -> Api<DynamicObject> {
    api(&client(region), "test.example/v1", "Widget", "widgets", "")
}

fn widget(spec: Json) -> Json {
    json!({ "apiVersion": "test.example/v1", "kind": "Widget", "metadata": { "name": "one" }, "spec": spec })
}

/// Applies as a manager; the object after it.
async fn apply(widgets: &Api<DynamicObject>, manager: &str, force: bool, spec: Json) -> kube::Result<DynamicObject> {
    let mut params = PatchParams::apply(manager);
    params.force = force;
    widgets.patch("one", &params, &Patch::Apply(&widget(spec))).await
}

/// The managers of a field, by name.
fn owners(object: &DynamicObject, pointer: &str) -> Vec<String> {
    let all = object.metadata.managed_fields.clone().unwrap_or_default();
    let owns = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(pointer).is_some())
    };
    all.iter().filter(owns).filter_map(|entry| entry.manager.clone()).collect()
}

#[test]
fn an_equal_apply_changes_nothing_and_an_equal_value_is_shared() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        let made = apply(&widgets, "one", false, json!({ "size": 1 })).await.expect("made");
        let again = apply(&widgets, "one", false, json!({ "size": 1 })).await.expect("the same");
        assert_eq!(again.metadata.resource_version, made.metadata.resource_version);
        let shared = apply(&widgets, "two", false, json!({ "size": 1 })).await.expect("shared");
        assert_eq!(owners(&shared, "/f:spec/f:size"), ["one", "two"]);
    });
}

#[test]
fn a_conflict_names_the_manager_and_the_field_and_force_takes_it() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        apply(&widgets, "one", false, json!({ "size": 1, "colour": "red" })).await.expect("made");
        apply(&widgets, "three", false, json!({ "colour": "red" })).await.expect("shared");
        let (code, reason, message) = refusal(apply(&widgets, "two", false, json!({ "size": 2 })).await);
        assert_eq!((code, reason.as_str()), (409, "Conflict"));
        assert_eq!(message, "Apply failed with 1 conflict: conflict with \"one\": .spec.size");
        let forced = apply(&widgets, "two", true, json!({ "size": 2 })).await.expect("forced");
        assert_eq!(forced.data["spec"], json!({ "size": 2, "colour": "red", "level": 3 }));
        assert_eq!(owners(&forced, "/f:spec/f:size"), ["two"]);
        assert_eq!(owners(&forced, "/f:spec/f:colour"), ["one", "three"]);
    });
}

#[test]
fn what_an_update_has_set_is_in_the_way_too() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        apply(&widgets, "rem-ci", false, json!({ "size": 1 })).await.expect("made");
        let params = PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        let edited =
            widgets.patch("one", &params, &Patch::Merge(json!({ "spec": { "size": 5 } }))).await.expect("edited");
        assert_eq!(owners(&edited, "/f:spec/f:size"), ["kubectl-edit"]);
        let (code, _, message) = refusal(apply(&widgets, "rem-ci", false, json!({ "size": 1 })).await);
        assert_eq!(code, 409);
        assert!(
            message
                .contains("conflict with \"kubectl-edit\" using test.example/v1 at 2026-11-24T12:00:00Z: .spec.size"),
            "{message}"
        );
    });
}

#[test]
fn a_field_that_its_only_owner_drops_goes_and_a_shared_one_stays() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        let all = json!({ "size": 1, "colour": "red", "parts": [{ "name": "a", "count": 1 }, { "name": "b" }] });
        apply(&widgets, "one", false, all).await.expect("made");
        apply(&widgets, "two", false, json!({ "colour": "red", "parts": [{ "name": "b" }] })).await.expect("shared");
        let less = apply(&widgets, "one", false, json!({})).await.expect("less");
        assert_eq!(less.data["spec"], json!({ "colour": "red", "level": 3, "parts": [{ "name": "b" }] }));
        // The default came with the object and is nobody's.
        assert!(owners(&less, "/f:spec/f:level").is_empty());
    });
}

#[test]
fn containers_are_merged_by_name() {
    virtual_time(async {
        let region = region();
        let deployments = api(&client(&region), "apps/v1", "Deployment", "deployments", "default");
        let of = |containers: Json, replicas: Option<u64>| {
            let labels = json!({ "app": "web" });
            let mut spec = json!({
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": containers } },
            });
            if let Some(replicas) = replicas {
                spec["replicas"] = json!(replicas);
            }
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": spec })
        };
        let one = PatchParams::apply("one");
        let config = of(json!([{ "name": "a", "image": "a" }]), Some(2));
        deployments.patch("web", &one, &Patch::Apply(config)).await.expect("made");
        let config = of(json!([{ "name": "b", "image": "b" }]), None);
        let both = deployments.patch("web", &PatchParams::apply("two"), &Patch::Apply(config)).await.expect("both");
        let names: Vec<&Json> = both.data["spec"]["template"]["spec"]["containers"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| &one["name"])
            .collect();
        assert_eq!(names, ["a", "b"]);
        let config = of(json!([{ "name": "b", "image": "c" }]), Some(2));
        let (code, _, message) = refusal(deployments.patch("web", &one, &Patch::Apply(config)).await);
        assert_eq!(code, 409);
        assert!(message.contains(".spec.template.spec.containers[name=\"b\"].image"), "{message}");
    });
}

#[test]
fn an_apply_without_a_manager_or_with_an_unknown_field_is_refused() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        let nobody = PatchParams { field_manager: None, ..PatchParams::apply("x") };
        let (code, reason, _) =
            refusal(widgets.patch("one", &nobody, &Patch::Apply(widget(json!({ "size": 1 })))).await);
        assert_eq!((code, reason.as_str()), (422, "Invalid"));
        let (code, reason, message) = refusal(apply(&widgets, "one", false, json!({ "sizes": 1 })).await);
        assert_eq!((code, reason.as_str()), (500, ""));
        assert!(message.ends_with(".spec.sizes: field not declared in schema"), "{message}");
        assert_eq!(refusal(widgets.get("one").await).0, 404);
    });
}

#[test]
fn a_dry_run_answers_and_keeps_nothing() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        let mut params = PatchParams::apply("one");
        params.dry_run = true;
        let shown = widgets.patch("one", &params, &Patch::Apply(widget(json!({ "size": 1 })))).await.expect("shown");
        assert_eq!(shown.data["spec"]["level"], 3);
        assert_eq!(refusal(widgets.get("one").await).0, 404);
        let mut post = kube::api::PostParams { dry_run: true, ..Default::default() };
        widgets.create(&post, &object(widget(json!({ "size": 1 })))).await.expect("shown");
        assert_eq!(refusal(widgets.get("one").await).0, 404);
        post.dry_run = false;
        widgets.create(&post, &object(widget(json!({ "size": 1 })))).await.expect("made");
        let shown =
            widgets.patch("one", &params, &Patch::Apply(widget(json!({ "colour": "red" })))).await.expect("shown");
        assert_eq!(shown.data["spec"]["colour"], "red");
        assert!(widgets.get("one").await.expect("there").data["spec"].get("colour").is_none());
        let delete = kube::api::DeleteParams { dry_run: true, ..Default::default() };
        widgets.delete("one", &delete).await.expect("shown");
        widgets.get("one").await.expect("still there");
    });
}

/// As kubectl goes over from client-side to server-side apply: a JSON patch says who owns what from now on.
#[test]
fn who_writes_may_say_who_owns_what() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = widgets(&region);
        let post =
            kube::api::PostParams { field_manager: Some("kubectl-client-side-apply".into()), ..Default::default() };
        let made = widgets.create(&post, &object(widget(json!({ "size": 1 })))).await.expect("made");
        let mut entries = serde_json::to_value(made.metadata.managed_fields).expect("JSON");
        entries[0]["manager"] = json!("kubectl");
        entries[0]["operation"] = json!("Apply");
        let patch =
            serde_json::from_value(json!([{ "op": "replace", "path": "/metadata/managedFields", "value": entries }]));
        let patch: Patch<Json> = Patch::Json(patch.expect("a patch"));
        let after = widgets.patch("one", &PatchParams::default(), &patch).await.expect("patched");
        assert_eq!(owners(&after, "/f:spec/f:size"), ["kubectl"]);
        apply(&widgets, "kubectl", false, json!({ "size": 2 })).await.expect("nobody is in the way");
        let none = json!({ "metadata": { "managedFields": [{}] } });
        let after = widgets.patch("one", &PatchParams::default(), &Patch::Merge(none)).await.expect("patched");
        assert!(after.metadata.managed_fields.is_none());
    });
}
