//! R6, R7, R4: a stolen plan role reads no secret of any kind, and becomes no other role.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use rem_ci::model::access::{Access, Job};
use rem_ci::run::World;

use super::{bootstrapped, job, prod};
use crate::common::{Region, apply, virtual_time};

/// What IAM decides of a role, an action and a resource; `context` is what is known of the request.
pub(super) async fn decided(
    admin: &World,
    role: &str,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> PolicyEvaluationDecisionType {
    let call = admin.cloud.iam.simulate_principal_policy().policy_source_arn(role).action_names(action);
    let mut call = call.resource_arns(resource);
    for (key, value) in context {
        let entry = ContextEntry::builder().context_key_name(*key).context_key_values(*value);
        call = call.context_entries(entry.context_key_type(ContextKeyTypeEnum::String).build());
    }
    let answer = call.send().await.expect("an answer");
    answer.evaluation_results()[0].eval_decision().clone()
}

/// A canary in each service, and what in the same service is no secret: the refusal is about the secret.
const MATRIX: &[(&str, &str, bool)] = &[
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:canary", false),
    ("secretsmanager:ListSecrets", "*", false),
    ("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/canary", false),
    ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/canary", false),
    ("ssm:GetParametersByPath", "arn:aws:ssm:us-east-1:123456789012:parameter/canary", false),
    ("ssm:GetParameterHistory", "arn:aws:ssm:us-east-1:123456789012:parameter/canary", false),
    ("ssm:GetParameter", "arn:aws:ssm:us-east-1::parameter/aws/service/eks/optimized-ami/1.36/x", true),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/canary", false),
    ("kms:GenerateDataKey", "arn:aws:kms:us-east-1:123456789012:key/canary", false),
    ("kms:DescribeKey", "arn:aws:kms:us-east-1:123456789012:key/canary", true),
    ("s3:GetObject", "arn:aws:s3:::canary/secret", false),
    ("s3:GetObjectVersion", "arn:aws:s3:::canary/secret", false),
    ("logs:GetLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:canary", false),
    ("logs:GetQueryResults", "*", false),
    ("logs:FilterLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:canary", false),
    ("logs:StartQuery", "arn:aws:logs:us-east-1:123456789012:log-group:canary", false),
    ("logs:DescribeLogGroups", "*", true),
    ("lambda:GetFunction", "arn:aws:lambda:us-east-1:123456789012:function:canary", false),
    ("lambda:GetFunctionConfiguration", "arn:aws:lambda:us-east-1:123456789012:function:canary", false),
    ("ec2:GetPasswordData", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", false),
    ("ec2:GetConsoleOutput", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", false),
    ("ec2:GetConsoleScreenshot", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", false),
    ("ec2:DescribeInstanceAttribute", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", false),
    ("ec2:DescribeVpcs", "*", true),
    ("sts:AssumeRole", "arn:aws:iam::123456789012:role/other", false),
    ("ssm:StartSession", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", false),
    ("sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:123456789012:canary", false),
    ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/canary", false),
    ("rds-data:ExecuteStatement", "*", false),
    ("ecr:GetAuthorizationToken", "*", false),
    ("iam:CreateAccessKey", "arn:aws:iam::123456789012:user/canary", false),
];

#[test]
fn a_plan_role_reads_no_secret() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let role = Access::of(&named.spec).role_arn(Job::Plan);
        for (action, resource, allowed) in MATRIX {
            let resource =
                resource.replace("123456789012", &named.spec.account).replace("us-east-1", &named.spec.region);
            let decision = decided(&admin, &role, action, &resource, &[]).await;
            assert_eq!(decision == PolicyEvaluationDecisionType::Allowed, *allowed, "{action} on {resource}");
        }
        // Even with everything of AWS's own for readers attached by somebody, the secrets stay shut.
        let name = role.rsplit('/').next().expect("a name");
        let attach = admin.cloud.iam.attach_role_policy().role_name(name);
        attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("attached");
        for action in ["secretsmanager:GetSecretValue", "kms:Decrypt", "logs:GetLogEvents", "lambda:GetFunction"] {
            let decision = decided(&admin, &role, action, "*", &[]).await;
            assert_eq!(decision, PolicyEvaluationDecisionType::ExplicitDeny, "{action}");
        }
        let other = format!("arn:aws:ssm:{}:{}:parameter/canary", named.spec.region, named.spec.account);
        assert_eq!(
            decided(&admin, &role, "ssm:GetParameter", &other, &[]).await,
            PolicyEvaluationDecisionType::ExplicitDeny
        );
        assert_eq!(
            decided(&admin, &role, "s3:GetObject", "arn:aws:s3:::canary/secret", &[]).await,
            PolicyEvaluationDecisionType::ExplicitDeny
        );
    });
}

/// R7: the plan role's entry opens no Secrets, and a plan works without.
#[test]
fn a_plan_role_reads_no_kubernetes_secret() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let world = job(&region, &named, Job::Apply).await;
        assert!(apply(&named, &world).await.expect("an apply").outcome.complete());
        let secrets = async |world: &World| {
            let client = world.cloud.kube(&named.spec.cluster.name).await.expect("an answer").expect("a cluster");
            let api: kube::Api<k8s_openapi::api::core::v1::Secret> = kube::Api::all(client);
            api.list(&kube::api::ListParams::default()).await
        };
        assert!(secrets(&world).await.is_ok(), "the twin: an apply role may");
        let plan = job(&region, &named, Job::Plan).await;
        match secrets(&plan).await {
            Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status:?}"),
            other => panic!("{other:?}"),
        }
    });
}
