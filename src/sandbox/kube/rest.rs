//! What a method, a path and a query ask for.

use std::collections::BTreeMap;

use http::Method;

use super::status::Failure;

/// A path under `/api` or `/apis` that names a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `pods`.
    pub plural: String,
    /// Empty for cluster-scoped ones, and for all namespaces.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// `status`; empty for none.
    pub subresource: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// Objects.
    Target(Target),
    /// `/api`.
    Versions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`: empty group for the core one.
    Resources(String, String),
    /// Anything else: `/version`, `/healthz`, `/openapi/v3`, ….
    Other(String),
}

/// Reads a path.
#[must_use]
pub fn path(path: &str) -> Path {
    let decoded: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["api"] => Path::Versions,
        ["apis"] => Path::Groups,
        ["apis", group] => Path::Group((*group).to_owned()),
        ["api", version] => Path::Resources(String::new(), (*version).to_owned()),
        ["apis", group, version] => Path::Resources((*group).to_owned(), (*version).to_owned()),
        ["api", version, rest @ ..] => objects("", version, rest, path),
        ["apis", group, version, rest @ ..] => objects(group, version, rest, path),
        _ => Path::Other(format!("/{}", parts.join("/"))),
    }
}

fn objects(group: &str, version: &str, rest: &[&str], path: &str) -> Path {
    let (namespace, rest) = match rest {
        // A namespace's own subresources come where its resources' names do.
        ["namespaces", name, sub @ ("status" | "finalize")] if group.is_empty() => ("", &["namespaces", name, sub][..]),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, subresource] => (*plural, *name, *subresource),
        _ => return Path::Other(path.to_owned()),
    };
    let own = |text: &str| text.to_owned();
    Path::Target(Target {
        group: own(group),
        version: own(version),
        plural: own(plural),
        namespace: own(namespace),
        name: own(name),
        subresource: own(subresource),
    })
}

/// A query's parameters; of several of one name the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads it.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            found.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(found)
    }

    /// A parameter; empty when it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether a parameter is on.
    #[must_use]
    pub fn on(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1" | "True" | "TRUE" | "t")
    }

    /// A number, if it is one.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// Whether nothing is to be kept.
    ///
    /// # Errors
    /// 422 for anything but `All`.
    pub fn dry(&self) -> Result<bool, Failure> {
        match self.text("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Failure::new(
                422,
                "Invalid",
                format!(" \"\" is invalid: dryRun: Unsupported value: \"{other}\": supported values: \"All\""),
            )),
        }
    }
}

/// The verb of a request, as RBAC spells it.
///
/// # Errors
/// 405 where the method means nothing.
pub fn verb(method: &Method, target: &Target, query: &Query) -> Result<&'static str, Failure> {
    let one = !target.name.is_empty();
    Ok(match method.as_str() {
        "GET" if query.on("watch") && target.subresource.is_empty() => "watch",
        "GET" if one => "get",
        "GET" => "list",
        "POST" => "create",
        "PUT" if one => "update",
        "PATCH" if one => "patch",
        "DELETE" if one => "delete",
        "DELETE" => "deletecollection",
        _ => return Err(Failure::method()),
    })
}
