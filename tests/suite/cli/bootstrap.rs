//! `rem-ci bootstrap`: what it prints, what it makes in the simulated region, what it writes.

use super::{Place, document};

const WHO: [&str; 6] = ["--repository", "acme/platform", "--repository-id", "4711", "--owner-id", "42"];

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, WHO.as_slice()].concat()
}

#[test]
fn it_makes_everything_and_names_it_in_the_file() {
    let place = Place::new();
    let before = place.read("environments/dev.yaml");
    let first = place.ends(0, &with(&["bootstrap", "dev", "--sandbox", "--yes", "--destroy-role"]));
    for word in ["access/iam-role/plan", "access/s3-bucket", "access/github-provider"] {
        assert!(first.out.contains(word) || first.err.contains(word), "no {word} in\n{}{}", first.out, first.err);
    }
    let after = place.read("environments/dev.yaml");
    for line in before.lines() {
        assert!(after.lines().any(|kept| kept == line), "{line} is gone");
    }
    assert!(after.contains("\nstate:\n  bucket: rem-ci-state-dev-"), "{after}");
    assert!(after.contains("\nroles:\n  plan: arn:aws:iam::"), "{after}");
    // Nothing more to do, and the file stays as it is; the destroy role stays without being asked for.
    let second = place.ends(0, &with(&["bootstrap", "dev", "--sandbox"]));
    assert!(second.out.contains("no changes"), "{}", second.out);
    assert_eq!(place.read("environments/dev.yaml"), after);
    // The file is a good one, and what it names stands: the environment can be made, with bounded roles.
    place.ends(0, &["check", "dev", "--offline"]);
    let plan = place.ends(0, &["plan", "dev", "--sandbox"]);
    assert!(plan.out.contains("role-plan"), "the plan role gets its entry: {}", plan.out);
}

#[test]
fn it_prints_documents_and_commands_and_calls_nothing() {
    let place = Place::new();
    let before = place.read("environments/prod.yaml");
    let printed = place.ends(0, &with(&["bootstrap", "prod", "--print", "--reviewer", "mona,team:sre"]));
    for word in [
        "# prod-plan-trust.json",
        "\"Version\": \"2012-10-17\"",
        "gh api -X PUT repos/acme/platform/environments/prod",
        "orgs/acme/teams/sre",
        "aws iam create-role --path /rem-ci-access/prod/",
        "aws s3api put-bucket-policy",
    ] {
        assert!(printed.out.contains(word), "no {word} in\n{}", printed.out);
    }
    assert!(!printed.out.contains("prod-destroy"), "a destroy role that nobody asked for");
    let gates = printed.out.find("gh api").expect("gates");
    assert!(
        gates < printed.out.find("aws iam create-role").expect("roles"),
        "gates come before the roles that trust them"
    );
    assert_eq!(place.read("environments/prod.yaml"), before);
    let all = document(&place.ends(0, &with(&["bootstrap", "prod", "--print", "--format", "json"])));
    assert_eq!(all["format"], "rem-ci/bootstrap/v1");
    assert!(all["documents"]["prod-bucket.json"]["Statement"].is_array());
}

#[test]
fn it_says_what_it_needs() {
    let place = Place::new();
    let run = place.ends(64, &["bootstrap", "dev", "--sandbox", "--yes", "--repository", "acme/platform"]);
    assert!(run.err.contains("error[bootstrap-repository]") && run.err.contains("--repository-id"), "{}", run.err);
    let run = place.ends(64, &with(&["bootstrap", "dev", "--sandbox", "--yes", "--reviewer", "a/b"]));
    assert!(run.err.contains("names nobody"), "{}", run.err);
    let run = place.ends(64, &with(&["bootstrap", "dev", "--sandbox", "--yes", "--operator", "arn:aws:iam::1:role/*"]));
    assert!(run.err.contains("names nobody"), "{}", run.err);
    let run = place.ends(4, &with(&["bootstrap", "dev", "--sandbox"]));
    assert!(run.err.contains("error[not-confirmed]"), "{}", run.err);
}
