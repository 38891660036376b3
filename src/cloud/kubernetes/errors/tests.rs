use serde_json::json;

use super::*;

fn api(status: &serde_json::Value) -> kube::Error {
    kube::Error::Api(Box::new(serde_json::from_value(status.clone()).expect("a Status")))
}

#[test]
fn a_conflict_names_the_other_manager_and_the_field() {
    let error = api(&json!({
        "status": "Failure", "code": 409, "reason": "Conflict",
        "message": "Apply failed with 1 conflict: conflict with \"argocd\" using karpenter.sh/v1: .spec.limits.cpu",
        "details": {"causes": [{
            "reason": "FieldManagerConflict", "message": "conflict with \"argocd\" using karpenter.sh/v1",
            "field": ".spec.limits.cpu",
        }]},
    }));
    let manager = Conflict { manager: "argocd".to_owned(), field: ".spec.limits.cpu".to_owned() };
    assert_eq!(field_conflicts(&error), [manager]);
    let failure = failure("kubernetes:patch nodepools", &error);
    assert_eq!((failure.class, &*failure.code), (Class::Fatal, FIELD_CONFLICT));
    assert!(failure.message.contains(".spec.limits.cpu by \"argocd\""), "{failure}");
}

#[test]
fn classes_follow_status_and_reason() {
    for (code, reason, class) in [
        (401, "Unauthorized", Class::Denied),
        (403, "Forbidden", Class::Denied),
        (404, "NotFound", Class::Gone),
        (404, "", Class::Gone),
        (409, "AlreadyExists", Class::Exists),
        (409, "Conflict", Class::Passing),
        (422, "Invalid", Class::Fatal),
        (429, "TooManyRequests", Class::Throttled),
        (500, "InternalError", Class::Unknown),
        (503, "ServiceUnavailable", Class::Passing),
    ] {
        let error = api(&json!({"status": "Failure", "code": code, "reason": reason, "message": "words"}));
        assert_eq!(failure("kubernetes:get nodes", &error).class, class, "{code} {reason}");
    }
    let schema = "failed to create typed patch object: .spec.nope: field not declared in schema";
    let error = api(&json!({"status": "Failure", "code": 500, "message": schema}));
    assert_eq!(failure("kubernetes:patch nodepools", &error).class, Class::Fatal);
}

#[test]
fn no_answer_is_unknown_and_says_why() {
    let error = kube::Error::Service("https://x.eks.amazonaws.com cannot be reached directly: timed out".into());
    let failure = failure("kubernetes:list nodepools", &error);
    assert_eq!((failure.class, &*failure.code), (Class::Unknown, UNREACHABLE));
    assert!(failure.message.contains("cannot be reached directly"), "{failure}");
}

#[test]
fn causes_that_the_message_leaves_out_are_said() {
    let error = api(&json!({
        "status": "Failure", "code": 422, "reason": "Invalid", "message": "NodePool \"x\" is invalid",
        "details": {"causes": [{"reason": "FieldValueInvalid", "message": "must be 1 to 100", "field": "spec.weight"}]},
    }));
    assert!(failure("c", &error).message.ends_with("is invalid (spec.weight: must be 1 to 100)"));
}
