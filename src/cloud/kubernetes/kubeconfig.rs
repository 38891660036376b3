//! kubeconfig files: made, and merged into one that is there.
//!
//! Source: Kubernetes documentation, "kubeconfig (v1)".

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_yaml::{Mapping, Value};

use crate::engine::Failure;

/// The name of the extension that tells our entries from others'.
const MARK: &str = "rem-ci.dev";

/// How a user proves who they are.
#[derive(Clone, Debug)]
pub enum User {
    /// A token: for a child of ours.
    Token(SecretString),
    /// A program that prints tokens: ourselves.
    Exec {
        /// Absolute path.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables that it gets besides the caller's own.
        env: Vec<(String, String)>,
    },
}

/// One cluster, one user and one context, all of one name.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Their name.
    pub name: String,
    /// The environment, for the mark; none makes no mark.
    pub environment: Option<String>,
    /// `https://…`.
    pub server: String,
    /// What the certificate must say, where it is not the server's host.
    pub tls_server_name: Option<String>,
    /// PEM.
    pub ca: Vec<u8>,
    /// See [`User`].
    pub user: User,
}

fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Mapping(pairs.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

fn texts<'a>(items: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Sequence(items.into_iter().map(|item| Value::from(item.as_str())).collect())
}

impl Entry {
    fn marks(&self) -> Option<(&'static str, Value)> {
        let environment = self.environment.as_deref()?;
        let mark = map([("name", MARK.into()), ("extension", map([("environment", environment.into())]))]);
        Some(("extensions", Value::Sequence(vec![mark])))
    }

    fn named(&self, what: &'static str, fields: Vec<(&'static str, Value)>) -> Value {
        let fields = fields.into_iter().chain(self.marks());
        map([("name", self.name.as_str().into()), (what, map(fields))])
    }

    fn cluster(&self) -> Value {
        let mut fields = vec![
            ("server", self.server.as_str().into()),
            ("certificate-authority-data", BASE64_STANDARD.encode(&self.ca).into()),
        ];
        fields.extend(self.tls_server_name.as_deref().map(|name| ("tls-server-name", name.into())));
        self.named("cluster", fields)
    }

    fn user(&self) -> Value {
        let fields = match &self.user {
            User::Token(token) => vec![("token", token.expose_secret().into())],
            User::Exec { command, args, env } => {
                let mut exec = vec![
                    ("apiVersion", "client.authentication.k8s.io/v1".into()),
                    ("command", command.as_str().into()),
                    ("args", texts(args)),
                    ("interactiveMode", "Never".into()),
                    ("provideClusterInfo", false.into()),
                ];
                if !env.is_empty() {
                    let env = env
                        .iter()
                        .map(|(name, value)| map([("name", name.as_str().into()), ("value", value.as_str().into())]));
                    exec.push(("env", Value::Sequence(env.collect())));
                }
                vec![("exec", map(exec))]
            }
        };
        self.named("user", fields)
    }

    fn context(&self) -> Value {
        let name = self.name.as_str();
        self.named("context", vec![("cluster", name.into()), ("user", name.into())])
    }
}

/// A file with this entry alone.
///
/// # Errors
/// None that are known.
pub fn text(entry: &Entry) -> Result<SecretString, Failure> {
    written(&merged(Mapping::new(), entry).map_err(|why| Failure::fatal("kubeconfig", why))?)
}

/// A file as it is now with this entry in it. All others stay as they are, but for comments; an entry of the same name is
/// replaced where it is ours.
///
/// # Errors
/// In words: the file is none, or an entry of that name is somebody else's.
pub fn merge(existing: &str, entry: &Entry) -> Result<SecretString, Failure> {
    let bad = |why: String| Failure::fatal("kubeconfig", why);
    let file: Value = serde_yaml::from_str(existing).map_err(|error| bad(format!("the file is not YAML: {error}")))?;
    let file = match file {
        Value::Null => Mapping::new(),
        Value::Mapping(file) => file,
        _ => return Err(bad("the file is not a kubeconfig".to_owned())),
    };
    if file.get("kind").is_some_and(|kind| kind.as_str() != Some("Config")) {
        return Err(bad("the file is not a kubeconfig: its kind is not Config".to_owned()));
    }
    written(&merged(file, entry).map_err(bad)?)
}

fn written(file: &Mapping) -> Result<SecretString, Failure> {
    let text = serde_yaml::to_string(file).map_err(|error| Failure::fatal("kubeconfig", error.to_string()))?;
    Ok(text.into())
}

fn merged(mut file: Mapping, entry: &Entry) -> Result<Mapping, String> {
    for (key, value) in [("apiVersion", "v1"), ("kind", "Config")] {
        file.entry(key.into()).or_insert_with(|| value.into());
    }
    for (list, what, new) in [
        ("clusters", "cluster", entry.cluster()),
        ("users", "user", entry.user()),
        ("contexts", "context", entry.context()),
    ] {
        let there = file.entry(list.into()).or_insert_with(|| Value::Sequence(Vec::new()));
        if there.is_null() {
            *there = Value::Sequence(Vec::new());
        }
        let Value::Sequence(items) = there else { return Err(format!("{list} in the file is not a list")) };
        match items.iter_mut().find(|item| item["name"].as_str() == Some(&entry.name)) {
            None => items.push(new),
            Some(old) if ours(&old[what]) => *old = new,
            Some(_) => {
                return Err(format!(
                    "{list} has an entry {} that rem-ci did not make; rename or remove it (kubectl config delete-{what} {}), or write to another file with --output",
                    entry.name, entry.name
                ));
            }
        }
    }
    file.insert("current-context".into(), entry.name.as_str().into());
    Ok(file)
}

fn ours(entry: &Value) -> bool {
    let marks = entry["extensions"].as_sequence();
    marks.is_some_and(|marks| marks.iter().any(|mark| mark["name"].as_str() == Some(MARK)))
}

#[cfg(test)]
mod tests;
