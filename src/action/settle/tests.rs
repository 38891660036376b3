use jiff::civil::{Date, date};

use super::settle;
use crate::config::files::Memory;
use crate::config::spec::Spec;
use crate::config::{Loaded, input_digest, load_from};
use crate::problem::{Problem, Severity};

const TODAY: Date = date(2026, 11, 24);

fn dev(change: &dyn Fn(String) -> String) -> Loaded {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("environments");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let files = [("dev.yaml", change(read("dev.yaml"))), ("base.yaml", read("base.yaml"))];
    let files = files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes()));
    load_from(&Memory(files.collect()), "dev.yaml", TODAY).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn plain() -> Loaded {
    dev(&|text| text)
}

fn replaced(from: &'static str, to: &'static str) -> Loaded {
    dev(&move |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

fn codes(problems: &[Problem]) -> Vec<(&'static str, String)> {
    problems.iter().map(|problem| (problem.code, problem.title.clone())).collect()
}

fn changed(base: &Spec, head: &Loaded) -> Spec {
    let settled = settle(head, Some(base), TODAY);
    assert_eq!(settled.input_digest, input_digest(&head.spec), "the approval is of the pull request's own file");
    assert!(!settled.cautions.is_empty(), "nothing is said");
    assert!(settled.cautions.iter().all(|caution| caution.place.is_some()), "{:#?}", settled.cautions);
    settled.loaded.spec
}

#[test]
fn a_file_that_leaves_its_guards_alone_is_taken_as_it_is() {
    let base = plain().spec;
    let head = replaced("zones: 2", "zones: 3");
    let settled = settle(&head, Some(&base), TODAY);
    assert_eq!(codes(&settled.cautions), []);
    assert_eq!(settled.loaded.spec, head.spec);
}

#[test]
fn a_waiver_of_its_own_does_not_count() {
    let base = plain().spec;
    let waiver =
        "policy: {requireReview: false, waivers: [{code: no-limit, reason: we know what we do, until: 2026-12-24}]}";
    let head = replaced("policy: {requireReview: false}", waiver);
    assert_eq!(changed(&base, &head).policy.waivers, []);
    // Once it is in the base it does.
    let settled = settle(&head, Some(&head.spec), TODAY);
    assert_eq!((settled.loaded.spec.policy.waivers.len(), settled.cautions.len()), (1, 0));
    // One that runs longer than the base's counts for as long as the base's.
    let shorter = replaced(
        "policy: {requireReview: false}",
        "policy: {requireReview: false, waivers: [{code: no-limit, reason: we know what we do, until: 2026-12-01}]}",
    );
    assert_eq!(changed(&shorter.spec, &head).policy.waivers[0].until, "2026-12-01");
    // One that is taken away is gone at once.
    let settled = settle(&plain(), Some(&head.spec), TODAY);
    assert_eq!((settled.loaded.spec.policy.waivers.len(), settled.cautions.len()), (0, 0));
}

#[test]
fn findings_are_waived_by_the_base_alone() {
    let gone = "  burst: {limits: null}\n";
    let waiver =
        "policy: {requireReview: false, waivers: [{code: no-limit, reason: we know what we do, until: 2026-12-24}]}";
    let head = dev(&|text| {
        text.replace("  burst: {limits: {cpu: 20, memory: 40Gi}}\n", gone)
            .replace("policy: {requireReview: false}", waiver)
    });
    let waived = |loaded: &Loaded| {
        let found: Vec<_> = loaded.findings.iter().filter(|problem| problem.code == "no-limit").collect();
        assert_eq!(found.len(), 1, "{:#?}", loaded.findings);
        found[0].waived
    };
    assert!(waived(&head), "by itself");
    assert!(!waived(&settle(&head, Some(&plain().spec), TODAY).loaded));
    assert!(waived(&settle(&head, Some(&head.spec), TODAY).loaded));
}

#[test]
fn each_guard_of_the_base_holds() {
    let base = plain().spec;
    let strict = Spec { protect: true, ..base.clone() };
    assert!(changed(&strict, &plain()).protect);

    let looser = replaced("fixed: {warn: 220, fail: 300}", "fixed: {warn: 220, fail: 3000}");
    assert_eq!(changed(&base, &looser).cost.budget["fixed"].fail, Some(300));
    let gone = replaced("  budget: {fixed: {warn: 220, fail: 300}}\n", "  budget: {fixed: null}\n");
    assert_eq!(changed(&base, &gone).cost.budget["fixed"].fail, Some(300));
    // A tighter one counts at once, and is no reason to warn.
    let tighter = settle(&plain(), Some(&looser.spec), TODAY);
    assert_eq!((tighter.loaded.spec.cost.budget["fixed"].fail, tighter.cautions.len()), (Some(300), 0));

    let mut strict = base.clone();
    strict.cost.strict = true;
    assert!(changed(&strict, &plain()).cost.strict);

    let mut reviewed = base.clone();
    reviewed.policy.require_review = true;
    assert!(changed(&reviewed, &plain()).policy.require_review);

    let roles = crate::config::spec::Roles {
        plan: Some("arn:aws:iam::123456789012:role/rem-ci-access/dev-plan".to_owned()),
        ..crate::config::spec::Roles::default()
    };
    let with_roles = Spec { roles: roles.clone(), ..base.clone() };
    assert_eq!(changed(&with_roles, &plain()).roles, roles);
    let state = Some(crate::config::spec::State { bucket: "acme-state".to_owned() });
    let with_state = Spec { state: state.clone(), ..base.clone() };
    assert_eq!(changed(&with_state, &plain()).state, state);
    // Roles that come new are taken: there are none to be true to.
    let mut head = plain();
    head.spec.roles = roles.clone();
    let settled = settle(&head, Some(&base), TODAY);
    assert_eq!((settled.loaded.spec.roles, settled.cautions.len()), (roles, 0));
}

#[test]
fn an_account_does_not_change() {
    let head = replaced("account: \"123456789012\"", "account: \"999999999999\"");
    let settled = settle(&head, Some(&plain().spec), TODAY);
    assert_eq!(settled.cautions[0].severity, Severity::Error);
    assert!(settled.cautions[0].stops());
}

/// A new environment is judged by the defaults, not by what it says of itself.
#[test]
fn a_new_environment_has_no_waivers_and_is_reviewed() {
    let head = replaced(
        "policy: {requireReview: false}",
        "policy: {requireReview: false, waivers: [{code: no-limit, reason: we know what we do, until: 2026-12-24}]}",
    );
    let settled = settle(&head, None, TODAY);
    assert!(settled.loaded.spec.policy.require_review);
    assert_eq!(settled.loaded.spec.policy.waivers, []);
    assert_eq!(settled.cautions.len(), 2);
}
