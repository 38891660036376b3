//! Addresses and the one shape in which desired and live state are compared.
//!
//! A kind describes what it wants and what it has as [`Fields`]; everything the engine knows of a resource beyond
//! that is its address. Desired values may be *symbolic*: they name another resource's attribute instead of an id, so
//! that a plan reads the same on every machine and hashes the same on every run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `section/kind/key`, or `section/kind` where there is only one: `network/subnet/private-1`, `network/vpc`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Arc<str>);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not an address"))
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.as_ref().to_owned()
    }
}

impl Address {
    /// An address with a key.
    #[must_use]
    pub fn keyed(section: &str, kind: &str, key: &str) -> Self {
        Self(format!("{section}/{kind}/{key}").into())
    }

    /// An address of the only one of its kind in a section.
    #[must_use]
    pub fn single(section: &str, kind: &str) -> Self {
        Self(format!("{section}/{kind}").into())
    }

    /// Reads an address back from a tag or a file; `None` unless it has two or three non-empty parts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split('/').count();
        let whole = text.split('/').all(|part| !part.is_empty());
        ((2..=3).contains(&parts) && whole).then(|| Self(text.into()))
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First part: what `--only` names.
    #[must_use]
    pub fn section(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Second part: the kind's name in the catalogue.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// Third part, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.split('/').nth(2)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One desired or live value. Scalars are text; what is absent is no key at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Plain text; numbers and booleans too, as AWS prints them.
    Text(String),
    /// Another resource's attribute, by address.
    Ref {
        /// The resource referred to.
        node: Address,
        /// One of the attributes its kind offers in [`Live::names`](super::Live::names).
        attr: String,
    },
    /// Text with references inside, written `$[network/vpc#id]`.
    Template(String),
    /// A JSON policy document in normal form ([`policy`]), possibly with references inside as in `Template`.
    Policy(String),
    /// Nothing that can be said before the apply: the fact named here is not known (offline, or it does not exist yet).
    Pending(String),
    /// In order.
    List(Vec<Value>),
    /// Sorted, without twins: rules, CIDRs, log types.
    Set(Vec<Value>),
    /// By key.
    Map(BTreeMap<String, Value>),
}

/// What a kind wants or has, by top-level field name. [`Kind::fields`](super::Kind::fields) lists the names allowed.
pub type Fields = BTreeMap<String, Value>;

impl Value {
    /// Plain text.
    #[must_use]
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    /// A sorted set without twins.
    #[must_use]
    pub fn set(items: impl IntoIterator<Item = Value>) -> Self {
        let mut items: Vec<_> = items.into_iter().collect();
        items.sort();
        items.dedup();
        Self::Set(items)
    }

    /// A set of plain texts.
    #[must_use]
    pub fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Self {
        Self::set(items.into_iter().map(Self::text))
    }

    /// A map of any values.
    #[must_use]
    pub fn map<K: Into<String>>(items: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(items.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A map of plain texts: tags, labels.
    #[must_use]
    pub fn tags<K: Into<String>, V: ToString>(items: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::map(items.into_iter().map(|(key, value)| (key.into(), Self::text(value))))
    }

    /// The text of a plain value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Policy(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list or a set; nothing for all else.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) | Self::Set(items) => items,
            _ => &[],
        }
    }

    /// The items of a list or a set that are plain text.
    pub fn item_texts(&self) -> impl Iterator<Item = &str> {
        self.items().iter().filter_map(Self::as_text)
    }

    /// The entry of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The entries of a map whose values are plain text.
    pub fn text_entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_text()?)))
    }

    /// Calls `see` with every `(address, attribute)` this value refers to.
    pub fn refs(&self, see: &mut dyn FnMut(Address, &str)) {
        match self {
            Self::Ref { node, attr } => see(node.clone(), attr),
            Self::Template(text) | Self::Policy(text) => {
                for (node, attr) in tokens(text) {
                    see(node, attr);
                }
            }
            Self::List(items) | Self::Set(items) => items.iter().for_each(|item| item.refs(see)),
            Self::Map(entries) => entries.values().for_each(|entry| entry.refs(see)),
            Self::Text(_) | Self::Pending(_) => {}
        }
    }

    /// This value with every reference replaced by what `look` says of it. Where `look` knows nothing, or a fact is
    /// missing, the whole value is `Err` with the thing that is not known yet.
    ///
    /// # Errors
    /// The name (`address#attr`, or the fact's) of the first part that is not known.
    pub fn resolve(&self, look: &dyn Fn(&Address, &str) -> Option<String>) -> Result<Value, String> {
        Ok(match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Ref { node, attr } => Self::Text(look(node, attr).ok_or_else(|| format!("{node}#{attr}"))?),
            Self::Template(text) => Self::Text(fill(text, look)?),
            Self::Policy(text) => Self::Policy(policy_text(&fill(text, look)?)),
            Self::Pending(fact) => return Err(fact.clone()),
            Self::List(items) => Self::List(items.iter().map(|item| item.resolve(look)).collect::<Result<_, _>>()?),
            Self::Set(items) => Self::set(items.iter().map(|item| item.resolve(look)).collect::<Result<Vec<_>, _>>()?),
            Self::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, entry)| Ok((fill(key, look)?, entry.resolve(look)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }

    /// The canonical JSON of DESIGN 3a, as hashed and as printed by the JSON view.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as Json, json};
        match self {
            Self::Text(text) | Self::Template(text) => Json::String(text.clone()),
            Self::Ref { node, attr } => json!({ "ref": node.as_str(), "attr": attr }),
            Self::Policy(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
            Self::Pending(fact) => json!({ "pending": fact }),
            Self::List(items) | Self::Set(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }
}

impl Value {
    /// What [`to_json`](Self::to_json) made, as far as it can be told: sets come back as lists, policies as maps.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let part = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
        let fields = json.as_object().map_or(0, serde_json::Map::len);
        if let (Some(node), Some(attr), 2) = (part("ref").and_then(|text| Address::parse(&text)), part("attr"), fields)
        {
            return Self::Ref { node, attr };
        }
        if let (Some(fact), 1) = (part("pending"), fields) {
            return Self::Pending(fact);
        }
        match json {
            Json::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
            Json::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Json::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A policy document in normal form: keys sorted, no white space, one-element lists of strings as the string itself
/// (AWS gives back either), so that equal policies are equal texts.
#[must_use]
pub fn policy(document: &serde_json::Value) -> Value {
    Value::Policy(normal(document).to_string())
}

/// [`policy`] for a document that AWS gave as text; text that is not JSON is kept as it is, and so differs from ours.
#[must_use]
pub fn policy_from_text(text: &str) -> Value {
    Value::Policy(policy_text(text))
}

fn policy_text(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |json| normal(&json).to_string())
}

fn normal(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.clone(), normal(value))).collect())
        }
        Json::Array(items) => {
            let mut items: Vec<_> = items.iter().map(normal).collect();
            if items.iter().all(Json::is_string) {
                // Lists of strings in a policy are sets: actions, resources, condition values.
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                items.dedup();
            }
            match items.as_slice() {
                [Json::String(only)] => Json::String(only.clone()),
                _ => Json::Array(items),
            }
        }
        other => other.clone(),
    }
}

/// The `(address, attribute)` pairs written `$[address#attr]` in a text.
fn tokens(text: &str) -> impl Iterator<Item = (Address, &str)> {
    text.split("$[").skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once(']')?;
        let (node, attr) = inside.split_once('#')?;
        Some((Address::parse(node)?, attr))
    })
}

fn fill(text: &str, look: &dyn Fn(&Address, &str) -> Option<String>) -> Result<String, String> {
    let mut filled = text.to_owned();
    for (node, attr) in tokens(text) {
        let found = look(&node, attr).ok_or_else(|| format!("{node}#{attr}"))?;
        filled = filled.replace(&format!("$[{node}#{attr}]"), &found);
    }
    Ok(filled)
}
