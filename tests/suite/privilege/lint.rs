//! Every generated policy, looked at as text: sizes, wildcards, principals. Over all shapes of environments.

use rem_ci::bootstrap::{Repository, Wish, boundary, bucket, build, permissions, trust};
use rem_ci::config::Spec;
use rem_ci::config::spec::Connect;
use rem_ci::engine::{Facts, Value};
use rem_ci::model::access::{Access, Job, boundary as bounded};
use rem_ci::model::{Identity, policies::MANAGED_POLICY_LIMIT};
use serde_json::Value as Json;

use super::{repository, wish};
use crate::common::environment;

/// Shipped environments, each with every way into its cluster.
fn shapes() -> Vec<Spec> {
    let mut shapes = Vec::new();
    for name in ["dev", "staging", "prod"] {
        for connect in [Connect::Direct, Connect::Ssm, Connect::RunnerCidr] {
            let mut spec = environment(name).spec;
            spec.connect = connect;
            shapes.push(spec);
        }
    }
    let mut longest = environment("prod").spec;
    longest.name = "e".repeat(32);
    longest.cluster.name = "c".repeat(80);
    "ap-southeast-2".clone_into(&mut longest.region);
    shapes.push(longest);
    shapes
}

fn json(document: &Value) -> Json {
    serde_json::from_str(document.as_text().expect("a document")).expect("JSON")
}

/// One or several: a list of one is written as the one.
fn list(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn statements(document: &Value) -> Vec<Json> {
    json(document)["Statement"].as_array().expect("statements").clone()
}

#[test]
fn trust_has_no_wildcard_but_the_merge_queues() {
    for spec in shapes() {
        let id = Identity::of(&spec);
        for job in Job::ALL {
            let document = trust::document(&id, &repository(), job);
            assert!(permissions::length(&document) <= trust::LIMIT, "{job:?}: {}", permissions::length(&document));
            let long = Repository::new(
                &format!("{}/{}", "o".repeat(39), "r".repeat(34)),
                Some(u64::from(u32::MAX)),
                Some(1 << 30),
                "main",
            );
            let long = trust::document(&id, &long.expect("a repository"), job);
            assert!(permissions::length(&long) <= trust::LIMIT, "{job:?}: {}", permissions::length(&long));
            let mut likes = 0;
            for statement in statements(&document) {
                let conditions = statement["Condition"].as_object().expect("conditions");
                for (operator, keys) in conditions {
                    match operator.as_str() {
                        "StringEquals" => assert!(!keys.to_string().contains(['*', '?']), "{keys}"),
                        "StringLike" => {
                            likes += 1;
                            let subjects =
                                keys["token.actions.githubusercontent.com:sub"].as_array().expect("subjects");
                            let queue = ":ref:refs/heads/gh-readonly-queue/main/*";
                            let text = subjects.iter().map(|one| one.as_str().expect("text"));
                            let wild: Vec<_> = text.filter(|one| one.contains(['*', '?'])).collect();
                            assert_eq!(wild.len(), 2, "{wild:?}");
                            assert!(wild.iter().all(|one| one.ends_with(queue) && one.matches('*').count() == 1));
                            assert_eq!(keys.as_object().map(serde_json::Map::len), Some(1));
                        }
                        other => panic!("{other}"),
                    }
                }
                if statement["Effect"] == "Allow" {
                    for claim in ["aud", "repository_id", "job_workflow_ref"] {
                        let key = format!("token.actions.githubusercontent.com:{claim}");
                        assert!(!statement["Condition"]["StringEquals"][key].is_null(), "{job:?} {claim}");
                    }
                }
                assert_eq!(statement["Principal"]["Federated"], trust::provider_arn(&id));
            }
            assert_eq!(likes, usize::from(job == Job::Plan));
        }
    }
}

#[test]
fn permissions_fit_and_name_what_they_are_about() {
    for spec in shapes() {
        let access = Access::of(&spec);
        for job in Job::ALL {
            let documents = permissions::documents(&spec, &access, job);
            assert!(documents.len() <= permissions::MOST_POLICIES, "{job:?}: {}", documents.len());
            for document in &documents {
                assert!(permissions::length(document) <= MANAGED_POLICY_LIMIT);
                for statement in statements(document) {
                    assert!(statement["Principal"].is_null());
                    if statement["Effect"] != "Allow" {
                        continue;
                    }
                    assert!(statement["Condition"]["StringLike"].is_null(), "{statement}");
                    let actions = list(&statement["Action"]);
                    assert!(actions.iter().all(|action| !action.as_str().expect("text").contains('*')), "{statement}");
                    assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null());
                    // Whatever changes something says of what, by a name or by a condition.
                    let reads = |action: &Json| {
                        let name = action.as_str().and_then(|action| action.split_once(':')).expect("an action").1;
                        ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb))
                    };
                    let anywhere = statement["Resource"] == "*";
                    assert!(!anywhere || actions.iter().all(reads) || !statement["Condition"].is_null(), "{statement}");
                }
            }
            let sids: Vec<String> = documents
                .iter()
                .flat_map(statements)
                .map(|statement| statement["Sid"].as_str().expect("a name").to_owned())
                .collect();
            assert!(sids.iter().all(|sid| sid.chars().all(char::is_alphanumeric)));
        }
        let limit = boundary::document(&access.id);
        assert!(permissions::length(&limit) <= MANAGED_POLICY_LIMIT, "{}", permissions::length(&limit));
        let policy = bucket::document(&access, true, &[]);
        // S3 takes 20 KB (S3 user guide, "Bucket policies").
        assert!(permissions::length(&policy) < 20_000);
        // It takes away and gives nothing: nobody, and not everybody, is let in by it.
        assert!(statements(&policy).iter().all(|statement| statement["Effect"] == "Deny"));
    }
}

/// The plan role is not one that writes: only a plan's own record.
#[test]
fn a_plan_writes_nothing_but_its_approval() {
    for spec in shapes() {
        let access = Access::of(&spec);
        for document in permissions::documents(&spec, &access, Job::Plan) {
            for statement in statements(&document).iter().filter(|statement| statement["Effect"] == "Allow") {
                for action in list(&statement["Action"]) {
                    let (service, name) = action.as_str().and_then(|action| action.split_once(':')).expect("an action");
                    let read = ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb));
                    assert!(read || (service, name) == ("s3", "PutObject"), "{action}");
                    if name == "PutObject" {
                        let plans = format!("arn:aws:s3:::{}/plans/{}/*", access.bucket(), spec.name);
                        assert_eq!(statement["Resource"], plans);
                    }
                }
            }
        }
    }
}

/// A9: a role that ends things is there on request alone, and stays as long as the file names it.
#[test]
fn the_destroy_role_is_made_on_request() {
    let spec = environment("prod").spec;
    let roles = |spec: &Spec, wish: Wish| -> Vec<String> {
        let graph = build(spec, &repository(), &wish.of(spec));
        let roles = graph.nodes().iter().filter(|node| node.address.kind() == "iam-role");
        roles.map(|node| node.address.to_string()).collect()
    };
    assert_eq!(roles(&spec, Wish::default()), ["access/iam-role/plan", "access/iam-role/apply"]);
    assert_eq!(roles(&spec, wish()).len(), 3);
    let named = rem_ci::bootstrap::named(&spec, &Access::of(&spec), &wish());
    assert_eq!(roles(&named, Wish::default()).len(), 3);
}

/// R8: once bootstrap's roles do the work, every role of the environment has the boundary; before, none has.
#[test]
fn the_environments_roles_are_bounded() {
    let spec = environment("prod").spec;
    assert_eq!(bounded(&spec), None);
    let access = Access::of(&spec);
    let named = rem_ci::bootstrap::named(&spec, &access, &wish());
    let of = |spec: &Spec| -> Vec<Option<Value>> {
        let graph = rem_ci::model::build(spec);
        let roles = graph.nodes().iter().filter(|node| node.address.kind() == "iam-role");
        roles.map(|node| node.want(&Facts::default()).get("boundary").cloned()).collect()
    };
    assert!(of(&spec).iter().all(Option::is_none));
    let all = of(&named);
    assert!(all.len() >= 4 && all.iter().all(|one| *one == Some(Value::text(access.boundary_arn()))), "{all:?}");
}
