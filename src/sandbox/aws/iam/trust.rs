//! Whether a trust policy lets somebody in.

use serde_json::Value as Json;

use super::State;
use super::conditions::{self, Context, any_glob};
use super::document::{statements, texts};

/// A web identity: the provider's ARN and the claims of the token.
#[derive(Clone, Debug)]
pub(crate) struct Federated<'a> {
    /// `arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com`.
    pub(crate) provider: &'a str,
    /// The token's payload.
    pub(crate) claims: &'a Json,
}

fn judged(trust: &str, action: &str, context: &Context, principal: &dyn Fn(&Json) -> bool) -> bool {
    let mut allowed = false;
    for statement in statements(trust) {
        let fits = any_glob(&statement["Action"], action, true)
            && principal(&statement["Principal"])
            && conditions::hold(&statement["Condition"], context, &|_| false, false);
        if fits && statement["Effect"] == "Deny" {
            return false;
        }
        allowed |= fits;
    }
    allowed
}

/// Whether a service, `eks.amazonaws.com`, may assume the role.
pub(crate) fn allows_service(trust: &str, service: &str, context: &Context) -> bool {
    judged(trust, "sts:AssumeRole", context, &|principal| texts(&principal["Service"]).contains(&service))
}

/// Whether a principal of `account` may assume the role.
pub(crate) fn allows_principal(trust: &str, arn: &str, role: Option<&str>, account: &str, context: &Context) -> bool {
    judged(trust, "sts:AssumeRole", context, &|principal| {
        principal == "*"
            || texts(&principal["AWS"]).iter().any(|name| {
                *name == "*" || *name == arn || Some(*name) == role || *name == account || {
                    name.ends_with(":root") && name.split(':').nth(4) == Some(account)
                }
            })
    })
}

/// Whether a web identity may assume the role. Each claim is a condition key `HOST:claim`.
pub(crate) fn allows_web_identity(trust: &str, identity: &Federated<'_>) -> bool {
    let host = identity.provider.split_once(":oidc-provider/").map_or("", |(_, host)| host);
    let mut context = Context::new();
    for (claim, value) in identity.claims.as_object().into_iter().flatten() {
        let values = match value {
            Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            Json::String(text) => vec![text.clone()],
            other => vec![other.to_string()],
        };
        context.insert(format!("{host}:{claim}").to_lowercase(), values);
    }
    judged(trust, "sts:AssumeRoleWithWebIdentity", &context, &|principal| {
        texts(&principal["Federated"]).contains(&identity.provider)
    })
}

impl State {
    /// The OIDC provider of an issuer, without `https://`.
    pub(crate) fn provider_of(&self, issuer: &str) -> Option<&super::Provider> {
        let host = issuer.trim_start_matches("https://");
        self.providers.values().find(|provider| provider.url == host)
    }
}
