//! A role's policies: what it may, what it never may whatever else is attached to it, cut to what IAM takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::actions::{Action, actions};
use super::home::{Ground, Home, homes};
use crate::config::Spec;
use crate::engine::{Value, policy};
use crate::model::access::{Access, Job};
use crate::model::policies::MANAGED_POLICY_LIMIT;
use crate::model::{self};

/// Managed policies that a role can have attached (IAM user guide, "IAM and AWS STS quotas").
pub const MOST_POLICIES: usize = 10;

/// The documents of a job's role, in order; each one policy.
#[must_use]
pub fn documents(spec: &Spec, access: &Access, job: Job) -> Vec<Value> {
    without(spec, access, job, None)
}

/// The same without one action: what a test takes away to see whether it is missed.
#[must_use]
pub fn without(spec: &Spec, access: &Access, job: Job, missing: Option<&str>) -> Vec<Value> {
    let actions = actions(spec, job);
    let mut statements = statements(spec, access, job, &actions);
    if let Some(missing) = missing {
        for statement in statements.iter_mut().filter(|statement| statement["Effect"] == "Allow") {
            if let Some(list) = statement["Action"].as_array_mut() {
                list.retain(|action| action != missing);
            }
        }
        statements.retain(|statement| statement["Action"].as_array().is_none_or(|list| !list.is_empty()));
    }
    cut(statements)
}

/// Everything that a role may, its bucket among it.
#[must_use]
pub fn allowed(spec: &Spec, job: Job) -> BTreeSet<Action> {
    let mut all = actions(spec, job);
    all.extend(["s3:GetObject", "s3:ListBucket", "s3:PutObject"]);
    if job != Job::Plan {
        all.insert("s3:DeleteObject");
    }
    all
}

fn statements(spec: &Spec, access: &Access, job: Job, actions: &BTreeSet<Action>) -> Vec<Json> {
    let ground = Ground { spec, access, attachable: attachable(spec, access) };
    let mut at: BTreeMap<Home, Vec<Action>> = BTreeMap::new();
    for action in actions {
        for home in homes(action) {
            at.entry(*home).or_default().push(action);
        }
    }
    let mut statements = Vec::new();
    for (home, actions) in at {
        let places = ground.places(home);
        let several = places.len() > 1;
        for (number, (resources, condition)) in places.into_iter().enumerate() {
            let sid = if several { format!("{home:?}{}", number + 1) } else { format!("{home:?}") };
            statements.push(statement(&sid, "Allow", &actions, &resources, condition));
        }
    }
    statements.extend(state(&ground, job));
    statements.extend(denied(&ground));
    statements
}

fn statement(sid: &str, effect: &str, actions: &[&str], resources: &[String], condition: Json) -> Json {
    let mut statement = json!({ "Sid": sid, "Effect": effect, "Action": actions, "Resource": resources });
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn objects(ground: &Ground<'_>, keys: &[String]) -> Vec<String> {
    let bucket = bucket_arn(ground.access);
    keys.iter().map(|key| format!("{bucket}/{key}")).collect()
}

/// `arn:aws:s3:::rem-ci-state-prod-…`.
#[must_use]
pub fn bucket_arn(access: &Access) -> String {
    format!("arn:{}:s3:::{}", access.id.partition, access.bucket())
}

/// The state bucket. Without `ListBucket` S3 answers for a key that is not there that it may not be read (`GetObject`, S3 API
/// reference).
fn state(ground: &Ground<'_>, job: Job) -> Vec<Json> {
    let (read, written) = ground.keys(job);
    let home = [bucket_arn(ground.access)];
    let mut statements = vec![
        statement("StateList", "Allow", &["s3:ListBucket"], &home, Json::Null),
        statement("StateRead", "Allow", &["s3:GetObject"], &objects(ground, &read), Json::Null),
    ];
    let writes: &[&str] = if job == Job::Plan { &["s3:PutObject"] } else { &["s3:DeleteObject", "s3:PutObject"] };
    statements.push(statement("StateWrite", "Allow", writes, &objects(ground, &written), Json::Null));
    statements
}

/// What no job may, whatever else somebody attaches to its role: read secrets (R6), become another role (R4), change what
/// holds it (R8).
fn denied(ground: &Ground<'_>) -> Vec<Json> {
    let id = &ground.access.id;
    let everything = ["*".to_owned()];
    let bucket = bucket_arn(ground.access);
    let not = |sid: &str, actions: &[&str], resources: &[String]| json!({ "Sid": sid, "Effect": "Deny", "Action": actions, "NotResource": resources });
    let parameters = format!("arn:{}:ssm:*::parameter/aws/service/*", id.partition);
    vec![
        statement("NoSecrets", "Deny", &SECRETS, &everything, Json::Null),
        not("NoParameters", &["ssm:GetParameter*"], &[parameters]),
        not("NoObjects", &["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*"], &[format!("{bucket}/*")]),
        statement("NoOwnRoles", "Deny", &OWN, &ground.own(), Json::Null),
        statement(
            "NoRoleWithoutBoundary",
            "Deny",
            &["iam:CreateRole", "iam:PutRolePermissionsBoundary"],
            &everything,
            json!({ "StringNotEquals": { "iam:PermissionsBoundary": ground.access.boundary_arn() } }),
        ),
        statement("NoUnbinding", "Deny", &["iam:DeleteRolePermissionsBoundary"], &everything, Json::Null),
        statement("NoBucketRules", "Deny", &super::bucket::RULES, &[bucket], Json::Null),
    ]
}

/// Where secrets are, and the ways to another identity.
const SECRETS: [&str; 17] = [
    "ec2:DescribeInstanceAttribute",
    "ec2:GetConsoleOutput",
    "ec2:GetConsoleScreenshot",
    "ec2:GetPasswordData",
    "kms:Decrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "lambda:GetFunction*",
    "logs:FilterLogEvents",
    "logs:Get*",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "logs:Unmask",
    "secretsmanager:*",
    "sts:AssumeRole",
    "sts:GetFederationToken",
    "sts:GetSessionToken",
];

/// Every change of a role, a policy or a provider.
const OWN: [&str; 11] = [
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Pass*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Set*",
    "iam:Tag*",
    "iam:U*",
];

/// The policies that roles of the environment have by its model: those that AWS manages by their names, ours by their path.
fn attachable(spec: &Spec, access: &Access) -> Vec<String> {
    let graph = model::build(spec);
    let roles = graph.nodes().iter().filter(|node| node.address.kind() == "iam-role");
    let mut arns = BTreeSet::from([access.id.iam_arn(&format!("policy{}*", access.id.iam_path()))]);
    for role in roles {
        let want = role.want(&crate::engine::Facts::default());
        arns.extend(want.get("policies").into_iter().flat_map(Value::item_texts).map(str::to_owned));
    }
    arns.into_iter().collect()
}

/// Documents of at most the length that IAM takes, statements in their order.
fn cut(statements: Vec<Json>) -> Vec<Value> {
    let wrap = |statements: &[Json]| policy(&json!({ "Version": "2012-10-17", "Statement": statements }));
    let fits = |statements: &[Json]| length(&wrap(statements)) <= MANAGED_POLICY_LIMIT;
    let mut documents: Vec<Vec<Json>> = Vec::new();
    for statement in statements.into_iter().flat_map(|statement| halves(statement, &fits)) {
        match documents.last_mut() {
            Some(last) if fits(&[last.as_slice(), std::slice::from_ref(&statement)].concat()) => last.push(statement),
            _ => documents.push(vec![statement]),
        }
    }
    documents.iter().map(|statements| wrap(statements)).collect()
}

/// A statement that is too long alone, as two or more over parts of its actions.
fn halves(statement: Json, fits: &dyn Fn(&[Json]) -> bool) -> Vec<Json> {
    let actions = statement["Action"].as_array().cloned().unwrap_or_default();
    if fits(std::slice::from_ref(&statement)) || actions.len() < 2 {
        return vec![statement];
    }
    let (first, second) = actions.split_at(actions.len() / 2);
    let part = |actions: &[Json], mark: &str| {
        let mut part = statement.clone();
        part["Action"] = json!(actions);
        part["Sid"] = json!(format!("{}{mark}", part["Sid"].as_str().unwrap_or_default()));
        part
    };
    [part(first, "A"), part(second, "B")].into_iter().flat_map(|part| halves(part, fits)).collect()
}

/// The length of a document as IAM counts it: without white space.
#[must_use]
pub fn length(document: &Value) -> usize {
    document.as_text().map_or(0, |text| text.chars().filter(|letter| !letter.is_whitespace()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_where_iam_would_refuse_them() {
        let actions: Vec<String> = (0..600).map(|number| format!("ec2:Action{number}")).collect();
        let long = json!({ "Sid": "Long", "Effect": "Allow", "Action": actions, "Resource": ["*"] });
        let small = json!({ "Sid": "Small", "Effect": "Allow", "Action": ["a:B"], "Resource": ["*"] });
        let documents = cut(vec![small.clone(), long, small]);
        assert!(documents.len() > 1);
        assert!(documents.iter().all(|document| length(document) <= MANAGED_POLICY_LIMIT));
        let text: String = documents.iter().filter_map(Value::as_text).collect();
        assert!(actions.iter().all(|action| text.contains(&format!("\"{action}\""))));
    }
}
