//! Everything as documents and commands, for those who make roles in another way, or want to read before they run.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::build::named;
use super::gates::gates;
use super::{Repository, Wish, boundary, bucket, permissions, trust};
use crate::config::Spec;
use crate::engine::{TAG_ENVIRONMENT, Value};
use crate::model::access::{Access, BOUNDARY};

/// A document with the name of the file that the commands read it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `prod-plan-1.json`.
    pub file: String,
    /// Indented JSON.
    pub text: String,
}

/// All documents and the commands that use them, in an order that works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Policies.
    pub documents: Vec<Document>,
    /// One a line.
    pub commands: Vec<String>,
}

fn pretty(document: &Value) -> String {
    let text = document.as_text().unwrap_or_default();
    let json: Json = serde_json::from_str(text).unwrap_or_default();
    serde_json::to_string_pretty(&json).unwrap_or_default()
}

/// The documents and commands for one environment.
#[must_use]
pub fn print(spec: &Spec, repository: &Repository, wish: &Wish) -> Printed {
    let access = Access::of(spec);
    let spec = &named(spec, &access, wish);
    let mut printed = Printed::default();
    let environment = &access.id.environment;
    for gate in gates(environment, repository, wish) {
        printed.commands.extend(gate.commands(repository));
    }
    let mut add = |name: &str, document: &Value| {
        let file = format!("{environment}-{name}.json");
        printed.documents.push(Document { file: file.clone(), text: pretty(document) });
        file
    };
    let mut commands = vec![format!(
        "aws iam create-open-id-connect-provider --url https://{} --client-id-list sts.amazonaws.com  # once in an account",
        trust::ISSUER
    )];
    let path = access.path();
    let create_policy = |what: &str, file: &str| {
        format!(
            "aws iam create-policy --path {path} --policy-name {} --policy-document file://{file}",
            access.derived(what)
        )
    };
    commands.push(create_policy(BOUNDARY, &add(BOUNDARY, &boundary::document(&access.id))));
    for job in wish.jobs() {
        let word = job.word();
        let trust = add(&format!("{word}-trust"), &trust::document(&access.id, repository, job));
        let role = access.derived(word);
        commands.push(format!(
            "aws iam create-role --path {path} --role-name {role} --assume-role-policy-document file://{trust}"
        ));
        for (document, number) in permissions::documents(spec, &access, job).iter().zip(1..) {
            let what = format!("{word}-{number}");
            commands.push(create_policy(&what, &add(&what, document)));
            commands.push(format!(
                "aws iam attach-role-policy --role-name {role} --policy-arn {}",
                access.policy_arn(&what)
            ));
        }
    }
    let policy = add("bucket", &bucket::document(&access, wish.destroy, &wish.operators));
    commands.extend(bucket_commands(&access, &policy));
    printed.commands.extend(commands);
    printed
        .commands
        .push(format!("# then, in environments/{environment}.yaml: {}", super::edit::by_hand(&access, wish)));
    printed
}

fn bucket_commands(access: &Access, policy: &str) -> Vec<String> {
    let (bucket, region) = (access.bucket(), &access.id.region);
    let place = if region == "us-east-1" {
        String::new()
    } else {
        format!(" --create-bucket-configuration LocationConstraint={region}")
    };
    let rules = bucket::lifecycle().into_iter().map(|(prefix, current, old)| {
        let mut rule = json!({
            "ID": format!("rem-ci {prefix}"),
            "Status": "Enabled",
            "Filter": { "Prefix": prefix },
            "NoncurrentVersionExpiration": { "NoncurrentDays": old },
        });
        if let Some(days) = current {
            rule["Expiration"] = json!({ "Days": days });
        }
        rule
    });
    let rules = json!({ "Rules": rules.collect::<Vec<_>>() });
    let api =
        |operation: &str, rest: &str| format!("aws s3api {operation} --bucket {bucket} {rest}").trim_end().to_owned();
    vec![
        format!("aws s3api create-bucket --bucket {bucket} --region {region}{place}"),
        api(
            "put-public-access-block",
            "--public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
        ),
        api("put-bucket-versioning", "--versioning-configuration Status=Enabled"),
        api("put-bucket-policy", &format!("--policy file://{policy}")),
        api("put-bucket-lifecycle-configuration", &format!("--lifecycle-configuration '{rules}'")),
        api("put-bucket-tagging", &format!("--tagging 'TagSet=[{{Key={TAG_ENVIRONMENT},Value={}}}]'", access.tag())),
    ]
}

impl Printed {
    /// As one text: each document under its file's name, the commands after them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for document in &self.documents {
            let _ = writeln!(text, "# {}\n{}\n", document.file, document.text);
        }
        for command in &self.commands {
            let _ = writeln!(text, "{command}");
        }
        text
    }

    /// As JSON: `{"format":"rem-ci/bootstrap/v1","documents":{FILE:DOCUMENT},"commands":[…]}`.
    #[must_use]
    pub fn json(&self, environment: &str) -> Json {
        let documents = self
            .documents
            .iter()
            .map(|document| (document.file.clone(), serde_json::from_str(&document.text).unwrap_or(Json::Null)));
        json!({
            "format": "rem-ci/bootstrap/v1",
            "environment": environment,
            "documents": documents.collect::<serde_json::Map<_, _>>(),
            "commands": self.commands,
        })
    }
}
