//! OpenID Connect providers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{absent, arn, exists, invalid, limit, need, paged, tags};
use crate::sandbox::region::{Here, iso, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// Without `https://`, as IAM shows it.
    pub url: String,
    /// Audiences.
    pub client_ids: Vec<String>,
    /// SHA-1 of root certificates, 40 hex digits.
    pub thumbprints: Vec<String>,
    /// When it was made.
    pub created: Millis,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Provider, Fault> {
    let arn = need(params, "OpenIDConnectProviderArn")?;
    let words = format!("OpenIDConnect Provider not found for arn {arn}");
    here.iam.providers.get_mut(arn).ok_or_else(|| absent(&words))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateOpenIDConnectProvider" => create(here, params),
        "GetOpenIDConnectProvider" => named(here, params).map(|provider| {
            json!({
                "Url": provider.url,
                "ClientIDList": provider.client_ids,
                "ThumbprintList": provider.thumbprints,
                "CreateDate": iso(provider.created),
                "Tags": tags::out(&provider.tags),
            })
        }),
        "ListOpenIDConnectProviders" => {
            let arns: Vec<Json> = here.iam.providers.keys().map(|arn| json!({ "Arn": arn })).collect();
            Ok(json!({ "OpenIDConnectProviderList": arns }))
        }
        // The reference calls it idempotent; the service answers NoSuchEntity the second time.
        "DeleteOpenIDConnectProvider" => named(here, params).map(|_| ()).map(|()| {
            here.iam.providers.remove(params["OpenIDConnectProviderArn"].as_str().unwrap_or_default());
            json!({})
        }),
        "AddClientIDToOpenIDConnectProvider" => add_client(here, params),
        "RemoveClientIDFromOpenIDConnectProvider" => {
            let client = need(params, "ClientID").map(str::to_owned);
            client
                .and_then(|client| named(here, params).map(|provider| provider.client_ids.retain(|id| *id != client)))
                .map(|()| json!({}))
        }
        "UpdateOpenIDConnectProviderThumbprint" => thumbprints(params).and_then(|new| {
            named(here, params)?.thumbprints = new;
            Ok(json!({}))
        }),
        "TagOpenIDConnectProvider" => {
            named(here, params).and_then(|provider| tags::add(&mut provider.tags, params)).map(|()| json!({}))
        }
        "UntagOpenIDConnectProvider" => named(here, params).map(|provider| {
            tags::remove(&mut provider.tags, params);
            json!({})
        }),
        "ListOpenIDConnectProviderTags" => {
            named(here, params).map(|provider| paged(params, "Tags", &tags::out(&provider.tags)))
        }
        _ => return None,
    })
}

fn thumbprints(params: &Json) -> Result<Vec<String>, Fault> {
    let thumbprints = texts(params, "ThumbprintList");
    if thumbprints.len() > 5 {
        return Err(limit("Thumbprint list must contain fewer than 5 entries."));
    }
    let good = |print: &String| print.len() == 40 && print.bytes().all(|digit| digit.is_ascii_hexdigit());
    if thumbprints.iter().all(good) {
        Ok(thumbprints)
    } else {
        Err(invalid(
            "1 validation error detected: Value at 'thumbprintList' failed to satisfy constraint: Member must have length 40",
        ))
    }
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let url = need(params, "Url")?;
    let host = url.strip_prefix("https://").filter(|host| !host.is_empty() && !host.contains(['?', ':']));
    let host = host.ok_or_else(|| Fault::new("InvalidInput", "Invalid Open ID Connect Provider URL"))?;
    let host = host.trim_end_matches('/').to_owned();
    let client_ids = texts(params, "ClientIDList");
    if client_ids.len() > 100 {
        return Err(limit("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"));
    }
    let mut thumbprints = thumbprints(params)?;
    if thumbprints.is_empty() {
        // IAM fetches the top CA's thumbprint itself when none is given (API reference).
        thumbprints.push(here.letters("0123456789abcdef", 40));
    }
    let arn = arn(here, &format!("oidc-provider/{host}"));
    if here.iam.providers.contains_key(&arn) {
        return Err(exists(&format!("Provider with url {url} already exists.")));
    }
    let provider = Provider { url: host, client_ids, thumbprints, created: here.now, tags: tags::from(params)? };
    let answer = json!({ "OpenIDConnectProviderArn": arn, "Tags": tags::out(&provider.tags) });
    here.span(arn.clone(), [], here.now);
    here.iam.providers.insert(arn, provider);
    Ok(answer)
}

fn add_client(here: &mut Here<'_>, params: &Json) -> Answer {
    let client = need(params, "ClientID")?.to_owned();
    let provider = named(here, params)?;
    // "This operation is idempotent" (API reference).
    if !provider.client_ids.contains(&client) {
        provider.client_ids.push(client);
    }
    Ok(json!({}))
}
