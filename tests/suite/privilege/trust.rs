//! Tokens of GitHub against the trust policies: each refusal beside the token that differs in one claim and is taken.

use rem_ci::model::access::{Access, Job};
use serde_json::{Value as Json, json};

use super::{assumed, bootstrapped, claims, prod};
use crate::common::{Region, virtual_time};

/// One claim of a good token, changed.
fn with(good: &Json, claim: &str, value: &str) -> Json {
    let mut changed = good.clone();
    changed[claim] = json!(value);
    changed
}

const OURS: &str = "acme/platform/.github/workflows/rem-ci-";

#[test]
fn tokens_are_taken_and_refused_claim_by_claim() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let access = Access::of(&loaded.spec);
        let ask =
            async |job: Job, claims: &Json| assumed(&region, &named, &access.role_arn(job), claims).await.map(drop);
        let mut taken = Vec::new();
        let mut refused = Vec::new();
        for job in Job::ALL {
            let good = claims("prod", job);
            taken.push((job, good.clone()));
            let sub = good["sub"].as_str().expect("a subject").replace("acme/platform", "acme@42/platform@4711");
            // A repository made or renamed since July 2026.
            taken.push((job, with(&good, "sub", &sub)));
            // R1: a workflow edited in a pull request, on a branch, or called by its path; another workflow of the repository.
            let file = job.word();
            refused.push((job, with(&good, "job_workflow_ref", &format!("{OURS}{file}.yml@refs/pull/7/merge"))));
            refused.push((job, with(&good, "job_workflow_ref", &format!("{OURS}{file}.yml@refs/heads/mine"))));
            refused
                .push((job, with(&good, "job_workflow_ref", "acme/platform/.github/workflows/ci.yml@refs/heads/main")));
            refused.push((job, with(&good, "job_workflow_ref", &format!("{OURS}{file}.yml@refs/heads/main2"))));
            // Somebody else's repository under the old name, and a fork.
            refused.push((job, with(&good, "repository_id", "4712")));
            refused.push((job, with(&good, "sub", &sub.replace("@4711", "@4712"))));
            refused.push((job, with(&good, "sub", &sub.replace("acme", "mallory"))));
            refused.push((job, with(&good, "aud", "https://github.com/acme")));
            // A11.
            refused.push((job, with(&good, "actor", "dependabot[bot]")));
            refused.push((job, with(&good, "actor", "renovate[bot]")));
        }
        // R2: environments that are none of ours, or ours in other letters.
        for name in ["prod-x", "PROD", "staging", "prod-destroy"] {
            let sub = format!("repo:acme/platform:environment:{name}");
            refused.push((Job::Apply, with(&claims("prod", Job::Apply), "sub", &sub)));
        }
        refused.push((Job::Destroy, with(&claims("prod", Job::Destroy), "sub", "repo:acme/platform:environment:prod")));
        for job in [Job::Apply, Job::Destroy] {
            refused.push((job, with(&claims("prod", job), "ref", "refs/heads/mine")));
            refused.push((job, with(&claims("prod", job), "ref", "refs/tags/main")));
            // The environment's job of one workflow is not that of another.
            let other = if job == Job::Apply { "destroy" } else { "apply" };
            let workflow = format!("{OURS}{other}.yml@refs/heads/main");
            refused.push((job, with(&claims("prod", job), "job_workflow_ref", &workflow)));
        }
        // R3: exactly three subjects may plan, from the four workflows.
        let plan = claims("prod", Job::Plan);
        let queue = "repo:acme/platform:ref:refs/heads/gh-readonly-queue/main/pr-7-0123456789abcdef";
        for sub in ["repo:acme/platform:ref:refs/heads/main", queue] {
            taken.push((Job::Plan, with(&plan, "sub", sub)));
        }
        for workflow in ["plan", "apply", "destroy", "drift"] {
            taken.push((Job::Plan, with(&plan, "job_workflow_ref", &format!("{OURS}{workflow}.yml@refs/heads/main"))));
        }
        for sub in [
            "repo:acme/platform:ref:refs/heads/mine",
            "repo:acme/platform:ref:refs/heads/gh-readonly-queue/mine/pr-7-0123456789abcdef",
            "repo:acme/platform:environment:prod",
            "repo:acme/platform:ref:refs/heads/main/x",
        ] {
            refused.push((Job::Plan, with(&plan, "sub", sub)));
        }
        for (job, claims) in &taken {
            let answer = ask(*job, claims).await;
            assert!(answer.is_ok(), "{job:?} {claims:#}: {answer:?}");
        }
        for (job, claims) in &refused {
            let answer = ask(*job, claims).await;
            let words = answer.expect_err(&format!("{job:?} {claims:#}"));
            let known = ["AccessDenied", "InvalidIdentityToken"];
            assert!(known.iter().any(|word| words.contains(word)), "{words}");
        }
        assert!(taken.len() >= 12 && refused.len() >= 40, "{} {}", taken.len(), refused.len());
    });
}

/// What one job's token opens is no other job's role.
#[test]
fn a_token_opens_one_role() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let access = Access::of(&loaded.spec);
        for holder in Job::ALL {
            for role in Job::ALL {
                let answer = assumed(&region, &named, &access.role_arn(role), &claims("prod", holder)).await;
                assert_eq!(answer.is_ok(), holder == role, "{holder:?} asks for {role:?}");
            }
        }
    });
}
