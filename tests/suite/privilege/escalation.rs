//! R8, R9, R10: known ways from some rights to all rights, each asked of the apply role; and the same call as it is meant.
//!
//! The list is the one that public collections of IAM privilege escalation agree on, less its twins.

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use rem_ci::model::access::{Access, Job};

use super::secrets::decided;
use super::{bootstrapped, prod};
use crate::common::{Region, virtual_time};

/// A question: action, resource, what is known of the request. `A` stands for the account, `R` for the region, `B` for the
/// boundary's ARN.
type Asked = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const OURS: &str = "arn:aws:iam::A:role/rem-ci/prod/rem-ci-prod-node-x";
const OWN: &str = "arn:aws:iam::A:role/rem-ci-access/prod/rem-ci-access.prod-apply-x";

const WAYS: &[(&str, &[Asked])] = &[
    ("a new version of a policy elsewhere", &[("iam:CreatePolicyVersion", "arn:aws:iam::A:policy/team", &[])]),
    (
        "an older version made the default",
        &[("iam:SetDefaultPolicyVersion", "arn:aws:iam::A:policy/rem-ci/prod/x", &[])],
    ),
    ("a key for a user", &[("iam:CreateAccessKey", "arn:aws:iam::A:user/root", &[])]),
    ("a password for a user", &[("iam:CreateLoginProfile", "arn:aws:iam::A:user/root", &[])]),
    ("another password for a user", &[("iam:UpdateLoginProfile", "arn:aws:iam::A:user/root", &[])]),
    ("a policy for a user", &[("iam:AttachUserPolicy", "arn:aws:iam::A:user/root", &[("iam:PolicyARN", ADMIN)])]),
    ("a policy for a group", &[("iam:AttachGroupPolicy", "arn:aws:iam::A:group/all", &[("iam:PolicyARN", ADMIN)])]),
    (
        "everything for a role of the environment",
        &[("iam:AttachRolePolicy", OURS, &[("iam:PolicyARN", ADMIN), ("iam:PermissionsBoundary", "B")])],
    ),
    (
        "a policy for itself",
        &[
            ("iam:AttachRolePolicy", OWN, &[("iam:PolicyARN", ADMIN), ("iam:PermissionsBoundary", "B")]),
            ("iam:PutRolePolicy", OWN, &[("iam:PermissionsBoundary", "B")]),
        ],
    ),
    ("an inline policy for a user", &[("iam:PutUserPolicy", "arn:aws:iam::A:user/root", &[])]),
    ("an inline policy for a group", &[("iam:PutGroupPolicy", "arn:aws:iam::A:group/all", &[])]),
    ("an inline policy for a role without the boundary", &[("iam:PutRolePolicy", OURS, &[])]),
    ("a user in a group", &[("iam:AddUserToGroup", "arn:aws:iam::A:group/all", &[])]),
    (
        "trust of a role elsewhere, or its own",
        &[
            ("iam:UpdateAssumeRolePolicy", "arn:aws:iam::A:role/admin", &[]),
            ("iam:UpdateAssumeRolePolicy", OWN, &[]),
            ("iam:UpdateAssumeRolePolicy", "arn:aws:iam::A:role/rem-ci/staging/x", &[]),
        ],
    ),
    (
        "a role without the boundary",
        &[
            ("iam:CreateRole", OURS, &[]),
            ("iam:CreateRole", OURS, &[("iam:PermissionsBoundary", ADMIN)]),
            ("iam:CreateRole", "arn:aws:iam::A:role/elsewhere", &[("iam:PermissionsBoundary", "B")]),
        ],
    ),
    (
        "the boundary taken off, or written anew",
        &[
            ("iam:DeleteRolePermissionsBoundary", OURS, &[("iam:PermissionsBoundary", "B")]),
            ("iam:PutRolePermissionsBoundary", OURS, &[("iam:PermissionsBoundary", ADMIN)]),
            ("iam:CreatePolicyVersion", "B", &[]),
            ("iam:DeletePolicy", "B", &[]),
        ],
    ),
    (
        "an instance with somebody else's role",
        &[("iam:PassRole", "arn:aws:iam::A:role/admin", &[("iam:PassedToService", "ec2.amazonaws.com")])],
    ),
    (
        "a role given to a service that runs code",
        &[
            ("iam:PassRole", OURS, &[("iam:PassedToService", "lambda.amazonaws.com")]),
            ("iam:PassRole", OURS, &[("iam:PassedToService", "glue.amazonaws.com")]),
            ("iam:PassRole", OURS, &[("iam:PassedToService", "cloudformation.amazonaws.com")]),
            ("iam:PassRole", OURS, &[("iam:PassedToService", "sagemaker.amazonaws.com")]),
        ],
    ),
    (
        "a function",
        &[
            ("lambda:CreateFunction", "arn:aws:lambda:R:A:function:x", &[]),
            ("lambda:UpdateFunctionCode", "arn:aws:lambda:R:A:function:x", &[]),
            ("lambda:CreateEventSourceMapping", "*", &[]),
        ],
    ),
    ("a notebook or a pipeline", &[("glue:CreateDevEndpoint", "*", &[]), ("datapipeline:CreatePipeline", "*", &[])]),
    ("a stack", &[("cloudformation:CreateStack", "*", &[]), ("cloudformation:UpdateStack", "*", &[])]),
    ("another role", &[("sts:AssumeRole", "arn:aws:iam::A:role/admin", &[]), ("sts:AssumeRole", OURS, &[])]),
    (
        "the provider that everybody is trusted by",
        &[
            (
                "iam:AddClientIDToOpenIDConnectProvider",
                "arn:aws:iam::A:oidc-provider/token.actions.githubusercontent.com",
                &[],
            ),
            (
                "iam:DeleteOpenIDConnectProvider",
                "arn:aws:iam::A:oidc-provider/token.actions.githubusercontent.com",
                &[],
            ),
            ("iam:CreateOpenIDConnectProvider", "arn:aws:iam::A:oidc-provider/evil.example", &[]),
            ("iam:CreateSAMLProvider", "arn:aws:iam::A:saml-provider/evil", &[]),
        ],
    ),
    (
        "a command or a shell on a machine",
        &[
            ("ssm:SendCommand", "arn:aws:ec2:R:A:instance/i-1", &[]),
            // R10: somebody else's machine; ours by the default document, which is a shell, and by a document of one's own.
            ("ssm:StartSession", "arn:aws:ec2:R:A:instance/i-1", &[("ssm:resourceTag/rem-ci:environment", "staging")]),
            (
                "ssm:StartSession",
                "arn:aws:ec2:R:A:instance/i-1",
                &[("ssm:resourceTag/rem-ci:environment", "prod"), ("ssm:SessionDocumentAccessCheck", "false")],
            ),
            ("ssm:StartSession", "arn:aws:ssm:R:A:document/SSM-SessionManagerRunShell", &[]),
            ("ssm:StartSession", "arn:aws:ssm:R::document/AWS-StartInteractiveCommand", &[]),
            ("ec2-instance-connect:SendSSHPublicKey", "arn:aws:ec2:R:A:instance/i-1", &[]),
        ],
    ),
    (
        "what belongs to somebody else (R9)",
        &[
            (
                "ec2:DeleteSubnet",
                "arn:aws:ec2:R:A:subnet/subnet-1",
                &[("aws:ResourceTag/rem-ci:environment", "staging")],
            ),
            (
                "ec2:ModifyVpcAttribute",
                "arn:aws:ec2:R:A:vpc/vpc-1",
                &[("aws:ResourceTag/rem-ci:environment", "staging")],
            ),
            (
                "ec2:CreateTags",
                "arn:aws:ec2:R:A:subnet/subnet-1",
                &[("aws:ResourceTag/rem-ci:environment", "staging"), ("aws:ResourceTag/aws:eks:cluster-name", "other")],
            ),
            ("kms:ScheduleKeyDeletion", "arn:aws:kms:R:A:key/1", &[("aws:ResourceTag/rem-ci:environment", "staging")]),
            ("kms:PutKeyPolicy", "arn:aws:kms:R:A:key/1", &[("aws:ResourceTag/rem-ci:environment", "staging")]),
            ("eks:DeleteCluster", "arn:aws:eks:R:A:cluster/other", &[]),
            ("eks:CreateAccessEntry", "arn:aws:eks:R:A:cluster/other", &[]),
            ("eks:AssociateAccessPolicy", "arn:aws:eks:R:A:access-entry/other/role/A/x/y", &[]),
            ("sqs:DeleteQueue", "arn:aws:sqs:R:A:other", &[]),
            ("logs:DeleteLogGroup", "arn:aws:logs:R:A:log-group:other", &[]),
            ("events:PutTargets", "arn:aws:events:R:A:rule/other", &[]),
        ],
    ),
];

/// The same actions as an apply means them.
const MEANT: &[Asked] = &[
    ("iam:CreateRole", OURS, &[("iam:PermissionsBoundary", "B")]),
    ("iam:PutRolePolicy", OURS, &[("iam:PermissionsBoundary", "B")]),
    (
        "iam:AttachRolePolicy",
        OURS,
        &[("iam:PolicyARN", "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"), ("iam:PermissionsBoundary", "B")],
    ),
    ("iam:PassRole", OURS, &[("iam:PassedToService", "eks.amazonaws.com")]),
    ("iam:CreatePolicyVersion", "arn:aws:iam::A:policy/rem-ci/prod/x", &[]),
    ("iam:UpdateAssumeRolePolicy", OURS, &[]),
    ("iam:PutRolePermissionsBoundary", OURS, &[("iam:PermissionsBoundary", "B")]),
    (
        "ssm:StartSession",
        "arn:aws:ec2:R:A:instance/i-1",
        &[("ssm:resourceTag/rem-ci:environment", "prod"), ("ssm:SessionDocumentAccessCheck", "true")],
    ),
    ("ssm:StartSession", "arn:aws:ssm:R::document/AWS-StartPortForwardingSessionToRemoteHost", &[]),
    ("ec2:DeleteSubnet", "arn:aws:ec2:R:A:subnet/subnet-1", &[("aws:ResourceTag/rem-ci:environment", "prod")]),
    ("kms:ScheduleKeyDeletion", "arn:aws:kms:R:A:key/1", &[("aws:ResourceTag/rem-ci:environment", "prod")]),
    ("eks:DeleteCluster", "arn:aws:eks:R:A:cluster/CLUSTER", &[]),
];

#[test]
fn an_apply_role_stays_what_it_is() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let access = Access::of(&named.spec);
        let text = |text: &str| match text {
            "B" => access.boundary_arn(),
            _ => text
                .replace(":A:", &format!(":{}:", named.spec.account))
                .replace("/A/", &format!("/{}/", named.spec.account))
                .replace(":R:", &format!(":{}:", named.spec.region))
                .replace("CLUSTER", &named.spec.cluster.name),
        };
        for job in [Job::Apply, Job::Destroy, Job::Plan] {
            let role = access.role_arn(job);
            let ask = async |(action, resource, context): &Asked| {
                let known: Vec<_> = context.iter().map(|(key, value)| (*key, text(value))).collect();
                let known: Vec<_> = known.iter().map(|(key, value)| (*key, value.as_str())).collect();
                decided(&admin, &role, action, &text(resource), &known).await
            };
            for (way, questions) in WAYS {
                for question in *questions {
                    let decision = ask(question).await;
                    assert_ne!(decision, Allowed, "{job:?}: {way}: {} on {}", question.0, question.1);
                }
            }
            if job == Job::Apply {
                for question in MEANT {
                    assert_eq!(ask(question).await, Allowed, "{} on {}", question.0, question.1);
                }
            }
        }
        assert!(WAYS.len() >= 20);
    });
}

/// Whatever is written into a role of the environment, the boundary holds: nothing of it reaches IAM, the bucket or the roles.
#[test]
fn a_bounded_role_with_everything_attached_is_no_administrator() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let access = Access::of(&named.spec);
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let make = async |name: &str, boundary: Option<String>| {
            let call = admin.cloud.iam.create_role().role_name(name).path(access.id.iam_path());
            let call = call.assume_role_policy_document(trust).set_permissions_boundary(boundary);
            let arn = call.send().await.expect("a role").role.expect("its role").arn;
            admin.cloud.iam.attach_role_policy().role_name(name).policy_arn(ADMIN).send().await.expect("attached");
            arn
        };
        let bounded = make("bounded", Some(access.boundary_arn())).await;
        let free = make("free", None).await;
        let bucket = format!("arn:aws:s3:::{}/plans/prod/1", access.bucket());
        for (action, resource) in [
            ("iam:CreateUser", "arn:aws:iam::1:user/x"),
            ("iam:AttachRolePolicy", free.as_str()),
            ("iam:UpdateAssumeRolePolicy", free.as_str()),
            ("iam:PassRole", "arn:aws:iam::1:role/admin"),
            ("sts:AssumeRole", "arn:aws:iam::1:role/admin"),
            ("s3:PutObject", bucket.as_str()),
            ("s3:GetObject", bucket.as_str()),
            ("secretsmanager:GetSecretValue", "*"),
            ("lambda:CreateFunction", "*"),
            ("eks:CreateAccessEntry", "*"),
            ("organizations:LeaveOrganization", "*"),
            ("kms:PutKeyPolicy", "*"),
        ] {
            assert_ne!(decided(&admin, &bounded, action, resource, &[]).await, Allowed, "{action}");
            assert_eq!(decided(&admin, &free, action, resource, &[]).await, Allowed, "the twin: {action}");
        }
        assert_eq!(decided(&admin, &bounded, "ec2:RunInstances", "*", &[]).await, Allowed);
    });
}
