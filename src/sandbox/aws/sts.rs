//! STS: who calls, and sessions of roles. What lets somebody in is the role's own trust policy.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::iam::{self, Federated, Session};
use crate::sandbox::region::{Here, iso, text, unsupported};
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state: none of its own, sessions belong to IAM's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(identity(here, call)),
        "AssumeRole" => assume(here, call),
        "AssumeRoleWithWebIdentity" => web_identity(here, params),
        "GetSessionToken" => {
            let duration = duration(params, 43_200, 129_600)?;
            let session =
                Session { arn: here.caller.to_owned(), user_id: "AIDASANDBOX".to_owned(), ..Session::default() };
            Ok(json!({ "Credentials": credentials(here, session, duration) }))
        }
        _ => Err(unsupported("sts", &call.operation)),
    }
}

fn identity(here: &Here<'_>, call: &Call) -> Json {
    let session = here.iam.sessions.get(&call.access_key);
    let user = session.map_or_else(|| "AIDASANDBOX".to_owned(), |session| session.user_id.clone());
    json!({ "UserId": user, "Account": here.account, "Arn": here.caller })
}

fn invalid(words: impl Into<String>) -> Fault {
    Fault::new("ValidationError", words)
}

fn denied(words: impl Into<String>) -> Fault {
    Fault::new("AccessDenied", words).status(403)
}

/// `DurationSeconds`, 900 to `most`.
fn duration(params: &Json, default: i64, most: i64) -> Result<i64, Fault> {
    match text(params, "DurationSeconds") {
        "" => Ok(default.min(most)),
        seconds => match seconds.parse() {
            Ok(seconds) if seconds > most => {
                Err(invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."))
            }
            Ok(seconds) if seconds >= 900 => Ok(seconds),
            _ => Err(invalid(format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"
            ))),
        },
    }
}

fn session_name(params: &Json) -> Result<&str, Fault> {
    let name = text(params, "RoleSessionName");
    let good = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    if (2..=64).contains(&name.len()) && name.chars().all(good) {
        Ok(name)
    } else {
        Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )))
    }
}

/// Opens a session and gives its credentials. Keys are `ASIA`, the account's digits and sixteen letters: the region
/// finds the account by them.
fn credentials(here: &mut Here<'_>, session: Session, seconds: i64) -> Json {
    let letters = here.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
    let key = format!("ASIA{}{letters}", here.account);
    let secret = here.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40);
    let token = here.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 80);
    let expires = here.now + seconds * 1000;
    // Whatever ended a day ago is of no interest to anybody: an expired key must still read as expired, not as unknown.
    let day_ago = here.now - 86_400_000;
    here.iam.sessions.retain(|_, old| old.expires > day_ago);
    here.iam.sessions.insert(key.clone(), Session { expires, ..session });
    json!({
        "AccessKeyId": key,
        "SecretAccessKey": secret,
        "SessionToken": BASE64_STANDARD.encode(token),
        "Expiration": iso(expires),
    })
}

fn opened(here: &mut Here<'_>, role: &iam::Role, params: &Json, seconds: i64) -> Answer {
    let name = session_name(params)?;
    let arn = format!("arn:{}:sts::{}:assumed-role/{}/{name}", here.partition(), here.account, role.name);
    let id = format!("{}:{name}", role.id);
    let policy = Some(text(params, "Policy").to_owned()).filter(|policy| !policy.is_empty());
    let session = Session { arn: arn.clone(), role: role.arn.clone(), user_id: id.clone(), policy, expires: 0 };
    let credentials = credentials(here, session, seconds);
    Ok(json!({ "Credentials": credentials, "AssumedRoleUser": { "AssumedRoleId": id, "Arn": arn } }))
}

fn assume(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let arn = text(params, "RoleArn");
    session_name(params)?;
    let refused =
        || denied(format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}", here.caller));
    let role = here.iam.role(arn).filter(|role| role.usable <= here.now).cloned().ok_or_else(refused)?;
    let session = here.iam.sessions.get(&call.access_key).cloned();
    let mut context = std::collections::BTreeMap::new();
    if let Some(external) = params["ExternalId"].as_str() {
        context.insert("sts:externalid".to_owned(), vec![external.to_owned()]);
    }
    context.insert("aws:principalarn".to_owned(), vec![here.caller.to_owned()]);
    let by = session.as_ref().map(|session| session.role.as_str());
    if !iam::allows_principal(&role.trust, here.caller, by, here.account, &context) {
        return Err(refused());
    }
    // Role chaining is limited to an hour (STS API reference).
    let chained = session.is_some_and(|session| !session.role.is_empty());
    let most = if chained { 3600 } else { i64::from(role.max_session_s) };
    let seconds = duration(params, 3600, most)?;
    opened(here, &role, params, seconds)
}

/// The claims of a JWT. The sandbox trusts a token's payload: it is no place to check signatures.
fn claims(token: &str) -> Result<Json, Fault> {
    token
        .split('.')
        .nth(1)
        .and_then(|payload| BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok())
        .and_then(|payload| serde_json::from_slice::<Json>(&payload).ok())
        .filter(Json::is_object)
        .ok_or_else(|| Fault::new("InvalidIdentityToken", "The ID Token provided is not a valid JWT."))
}

fn web_identity(here: &mut Here<'_>, params: &Json) -> Answer {
    session_name(params)?;
    let claims = claims(text(params, "WebIdentityToken"))?;
    if claims["exp"].as_f64().is_some_and(|end| {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit in 53 bits")]
        let now = here.now as f64;
        end * 1000.0 < now
    }) {
        return Err(Fault::new("ExpiredTokenException", "Token expired"));
    }
    let refused = || denied("Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let issuer = text(&claims, "iss");
    let provider = here.iam.provider_of(issuer).cloned().ok_or_else(|| {
        Fault::new("InvalidIdentityToken", "No OpenIDConnect provider found in your account for ".to_owned() + issuer)
    })?;
    let audiences = match &claims["aud"] {
        Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        one => vec![one.as_str().unwrap_or_default().to_owned()],
    };
    if !audiences.iter().any(|audience| provider.client_ids.contains(audience)) {
        return Err(Fault::new("InvalidIdentityToken", "Incorrect token audience"));
    }
    let arn = text(params, "RoleArn");
    let role = here.iam.role(arn).filter(|role| role.usable <= here.now).cloned().ok_or_else(refused)?;
    let provider_arn = format!("arn:{}:iam::{}:oidc-provider/{}", here.partition(), here.account, provider.url);
    if !iam::allows_web_identity(&role.trust, &Federated { provider: &provider_arn, claims: &claims }) {
        return Err(refused());
    }
    let seconds = duration(params, 3600, i64::from(role.max_session_s))?;
    let mut answer = opened(here, &role, params, seconds)?;
    answer["SubjectFromWebIdentityToken"] = claims["sub"].clone();
    answer["Provider"] = json!(provider_arn);
    answer["Audience"] = json!(audiences.first());
    Ok(answer)
}
