use serde_json::{Value as Json, json};

use crate::sandbox::aws::trial::Trial;

fn made() -> (Trial, Json) {
    let mut trial = Trial::new();
    let tags = json!([{ "TagKey": "a", "TagValue": "1" }]);
    let key = trial.good("kms", "CreateKey", json!({ "Description": "d", "Tags": tags }))["KeyMetadata"].clone();
    (trial, key)
}

fn id(key: &Json) -> Json {
    json!({ "KeyId": key["KeyId"] })
}

#[test]
fn a_key_is_found_by_id_arn_and_alias_only_in_its_region() {
    let (mut trial, key) = made();
    let alias = json!({ "AliasName": "alias/k", "TargetKeyId": key["KeyId"] });
    trial.good("kms", "CreateAlias", alias.clone());
    assert_eq!(trial.code("kms", "CreateAlias", alias), "AlreadyExistsException");
    let arn = key["Arn"].as_str().unwrap();
    for named in [key["KeyId"].as_str().unwrap(), arn, "alias/k", "arn:aws:kms:us-east-1:123456789012:alias/k"] {
        let shown = trial.good("kms", "DescribeKey", json!({ "KeyId": named }));
        assert_eq!(shown["KeyMetadata"]["Arn"], arn, "{named}");
        assert_eq!(shown["KeyMetadata"]["KeyState"], "Enabled");
    }
    for odd in [arn.replace("us-east-1", "us-east-2"), "alias/other".to_owned(), "arn:aws:kms".to_owned()] {
        assert_eq!(trial.code("kms", "DescribeKey", json!({ "KeyId": odd })), "NotFoundException", "{odd}");
    }
}

#[test]
fn new_keys_and_aliases_are_listed_later_and_in_pages() {
    let (mut trial, first) = made();
    trial.wait(5);
    let second = trial.good("kms", "CreateKey", json!({}))["KeyMetadata"].clone();
    let keys = trial.good("kms", "ListKeys", json!({}));
    assert_eq!(keys["Keys"].as_array().unwrap().len(), 1, "the second is too new");
    trial.wait(5);
    let page = trial.good("kms", "ListKeys", json!({ "Limit": 1 }));
    assert_eq!(page["Truncated"], true);
    let rest = trial.good("kms", "ListKeys", json!({ "Limit": 1, "Marker": page["NextMarker"] }));
    assert_eq!(rest["Truncated"], false);
    for (name, key) in [("alias/1", &first), ("alias/2", &second)] {
        trial.good("kms", "CreateAlias", json!({ "AliasName": name, "TargetKeyId": key["Arn"] }));
    }
    assert_eq!(trial.good("kms", "ListAliases", json!({}))["Aliases"], json!([]));
    trial.wait(5);
    let of = trial.good("kms", "ListAliases", id(&second));
    assert_eq!(of["Aliases"].as_array().unwrap().len(), 1);
    assert_eq!(of["Aliases"][0]["AliasName"], "alias/2");
}

#[test]
fn aliases_move_and_go_and_have_rules() {
    let (mut trial, key) = made();
    let alias = |name: &str| json!({ "AliasName": name, "TargetKeyId": key["KeyId"] });
    assert_eq!(trial.code("kms", "CreateAlias", alias("k")), "ValidationException");
    assert_eq!(trial.code("kms", "CreateAlias", alias("alias/aws/k")), "InvalidAliasNameException");
    assert_eq!(trial.code("kms", "UpdateAlias", alias("alias/k")), "NotFoundException");
    trial.good("kms", "CreateAlias", alias("alias/k"));
    let other = trial.good("kms", "CreateKey", json!({}))["KeyMetadata"].clone();
    trial.good("kms", "UpdateAlias", json!({ "AliasName": "alias/k", "TargetKeyId": other["KeyId"] }));
    let shown = trial.good("kms", "DescribeKey", json!({ "KeyId": "alias/k" }));
    assert_eq!(shown["KeyMetadata"]["KeyId"], other["KeyId"]);
    trial.good("kms", "DeleteAlias", json!({ "AliasName": "alias/k" }));
    assert_eq!(trial.code("kms", "DeleteAlias", json!({ "AliasName": "alias/k" })), "NotFoundException");
}

#[test]
fn rotation_goes_on_and_off_and_not_on_a_disabled_key() {
    let (mut trial, key) = made();
    assert_eq!(trial.good("kms", "GetKeyRotationStatus", id(&key))["KeyRotationEnabled"], false);
    trial.good("kms", "EnableKeyRotation", id(&key));
    let status = trial.good("kms", "GetKeyRotationStatus", id(&key));
    assert_eq!((&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]), (&json!(true), &json!(365)));
    trial.good("kms", "DisableKey", id(&key));
    assert_eq!(trial.code("kms", "DisableKeyRotation", id(&key)), "DisabledException");
    trial.good("kms", "EnableKey", id(&key));
    trial.good("kms", "DisableKeyRotation", id(&key));
    assert_eq!(trial.good("kms", "GetKeyRotationStatus", id(&key))["KeyRotationEnabled"], false);
}

#[test]
fn a_key_pending_deletion_refuses_use_and_goes_when_due() {
    let (mut trial, key) = made();
    trial.good("kms", "CreateAlias", json!({ "AliasName": "alias/k", "TargetKeyId": key["KeyId"] }));
    trial.good("kms", "EnableKeyRotation", id(&key));
    let soon = json!({ "KeyId": key["KeyId"], "PendingWindowInDays": 6 });
    assert_eq!(trial.code("kms", "ScheduleKeyDeletion", soon), "ValidationException");
    let week = json!({ "KeyId": key["KeyId"], "PendingWindowInDays": 7 });
    trial.good("kms", "ScheduleKeyDeletion", week.clone());
    for (operation, params) in [
        ("ScheduleKeyDeletion", week.clone()),
        ("EnableKey", id(&key)),
        ("EnableKeyRotation", id(&key)),
        ("UpdateKeyDescription", json!({ "KeyId": key["KeyId"], "Description": "x" })),
        ("TagResource", json!({ "KeyId": key["KeyId"], "Tags": [{ "TagKey": "b", "TagValue": "2" }] })),
        ("CreateAlias", json!({ "AliasName": "alias/l", "TargetKeyId": key["KeyId"] })),
    ] {
        assert_eq!(trial.code("kms", operation, params), "KMSInvalidStateException", "{operation}");
    }
    assert_eq!(trial.good("kms", "GetKeyRotationStatus", id(&key))["KeyRotationEnabled"], false);
    let named = key["KeyId"].as_str().unwrap();
    assert!(trial.state.accounts["123456789012"].regions["us-east-1"].kms.usable(named).is_err());

    trial.good("kms", "CancelKeyDeletion", id(&key));
    assert_eq!(trial.code("kms", "CancelKeyDeletion", id(&key)), "KMSInvalidStateException");
    assert_eq!(trial.good("kms", "DescribeKey", id(&key))["KeyMetadata"]["KeyState"], "Disabled");

    trial.good("kms", "ScheduleKeyDeletion", week);
    trial.wait(7 * 86_400 - 1);
    assert_eq!(trial.good("kms", "DescribeKey", id(&key))["KeyMetadata"]["KeyState"], "PendingDeletion");
    trial.wait(1);
    assert_eq!(trial.code("kms", "DescribeKey", id(&key)), "NotFoundException");
    assert_eq!(trial.good("kms", "ListAliases", json!({}))["Aliases"], json!([]));
}

#[test]
fn a_policy_must_not_lock_its_author_out() {
    let (mut trial, key) = made();
    let policy = |principal: &str| {
        json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "kms:*", "Resource": "*" } })
            .to_string()
    };
    let put = |policy: String| json!({ "KeyId": key["KeyId"], "Policy": policy });
    assert_eq!(trial.code("kms", "PutKeyPolicy", put("{".into())), "MalformedPolicyDocumentException");
    let other = put(policy("arn:aws:iam::999999999999:root"));
    assert_eq!(trial.code("kms", "PutKeyPolicy", other), "MalformedPolicyDocumentException");
    let own = policy("arn:aws:iam::123456789012:root");
    trial.good("kms", "PutKeyPolicy", put(own.clone()));
    assert_eq!(trial.good("kms", "GetKeyPolicy", id(&key))["Policy"], own);
}

#[test]
fn tags_come_and_go() {
    let (mut trial, key) = made();
    let add = json!({ "KeyId": key["KeyId"], "Tags": [{ "TagKey": "b", "TagValue": "2" }] });
    trial.good("kms", "TagResource", add);
    trial.good("kms", "UntagResource", json!({ "KeyId": key["KeyId"], "TagKeys": ["a"] }));
    let tags = trial.good("kms", "ListResourceTags", id(&key));
    assert_eq!(tags["Tags"], json!([{ "TagKey": "b", "TagValue": "2" }]));
}

#[test]
fn a_managed_key_appears_by_its_alias_and_cannot_be_changed() {
    let mut trial = Trial::new();
    let key = trial.good("kms", "DescribeKey", json!({ "KeyId": "alias/aws/ebs" }))["KeyMetadata"].clone();
    assert_eq!(key["KeyManager"], "AWS");
    assert_eq!(trial.code("kms", "ScheduleKeyDeletion", id(&key)), "AccessDeniedException");
}
