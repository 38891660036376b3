//! The roles that a run is made with: what the kinds declare is enough for an environment's whole life, and hardly more.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use rem_ci::cloud::{self, Cloud};
use rem_ci::config::Loaded;
use rem_ci::config::spec::Keep;
use rem_ci::resources::{self, facts};
use rem_ci::run::{self, World};
use serde_json::json;

use crate::common::{Region, apply, destroy, environment, look, virtual_time};
use crate::litter::Litter;

/// Everything that some kind, the facts, the audit or the sweep of a destroy declare.
fn declared() -> BTreeSet<&'static str> {
    let kinds = resources::KINDS.iter().flat_map(|kind| kind.kind().actions);
    kinds.chain(facts::ACTIONS).chain(run::AUDIT_ACTIONS).chain(run::DRAIN_ACTIONS).copied().collect()
}

fn document<'a>(actions: impl IntoIterator<Item = &'a str>) -> String {
    let actions: Vec<_> = actions.into_iter().collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
    .to_string()
}

/// Makes a role that may do just this.
async fn role(admin: &Cloud, name: &str, actions: &BTreeSet<&'static str>) -> String {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", admin.account) },
            "Action": "sts:AssumeRole",
        }],
    });
    let call = admin.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
    let made = call.max_session_duration(43_200).send().await.expect("a role").role.expect("its role");
    let put = admin.iam.put_role_policy().role_name(name).policy_name("all");
    put.policy_document(document(actions.iter().copied())).send().await.expect("its policy");
    made.arn
}

/// A world in which a session of the role acts.
async fn assumed(region: &Region, loaded: &Loaded, arn: &str) -> World {
    let admin = region.world(loaded);
    #[expect(clippy::disallowed_methods, reason = "a new role is not usable at once")]
    tokio::time::sleep(Duration::from_mins(1)).await;
    let call = admin.cloud.sts.assume_role().role_arn(arn).role_session_name("run").duration_seconds(43_200);
    let keys = call.send().await.expect("a session").credentials.expect("its keys");
    let keys =
        Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "assumed role");
    let (account, name) = (&loaded.spec.account, &loaded.spec.region);
    let provider = SharedCredentialsProvider::new(keys);
    let config = cloud::simulated(region.sandbox.clone(), region.clock, account, name, Some(provider));
    let cloud = Cloud::new(&config, account, name).reaching(admin.cloud.dial.clone(), admin.cloud.helm.clone());
    World { cloud, ..admin }
}

/// What IAM has been asked of the role.
fn asked(region: &Region, loaded: &Loaded, arn: &str) -> BTreeSet<String> {
    region.sandbox.with(|state| state.accounts[&loaded.spec.account].iam.asked.get(arn).cloned().unwrap_or_default())
}

/// A later change of the file, or drift, is brought about by these.
const CHANGES: &[&str] = &[
    "autoscaling:DeleteTags",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:DeleteRoute",
    "ec2:DeleteTags",
    "ec2:ModifyLaunchTemplate",
    "ec2:ModifyVpcEndpoint",
    "ec2:ReplaceRoute",
    "ec2:ReplaceRouteTableAssociation",
    "eks:AssociateEncryptionConfig",
    "eks:UntagResource",
    "eks:UpdateAccessEntry",
    "eks:UpdateAddon",
    "eks:UpdateClusterVersion",
    "eks:UpdateNodegroupConfig",
    "eks:UpdateNodegroupVersion",
    "events:UntagResource",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicyVersion",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "iam:UntagOpenIDConnectProvider",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "kms:DisableKeyRotation",
    "kms:UntagResource",
    "logs:DeleteRetentionPolicy",
    "logs:UntagResource",
    "sqs:SetQueueAttributes",
    "sqs:UntagQueue",
];

/// `prod` as shipped has nothing that these are for: groups of interface endpoints, people in the cluster, associations
/// beside an add-on's, inline policies, boundaries.
const ABSENT: &[&str] = &[
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    "eks:CreatePodIdentityAssociation",
    "eks:DeletePodIdentityAssociation",
    "eks:DescribePodIdentityAssociation",
    "eks:DisassociateAccessPolicy",
    "eks:UpdatePodIdentityAssociation",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:GetRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
];

/// For what others or an interrupted run left behind, beside what is strewn here: old profiles, holders of a policy, queues by
/// tag; and for volumes that somebody has given up.
const LEFT: &[&str] = &["ec2:DeleteVolume", "iam:GetInstanceProfile", "iam:ListEntitiesForPolicy", "sqs:ListQueues"];

/// AWS asks for it behind a call, and the sandbox does not.
const BEHIND: &[&str] = &["route53:AssociateVPCWithHostedZone"];

#[test]
fn what_the_kinds_declare_is_enough_and_no_more() {
    virtual_time(async {
        let mut loaded = environment("prod");
        loaded.spec.on_destroy.kms_key = Keep::Delete;
        loaded.spec.on_destroy.log_group = Keep::Delete;
        let region = Region::new(7, &loaded.spec.account);
        let arn = role(&region.world(&loaded).cloud, "everything", &declared()).await;
        let world = assumed(&region, &loaded, &arn).await;
        let applied = apply(&loaded, &world).await.expect("an apply");
        let failed = |outcome: &rem_ci::engine::Outcome| {
            outcome.reports.iter().filter_map(|report| report.error.clone()).collect::<Vec<_>>()
        };
        assert!(applied.outcome.complete(), "{:#?}", failed(&applied.outcome));
        let again = look(&loaded, &world).await.expect("a look");
        assert!(again.plan.steps.iter().all(|step| step.action.word() == "keep"));
        Litter::strewn(&region, &loaded);
        let destroyed = destroy(&loaded, &world).await.expect("a destroy");
        assert!(destroyed.applied.outcome.complete(), "{:#?}", failed(&destroyed.applied.outcome));
        assert_eq!(destroyed.leftovers, []);
        let applied = apply(&loaded, &world).await.expect("an apply that takes the key back");
        assert!(applied.outcome.complete(), "{:#?}", failed(&applied.outcome));

        let asked = asked(&region, &loaded, &arn);
        assert!(asked.contains("eks:CreateCluster"), "IAM was asked");
        let allowed: BTreeSet<&str> = [CHANGES, ABSENT, LEFT, BEHIND].concat().into_iter().collect();
        let unused: Vec<_> =
            declared().into_iter().filter(|action| !asked.contains(*action) && !allowed.contains(action)).collect();
        assert!(unused.is_empty(), "declared, and never needed: {unused:#?}");
        let stale: Vec<_> =
            allowed.into_iter().filter(|action| asked.contains(*action) || !declared().contains(action)).collect();
        assert!(stale.is_empty(), "needed, or not declared any more: {stale:#?}");
    });
}

/// A few that would be missed late: each alone taken away stops the run with a denial that names it.
#[test]
fn without_one_action_the_run_says_which() {
    for action in ["iam:PassRole", "kms:CreateGrant", "ec2:RunInstances", "eks:TagResource", "sqs:TagQueue"] {
        virtual_time(async {
            let loaded = environment("prod");
            let region = Region::new(7, &loaded.spec.account);
            let mut actions = declared();
            assert!(actions.remove(action), "{action} is declared");
            let arn = role(&region.world(&loaded).cloud, "almost", &actions).await;
            let world = assumed(&region, &loaded, &arn).await;
            let applied = apply(&loaded, &world).await.expect("an apply");
            assert!(!applied.outcome.complete(), "{action} is needed");
            let said = applied.outcome.reports.iter().filter_map(|report| report.error.as_ref());
            assert!(
                said.clone().any(|error| error.to_string().contains(action)),
                "{action}: {:#?}",
                said.collect::<Vec<_>>()
            );
        });
    }
}
