//! Each check over a world that is broken in one way, and over its twin that is not.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Access, Bounds, Caller, Facts, Finding, Hub, HubEnvironment, Quota, Reached, RoleSeen, State, Tools, Verdict,
    diagnose, judge, tokens,
};
use crate::bootstrap::{Repository, trust};
use crate::config::Spec;
use crate::engine::Value;
use crate::model::Identity;
use crate::model::access::Job;
use crate::problem::Problem;

fn spec() -> Spec {
    serde_yaml::from_str(
        "{name: prod, owner: acme, account: '123456789012', region: us-east-1, connect: ssm, roles: {plan: arn:aws:iam::123456789012:role/plan, \
         apply: arn:aws:iam::123456789012:role/apply, destroy: arn:aws:iam::123456789012:role/destroy}, state: {bucket: b}, \
         cluster: {name: c, version: '1.36', upgradePolicy: STANDARD}, karpenter: {version: '1.15.1'}}",
    )
    .expect("a spec")
}

fn repository() -> Repository {
    Repository::new("acme/platform", Some(7), Some(8), "main").expect("a repository")
}

fn policy(job: Job) -> String {
    match trust::document(&Identity::of(&spec()), &repository(), job) {
        Value::Policy(text) => text,
        other => panic!("{other:?}"),
    }
}

fn gate(name: &str) -> (String, Result<Option<HubEnvironment>, String>) {
    let there = HubEnvironment {
        name: name.to_owned(),
        listed: true,
        branches: vec!["main".to_owned()],
        reviewers: 1,
        prevent_self_review: true,
    };
    (name.to_owned(), Ok(Some(there)))
}

fn hub() -> Hub {
    let reviewed = json!({"dismiss_stale_reviews_on_push": true, "require_last_push_approval": true});
    let checked = json!({"strict_required_status_checks_policy": true});
    Hub {
        immutable: Some(true),
        customised: None,
        environments: BTreeMap::from([gate("prod"), gate("prod-destroy")]),
        rules: Ok(vec![("pull_request".to_owned(), reviewed), ("required_status_checks".to_owned(), checked)]),
        refused: Vec::new(),
    }
}

/// A world in which all is well.
fn well(spec: &Spec) -> Facts<'_> {
    let role = |job: Job, arn: &Option<String>| RoleSeen {
        job,
        arn: arn.clone().expect("a role"),
        trust: Ok(Some(policy(job))),
    };
    Facts {
        spec,
        findings: &[],
        bounds: Bounds { job: true, identity: true },
        caller: Ok(Caller { account: spec.account.clone(), arn: "arn:aws:iam::123456789012:user/me".to_owned() }),
        roles: vec![
            role(Job::Plan, &spec.roles.plan),
            role(Job::Apply, &spec.roles.apply),
            role(Job::Destroy, &spec.roles.destroy),
        ],
        access: Ok(Vec::new()),
        repository: Ok(repository()),
        quotas: vec![Quota {
            name: "VPCs of the region",
            code: "L-F678F1CE",
            limit: Ok(5),
            used: Ok(4),
            adds: 1,
            most: None,
        }],
        tools: Tools(["git", "helm", "session-manager-plugin"].map(|name| (name, Some(format!("/bin/{name}")))).into()),
        hub: Ok(hub()),
        reached: vec![Reached { service: "eks".to_owned(), silent: None }],
    }
}

fn odd(facts: &Facts<'_>) -> Vec<Finding> {
    diagnose(facts).into_iter().filter(|finding| finding.state != State::Fine).collect()
}

/// One thing is changed, and one check says so, in these words.
fn broken(change: impl FnOnce(&mut Facts<'_>), code: &str, state: State, words: &str) {
    let spec = spec();
    let mut facts = well(&spec);
    change(&mut facts);
    let found = odd(&facts);
    let told: Vec<_> = found.iter().filter(|one| one.code == code && one.state == state).collect();
    assert!(!told.is_empty(), "{code}: {found:#?}");
    let text: Vec<_> = told.iter().map(|one| format!("{} {} {}", one.title, one.evidence, one.help)).collect();
    let text = text.join(" ");
    assert!(text.contains(words), "{code} does not say {words:?}: {text}");
    assert!(found.iter().all(|one| one.code == code), "only {code} has something to say: {found:#?}");
    assert!(told.iter().all(|one| !one.help.is_empty()), "{told:#?}");
}

#[test]
fn a_world_in_which_all_is_well_has_nothing_odd() {
    let spec = spec();
    assert_eq!(odd(&well(&spec)), []);
    let codes: Vec<_> = diagnose(&well(&spec)).into_iter().map(|finding| finding.code).collect();
    for (code, _) in super::CODES {
        assert!(codes.contains(code), "{code} says nothing when all is well");
    }
}

#[test]
fn the_account_is_compared() {
    let other = |facts: &mut Facts<'_>| facts.caller.as_mut().unwrap().account = "999999999999".to_owned();
    broken(other, "doctor-credentials", State::Wrong, "of account 999999999999");
    broken(|facts| facts.caller = Err("nobody".into()), "doctor-credentials", State::Unknown, "nobody");
}

/// The trust policy of the apply role with a text in it replaced.
fn edited(job: Job, from: &str, to: &str) -> impl FnOnce(&mut Facts<'_>) {
    let text = policy(job).replace(from, to);
    assert_ne!(text, policy(job), "{from} is not in the policy");
    move |facts| facts.roles.iter_mut().find(|role| role.job == job).unwrap().trust = Ok(Some(text))
}

#[test]
fn a_claim_that_does_not_fit_is_named() {
    let cases = [
        (Job::Apply, "sts.amazonaws.com\"", "sts.amazon.com\"", "claim aud is sts.amazonaws.com"),
        (Job::Apply, "\"7\"", "\"70\"", "claim repository_id is 7, StringEquals wants 70"),
        (
            Job::Apply,
            "rem-ci-apply.yml@refs/heads/main",
            "apply.yml@refs/heads/main",
            "claim job_workflow_ref is acme/platform/.github/workflows/rem-ci-apply.yml",
        ),
        (Job::Apply, ":environment:prod", ":environment:PROD", "claim sub is repo:acme@8/platform@7:environment:prod"),
        (
            Job::Destroy,
            ":environment:prod-destroy",
            ":environment:prod",
            "claim sub is repo:acme@8/platform@7:environment:prod-destroy",
        ),
        (
            Job::Plan,
            "gh-readonly-queue/main",
            "gh-readonly-queue/trunk",
            "claim sub is repo:acme@8/platform@7:ref:refs/heads/gh-readonly-queue/main",
        ),
        (
            Job::Apply,
            "oidc-provider/token.actions",
            "oidc-provider/tokens.actions",
            "the principal is not the account's provider",
        ),
    ];
    for (job, from, to, words) in cases {
        broken(edited(job, from, to), "doctor-trust", State::Wrong, words);
    }
    let missing = |facts: &mut Facts<'_>| facts.roles[1].trust = Ok(None);
    broken(missing, "doctor-trust", State::Wrong, "arn:aws:iam::123456789012:role/apply is not there");
    broken(|facts| facts.roles[1].trust = Err("denied".into()), "doctor-trust", State::Unknown, "denied");
}

/// Only one form of `sub` is trusted: wrong where GitHub sends the other, a look where it does not yet.
#[test]
fn both_forms_of_sub_are_told_apart() {
    let old = |facts: &mut Facts<'_>| {
        let text = policy(Job::Apply).replace("repo:acme@8/platform@7:", "repo:acme/platform:");
        facts.roles[1].trust = Ok(Some(text));
    };
    broken(old, "doctor-trust", State::Wrong, "claim sub is repo:acme@8/platform@7:environment:prod");
    let not_yet = |facts: &mut Facts<'_>| {
        old(facts);
        facts.hub.as_mut().unwrap().immutable = Some(false);
    };
    broken(not_yet, "doctor-trust", State::Look, "not in the other form of sub");
}

#[test]
fn a_role_that_opens_for_strangers_is_wrong() {
    let mut wide: serde_json::Value = serde_json::from_str(&policy(Job::Apply)).unwrap();
    let condition = &mut wide["Statement"][0]["Condition"];
    let sub = format!("{}:sub", trust::ISSUER);
    condition["StringEquals"].as_object_mut().unwrap().remove(&sub);
    condition["StringLike"] = json!({ sub: ["repo:acme/platform:*", "repo:acme@8/platform@7:*"] });
    let wide = wide.to_string();
    broken(
        |facts| facts.roles[1].trust = Ok(Some(wide)),
        "doctor-trust",
        State::Wrong,
        "a job in another GitHub environment",
    );
    // Conditions that are gone.
    let without = |claim: &str| {
        let mut document: serde_json::Value = serde_json::from_str(&policy(Job::Apply)).unwrap();
        let key = format!("{}:{claim}", trust::ISSUER);
        for statement in document["Statement"].as_array_mut().unwrap() {
            if statement["Effect"] == "Allow" {
                statement["Condition"]["StringEquals"].as_object_mut().unwrap().remove(&key);
            }
        }
        document.to_string()
    };
    for (claim, who) in [
        ("job_workflow_ref", "a workflow that a pull request has edited"),
        ("repository_id", "another repository under the same name"),
        ("ref", "a branch"),
        ("sub", "a pull request"),
        ("aud", "another audience"),
    ] {
        let text = without(claim);
        broken(|facts| facts.roles[1].trust = Ok(Some(text)), "doctor-trust", State::Wrong, who);
    }
    let mut bots: serde_json::Value = serde_json::from_str(&policy(Job::Plan)).unwrap();
    bots["Statement"].as_array_mut().unwrap().retain(|statement| statement["Effect"] == "Allow");
    broken(
        |facts| facts.roles[0].trust = Ok(Some(bots.to_string())),
        "doctor-trust",
        State::Wrong,
        "it opens for a bot",
    );
}

#[test]
fn what_bootstrap_writes_opens_for_every_job_and_its_role_alone() {
    for job in Job::ALL {
        let all = tokens(&repository(), "prod", job);
        assert!(all.iter().any(|token| token.immutable) && all.iter().any(|token| !token.immutable));
        for token in &all {
            assert_eq!(judge(&policy(job), token), Verdict::Opens, "{token:?}");
        }
        for other in Job::ALL.into_iter().filter(|other| *other != job) {
            for token in tokens(&repository(), "prod", other).iter().filter(|token| !all.contains(token)) {
                assert_ne!(judge(&policy(job), token), Verdict::Opens, "{} opens for {token:?}", job.word());
            }
        }
    }
}

#[test]
fn what_bootstrap_would_change_is_told() {
    let lacks = |facts: &mut Facts<'_>| {
        facts.access = Ok(vec![Access {
            address: "access/iam-policy/plan-1".to_owned(),
            action: "update".to_owned(),
            lines: vec!["document.Statement.0.Action lacks ec2:DescribeVpcs".to_owned()],
        }]);
    };
    broken(
        lacks,
        "doctor-access",
        State::Wrong,
        "bootstrap would update it: document.Statement.0.Action lacks ec2:DescribeVpcs",
    );
    broken(|facts| facts.access = Err("denied".into()), "doctor-access", State::Unknown, "denied");
}

#[test]
fn gates_without_rules_are_wrong() {
    let set = |change: fn(&mut HubEnvironment)| {
        move |facts: &mut Facts<'_>| {
            let hub = facts.hub.as_mut().unwrap();
            let there = hub.environments.get_mut("prod").unwrap().as_mut().unwrap().as_mut().unwrap();
            change(there);
        }
    };
    broken(set(|there| there.listed = false), "doctor-gates", State::Wrong, "every branch may use it");
    broken(
        set(|there| there.branches.push("feature/*".into())),
        "doctor-gates",
        State::Wrong,
        "feature/* may use it too",
    );
    broken(set(|there| there.branches.clear()), "doctor-gates", State::Wrong, "no branch may use it");
    broken(set(|there| there.name = "PROD".into()), "doctor-gates", State::Wrong, "GitHub calls it PROD");
    broken(set(|there| there.reviewers = 0), "doctor-gates", State::Look, "nobody has to look");
    let gone = |facts: &mut Facts<'_>| drop(facts.hub.as_mut().unwrap().environments.insert("prod".into(), Ok(None)));
    broken(gone, "doctor-gates", State::Wrong, "it does not exist");
    let own = |facts: &mut Facts<'_>| {
        let hub = facts.hub.as_mut().unwrap();
        hub.environments.get_mut("prod-destroy").unwrap().as_mut().unwrap().as_mut().unwrap().prevent_self_review =
            false;
    };
    broken(own, "doctor-gates", State::Look, "who asks for a destroy may let it through");
}

#[test]
fn branch_rules_and_the_token_are_looked_at() {
    let rules = |facts: &mut Facts<'_>| facts.hub.as_mut().unwrap().rules = Ok(Vec::new());
    broken(rules, "doctor-branch", State::Look, "approvals dismissed by a push");
    let refused = |facts: &mut Facts<'_>| facts.hub.as_mut().unwrap().refused = vec!["needs actions: read".into()];
    broken(refused, "doctor-token", State::Look, "needs actions: read");
    let custom = |facts: &mut Facts<'_>| facts.hub.as_mut().unwrap().customised = Some(vec!["repo".into()]);
    broken(custom, "doctor-token", State::Wrong, "it is made of repo");
    broken(|facts| facts.bounds.identity = false, "doctor-token", State::Wrong, "id-token: write");
}

#[test]
fn quotas_are_compared_with_what_is_added() {
    broken(|facts| facts.quotas[0].used = Ok(5), "doctor-quota", State::Wrong, "5 of 5 in use, 1 more are needed");
    broken(|facts| facts.quotas[0].most = Some(9), "doctor-quota", State::Look, "pools may come to 9");
    broken(|facts| facts.quotas[0].limit = Err("denied".into()), "doctor-quota", State::Unknown, "denied");
}

#[test]
fn versions_programs_and_silence_are_told() {
    let spec = spec();
    let old = [Problem::warning("out-of-support", "Kubernetes 1.36 is out of standard support", "upgrade")];
    let mut facts = well(&spec);
    facts.findings = &old;
    let found = odd(&facts);
    assert_eq!(found.iter().map(|one| (one.code, one.state)).collect::<Vec<_>>(), [("doctor-version", State::Look)]);
    let gone = |name: &'static str| move |facts: &mut Facts<'_>| drop(facts.tools.0.insert(name, None));
    broken(gone("helm"), "doctor-tools", State::Wrong, "helm");
    broken(gone("session-manager-plugin"), "doctor-tools", State::Wrong, "session-manager-plugin");
    broken(gone("git"), "doctor-tools", State::Look, "git");
    let silent = |facts: &mut Facts<'_>| facts.reached[0].silent = Some("dispatch failure: connection refused".into());
    broken(silent, "doctor-reach", State::Wrong, "connection refused");
}

/// Who does not use a tunnel needs no plugin: the twin of the check above.
#[test]
fn a_program_that_is_not_needed_is_not_missed() {
    let mut spec = spec();
    spec.connect = crate::config::spec::Connect::Direct;
    let mut facts = well(&spec);
    facts.tools.0.insert("session-manager-plugin", None);
    assert_eq!(odd(&facts), []);
}
