//! Asks GitHub.

use super::facts::{Hub, HubEnvironment};
use crate::config::Spec;
use crate::github::{Client, Error};

/// What GitHub says of the repository, as far as the token may ask.
pub async fn hub(client: &Client, spec: &Spec, branch: &str) -> Hub {
    let mut refused = Vec::new();
    let note = |error: Error, refused: &mut Vec<String>| {
        let text = error.to_string();
        if !refused.contains(&text) {
            refused.push(text.clone());
        }
        text
    };
    let mut hub = Hub::default();
    match client.claims().await {
        Ok(claims) => {
            hub.immutable = claims.use_immutable_subject;
            hub.customised = (!claims.use_default).then_some(claims.include_claim_keys);
        }
        Err(error) => drop(note(error, &mut refused)),
    }
    let mut names = vec![spec.name.clone()];
    if spec.roles.destroy.is_some() {
        names.push(format!("{}-destroy", spec.name));
    }
    for name in names {
        let seen = match environment(client, &name).await {
            Ok(seen) => Ok(seen),
            Err(error) => Err(note(error, &mut refused)),
        };
        hub.environments.insert(name, seen);
    }
    hub.rules = match client.rules(branch).await {
        Ok(rules) => Ok(rules.into_iter().map(|rule| (rule.kind, rule.parameters)).collect()),
        Err(error) => Err(note(error, &mut refused)),
    };
    hub.refused = refused;
    hub
}

async fn environment(client: &Client, name: &str) -> Result<Option<HubEnvironment>, Error> {
    let Some(there) = client.environment(name).await? else { return Ok(None) };
    let listed = there.deployment_branch_policy.is_some_and(|policy| policy.custom_branch_policies);
    let branches = if listed { client.branch_policies(name).await? } else { Vec::new() };
    Ok(Some(HubEnvironment {
        listed,
        branches: branches.into_iter().map(|policy| policy.name).collect(),
        reviewers: there.reviewers().len(),
        prevent_self_review: there
            .rule("required_reviewers")
            .and_then(|rule| rule.prevent_self_review)
            .unwrap_or(false),
        name: there.name,
    }))
}
