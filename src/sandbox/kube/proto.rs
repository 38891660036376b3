//! Bodies in Kubernetes' protobuf: typed clients (`kubectl create`, `drain`, `auth can-i`) send some in no other form.
//!
//! Only messages that such clients are used for are known, and of them the fields that mean something here. Numbers are those
//! of `generated.proto` in k8s.io/api and k8s.io/apimachinery. Answers are always JSON, which every client takes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value as Json, json};

/// Before every body.
const MAGIC: &[u8] = b"k8s\0";

/// What a field holds.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Bool,
    Number,
    /// Of texts.
    Texts,
    /// From text to text.
    Map,
    /// From text to bytes.
    Bytes,
    Message(Fields),
}

type Fields = &'static [(u64, &'static str, Form)];

const META: Fields = &[
    (1, "name", Form::Text),
    (2, "generateName", Form::Text),
    (3, "namespace", Form::Text),
    (5, "uid", Form::Text),
    (6, "resourceVersion", Form::Text),
    (11, "labels", Form::Map),
    (12, "annotations", Form::Map),
    (14, "finalizers", Form::Texts),
];

const PRECONDITIONS: Fields = &[(1, "uid", Form::Text), (2, "resourceVersion", Form::Text)];

const DELETE: Fields = &[
    (1, "gracePeriodSeconds", Form::Number),
    (2, "preconditions", Form::Message(PRECONDITIONS)),
    (4, "propagationPolicy", Form::Text),
    (5, "dryRun", Form::Texts),
];

const RESOURCE_ATTRIBUTES: Fields = &[
    (1, "namespace", Form::Text),
    (2, "verb", Form::Text),
    (3, "group", Form::Text),
    (4, "version", Form::Text),
    (5, "resource", Form::Text),
    (6, "subresource", Form::Text),
    (7, "name", Form::Text),
];

const ACCESS: Fields = &[
    (1, "resourceAttributes", Form::Message(RESOURCE_ATTRIBUTES)),
    (2, "nonResourceAttributes", Form::Message(&[(1, "path", Form::Text), (2, "verb", Form::Text)])),
];

const KINDS: &[(&str, Fields)] = &[
    (
        "ConfigMap",
        &[
            (1, "metadata", Form::Message(META)),
            (2, "data", Form::Map),
            (3, "binaryData", Form::Bytes),
            (4, "immutable", Form::Bool),
        ],
    ),
    ("DeleteOptions", DELETE),
    ("Eviction", &[(1, "metadata", Form::Message(META)), (2, "deleteOptions", Form::Message(DELETE))]),
    (
        "Namespace",
        &[(1, "metadata", Form::Message(META)), (2, "spec", Form::Message(&[(1, "finalizers", Form::Texts)]))],
    ),
    (
        "Secret",
        &[
            (1, "metadata", Form::Message(META)),
            (2, "data", Form::Bytes),
            (3, "type", Form::Text),
            (4, "stringData", Form::Map),
            (5, "immutable", Form::Bool),
        ],
    ),
    ("SelfSubjectAccessReview", &[(1, "metadata", Form::Message(META)), (2, "spec", Form::Message(ACCESS))]),
    ("ServiceAccount", &[(1, "metadata", Form::Message(META))]),
];

/// A body as JSON; nothing when it is none, or of a kind that is not known.
pub(super) fn read(body: &[u8]) -> Option<Json> {
    let envelope = message(body.strip_prefix(MAGIC)?)?;
    let bytes = |number: u64| envelope.iter().find(|(field, _)| *field == number).map(|(_, value)| value.bytes());
    let kind_of = message(bytes(1)?)?;
    let text = |number: u64| {
        let found = kind_of.iter().find(|(field, _)| *field == number).map(|(_, value)| value.text());
        found.unwrap_or_default()
    };
    let (version, kind) = (text(1), text(2));
    let (_, fields) = KINDS.iter().find(|(known, _)| *known == kind)?;
    let mut object = decoded(bytes(2).unwrap_or_default(), fields)?;
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    Some(object)
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Varint(_) => &[],
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    fn number(&self) -> u64 {
        match self {
            Self::Varint(number) => *number,
            Self::Bytes(_) => 0,
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message, in their order.
fn message(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            wire @ (1 | 2 | 5) => {
                let length = match wire {
                    1 => 8,
                    5 => 4,
                    _ => usize::try_from(varint(&mut bytes)?).ok()?,
                };
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(value)
            }
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

fn decoded(bytes: &[u8], fields: Fields) -> Option<Json> {
    let mut object = Map::new();
    for (number, value) in message(bytes)? {
        let Some((_, name, form)) = fields.iter().find(|(known, ..)| *known == number) else { continue };
        match form {
            // An empty text is one that is not there.
            Form::Text if value.bytes().is_empty() => {}
            Form::Text => {
                object.insert((*name).to_owned(), json!(value.text()));
            }
            Form::Bool => {
                object.insert((*name).to_owned(), json!(value.number() != 0));
            }
            Form::Number => {
                object.insert((*name).to_owned(), json!(value.number()));
            }
            Form::Texts => {
                let list = object.entry((*name).to_owned()).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(json!(value.text()));
            }
            Form::Map | Form::Bytes => {
                let pair = message(value.bytes())?;
                let part =
                    |number: u64| pair.iter().find(|(field, _)| *field == number).map(|(_, value)| value.bytes());
                let key = String::from_utf8_lossy(part(1).unwrap_or_default()).into_owned();
                let value = part(2).unwrap_or_default();
                let text = match form {
                    Form::Bytes => BASE64_STANDARD.encode(value),
                    _ => String::from_utf8_lossy(value).into_owned(),
                };
                let map = object.entry((*name).to_owned()).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(key, json!(text));
            }
            Form::Message(fields) => {
                object.insert((*name).to_owned(), decoded(value.bytes(), fields)?);
            }
        }
    }
    Some(Json::Object(object))
}

#[cfg(test)]
mod tests;
