//! What each role is enough for, and that it has hardly more.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rem_ci::bootstrap::permissions;
use rem_ci::config::spec::{Connect, Keep};
use rem_ci::config::{self, Loaded};
use rem_ci::engine::Outcome;
use rem_ci::model::access::{Access, Job};
use rem_ci::run::{Halt, Looked};
use rem_ci::sandbox::state::State;
use rem_ci::verify;

use super::{asked, bootstrapped, job};
use crate::common::{Region, apply, destroy, environment, look, today, virtual_time};

/// Everything that a refused or failed run says.
fn failures(outcome: &Outcome) -> Vec<String> {
    outcome.reports.iter().filter_map(|report| Some(report.error.as_ref()?.to_string())).collect()
}

fn halted(halt: &Halt) -> Vec<String> {
    halt.problems.iter().map(|problem| problem.title.clone()).collect()
}

fn unread(looked: &Looked) -> Vec<String> {
    looked
        .findings
        .iter()
        .filter(|finding| UNREAD.iter().any(|code| finding.code.starts_with(code)))
        .map(|one| one.title.clone())
        .collect()
}

const UNREAD: [&str; 3] = ["unread", "drain-unreachable", "cluster-silent"];

fn ending(loaded: &mut Loaded) {
    loaded.spec.on_destroy.kms_key = Keep::Delete;
    loaded.spec.on_destroy.log_group = Keep::Delete;
    loaded.spec.protect = false;
}

/// A plan, and the plan of a destroy: what they say of what they could not read.
async fn plans(region: &Region, named: &Loaded, sha: &str) -> Vec<String> {
    let world = job(region, named, Job::Plan).await;
    let said = match look(named, &world).await {
        Ok(looked) => unread(&looked),
        Err(halt) => halted(&halt),
    };
    let mut said = said;
    match rem_ci::run::look_before(named, &world, &[]).await {
        Ok((looked, _)) => said.extend(unread(&looked)),
        Err(halt) => said.extend(halted(&halt)),
    }
    let store = world.store.expect("a bucket");
    let written = store.put(&format!("plans/{}/7/{sha}/sha256-1", named.spec.name), b"{}".to_vec(), Some("")).await;
    said.into_iter().chain(written.err().map(|failure| failure.to_string())).collect()
}

/// An apply with its verification, canary and all.
async fn applies(region: &Region, named: &Loaded) -> Vec<String> {
    let world = job(region, named, Job::Apply).await;
    let applied = match apply(named, &world).await {
        Ok(applied) => applied,
        Err(halt) => return halted(&halt),
    };
    let mut said = failures(&applied.outcome);
    said.extend(applied.notes.iter().map(|problem| problem.title.clone()));
    if applied.outcome.complete() {
        match verify::all(&world.cloud, &world.clock, &named.spec, &applied.looked.id).await {
            Ok(checks) => said.extend(unproven(&checks)),
            Err(failure) => said.push(failure.to_string()),
        }
        let canary = verify::canary::canary(&world.cloud, &world.clock, &named.spec, &applied.looked.id).await;
        said.extend(unproven(&canary));
    }
    said
}

fn unproven(checks: &[verify::Check]) -> Vec<String> {
    let failed = checks.iter().filter(|check| !check.passed);
    failed.map(|check| format!("{}: {}", check.code, check.evidence.join("; "))).collect()
}

async fn destroys(region: &Region, named: &Loaded) -> Vec<String> {
    let world = job(region, named, Job::Destroy).await;
    match destroy(named, &world).await {
        Ok(destroyed) => {
            let mut said = failures(&destroyed.applied.outcome);
            said.extend(destroyed.applied.notes.iter().map(|problem| problem.title.clone()));
            said.extend(destroyed.leftovers.iter().map(|left| format!("left: {left:?}")));
            said.extend(destroyed.problems.iter().map(|problem| problem.title.clone()));
            said
        }
        Err(halt) => halted(&halt),
    }
}

const NOTHING: [String; 0] = [];

/// The whole life of an environment, by its jobs' roles alone.
async fn life(mut loaded: Loaded) -> (Region, Loaded) {
    ending(&mut loaded);
    let region = Region::new(7, &loaded.spec.account);
    let named = bootstrapped(&region, &loaded).await;
    assert_eq!(plans(&region, &named, "abc").await, NOTHING);
    assert_eq!(applies(&region, &named).await, NOTHING);
    assert_eq!(plans(&region, &named, "def").await, NOTHING);
    let world = job(&region, &named, Job::Plan).await;
    let looked = look(&named, &world).await.expect("a plan of what is applied");
    assert_eq!(unread(&looked), NOTHING);
    let moved: Vec<_> = looked.plan.steps.iter().filter(|step| step.action.word() != "keep").collect();
    assert!(moved.is_empty(), "{moved:#?}");
    // The plan role applies nothing: the first thing it is refused is the lock.
    let refused = apply(&named, &world).await.expect_err("a plan role that applies");
    assert!(refused.problems.iter().any(|problem| problem.title.contains("s3:PutObject")), "{refused:#?}");
    assert_eq!(destroys(&region, &named).await, NOTHING);
    (region, named)
}

#[test]
fn dev_lives_by_its_roles() {
    virtual_time(async {
        life(environment("dev")).await;
    });
}

/// An environment with every option, edited by its file to have others: what an apply changes and takes away.
async fn edited() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let options = |file: &str| {
        config::load(&format!("tests/options/{file}.yaml"), root, today())
            .unwrap_or_else(|problems| panic!("{problems:#?}"))
    };
    let (one, two) = (options("one/wide"), options("two/wide"));
    let region = Region::new(4, &one.spec.account);
    let admin = region.world(&one);
    // Whom the access entries are for is somebody else's to make.
    for name in ["sre", "dev", "ops", "night"] {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
        let call = admin.cloud.iam.create_role().role_name(name).assume_role_policy_document(trust);
        call.send().await.expect("a role");
    }
    for loaded in [&one, &two] {
        let named = bootstrapped(&region, loaded).await;
        let world = job(&region, &named, Job::Apply).await;
        // All at once may need another run: private names of an endpoint wait for the VPC's, which nothing says.
        let mut failed = vec!["not begun".to_owned()];
        for _ in 0..4 {
            if failed.is_empty() {
                break;
            }
            let applied = apply(&named, &world).await.unwrap_or_else(|halt| panic!("{:#?}", halt.problems));
            failed = failures(&applied.outcome);
            assert!(!failed.iter().any(|line| line.contains("not authorized")), "{failed:#?}");
        }
        assert_eq!(failed, NOTHING);
    }
    asked(&region, &one, Job::Apply)
}

#[test]
fn prod_lives_by_its_roles_and_they_have_hardly_more() {
    virtual_time(async {
        let (region, named) = life(environment("prod")).await;
        let edited = edited().await;
        let mut wrong = Vec::new();
        for (job, spare) in [(Job::Plan, PLAN), (Job::Apply, APPLY), (Job::Destroy, DESTROY)] {
            let mut used = asked(&region, &named, job);
            if job == Job::Apply {
                used.extend(edited.iter().cloned());
            }
            let granted = permissions::allowed(&named.spec, job);
            let spare: BTreeSet<&str> = spare.iter().flat_map(|(_, actions)| actions.iter().copied()).collect();
            let idle = granted.iter().filter(|action| !used.contains(**action) && !spare.contains(**action));
            wrong.extend(idle.map(|action| format!("{job:?}: granted, and never needed: {action}")));
            let stale = spare.iter().filter(|action| used.contains(**action) || !granted.contains(**action));
            wrong.extend(stale.map(|action| format!("{job:?}: needed, or not granted any more: {action}")));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

/// The other two ways into a cluster.
#[test]
fn every_way_into_the_cluster_has_its_actions() {
    for connect in [Connect::Direct, Connect::RunnerCidr] {
        virtual_time(async {
            let mut loaded = environment("dev");
            loaded.spec.connect = connect;
            life(loaded).await;
        });
    }
}

/// Why an action is granted that a plain life does not use.
type Spare = &'static [(&'static str, &'static [&'static str])];

const PLAN: Spare = &[
    ("a region without a price table", &["pricing:GetProducts"]),
    ("an environment whose file is gone: its queue is found by the beginning of its name", &["sqs:ListQueues"]),
    (
        "prod as shipped has none: associations beside an add-on's, inline policies, load balancers",
        &["eks:DescribePodIdentityAssociation", "elasticloadbalancing:DescribeTags", "iam:GetRolePolicy"],
    ),
];

const APPLY: Spare = &[
    ("a region without a price table", &["pricing:GetProducts"]),
    ("AWS asks for it behind a call, and the sandbox does not", &["route53:AssociateVPCWithHostedZone"]),
    (
        "`connect: ssm`: the sandbox's clusters are reached without a tunnel; the policy's own test is in escalation.rs",
        &["ssm:StartSession", "ssm:TerminateSession"],
    ),
    (
        "what somebody's hand or an interrupted run has left: profiles, holders of a policy, interfaces, queues by tag, a key on its way out",
        &[
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "iam:DeleteInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:ListEntitiesForPolicy",
            "iam:ListInstanceProfilesForRole",
            "iam:RemoveRoleFromInstanceProfile",
            "kms:CancelKeyDeletion",
            "kms:EnableKey",
            "sqs:ListQueues",
        ],
    ),
    (
        "a resource that its file takes away, or that is replaced: a person has acknowledged that",
        &[
            "ec2:DeleteInternetGateway",
            "ec2:DeleteLaunchTemplate",
            "ec2:DeleteNatGateway",
            "ec2:DeleteRouteTable",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteSubnet",
            "ec2:DeleteVpc",
            "ec2:DetachInternetGateway",
            "ec2:DisassociateRouteTable",
            "ec2:ReleaseAddress",
            "eks:DeleteCluster",
            "eks:DeleteNodegroup",
            "eks:DeletePodIdentityAssociation",
            "events:DeleteRule",
            "events:RemoveTargets",
            "iam:DeleteOpenIDConnectProvider",
            "iam:DeletePolicy",
            "iam:DeleteRole",
            "iam:DetachRolePolicy",
            "iam:ListPolicyVersions",
            "kms:DeleteAlias",
            "kms:ScheduleKeyDeletion",
            "logs:DeleteLogGroup",
            "sqs:DeleteQueue",
        ],
    ),
    (
        "drift that is put right, and edits that neither example makes",
        &[
            "autoscaling:DeleteTags",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:DeleteLaunchTemplateVersions",
            "ec2:DeleteRoute",
            "ec2:DeleteTags",
            "ec2:ModifyVpcEndpoint",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "eks:UntagResource",
            "eks:UpdatePodIdentityAssociation",
            "events:UntagResource",
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:CreatePolicyVersion",
            "iam:DeletePolicyVersion",
            "iam:DeleteRolePolicy",
            "iam:GetRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:RemoveClientIDFromOpenIDConnectProvider",
            "iam:UntagOpenIDConnectProvider",
            "iam:UntagPolicy",
            "iam:UntagRole",
            "iam:UpdateRole",
            "kms:DisableKeyRotation",
            "kms:PutKeyPolicy",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
            "logs:DeleteRetentionPolicy",
            "logs:UntagResource",
            "sqs:SetQueueAttributes",
            "sqs:UntagQueue",
        ],
    ),
];

const DESTROY: Spare = &[
    ("a region without a price table", &["pricing:GetProducts"]),
    (
        "`connect: ssm`: the sandbox's clusters are reached without a tunnel; the policy's own test is in escalation.rs",
        &["ssm:StartSession", "ssm:TerminateSession"],
    ),
    ("a lock or record that is not there: S3 tells only those who may list", &["s3:ListBucket"]),
    (
        "prod as shipped has none, or what others have left around the cluster: groups, volumes, load balancers, profiles, inline policies (the drain tests strew them)",
        &[
            "ec2:DeleteVolume",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:TerminateInstances",
            "eks:DeletePodIdentityAssociation",
            "eks:DescribePodIdentityAssociation",
            "elasticloadbalancing:DeleteLoadBalancer",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:DescribeTags",
            "iam:DeleteInstanceProfile",
            "iam:DeletePolicyVersion",
            "iam:DeleteRolePolicy",
            "iam:GetInstanceProfile",
            "iam:GetRolePolicy",
            "iam:ListEntitiesForPolicy",
            "iam:RemoveRoleFromInstanceProfile",
            "sqs:ListQueues",
        ],
    ),
];

/// A region to begin from, as often as one likes.
struct Start {
    state: State,
    later: Duration,
}

impl Start {
    fn of(region: &Region, noon: i64) -> Self {
        let later = u64::try_from(region.clock.millis() - noon).expect("time goes on");
        Self { state: region.sandbox.with(|state| state.clone()), later: Duration::from_millis(later) }
    }

    fn again(&self) -> Region {
        Region::over(self.state.clone(), self.later)
    }
}

/// Takes one action away from a role.
async fn take_away(region: &Region, named: &Loaded, job: Job, action: &str) {
    let access = Access::of(&named.spec);
    let whole = permissions::documents(&named.spec, &access, job);
    let less = permissions::without(&named.spec, &access, job, Some(action));
    let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"a4b:None","Resource":"*"}]}"#;
    let admin = region.world(named);
    for at in 0..whole.len() {
        let document = less.get(at).and_then(|document| document.as_text()).unwrap_or(nothing);
        let arn = access.policy_arn(&format!("{}-{}", job.word(), at + 1));
        let call = admin.cloud.iam.create_policy_version().policy_arn(arn).set_as_default(true);
        call.policy_document(document).send().await.expect("a version");
    }
}

/// Runs that need a job's actions, one of which is gone; what they say.
async fn without(fresh: &Start, applied: &Start, named: &Loaded, job: Job, action: &str) -> Vec<String> {
    let mut said = Vec::new();
    for start in [fresh, applied] {
        let region = start.again();
        take_away(&region, named, job, action).await;
        said.extend(match job {
            Job::Plan => plans(&region, named, "ghi").await,
            Job::Apply => applies(&region, named).await,
            Job::Destroy if std::ptr::eq(start, applied) => destroys(&region, named).await,
            Job::Destroy => Vec::new(),
        });
        if said.iter().any(|line| line.contains(action)) {
            return Vec::new();
        }
    }
    said.push(format!("{job:?} does not miss {action}"));
    said
}

/// Each action that a job's runs use, taken away alone: some run says which one is missing. All of them with
/// `REM_CI_THOROUGH=1`, else a few that are missed at different times and by different services.
async fn missed(job: Job) {
    let mut loaded = environment("prod");
    ending(&mut loaded);
    let region = Region::new(7, &loaded.spec.account);
    let noon = region.clock.millis();
    let named = bootstrapped(&region, &loaded).await;
    let fresh = Start::of(&region, noon);
    assert_eq!(plans(&region, &named, "abc").await, NOTHING);
    assert_eq!(applies(&region, &named).await, NOTHING);
    assert_eq!(plans(&region, &named, "def").await, NOTHING);
    let applied = Start::of(&region, noon);
    if job == Job::Destroy {
        assert_eq!(destroys(&region, &named).await, NOTHING);
    }
    let thorough = rem_ci::cloud::env("REM_CI_THOROUGH").is_some();
    let granted = permissions::allowed(&named.spec, job);
    let used = asked(&region, &named, job);
    let some = |action: &&String| thorough || SAMPLE.contains(&(job, action.as_str()));
    let mut silent = Vec::new();
    for action in used.iter().filter(|action| granted.contains(action.as_str())).filter(some) {
        if !UNMISSED.contains(&(job, action.as_str())) {
            silent.extend(without(&fresh, &applied, &named, job, action).await);
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn without_one_action_a_plan_says_which() {
    virtual_time(missed(Job::Plan));
}

#[test]
fn without_one_action_an_apply_says_which() {
    virtual_time(missed(Job::Apply));
}

#[test]
fn without_one_action_a_destroy_says_which() {
    virtual_time(missed(Job::Destroy));
}

const SAMPLE: &[(Job, &str)] = &[
    (Job::Plan, "ec2:DescribeVpcs"),
    (Job::Plan, "s3:PutObject"),
    (Job::Plan, "ssm:GetParameter"),
    (Job::Apply, "iam:PassRole"),
    (Job::Apply, "kms:CreateGrant"),
    (Job::Apply, "ec2:DescribeAvailabilityZones"),
    (Job::Apply, "s3:DeleteObject"),
    (Job::Apply, "s3:GetObject"),
    (Job::Apply, "sqs:SendMessage"),
    (Job::Destroy, "ec2:DeleteSecurityGroup"),
    (Job::Destroy, "eks:DeleteCluster"),
];

/// Asked for, and answered by a way around where it is denied. Support dates come from the embedded calendar then
/// (`resources::facts`, with a warning); a destroy looks as every run does, and makes nothing that it would need an offer for.
const UNMISSED: &[(Job, &str)] = &[
    (Job::Apply, "eks:DescribeClusterVersions"),
    (Job::Destroy, "ec2:DescribeAvailabilityZones"),
    (Job::Destroy, "eks:DescribeAddonVersions"),
    (Job::Destroy, "eks:DescribeClusterVersions"),
    (Job::Destroy, "ssm:GetParameter"),
];
