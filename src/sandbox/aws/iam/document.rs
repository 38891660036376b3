//! What IAM refuses in a policy document (IAM user guide: "IAM JSON policy elements reference"). The words are IAM's.

use serde_json::Value as Json;

use super::conditions;
use crate::sandbox::region::Here;
use crate::sandbox::wire::Fault;

fn malformed(words: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicyDocument", words)
}

/// Length as IAM's quotas count it: without white space.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// One text or a list of them.
pub(super) fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The statements of a document; none if it is not one.
pub(super) fn statements(document: &str) -> Vec<Json> {
    match serde_json::from_str::<Json>(document).ok().map(|mut parsed| parsed["Statement"].take()) {
        Some(Json::Array(statements)) => statements,
        Some(one @ Json::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

fn common(document: &str) -> Result<Vec<Json>, Fault> {
    let parsed: Json = serde_json::from_str(document).map_err(|_| malformed("This policy contains invalid Json"))?;
    if !["2012-10-17", "2008-10-17"].contains(&parsed["Version"].as_str().unwrap_or("2008-10-17")) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let known = ["Version", "Id", "Statement"];
    if parsed.as_object().is_none_or(|top| top.keys().any(|key| !known.contains(&key.as_str()))) {
        return Err(malformed("Syntax errors in policy."));
    }
    let statements = statements(document);
    if statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    let mut sids = Vec::new();
    for statement in &statements {
        if !["Allow", "Deny"].contains(&statement["Effect"].as_str().unwrap_or_default()) {
            return Err(malformed("Syntax errors in policy."));
        }
        if let Some(sid) = statement["Sid"].as_str().filter(|sid| !sid.is_empty()) {
            if !sid.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                return Err(malformed(
                    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
                ));
            }
            if sids.contains(&sid) {
                return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
            }
            sids.push(sid);
        }
        let actions = if statement["Action"].is_null() { &statement["NotAction"] } else { &statement["Action"] };
        let actions = texts(actions);
        if actions.is_empty() {
            return Err(malformed("Policy statement must contain actions."));
        }
        if actions.iter().any(|action| *action != "*" && !action.contains(':')) {
            return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
        }
        if !conditions::well_formed(&statement["Condition"]) {
            return Err(malformed("Syntax errors in policy."));
        }
    }
    Ok(statements)
}

/// Checks a policy of an identity.
pub(super) fn identity(document: &str) -> Result<(), Fault> {
    for statement in common(document)? {
        if !statement["Principal"].is_null() || !statement["NotPrincipal"].is_null() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        let resources =
            if statement["Resource"].is_null() { &statement["NotResource"] } else { &statement["Resource"] };
        let resources = texts(resources);
        if resources.is_empty() {
            return Err(malformed("Policy statement must contain resources."));
        }
        if let Some(wrong) =
            resources.iter().find(|one| **one != "*" && !(one.starts_with("arn:") && one.split(':').count() >= 6))
        {
            return Err(malformed(format!("Resource {wrong} must be in ARN format or \"*\".")));
        }
    }
    Ok(())
}

/// Checks a trust policy. A role or user of this account that it trusts must exist; other accounts' cannot be looked at.
pub(super) fn trust(here: &Here<'_>, document: &str) -> Result<(), Fault> {
    if size(document) > 2048 {
        return Err(super::limit("Cannot exceed quota for ACLSizePerRole: 2048"));
    }
    for statement in common(document)? {
        if !statement["Resource"].is_null() || !statement["NotResource"].is_null() {
            return Err(malformed("Has prohibited field Resource"));
        }
        if !texts(&statement["Action"]).iter().all(|action| *action == "*" || action.starts_with("sts:")) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
        let principal = &statement["Principal"];
        let Some(kinds) = principal.as_object() else {
            if principal.as_str() == Some("*") {
                continue;
            }
            return Err(malformed("AssumeRolepolicy must contain principals"));
        };
        for (kind, names) in kinds {
            for name in texts(names) {
                let good = match kind.as_str() {
                    "AWS" => aws_principal(here, name),
                    "Service" => name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn"),
                    "Federated" => federated(name),
                    "CanonicalUser" => true,
                    _ => false,
                };
                if !good {
                    return Err(malformed(format!("Invalid principal in policy: \"{kind}\":\"{name}\"")));
                }
            }
        }
    }
    Ok(())
}

fn aws_principal(here: &Here<'_>, name: &str) -> bool {
    if name == "*" || (name.len() == 12 && name.bytes().all(|digit| digit.is_ascii_digit())) {
        return true;
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, resource] if *account == here.account => {
            *resource == "root" || here.iam.principal_exists(name)
        }
        ["arn", _, "iam" | "sts", "", account, resource] => account.len() == 12 && !resource.is_empty(),
        _ => false,
    }
}

/// IAM looks at the form of a federated principal, not at whether the provider is there.
fn federated(name: &str) -> bool {
    name.contains(":oidc-provider/")
        || name.contains(":saml-provider/")
        || (!name.starts_with("arn:") && name.contains('.'))
}
