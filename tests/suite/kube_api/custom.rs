//! Custom kinds: registration, schema, defaults, pruning, subresources, tables.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{api, ask, client, define, object, refusal, region};
use crate::common::virtual_time;

fn widget(name: &str, spec: serde_json::Value) -> kube::api::DynamicObject {
    object(json!({ "apiVersion": "test.example/v1", "kind": "Widget", "metadata": { "name": name }, "spec": spec }))
}

#[test]
fn a_definition_is_established_and_its_kind_served_until_it_goes() {
    virtual_time(async {
        let region = region();
        let (code, text) = ask(&region, "/apis/test.example/v1/widgets", "").await;
        assert_eq!((code, text.as_str()), (404, "404 page not found\n"));
        define(&region).await;
        let client = client(&region);
        let served = client.list_api_group_resources("test.example/v1").await.expect("resources");
        let names: Vec<&str> = served.resources.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["widgets", "widgets/scale", "widgets/status"]);
        let widgets = api(&client, "test.example/v1", "Widget", "widgets", "");
        widgets.create(&PostParams::default(), &widget("one", json!({ "size": 1 }))).await.expect("made");
        let definitions =
            api(&client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", "");
        definitions.delete("widgets.test.example", &DeleteParams::default()).await.expect("deleted");
        assert_eq!(refusal(widgets.list(&ListParams::default()).await).0, 404);
        // Its objects went with it.
        define(&region).await;
        assert!(widgets.list(&ListParams::default()).await.expect("a list").items.is_empty());
    });
}

#[test]
fn values_are_checked_by_the_schema_with_a_cause_each() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = api(&client(&region), "test.example/v1", "Widget", "widgets", "");
        let bad = widget(
            "one",
            json!({ "size": 99, "colour": "mauve", "wait": "soon", "parts": [{ "count": 1 }], "level": "x" }),
        );
        let result = widgets.create(&PostParams::default(), &bad).await;
        let Err(kube::Error::Api(status)) = result else { panic!("{result:?}") };
        assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
        let causes = status.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
        let mut fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["spec.colour", "spec.level", "spec.parts[0].name", "spec.size", "spec.wait"]);
        assert!(status.message.starts_with("Widget.test.example \"one\" is invalid: ["), "{}", status.message);
    });
}

#[test]
fn unknown_fields_are_pruned_warned_of_or_refused() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = api(&client(&region), "test.example/v1", "Widget", "widgets", "");
        let odd = widget("one", json!({ "size": 1, "sizes": 2 }));
        let made = widgets.create(&PostParams::default(), &odd).await.expect("made");
        assert_eq!(made.data["spec"], json!({ "size": 1, "level": 3 }));
        let strict = Some(kube::api::ValidationDirective::Strict);
        let params = PatchParams { field_validation: strict, ..PatchParams::default() };
        let (code, reason, message) =
            refusal(widgets.patch("one", &params, &Patch::Merge(json!({ "spec": { "sizes": 2 } }))).await);
        assert_eq!((code, reason.as_str()), (400, "BadRequest"));
        assert!(message.contains("strict decoding error: unknown field \"spec.sizes\""), "{message}");
    });
}

#[test]
fn a_status_has_its_own_path_and_scale_its_own_object() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = api(&client(&region), "test.example/v1", "Widget", "widgets", "");
        let mut one = widget("one", json!({ "size": 1 }));
        one.data["status"] = json!({ "size": 7 });
        let made = widgets.create(&PostParams::default(), &one).await.expect("made");
        assert!(made.data.get("status").is_none(), "not by the main path");
        let both = json!({ "spec": { "size": 2 }, "status": { "size": 1 } });
        let after = widgets.patch_status("one", &PatchParams::default(), &Patch::Merge(&both)).await.expect("patched");
        assert_eq!((&after.data["spec"]["size"], &after.data["status"]["size"]), (&json!(1), &json!(1)));
        assert_eq!(after.metadata.generation, Some(1));
        let (params, larger) = (PatchParams::default(), Patch::Merge(json!({ "spec": { "replicas": 3 } })));
        let scale = widgets.patch_scale("one", &params, &larger);
        assert_eq!(scale.await.expect("scaled").spec.expect("a spec").replicas, Some(3));
        let after = widgets.get("one").await.expect("there");
        assert_eq!((&after.data["spec"]["size"], after.metadata.generation), (&json!(3), Some(2)));
    });
}

#[test]
fn a_table_has_the_columns_of_the_definition() {
    virtual_time(async {
        let region = region();
        define(&region).await;
        let widgets = api(&client(&region), "test.example/v1", "Widget", "widgets", "");
        widgets.create(&PostParams::default(), &widget("one", json!({ "size": 4 }))).await.expect("made");
        let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        let (_, text) = ask(&region, "/apis/test.example/v1/widgets", accept).await;
        let table: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(table["kind"], "Table");
        let names: Vec<&serde_json::Value> =
            table["columnDefinitions"].as_array().expect("columns").iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["Name", "Size", "Ready", "Age"]);
        assert_eq!(table["rows"][0]["cells"], json!(["one", 4, null, "0s"]));
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    });
}
