//! The state bucket: its policy and its rules (S1).
//!
//! Who may do what is granted by the roles' own policies; the bucket's only takes away, so that nobody else's grant in the
//! account can undo what an approval rests on: that it was written once, by a plan.
//!
//! Sources: S3 user guide, "Enforce conditional writes on Amazon S3 buckets", "Policy actions for Amazon S3"; Service
//! Authorization Reference, Amazon S3.

use serde_json::{Value as Json, json};

use super::permissions::bucket_arn;
use crate::engine::{Value, policy};
use crate::model::access::{Access, Job};

/// Changes of the bucket itself: no job's to make.
pub(super) const RULES: [&str; 12] = [
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
];

/// Old versions of records and locks are kept so long, in days: enough to see what happened.
const VERSIONS_STAY: i32 = 30;
/// An approval waits behind a gate for 30 days at most (GitHub docs, "Deployments and environments"); then its plan is of no use.
const PLANS_STAY: i32 = 90;

/// The bucket's policy. `operators` are principals that may lock and apply besides the jobs: people with `rem-ci apply` on
/// their own machines.
#[must_use]
pub fn document(access: &Access, destroys: bool, operators: &[String]) -> Value {
    let bucket = bucket_arn(access);
    let under = |keys: &[&str]| -> Vec<String> { keys.iter().map(|key| format!("{bucket}/{key}")).collect() };
    let deny = |sid: &str, actions: Json, resources: Vec<String>, condition: Json| {
        let mut statement =
            json!({ "Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resources });
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        statement
    };
    let mut writers = vec![access.role_arn(Job::Apply)];
    writers.extend(destroys.then(|| access.role_arn(Job::Destroy)));
    let roles: Vec<_> = std::iter::once(access.role_arn(Job::Plan)).chain(writers.clone()).collect();
    writers.extend(operators.iter().cloned());
    let absent = |keys: &[&str]| -> Json {
        let keys = keys.iter().map(|key| ((*key).to_owned(), json!("true")));
        json!({ "Null": keys.collect::<serde_json::Map<_, _>>() })
    };
    let documents = ["locks/*", "records/*", "openings/*"];
    let both = || vec![bucket.clone(), format!("{bucket}/*")];
    policy(&json!({
        "Version": "2012-10-17",
        "Statement": [
            deny("NoPlainHttp", json!("s3:*"), both(), json!({ "Bool": { "aws:SecureTransport": "false" } })),
            deny(
                "PlansByPlansAlone",
                json!("s3:PutObject"),
                under(&["plans/*"]),
                json!({ "ArnNotEquals": { "aws:PrincipalArn": access.role_arn(Job::Plan) } }),
            ),
            deny("PlansOnce", json!("s3:PutObject"), under(&["plans/*"]), absent(&["s3:if-none-match"])),
            // A delete marker would make a key writable again: no condition on a write sees beneath it.
            deny(
                "PlansStay",
                json!(["s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:PutObjectTagging", "s3:ReplicateDelete"]),
                under(&["plans/*"]),
                Json::Null,
            ),
            deny(
                "DocumentsByWritersAlone",
                json!(["s3:DeleteObject*", "s3:PutObject"]),
                under(&documents),
                json!({ "ArnNotEquals": { "aws:PrincipalArn": writers } }),
            ),
            deny(
                "LocksByCondition",
                json!("s3:PutObject"),
                under(&["locks/*"]),
                absent(&["s3:if-match", "s3:if-none-match"]),
            ),
            deny(
                "NoCopies",
                json!("s3:PutObject"),
                under(&["*"]),
                json!({ "Null": { "s3:x-amz-copy-source": "false" } }),
            ),
            deny(
                "NoGrants",
                json!(["s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:ObjectOwnerOverrideToBucketOwner"]),
                under(&["*"]),
                Json::Null,
            ),
            deny("NoRules", json!(RULES), vec![bucket.clone()], json!({ "ArnEquals": { "aws:PrincipalArn": roles } })),
        ],
    }))
}

/// Days after which things go: `(prefix, days of the current version, days of old versions)`.
#[must_use]
pub fn lifecycle() -> Vec<(&'static str, Option<i32>, i32)> {
    vec![("plans/", Some(PLANS_STAY), VERSIONS_STAY), ("", None, VERSIONS_STAY)]
}
