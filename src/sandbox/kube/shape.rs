//! How values of a kind are merged: which lists are sets or have keys, and which maps are replaced as a whole.
//!
//! Custom kinds say it in their schema; of the core kinds the markers of the API reference are kept here as a table
//! (`listType`, `listMapKey` and `mapType` of k8s.io/api).

use serde_json::Value as Json;

/// What a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One value.
    Atomic,
    /// Of scalars, each its own.
    Set,
    /// Of objects, told apart by these fields.
    Keys(Vec<String>),
}

/// The place of a value in an object.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// The top of an object of a custom kind, with its schema.
    Custom(&'a Json),
    /// Under a schema.
    Schema(&'a Json),
    /// In a core kind, or in any kind's metadata: the field, and the one that it is in.
    Core(&'a str, &'a str),
    /// Nothing is known.
    Free,
}

/// Parent (`*` is any), field, keys (`=` for a set).
const LISTS: &[(&str, &str, &str)] = &[
    ("metadata", "ownerReferences", "uid"),
    ("metadata", "finalizers", "="),
    ("*", "containers", "name"),
    ("*", "initContainers", "name"),
    ("*", "ephemeralContainers", "name"),
    ("*", "env", "name"),
    ("*", "volumeMounts", "mountPath"),
    ("*", "volumeDevices", "devicePath"),
    ("*", "volumes", "name"),
    ("*", "imagePullSecrets", "name"),
    ("*", "hostAliases", "ip"),
    ("*", "topologySpreadConstraints", "topologyKey whenUnsatisfiable"),
    ("*", "conditions", "type"),
    ("containers", "ports", "containerPort protocol"),
    ("initContainers", "ports", "containerPort protocol"),
    ("spec", "ports", "port protocol"),
    ("status", "addresses", "type"),
    ("status", "podIPs", "ip"),
    ("", "secrets", "name"),
];

/// Maps that are one value.
const MAPS: &[(&str, &str)] = &[
    ("spec", "selector"),
    ("spec", "nodeSelector"),
    ("", "roleRef"),
    ("*", "labelSelector"),
    ("*", "namespaceSelector"),
    ("*", "fieldRef"),
    ("*", "secretKeyRef"),
    ("*", "configMapKeyRef"),
    ("*", "resourceFieldRef"),
    ("*", "requiredDuringSchedulingIgnoredDuringExecution"),
    ("*", "targetRef"),
    ("*", "claimRef"),
];

impl<'a> Shape<'a> {
    /// Of a whole object: with its schema where it has one.
    #[must_use]
    pub fn root(schema: Option<&'a Json>) -> Self {
        schema.map_or(Self::Core("", ""), Self::Custom)
    }

    /// Of a field.
    #[must_use]
    pub fn child<'b>(self, field: &'b str) -> Shape<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Custom(_) if field == "metadata" => Shape::Core("", "metadata"),
            Self::Custom(schema) | Self::Schema(schema) => {
                let known = schema["properties"].get(field).or_else(|| schema.get("additionalProperties"));
                known.filter(|known| known.is_object()).map_or(Shape::Free, Shape::Schema)
            }
            Self::Core(_, parent) => Shape::Core(parent, field),
            Self::Free => Shape::Free,
        }
    }

    /// Of an item of a list.
    #[must_use]
    pub fn item(self) -> Self {
        match self {
            Self::Custom(schema) | Self::Schema(schema) => schema.get("items").map_or(Self::Free, Self::Schema),
            other => other,
        }
    }

    /// What a list here is.
    #[must_use]
    pub fn listing(self) -> Listing {
        match self {
            Self::Custom(schema) | Self::Schema(schema) => match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => Listing::Set,
                Some("map") => {
                    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                    Listing::Keys(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect())
                }
                _ => Listing::Atomic,
            },
            Self::Core(parent, field) => {
                let row = LISTS.iter().find(|(of, name, _)| *name == field && (*of == "*" || *of == parent));
                match row.map(|(.., keys)| *keys) {
                    None => Listing::Atomic,
                    Some("=") => Listing::Set,
                    Some(keys) => Listing::Keys(keys.split(' ').map(str::to_owned).collect()),
                }
            }
            Self::Free => Listing::Atomic,
        }
    }

    /// Whether a map here is one value.
    #[must_use]
    pub fn whole(self) -> bool {
        match self {
            Self::Custom(_) | Self::Free => false,
            Self::Schema(schema) => schema["x-kubernetes-map-type"] == "atomic",
            Self::Core(parent, field) => MAPS.iter().any(|(of, name)| *name == field && (*of == "*" || *of == parent)),
        }
    }

    /// The value of a key that an item leaves out.
    fn default(self, key: &str) -> Option<Json> {
        match self {
            Self::Core(..) if key == "protocol" => Some(Json::from("TCP")),
            Self::Schema(schema) => schema["properties"][key].get("default").cloned(),
            _ => None,
        }
    }

    /// An item of a list as an element of a path, `k:{"name":"a"}`; nothing when it is not one by its keys.
    #[must_use]
    pub fn element(self, listing: &Listing, item: &Json) -> Option<String> {
        match listing {
            Listing::Atomic => None,
            Listing::Set => Some(format!("v:{item}")),
            Listing::Keys(keys) => {
                let values: std::collections::BTreeMap<&str, Json> = keys
                    .iter()
                    .filter_map(|key| {
                        let value = item.get(key).cloned().or_else(|| self.item().default(key))?;
                        Some((key.as_str(), value))
                    })
                    .collect();
                (!values.is_empty()).then(|| format!("k:{}", serde_json::to_string(&values).unwrap_or_default()))
            }
        }
    }
}
