//! All objects of one cluster: what etcd is to an API server. It knows names, versions, generations, finalizers and
//! events, and nothing of what the objects mean; who may write what, and validation, are the API server's business.
//!
//! A *resource* is written `pods` or `nodepools.karpenter.sh`: the plural, and the group where there is one. Versions of a
//! group share their objects.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::sandbox::state::Millis;

/// Changes kept for watches; whoever asks for an older version gets 410 Gone and lists again.
const KEPT: usize = 5_000;

/// An object's place: its namespace (empty for cluster-scoped ones) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl Key {
    /// Of a namespaced object.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Of a cluster-scoped object.
    #[must_use]
    pub fn global(name: impl Into<String>) -> Self {
        Self::new("", name)
    }

    /// Of an object, by its metadata.
    #[must_use]
    pub fn of(object: &Json) -> Self {
        Self::new(text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    }

    fn joined(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is another.
    Modified,
    /// It is gone; the change carries its last state.
    Deleted,
}

impl What {
    /// As a watch event spells it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change, for watches.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version it led to.
    pub version: u64,
    /// `pods`, `nodepools.karpenter.sh`.
    pub resource: String,
    /// What happened.
    pub what: What,
    /// The object after it, or its last state.
    pub object: Json,
    /// The object before it; a watch with a selector turns a change into its own addition or removal.
    pub before: Option<Json>,
}

/// Why a write was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 409 AlreadyExists.
    #[error("it exists")]
    Exists,
    /// 404 NotFound.
    #[error("it does not exist")]
    Absent,
    /// 409 Conflict: `metadata.resourceVersion` is not the current one.
    #[error("the object has been modified; please apply your changes to the latest version and try again")]
    Stale,
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    objects: BTreeMap<String, BTreeMap<String, Json>>,
    version: u64,
    #[serde(skip)]
    changes: VecDeque<Change>,
    /// The oldest version from which a watch can still be told everything.
    #[serde(skip)]
    oldest: u64,
}

impl Store {
    /// The current resourceVersion of the whole.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    #[must_use]
    pub fn get(&self, resource: &str, key: &Key) -> Option<&Json> {
        self.objects.get(resource)?.get(&key.joined())
    }

    /// All objects of a resource, by namespace and name.
    pub fn list(&self, resource: &str) -> impl Iterator<Item = &Json> {
        self.objects.get(resource).into_iter().flat_map(BTreeMap::values)
    }

    /// The resources that have objects.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().filter(|(_, objects)| !objects.is_empty()).map(|(resource, _)| resource.as_str())
    }

    /// The changes of a resource after a version, oldest first; none when the version is too old to tell.
    #[must_use]
    pub fn since(&self, resource: &str, version: u64) -> Option<Vec<&Change>> {
        // After a restart nothing is remembered but that the current state is the current state.
        let known = version >= self.oldest && (self.oldest > 0 || version >= self.first_told());
        let told = self.changes.iter().filter(|change| change.version > version && change.resource == resource);
        known.then(|| told.collect())
    }

    /// All changes after a version, newest first; none when the version is too old to tell.
    #[must_use]
    pub fn after(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        let known = version == self.version || (!self.changes.is_empty() && version >= self.first_told());
        known.then(|| self.changes.iter().rev().take_while(move |change| change.version > version))
    }

    fn first_told(&self) -> u64 {
        self.changes.front().map_or(self.version, |change| change.version.saturating_sub(1))
    }

    /// Stores a new object: sets uid, creationTimestamp, generation 1 and resourceVersion. The object has its name.
    ///
    /// # Errors
    /// When one of that name is there.
    pub fn create(&mut self, now: Millis, resource: &str, mut object: Json) -> Result<Json, Refused> {
        let key = Key::of(&object);
        if self.get(resource, &key).is_some() {
            return Err(Refused::Exists);
        }
        let version = self.version + 1;
        let metadata = metadata(&mut object);
        metadata.insert("uid".to_owned(), json!(uid(version, resource, &key)));
        metadata.insert("creationTimestamp".to_owned(), json!(time(now)));
        metadata.insert("generation".to_owned(), json!(1));
        metadata.remove("deletionTimestamp");
        Ok(self.put(resource, &key, What::Added, object))
    }

    /// Stores another state of an object. Nothing happens when it is equal; `metadata.generation` grows when anything but
    /// metadata and status differs; identity (uid, creationTimestamp, deletionTimestamp) stays. An object on its way out that
    /// has lost its last finalizer goes.
    ///
    /// # Errors
    /// When it is not there, or `metadata.resourceVersion` is set and not the current one.
    pub fn update(&mut self, resource: &str, mut object: Json) -> Result<Json, Refused> {
        let key = Key::of(&object);
        let old = self.get(resource, &key).ok_or(Refused::Absent)?.clone();
        let asked = text(&object, "/metadata/resourceVersion");
        if !asked.is_empty() && asked != text(&old, "/metadata/resourceVersion") {
            return Err(Refused::Stale);
        }
        let same_spec = same_but(&old, &object, &["metadata", "status"]);
        let generation = old.pointer("/metadata/generation").and_then(Json::as_u64).unwrap_or(1);
        let metadata = metadata(&mut object);
        for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"]
        {
            match old["metadata"].get(field) {
                Some(value) => metadata.insert(field.to_owned(), value.clone()),
                None => metadata.remove(field),
            };
        }
        metadata.insert("generation".to_owned(), json!(if same_spec { generation } else { generation + 1 }));
        if object == old {
            return Ok(old);
        }
        let leaving = object["metadata"].get("deletionTimestamp").is_some();
        if leaving && !has_finalizers(&object) && grace(&object) == 0 {
            return Ok(self.drop_object(resource, &key, object));
        }
        Ok(self.put(resource, &key, What::Modified, object))
    }

    /// Changes an object in place, as a controller does. Gives nothing when it is not there.
    pub fn change(&mut self, resource: &str, key: &Key, change: impl FnOnce(&mut Json)) -> Option<Json> {
        let mut object = self.get(resource, key)?.clone();
        change(&mut object);
        self.update(resource, object).ok()
    }

    /// Asks for an object's end. With finalizers, or with a grace period, it is only marked; else it goes at once. Gives its
    /// state after that.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(&mut self, now: Millis, resource: &str, key: &Key, grace_seconds: u64) -> Result<Json, Refused> {
        let mut object = self.get(resource, key).ok_or(Refused::Absent)?.clone();
        if object["metadata"].get("deletionTimestamp").is_none() {
            let at = now + Millis::try_from(grace_seconds).unwrap_or_default() * 1000;
            metadata(&mut object).insert("deletionTimestamp".to_owned(), json!(time(at)));
            metadata(&mut object).insert("deletionGracePeriodSeconds".to_owned(), json!(grace_seconds));
        } else if grace_seconds < grace(&object) {
            metadata(&mut object).insert("deletionGracePeriodSeconds".to_owned(), json!(grace_seconds));
        }
        if !has_finalizers(&object) && grace(&object) == 0 {
            return Ok(self.drop_object(resource, key, object));
        }
        if Some(&object) == self.get(resource, key) {
            return Ok(object);
        }
        Ok(self.put(resource, key, What::Modified, object))
    }

    /// Ends an object at once, whatever it waits for: a kubelet that has stopped a pod, a control plane that is gone.
    pub fn remove(&mut self, resource: &str, key: &Key) -> Option<Json> {
        let object = self.get(resource, key)?.clone();
        Some(self.drop_object(resource, key, object))
    }

    /// Records an Event about an object. One with the same reason and message counts up instead.
    pub fn event(&mut self, now: Millis, about: &Json, source: &str, kind: &str, reason: &str, message: &str) {
        let namespace = match text(about, "/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let subject = format!("{}/{}/{reason}/{message}", text(about, "/kind"), text(about, "/metadata/name"));
        let digest = hex::encode(&Sha256::digest(subject.as_bytes())[..8]);
        let name = format!("{}.{digest}", text(about, "/metadata/name"));
        let key = Key::new(namespace, name);
        let again = self.change("events", &key, |event| {
            let count = event["count"].as_u64().unwrap_or(1) + 1;
            event["count"] = json!(count);
            event["lastTimestamp"] = json!(time(now));
        });
        if again.is_some() {
            return;
        }
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"namespace": key.namespace, "name": key.name},
            "involvedObject": {
                "apiVersion": about["apiVersion"], "kind": about["kind"], "name": about["metadata"]["name"],
                "namespace": about["metadata"]["namespace"], "uid": about["metadata"]["uid"],
            },
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": time(now), "lastTimestamp": time(now), "eventTime": null,
            "source": {"component": source}, "reportingComponent": source, "reportingInstance": "",
        });
        self.create(now, "events", event).ok();
    }

    /// A store of one object alone, at the same version: what a dry run is tried on.
    #[must_use]
    pub fn only(&self, resource: &str, key: &Key) -> Self {
        let mut only = Self { version: self.version, ..Self::default() };
        if let Some(object) = self.get(resource, key) {
            only.objects.entry(resource.to_owned()).or_default().insert(key.joined(), object.clone());
        }
        only
    }

    fn put(&mut self, resource: &str, key: &Key, what: What, mut object: Json) -> Json {
        self.version += 1;
        metadata(&mut object).insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        let place = self.objects.entry(resource.to_owned()).or_default();
        let before = place.insert(key.joined(), object.clone());
        self.tell(resource, what, object.clone(), before);
        object
    }

    fn drop_object(&mut self, resource: &str, key: &Key, mut object: Json) -> Json {
        let before = self.objects.get_mut(resource).and_then(|objects| objects.remove(&key.joined()));
        self.version += 1;
        metadata(&mut object).insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        self.tell(resource, What::Deleted, object.clone(), before);
        object
    }

    fn tell(&mut self, resource: &str, what: What, object: Json, before: Option<Json>) {
        if self.changes.is_empty() && self.oldest == 0 {
            self.oldest = self.version - 1;
        }
        if self.changes.len() == KEPT
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.oldest = forgotten.version;
        }
        let version = self.version;
        self.changes.push_back(Change { version, resource: resource.to_owned(), what, object, before });
    }
}

/// Whether two objects are equal apart from some fields at the top.
fn same_but(one: &Json, other: &Json, but: &[&str]) -> bool {
    let fields = |object: &Json| -> BTreeMap<String, Json> {
        let fields = object.as_object().into_iter().flatten();
        fields.filter(|(name, _)| !but.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    fields(one) == fields(other)
}

fn has_finalizers(object: &Json) -> bool {
    object.pointer("/metadata/finalizers").and_then(Json::as_array).is_some_and(|all| !all.is_empty())
}

fn grace(object: &Json) -> u64 {
    object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Json::as_u64).unwrap_or_default()
}

fn metadata(object: &mut Json) -> &mut serde_json::Map<String, Json> {
    if !object.is_object() {
        *object = json!({});
    }
    let place = &mut object["metadata"];
    if !place.is_object() {
        *place = json!({});
    }
    match place {
        Json::Object(fields) => fields,
        // It was made one just above.
        _ => unreachable!("metadata is an object"),
    }
}

/// The text at a JSON pointer; empty when there is none.
#[must_use]
pub fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// RFC 3339 in whole seconds, as Kubernetes prints times.
#[must_use]
pub fn time(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// A uid that is the same in every run with the same history.
fn uid(version: u64, resource: &str, key: &Key) -> String {
    let digest = Sha256::digest(format!("{version}/{resource}/{}", key.joined()).as_bytes());
    let hex = hex::encode(&digest[..16]);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

#[cfg(test)]
mod tests;
