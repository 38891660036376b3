//! Neighbours in one account: environments whose names begin alike, owners who say the same name, and foreign things under
//! the names we derive.

use rem_ci::config::Loaded;
use rem_ci::problem::Exit;
use rem_ci::run::World;
use rem_ci::sandbox::region::mutates;
use rem_ci::sandbox::wire;
use serde_json::Value as Json;

use crate::common::{Region, apply, destroy, environment, look, virtual_time};
use crate::fault::{failures, moved};

/// An environment of one NAT gateway (two of three would not fit into an account's address quota), by another name.
fn named(name: &str, owner: &str, cluster: &str) -> Loaded {
    let mut loaded = environment("dev");
    name.clone_into(&mut loaded.spec.name);
    owner.clone_into(&mut loaded.spec.owner);
    cluster.clone_into(&mut loaded.spec.cluster.name);
    loaded
}

fn stack(loaded: &Loaded) -> String {
    rem_ci::model::Identity::of(&loaded.spec).stack
}

/// Everything in a region that carries a stack's tag, as it is in the file. What only the clock moves is left out.
fn belongings(region: &Region, stack: &str) -> Vec<String> {
    fn collect(path: &str, json: &Json, stack: &str, found: &mut Vec<String>) {
        match json {
            Json::Object(map) => {
                if map.get("tags").and_then(|tags| tags.get("rem-ci:stack")).and_then(Json::as_str) == Some(stack) {
                    found.push(format!("{path} {json}"));
                } else {
                    map.iter().for_each(|(key, value)| collect(&format!("{path}/{key}"), value, stack, found));
                }
            }
            Json::Array(items) => items.iter().for_each(|value| collect(path, value, stack, found)),
            _ => {}
        }
    }
    let state = region.sandbox.with(|state| serde_json::to_value(&*state).expect("a state is JSON"));
    let mut found = Vec::new();
    collect("", &state["accounts"], stack, &mut found);
    found
}

async fn applied(loaded: &Loaded, world: &World) {
    let applied = apply(loaded, world).await.expect("an apply");
    assert_eq!(failures(&applied.outcome), Vec::<String>::new(), "{} of {}", loaded.spec.name, loaded.spec.owner);
}

async fn untouched(loaded: &Loaded, world: &World) {
    let plan = look(loaded, world).await.expect("a look").plan;
    let moved: Vec<_> = moved(&plan).into_iter().filter(|what| !what.starts_with("stray")).collect();
    assert_eq!(moved, Vec::<String>::new(), "{} of {}", loaded.spec.name, loaded.spec.owner);
}

/// Both applied, one repaired after drift and destroyed: the other stays as it is, byte for byte.
fn side_by_side(one: &Loaded, other: &Loaded) {
    virtual_time(async {
        let region = Region::new(7, &one.spec.account);
        // Each owner has a state bucket of its own: one for both would be a mistake, and is refused.
        let away = Region {
            folder: tempfile::tempdir().expect("a folder"),
            sandbox: region.sandbox.clone(),
            clock: region.clock,
        };
        let (first, second) = (region.world(one), away.world(other));
        applied(one, &first).await;
        let before = belongings(&region, &stack(one));
        assert!(before.len() > 30, "{}", before.len());
        applied(other, &second).await;
        assert_eq!(belongings(&region, &stack(one)), before, "the second apply");
        untouched(one, &first).await;
        untouched(other, &second).await;

        // Drift of the first is repaired without a look at the second, and the other way round.
        for (mine, world, theirs) in [(one, &first, other), (other, &second, one)] {
            let before = belongings(&region, &stack(theirs));
            drift(&region, &stack(mine));
            let plan = look(mine, world).await.expect("a look").plan;
            assert!(
                plan.steps.iter().filter(|step| step.action.word() == "update").count() >= 3,
                "{:?}",
                plan.summary()
            );
            applied(mine, world).await;
            untouched(mine, world).await;
            assert_eq!(belongings(&region, &stack(theirs)), before, "the repair of {}", mine.spec.owner);
        }

        let before = belongings(&region, &stack(other));
        let destroyed = destroy(one, &first).await.expect("a destroy");
        assert_eq!(failures(&destroyed.applied.outcome), Vec::<String>::new());
        let foreign = destroyed.leftovers.iter().filter(|left| before.iter().any(|it| it.contains(&left.id)));
        assert_eq!(foreign.collect::<Vec<_>>(), Vec::<&rem_ci::run::Leftover>::new(), "not ours, so not left by us");
        assert_eq!(belongings(&region, &stack(other)), before, "the destroy");
        untouched(other, &second).await;
    });
}

/// A free tag put by hand on everything of a stack that has an address of its own.
fn drift(region: &Region, stack: &str) {
    fn walk(json: &mut Json, stack: &str) {
        match json {
            Json::Object(map) => {
                if let Some(tags) = map.get_mut("tags").and_then(Json::as_object_mut)
                    && tags.get("rem-ci:stack").and_then(Json::as_str) == Some(stack)
                    && tags.contains_key("rem-ci:resource")
                {
                    tags.insert("by-hand".to_owned(), "yes".into());
                }
                map.values_mut().for_each(|value| walk(value, stack));
            }
            Json::Array(items) => items.iter_mut().for_each(|value| walk(value, stack)),
            _ => {}
        }
    }
    region.sandbox.with(|state| {
        let mut json = serde_json::to_value(&*state).expect("a state is JSON");
        walk(&mut json["accounts"], stack);
        *state = serde_json::from_value(json).expect("a state");
    });
}

#[test]
fn prod_and_prod_eu() {
    side_by_side(&named("prod", "acme/platform", "rem-prod"), &named("prod-eu", "acme/platform", "rem-prod-eu"));
}

#[test]
fn prod_eu_and_prod() {
    side_by_side(&named("prod-eu", "acme/platform", "rem-prod-eu"), &named("prod", "acme/platform", "rem-prod"));
}

#[test]
fn two_owners_of_a_prod() {
    side_by_side(&named("prod", "acme/platform", "rem-prod"), &named("prod", "acme/shop", "shop-prod"));
}

/// A world over a region that counts every call that changes something.
fn counted(region: &Region, loaded: &Loaded) -> (World, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let writes = std::sync::Arc::new(AtomicUsize::new(0));
    let count = writes.clone();
    let sandbox = region.sandbox.clone().record(std::sync::Arc::new(move |request| {
        let call = wire::parse(request).expect("every call is understood");
        count.fetch_add(usize::from(mutates(&call.operation)), Ordering::SeqCst);
    }));
    let watched = Region { sandbox, clock: region.clock, folder: tempfile::tempdir().expect("a folder") };
    (watched.world(loaded), writes)
}

/// Nothing is made, and the findings name these kinds.
async fn refused(region: &Region, loaded: &Loaded, kinds: &[&str]) {
    let (world, writes) = counted(region, loaded);
    let looked = look(loaded, &world).await.expect("a look");
    let clashes = looked.findings.iter().filter(|finding| finding.code == "name-clash");
    let mut named: Vec<String> =
        clashes.filter_map(|finding| finding.address.as_ref().map(|address| address.kind().to_owned())).collect();
    named.sort();
    named.dedup();
    assert_eq!(named, kinds, "{:#?}", looked.findings);
    let halt = apply(loaded, &world).await.expect_err("a clash");
    assert_eq!(halt.exit, Exit::Refused);
    assert_eq!(writes.load(std::sync::atomic::Ordering::SeqCst), 0, "something was changed");
}

#[test]
fn two_owners_of_one_cluster_name() {
    virtual_time(async {
        let (one, other) = (named("prod", "acme/platform", "rem-prod"), named("prod", "acme/shop", "rem-prod"));
        let region = Region::new(7, &one.spec.account);
        let first = region.world(&one);
        applied(&one, &first).await;
        let before = belongings(&region, &stack(&one));
        refused(&region, &other, &["cluster"]).await;
        // Nor does its destroy end what it does not own.
        let destroyed = destroy(&other, &region.world(&other)).await;
        if let Ok(destroyed) = &destroyed {
            assert_eq!(failures(&destroyed.applied.outcome), Vec::<String>::new());
            assert!(destroyed.applied.outcome.reports.is_empty(), "{:?}", destroyed.applied.outcome.reports);
        }
        assert_eq!(belongings(&region, &stack(&one)), before);
        untouched(&one, &first).await;
    });
}

/// Somebody else's things under the names that we would give ours.
#[test]
fn foreign_things_under_our_names() {
    virtual_time(async {
        let loaded = named("prod", "acme/platform", "rem-prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        let plan = look(&loaded, &world).await.expect("a look").plan;
        let name = |kind: &str, field: &str| {
            let step = plan.steps.iter().find(|step| step.kind == kind).expect("a row");
            let value = step.want.as_ref().and_then(|want| want.get(field)).and_then(|value| value.as_text());
            value.unwrap_or_else(|| panic!("{kind} has no {field}")).to_owned()
        };
        let cloud = &world.cloud;
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#;
        let role = cloud.iam.create_role().role_name(name("iam-role", "name")).path("/rem-ci/prod/");
        role.assume_role_policy_document(trust).send().await.expect("a role");
        let policy = cloud.iam.create_policy().policy_name(name("iam-policy", "name")).path("/rem-ci/prod/");
        policy.policy_document(document).send().await.expect("a policy");
        let queue = cloud.sqs.create_queue().queue_name(name("sqs-queue", "name"));
        queue.send().await.expect("a queue");
        let rule = cloud.events.put_rule().name(name("event-rule", "name"));
        rule.event_pattern(r#"{"source":["theirs"]}"#).send().await.expect("a rule");
        let key = cloud.kms.create_key().send().await.expect("a key").key_metadata.expect("a key").key_id;
        let alias = cloud.kms.create_alias().alias_name(name("kms-key", "alias")).target_key_id(key);
        alias.send().await.expect("an alias");
        rem_ci::engine::wait::pause(std::time::Duration::from_mins(2)).await;
        let before = region.sandbox.with(|state| serde_json::to_value(&state.accounts).expect("JSON"));
        refused(&region, &loaded, &["event-rule", "iam-policy", "iam-role", "kms-key", "sqs-queue"]).await;
        let after = region.sandbox.with(|state| serde_json::to_value(&state.accounts).expect("JSON"));
        assert_eq!(after, before, "somebody else's things");
    });
}

/// The log group is the one thing that is taken over without a verb: EKS makes it when it is first.
#[test]
fn a_log_group_that_was_there_first_is_adopted() {
    virtual_time(async {
        let loaded = named("prod", "acme/platform", "rem-prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        let call = world.cloud.logs.create_log_group().log_group_name("/aws/eks/rem-prod/cluster");
        call.send().await.expect("a log group");
        let looked = look(&loaded, &world).await.expect("a look");
        assert!(!looked.refused(), "{:#?}", looked.findings);
        applied(&loaded, &world).await;
        untouched(&loaded, &world).await;
        let groups =
            region.sandbox.with(|state| state.accounts[&loaded.spec.account].regions["us-east-1"].logs.groups.len());
        assert_eq!(groups, 1);
    });
}

/// A provider for our cluster's issuer that is not ours: the apply says so and leaves it alone.
#[test]
fn a_foreign_provider_of_our_issuer_is_left_alone() {
    virtual_time(async {
        let loaded = named("prod", "acme/platform", "rem-prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        applied(&loaded, &world).await;
        let own = region.sandbox.with(|state| {
            let iam = &mut state.accounts.get_mut(&loaded.spec.account).expect("an account").iam;
            let (arn, provider) = iam.providers.iter_mut().next().expect("a provider");
            provider.tags.clear();
            arn.clone()
        });
        let halt = match apply(&loaded, &world).await {
            Err(halt) => halt.exit,
            Ok(applied) => applied.exit(),
        };
        assert!(matches!(halt, Exit::Refused | Exit::Incomplete), "{halt:?}");
        let destroyed = destroy(&loaded, &world).await;
        region.sandbox.with(|state| {
            let provider = state.accounts[&loaded.spec.account].iam.providers.get(&own);
            let provider = provider.unwrap_or_else(|| panic!("deleted: {:?}", destroyed.map(|it| it.exit())));
            assert!(provider.tags.is_empty(), "taken over: {:?}", provider.tags);
        });
    });
}
