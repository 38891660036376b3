use serde_json::{Value as Json, json};

use super::*;

/// The fields that a value is refused for.
fn fields(schema: &Json, value: &Json) -> Vec<String> {
    causes(value, schema).into_iter().map(|cause| cause.field).collect()
}

#[test]
fn each_word_of_a_schema_refuses_what_it_means() {
    let cases = [
        (json!({ "type": "string" }), json!(1), json!("a")),
        (json!({ "type": "integer" }), json!(1.5), json!(1)),
        (json!({ "type": "number" }), json!("1"), json!(1)),
        (json!({ "type": "string", "enum": ["a"] }), json!("b"), json!("a")),
        (json!({ "type": "string", "pattern": "^a+$" }), json!("ab"), json!("aa")),
        (json!({ "type": "string", "minLength": 2 }), json!("a"), json!("aa")),
        (json!({ "type": "string", "maxLength": 1 }), json!("aa"), json!("a")),
        (json!({ "type": "integer", "minimum": 1, "maximum": 3 }), json!(0), json!(3)),
        (json!({ "type": "array", "minItems": 1, "maxItems": 2, "items": {} }), json!([]), json!([1])),
        (json!({ "type": "array", "x-kubernetes-list-type": "set", "items": {} }), json!([1, 1]), json!([1, 2])),
        (
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            json!({ "a": 1 }),
            json!({ "a": "b" }),
        ),
        (json!({ "type": "object", "maxProperties": 1 }), json!({ "a": 1, "b": 2 }), json!({ "a": 1 })),
        (json!({ "x-kubernetes-int-or-string": true }), json!(true), json!("10%")),
        (json!({ "type": "string" }), json!(null), json!("")),
        (json!({ "type": "object", "required": ["a"] }), json!({}), json!({ "a": 1 })),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }), json!(true), json!(1)),
        (json!({ "oneOf": [{ "type": "string" }, { "maxLength": 1 }] }), json!("a"), json!("ab")),
        (json!({ "not": { "type": "string" } }), json!("a"), json!(1)),
        (json!({ "allOf": [{ "maximum": 3 }] }), json!(4), json!(3)),
    ];
    for (field, bad, good) in cases {
        let schema = json!({ "type": "object", "properties": { "f": field } });
        assert!(!fields(&schema, &json!({ "f": bad })).is_empty(), "{field} lets {bad} through");
        assert_eq!(fields(&schema, &json!({ "f": good })), Vec::<String>::new(), "{field} refuses {good}");
    }
    let nullable = json!({ "type": "object", "properties": { "f": { "type": "string", "nullable": true } } });
    assert!(fields(&nullable, &json!({ "f": null })).is_empty());
}

#[test]
fn unknown_fields_go_but_for_where_the_schema_is_open() {
    let schema = json!({ "type": "object", "properties": {
        "spec": { "type": "object", "properties": {
            "known": { "type": "string" }, "open": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "a": {} } } },
        } },
    } });
    let mut object = json!({
        "apiVersion": "v1", "metadata": { "name": "x" }, "other": 1,
        "spec": { "known": "a", "unknown": 1, "open": { "x": 1 }, "map": { "k": { "a": 1, "b": 2 } } },
    });
    let mut lost = prune(&mut object, &schema);
    lost.sort();
    assert_eq!(lost, ["other", "spec.map.k.b", "spec.unknown"]);
    let want = json!({ "known": "a", "open": { "x": 1 }, "map": { "k": { "a": 1 } } });
    assert_eq!(object["spec"], want);
}

#[test]
fn defaults_are_filled_in_where_their_parent_is() {
    let inner = json!({ "type": "object", "properties": { "b": { "default": 2 } } });
    let schema = json!({ "properties": {
        "a": inner, "list": { "items": inner }, "made": { "default": {}, "properties": { "c": { "default": 3 } } },
    } });
    let mut value = json!({ "list": [{}, { "b": 1 }] });
    default(&mut value, &schema);
    assert_eq!(value, json!({ "list": [{ "b": 2 }, { "b": 1 }], "made": { "c": 3 } }));
}
