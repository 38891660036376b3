//! Each rule of IAM's and of STS's.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use crate::sandbox::aws::{iam, sts};
use crate::sandbox::region::with_here;
use crate::sandbox::state::{Millis, State};
use crate::sandbox::wire::{Answer, Call};

struct World {
    state: State,
    now: Millis,
    key: String,
}

const GITHUB: &str = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";

fn trust(principal: Json, more: Json) -> String {
    let mut statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
    for (key, value) in more.as_object().unwrap() {
        statement[key] = value.clone();
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn policy(effect: &str, action: &str, resource: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": resource }] })
        .to_string()
}

impl World {
    fn new() -> Self {
        Self { state: State::new(3), now: 1_795_000_000_000, key: String::new() }
    }

    fn call(&mut self, service: &str, operation: &str, params: Json) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            params,
            region: "us-east-1".into(),
            access_key: self.key.clone(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        with_here(
            &mut self.state,
            self.now,
            "123456789012",
            "us-east-1",
            "arn:aws:iam::123456789012:user/sandbox",
            |here| {
                iam::authorize(here, &call)?;
                match service {
                    "iam" => iam::handle(here, &call),
                    "sts" => sts::handle(here, &call),
                    _ => Ok(json!({})),
                }
            },
        )
    }

    fn iam(&mut self, operation: &str, params: Json) -> Answer {
        self.call("iam", operation, params)
    }

    fn code(&mut self, operation: &str, params: Json) -> String {
        self.iam(operation, params).expect_err(operation).code
    }

    fn role(&mut self, name: &str) {
        let trust = trust(json!({ "AWS": "arn:aws:iam::123456789012:root" }), json!({}));
        self.iam("CreateRole", json!({ "RoleName": name, "AssumeRolePolicyDocument": trust })).unwrap();
        self.now += 10_000;
    }

    /// From now on calls come from a session of this role.
    fn become_role(&mut self, name: &str, more: Json) {
        let mut params =
            json!({ "RoleArn": format!("arn:aws:iam::123456789012:role/{name}"), "RoleSessionName": "test" });
        for (key, value) in more.as_object().unwrap() {
            params[key] = value.clone();
        }
        let answer = self.call("sts", "AssumeRole", params).unwrap();
        self.key = answer["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    }

    fn may(&mut self, service: &str, operation: &str, params: Json) -> bool {
        self.call(service, operation, params).is_ok()
    }
}

#[test]
fn roles_are_listed_late_and_documents_are_encoded() {
    let mut world = World::new();
    let document = trust(json!({ "Service": "eks.amazonaws.com" }), json!({}));
    world.iam("CreateRole", json!({ "RoleName": "one", "Path": "/a/", "AssumeRolePolicyDocument": document })).unwrap();
    assert_eq!(world.iam("ListRoles", json!({})).unwrap()["Roles"], json!([]));
    assert_eq!(
        world.code("CreateRole", json!({ "RoleName": "ONE", "AssumeRolePolicyDocument": document })),
        "EntityAlreadyExists"
    );
    let shown = world.iam("GetRole", json!({ "RoleName": "one" })).unwrap()["Role"].clone();
    assert_eq!(shown["Arn"], "arn:aws:iam::123456789012:role/a/one");
    assert!(shown["AssumeRolePolicyDocument"].as_str().unwrap().starts_with("%7B%22"));
    world.now += 2_000;
    assert_eq!(world.iam("ListRoles", json!({ "PathPrefix": "/a/" })).unwrap()["Roles"].as_array().unwrap().len(), 1);
    assert_eq!(world.iam("ListRoles", json!({ "PathPrefix": "/b/" })).unwrap()["Roles"], json!([]));
}

#[test]
fn documents_are_checked() {
    let mut world = World::new();
    let nobody = trust(json!({ "AWS": "arn:aws:iam::123456789012:role/nobody" }), json!({}));
    for bad in [nobody, "{".to_owned(), policy("Allow", "s3:*", "*"), trust(json!({ "Service": "x" }), json!({}))] {
        assert_eq!(
            world.code("CreateRole", json!({ "RoleName": "one", "AssumeRolePolicyDocument": bad })),
            "MalformedPolicyDocument"
        );
    }
    let long = json!({ "RoleName": "x".repeat(65), "AssumeRolePolicyDocument": trust(json!({ "Service": "eks.amazonaws.com" }), json!({})) });
    assert_eq!(world.code("CreateRole", long), "ValidationError");
    for bad in [policy("Allow", "ListBucket", "*"), policy("Allow", "s3:*", "bucket"), policy("Maybe", "s3:*", "*")] {
        assert_eq!(
            world.code("CreatePolicy", json!({ "PolicyName": "p", "PolicyDocument": bad })),
            "MalformedPolicyDocument"
        );
    }
    let fits = format!("{}{}", " ".repeat(7000), policy("Allow", "s3:*", "*"));
    world.iam("CreatePolicy", json!({ "PolicyName": "spaces", "PolicyDocument": fits })).unwrap();
    let big = policy("Allow", "s3:*", &format!("arn:aws:s3:::{}", "x".repeat(6144)));
    assert_eq!(world.code("CreatePolicy", json!({ "PolicyName": "p", "PolicyDocument": big })), "LimitExceeded");
    world.role("one");
    world.iam("PutRolePolicy", json!({ "RoleName": "one", "PolicyName": "a", "PolicyDocument": big })).unwrap();
    assert_eq!(
        world.code("PutRolePolicy", json!({ "RoleName": "one", "PolicyName": "b", "PolicyDocument": big })),
        "LimitExceeded"
    );
}

#[test]
fn policies_have_five_versions_and_go_last() {
    let mut world = World::new();
    world.role("one");
    let document = policy("Allow", "s3:*", "*");
    let made = world.iam("CreatePolicy", json!({ "PolicyName": "p", "PolicyDocument": document })).unwrap();
    let arn = made["Policy"]["Arn"].clone();
    for _ in 2..=5 {
        world
            .iam("CreatePolicyVersion", json!({ "PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": "true" }))
            .unwrap();
    }
    let sixth = json!({ "PolicyArn": arn, "PolicyDocument": document });
    assert_eq!(world.code("CreatePolicyVersion", sixth), "LimitExceeded");
    assert_eq!(world.code("DeletePolicyVersion", json!({ "PolicyArn": arn, "VersionId": "v5" })), "DeleteConflict");
    world.iam("AttachRolePolicy", json!({ "RoleName": "one", "PolicyArn": arn })).unwrap();
    assert_eq!(world.code("DeletePolicy", json!({ "PolicyArn": arn })), "DeleteConflict");
    assert_eq!(world.code("DeleteRole", json!({ "RoleName": "one" })), "DeleteConflict");
    world.iam("DetachRolePolicy", json!({ "RoleName": "one", "PolicyArn": arn })).unwrap();
    world.iam("DeleteRole", json!({ "RoleName": "one" })).unwrap();
    assert_eq!(world.code("DeletePolicy", json!({ "PolicyArn": arn })), "DeleteConflict");
    for version in 1..=4 {
        world.iam("DeletePolicyVersion", json!({ "PolicyArn": arn, "VersionId": format!("v{version}") })).unwrap();
    }
    world.iam("DeletePolicy", json!({ "PolicyArn": arn })).unwrap();
    assert_eq!(world.code("GetPolicy", json!({ "PolicyArn": arn })), "NoSuchEntity");
    assert!(world.iam("GetPolicy", json!({ "PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy" })).is_ok());
}

#[test]
fn profiles_hold_one_role_and_keep_it() {
    let mut world = World::new();
    world.role("one");
    world.iam("CreateInstanceProfile", json!({ "InstanceProfileName": "p" })).unwrap();
    let pair = json!({ "InstanceProfileName": "p", "RoleName": "one" });
    world.iam("AddRoleToInstanceProfile", pair.clone()).unwrap();
    assert_eq!(world.code("AddRoleToInstanceProfile", pair.clone()), "LimitExceeded");
    assert_eq!(world.code("DeleteRole", json!({ "RoleName": "one" })), "DeleteConflict");
    assert_eq!(world.code("DeleteInstanceProfile", json!({ "InstanceProfileName": "p" })), "DeleteConflict");
    world.iam("RemoveRoleFromInstanceProfile", pair).unwrap();
    world.iam("DeleteInstanceProfile", json!({ "InstanceProfileName": "p" })).unwrap();
    world.iam("DeleteRole", json!({ "RoleName": "one" })).unwrap();
}

#[test]
fn service_linked_roles_exist_once() {
    let mut world = World::new();
    world.iam("CreateServiceLinkedRole", json!({ "AWSServiceName": "spot.amazonaws.com" })).unwrap();
    assert_eq!(
        world.code("CreateServiceLinkedRole", json!({ "AWSServiceName": "spot.amazonaws.com" })),
        "InvalidInput"
    );
    assert!(world.iam("GetRole", json!({ "RoleName": "AWSServiceRoleForEC2Spot" })).is_ok());
    assert_eq!(world.code("DeleteRole", json!({ "RoleName": "AWSServiceRoleForEC2Spot" })), "UnmodifiableEntity");
}

fn token(claims: &Json) -> String {
    format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn web_identities_are_judged_by_the_trust_policy() {
    let mut world = World::new();
    let host = "token.actions.githubusercontent.com";
    world
        .iam(
            "CreateOpenIDConnectProvider",
            json!({ "Url": format!("https://{host}"), "ClientIDList": ["sts.amazonaws.com"] }),
        )
        .unwrap();
    let condition = json!({ "StringEquals": {
        format!("{host}:aud"): "sts.amazonaws.com",
        format!("{host}:sub"): "repo:o/r:environment:prod",
        format!("{host}:job_workflow_ref"): "o/r/.github/workflows/x.yml@refs/heads/main",
    }});
    let trust = trust(
        json!({ "Federated": GITHUB }),
        json!({ "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition }),
    );
    let role = world.iam("CreateRole", json!({ "RoleName": "ci", "AssumeRolePolicyDocument": trust })).unwrap();
    world.now += 10_000;
    let good = json!({ "iss": format!("https://{host}"), "aud": "sts.amazonaws.com", "sub": "repo:o/r:environment:prod",
        "job_workflow_ref": "o/r/.github/workflows/x.yml@refs/heads/main", "exp": world.now / 1000 + 300 });
    let ask = |claims: &Json| json!({ "RoleArn": role["Role"]["Arn"], "RoleSessionName": "run", "WebIdentityToken": token(claims) });
    let answer = world.call("sts", "AssumeRoleWithWebIdentity", ask(&good)).unwrap();
    assert!(answer["Credentials"]["AccessKeyId"].as_str().unwrap().starts_with("ASIA123456789012"));
    for (claim, value, code) in [
        ("sub", json!("repo:o/r:pull_request"), "AccessDenied"),
        ("job_workflow_ref", json!("o/r/.github/workflows/x.yml@refs/pull/1/merge"), "AccessDenied"),
        ("job_workflow_ref", Json::Null, "AccessDenied"),
        ("aud", json!("other"), "InvalidIdentityToken"),
        ("iss", json!("https://example.com"), "InvalidIdentityToken"),
        ("exp", json!(1), "ExpiredTokenException"),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        assert_eq!(world.call("sts", "AssumeRoleWithWebIdentity", ask(&claims)).unwrap_err().code, code, "{claim}");
    }
}

#[test]
fn sessions_end() {
    let mut world = World::new();
    world.role("one");
    world
        .iam(
            "AttachRolePolicy",
            json!({ "RoleName": "one", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }),
        )
        .unwrap();
    world.become_role("one", json!({ "DurationSeconds": "900" }));
    assert!(world.may("ec2", "DescribeVpcs", json!({})));
    world.now += 900_000;
    assert_eq!(world.call("iam", "GetRole", json!({ "RoleName": "one" })).unwrap_err().code, "ExpiredToken");
    assert_eq!(world.call("eks", "ListClusters", json!({})).unwrap_err().code, "ExpiredTokenException");
}

#[test]
fn a_new_role_cannot_be_assumed_at_once() {
    let mut world = World::new();
    let trust = trust(json!({ "AWS": "*" }), json!({}));
    world.iam("CreateRole", json!({ "RoleName": "new", "AssumeRolePolicyDocument": trust })).unwrap();
    let params = json!({ "RoleArn": "arn:aws:iam::123456789012:role/new", "RoleSessionName": "test" });
    assert_eq!(world.call("sts", "AssumeRole", params.clone()).unwrap_err().code, "AccessDenied");
    world.now += 8_000;
    assert!(world.call("sts", "AssumeRole", params).is_ok());
}

#[test]
fn policies_decide_what_a_session_may_do() {
    let mut world = World::new();
    world.role("one");
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["ec2:Describe*", "s3:GetObject", "sts:*"], "Resource": "*" },
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::mine" },
        { "Effect": "Allow", "Action": "iam:CreateRole", "Resource": "arn:aws:iam::123456789012:role/own-*",
          "Condition": { "StringEquals": { "aws:RequestTag/stack": "prod" } } },
        { "Effect": "Allow", "Action": "iam:TagRole", "Resource": "*" },
        { "Effect": "Deny", "Action": "ec2:DescribeImages", "Resource": "*" },
    ]});
    world
        .iam("PutRolePolicy", json!({ "RoleName": "one", "PolicyName": "p", "PolicyDocument": document.to_string() }))
        .unwrap();
    world.become_role("one", json!({}));
    for (service, operation, params, may) in [
        ("ec2", "DescribeVpcs", json!({}), true),
        ("ec2", "DescribeImages", json!({}), false),
        ("ec2", "DeleteVpc", json!({}), false),
        ("s3", "HeadObject", json!({ "Bucket": "b", "Key": "k" }), true),
        ("s3", "ListObjectsV2", json!({ "Bucket": "mine" }), true),
        ("s3", "ListObjectsV2", json!({ "Bucket": "other" }), false),
        ("sts", "GetCallerIdentity", json!({}), true),
    ] {
        assert_eq!(world.may(service, operation, params), may, "{service}:{operation}");
    }
    let create = |name: &str, tag: &str| {
        json!({ "RoleName": name, "Tags": [{ "Key": "stack", "Value": tag }],
        "AssumeRolePolicyDocument": trust(json!({ "Service": "eks.amazonaws.com" }), json!({})) })
    };
    assert!(!world.may("iam", "CreateRole", create("other", "prod")));
    assert!(!world.may("iam", "CreateRole", create("own-a", "dev")));
    assert!(world.may("iam", "CreateRole", create("own-a", "prod")));
    let fault = world.call("eks", "ListClusters", json!({})).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.status), ("AccessDeniedException", 403));
}

#[test]
fn a_boundary_and_pass_role_narrow() {
    let mut world = World::new();
    world.role("one");
    world
        .iam(
            "AttachRolePolicy",
            json!({ "RoleName": "one", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }),
        )
        .unwrap();
    let arn = world
        .iam("CreatePolicy", json!({ "PolicyName": "b", "PolicyDocument": policy("Allow", "eks:*", "*") }))
        .unwrap()["Policy"]["Arn"]
        .clone();
    world.iam("PutRolePermissionsBoundary", json!({ "RoleName": "one", "PermissionsBoundary": arn })).unwrap();
    world.become_role("one", json!({}));
    assert!(world.may("eks", "ListClusters", json!({})));
    assert!(!world.may("ec2", "DescribeVpcs", json!({})));
    let create = json!({ "name": "c", "roleArn": "arn:aws:iam::123456789012:role/control" });
    let fault = world.call("eks", "CreateCluster", create).unwrap_err();
    assert!(fault.message.contains("iam:PassRole"), "{}", fault.message);
}

#[test]
fn simulation_says_what_would_be() {
    let mut world = World::new();
    world.role("one");
    world
        .iam(
            "PutRolePolicy",
            json!({ "RoleName": "one", "PolicyName": "p", "PolicyDocument": policy("Allow", "ec2:*", "*") }),
        )
        .unwrap();
    let ask = json!({ "PolicySourceArn": "arn:aws:iam::123456789012:role/one", "ActionNames": ["ec2:RunInstances", "iam:CreateRole"] });
    let results = world.iam("SimulatePrincipalPolicy", ask).unwrap()["EvaluationResults"].clone();
    assert_eq!((&results[0]["EvalDecision"], &results[1]["EvalDecision"]), (&json!("allowed"), &json!("implicitDeny")));
}

#[test]
fn a_session_is_allowed_by_node_and_document() {
    let mut world = World::new();
    world.role("run");
    let statement = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ssm:StartSession", "Resource": "arn:aws:ec2:us-east-1:123456789012:instance/*",
          "Condition": { "StringEquals": { "ssm:resourceTag/rem-ci:environment": "prod" },
                         "BoolIfExists": { "ssm:SessionDocumentAccessCheck": "true" } } },
        { "Effect": "Allow", "Action": "ssm:StartSession",
          "Resource": "arn:aws:ssm:us-east-1::document/AWS-StartPortForwardingSessionToRemoteHost" },
    ] });
    let put = json!({ "RoleName": "run", "PolicyName": "tunnel", "PolicyDocument": statement.to_string() });
    world.iam("PutRolePolicy", put).unwrap();
    for (id, environment) in [("i-1", "prod"), ("i-2", "dev")] {
        let region =
            world.state.accounts.get_mut("123456789012").unwrap().regions.entry("us-east-1".into()).or_default();
        region.ec2.tags.insert(id.into(), [("rem-ci:environment".to_owned(), environment.to_owned())].into());
    }
    world.become_role("run", json!({}));
    let forward = "AWS-StartPortForwardingSessionToRemoteHost";
    let mut may = |target: &str, document: Option<&str>| {
        let mut params = json!({ "Target": target });
        if let Some(document) = document {
            params["DocumentName"] = json!(document);
        }
        world.may("ssm", "StartSession", params)
    };
    assert!(may("i-1", Some(forward)));
    assert!(!may("i-2", Some(forward)), "another environment's node");
    assert!(!may("i-1", Some("AWS-StartInteractiveCommand")), "another document");
    assert!(!may("i-1", None), "no document is a shell");
}
