//! A watch: what it has told, and what it tells next. It never waits; a door does, and asks again.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::answer::{Place, settle};
use super::read::{inside, shown};
use super::select::Selector;
use super::status::Failure;
use super::store::{Change, Store, What, text};
use super::types::Kind;
use super::{controllers, table};
use crate::sandbox::region;
use crate::sandbox::state::{Millis, State};

/// How often a client is told of a version although nothing has happened.
const BOOKMARK_MS: Millis = 60_000;

/// See the module.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) resource: String,
    pub(super) namespace: String,
    /// Empty for a collection.
    pub(super) name: String,
    pub(super) selector: Selector,
    pub(super) bookmarks: bool,
    /// Whether events carry tables.
    pub(super) table: bool,
    /// Everything up to it has been told.
    pub(super) version: u64,
    /// How long it lasts, on the client's own clock.
    pub timeout: Duration,
    /// Events to tell first.
    pub(super) told: Vec<Json>,
    /// When the last bookmark was told.
    pub(super) marked: Millis,
    pub(super) over: bool,
}

/// What a watch has to say now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Events, one JSON document a line.
    pub lines: String,
    /// Whether it ends with them.
    pub over: bool,
    /// When something happens by itself next.
    pub due: Option<Millis>,
}

impl Watch {
    /// Tells of what is there, as a watch without a version does.
    pub(super) fn begin(&mut self, store: &Store, marked: bool) {
        let all = store.list(&self.resource).filter(|object| self.means(object));
        let events: Vec<Json> = all.map(|object| self.event(store, "ADDED", object, self.marked)).collect();
        self.told.extend(events);
        if marked && self.bookmarks {
            let mut mark = self.bookmark();
            mark["object"]["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
            self.told.push(mark);
        }
    }

    fn means(&self, object: &Json) -> bool {
        inside(object, &self.namespace)
            && (self.name.is_empty() || text(object, "/metadata/name") == self.name)
            && self.selector.matches(object)
    }

    fn event(&self, store: &Store, what: &str, object: &Json, now: Millis) -> Json {
        let object = shown(object.clone(), &self.kind);
        let object = if self.table { table::one(store, &self.kind, &object, now) } else { object };
        json!({ "type": what, "object": object })
    }

    fn bookmark(&self) -> Json {
        let metadata = json!({ "resourceVersion": self.version.to_string(), "creationTimestamp": null });
        let object = if self.table {
            json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": [], "rows": [] })
        } else {
            json!({ "kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata })
        };
        json!({ "type": "BOOKMARK", "object": object })
    }

    /// A change as this watch sees it: what begins or ceases to match is an addition or a removal.
    fn seen(&self, store: &Store, change: &Change, at: Millis) -> Option<Json> {
        let now = change.what != What::Deleted && self.means(&change.object);
        let before = change.before.as_ref().is_some_and(|before| self.means(before));
        let what = match (before, now) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return None,
        };
        Some(self.event(store, what, &change.object, at))
    }

    /// What has happened since the last time.
    pub fn news(&mut self, state: &mut State, now: Millis) -> News {
        if self.over {
            return News { over: true, ..News::default() };
        }
        let place = self.place.clone();
        region::with_here(state, now, &place.account, &place.region, "", |here| {
            settle(here);
            let due = controllers::next_due(here.region).filter(|due| *due > now);
            let Some(cluster) = here.region.kube.clusters.get(&place.cluster) else {
                self.over = true;
                return News { over: true, ..News::default() };
            };
            let mut events = std::mem::take(&mut self.told);
            if let Some(changes) = cluster.store.since(&self.resource, self.version) {
                events.extend(changes.into_iter().filter_map(|change| self.seen(&cluster.store, change, now)));
                self.version = cluster.store.version();
            } else {
                let why = format!("too old resource version: {} ({})", self.version, cluster.store.version());
                events.push(json!({ "type": "ERROR", "object": Failure::expired(&why).status() }));
                self.over = true;
            }
            if self.bookmarks && now - self.marked >= BOOKMARK_MS && !self.over {
                self.marked = now;
                events.push(self.bookmark());
            }
            let mut lines = String::new();
            for event in &events {
                lines.push_str(&event.to_string());
                lines.push('\n');
            }
            News { lines, over: self.over, due }
        })
    }
}
