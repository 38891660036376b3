//! Reads a chart from a registry, anonymously, by digest.
//!
//! Sources: the OCI distribution specification 1.1, "Pull"; Helm's documentation, "Use OCI-based registries" (media types);
//! the Docker registry token specification (the challenge of a 401).

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::Value as Json;

use super::chart::{CALL, LARGEST, digest as digest_of, same};
use crate::cloud::kubernetes::road::loopback;
use crate::cloud::web;
use crate::engine::{Class, Failure};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// No manifest is larger (the specification's own bound is 4 MiB).
const LARGEST_MANIFEST: usize = 1 << 20;

struct Repository<'a> {
    base: String,
    name: &'a str,
}

impl<'a> Repository<'a> {
    fn new(repository: &'a str) -> Result<Self, Failure> {
        let (host, name) = repository
            .split_once('/')
            .filter(|(host, name)| !host.is_empty() && !name.is_empty())
            .ok_or_else(|| Failure::fatal(CALL, format!("oci://{repository} names no repository of a registry")))?;
        // Without TLS only on this machine itself, as every client of registries has it.
        let plain = loopback(host.rsplit_once(':').map_or(host, |(name, _)| name));
        let scheme = if plain { "http" } else { "https" };
        Ok(Self { base: format!("{scheme}://{host}/v2/{name}"), name })
    }

    /// Reads below the repository; a registry that wants a token first is asked for an anonymous one.
    async fn read(&self, path: &str, accept: &'static str, most: usize) -> Result<Bytes, Failure> {
        let url = format!("{}/{path}", self.base);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let mut page = web::get(CALL, &url, &headers, most).await?;
        if page.status == StatusCode::UNAUTHORIZED {
            let challenge = page.headers.get(WWW_AUTHENTICATE).and_then(|text| text.to_str().ok()).unwrap_or_default();
            headers.insert(AUTHORIZATION, self.token(challenge).await?);
            page = web::get(CALL, &url, &headers, most).await?;
        }
        let refused = |class, why: &str| {
            let message = format!("{url} {why} (HTTP {})", page.status.as_u16());
            Failure { class, call: CALL.to_owned(), code: String::new(), message }
        };
        match page.status.as_u16() {
            200 => Ok(page.body),
            401 | 403 => {
                Err(refused(Class::Denied, "cannot be read without signing in: use a mirror that can, or a local file"))
            }
            404 => Err(refused(Class::Gone, "is not there")),
            429 => Err(refused(Class::Throttled, "was asked too often")),
            500.. => Err(refused(Class::Unknown, "fails")),
            _ => Err(refused(Class::Fatal, "makes no sense")),
        }
    }

    async fn token(&self, challenge: &str) -> Result<HeaderValue, Failure> {
        let parts = parameters(challenge);
        let of = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let realm = of("realm").filter(|_| challenge.to_ascii_lowercase().starts_with("bearer "));
        let realm = realm.ok_or_else(|| {
            let message = format!(
                "{} wants to be signed in to; use a mirror that can be read without, or a local file",
                self.base
            );
            Failure { class: Class::Denied, call: CALL.to_owned(), code: String::new(), message }
        })?;
        let scope = format!("repository:{}:pull", self.name);
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(service) = of("service") {
            query.append_pair("service", service);
        }
        query.append_pair("scope", of("scope").unwrap_or(&scope));
        let page = web::get(CALL, &format!("{realm}?{}", query.finish()), &HeaderMap::new(), LARGEST_MANIFEST).await?;
        let answer: Json = serde_json::from_slice(&page.body).unwrap_or_default();
        let token = answer["token"].as_str().or_else(|| answer["access_token"].as_str());
        token
            .and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok())
            .ok_or_else(|| Failure::fatal(CALL, format!("{realm} gives no token (HTTP {})", page.status.as_u16())))
    }
}

/// `realm="…",service="…"` of a challenge.
fn parameters(challenge: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = challenge.split_once(' ').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else { break };
        found.push((name.trim_matches([',', ' ']).to_ascii_lowercase(), value.to_owned()));
        rest = after;
    }
    found
}

/// The digest of the manifest that a tag names now.
pub(super) async fn digest(repository: &str, tag: &str) -> Result<String, Failure> {
    Ok(published(repository, tag).await?.0)
}

/// The digests of the manifest that a tag names now, and of the chart's file in it.
pub(super) async fn published(repository: &str, tag: &str) -> Result<(String, String), Failure> {
    let repository = Repository::new(repository)?;
    let manifest = repository.read(&format!("manifests/{tag}"), MANIFEST, LARGEST_MANIFEST).await?;
    Ok((digest_of(&manifest), layer(&manifest)?))
}

/// The file of the chart whose manifest has this digest.
pub(super) async fn chart(name: &str, pinned: &str) -> Result<Bytes, Failure> {
    let repository = Repository::new(name)?;
    let manifest = repository.read(&format!("manifests/{pinned}"), MANIFEST, LARGEST_MANIFEST).await?;
    same(&format!("the manifest of oci://{name}"), pinned, &manifest)?;
    let layer = layer(&manifest)?;
    let bytes = repository.read(&format!("blobs/{layer}"), "*/*", LARGEST).await?;
    same(&format!("the file of oci://{name}"), &layer, &bytes)?;
    Ok(bytes)
}

/// The digest of the one layer that is the chart.
fn layer(manifest: &[u8]) -> Result<String, Failure> {
    let odd = |why: &str| Failure::fatal(CALL, format!("the registry's manifest is not that of a chart: {why}"));
    let manifest: Json = serde_json::from_slice(manifest).map_err(|error| odd(&error.to_string()))?;
    let layers = manifest["layers"].as_array().ok_or_else(|| odd("no layers"))?;
    let mut charts = layers.iter().filter(|layer| layer["mediaType"] == LAYER);
    let (Some(layer), None) = (charts.next(), charts.next()) else { return Err(odd("not one layer with a chart")) };
    let digest = layer["digest"].as_str().unwrap_or_default();
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digest.to_owned())
    } else {
        Err(odd("its layer has no sha256 digest"))
    }
}

#[cfg(test)]
mod tests;
