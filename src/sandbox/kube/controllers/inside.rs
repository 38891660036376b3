//! What a controller is given: the cluster's objects, the region around it, and a way to ask for a later moment.

use serde_json::Value as Json;

use super::run::Work;
use crate::sandbox::aws::eks;
use crate::sandbox::kube::store::{Key, Store};
use crate::sandbox::region::Here;
use crate::sandbox::state::Millis;

/// One cluster and the region around it.
pub(super) struct Inside<'a, 'h> {
    /// The region; its `now` is the moment that is lived.
    pub(super) here: &'a mut Here<'h>,
    /// The cluster's name.
    pub(super) name: String,
    /// Its objects.
    pub(super) store: Store,
    /// What its controllers remember.
    pub(super) work: Work,
    /// The earliest moment that the running controller has asked for.
    pub(super) wake: Option<Millis>,
}

impl Inside<'_, '_> {
    /// The moment that is lived.
    pub(super) fn now(&self) -> Millis {
        self.here.now
    }

    /// Asks to be run again at a moment.
    pub(super) fn wake(&mut self, at: Millis) {
        if at > self.here.now {
            self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
        }
    }

    /// Whether a moment has come; asks to be run then if it has not.
    pub(super) fn reached(&mut self, at: Millis) -> bool {
        self.wake(at);
        at <= self.here.now
    }

    /// A number of milliseconds between two numbers of seconds, always the same for a name. Whole seconds, so that what
    /// happens together is done together.
    pub(super) fn span(&self, of: &str, from: u64, to: u64) -> Millis {
        let range = (to - from).max(1);
        let seconds = from + self.here.chance(&format!("{}/{of}", self.name)) % range;
        Millis::try_from(seconds).unwrap_or_default() * 1000
    }

    /// `length` characters of Kubernetes's own alphabet for names, always the same for a name.
    pub(super) fn suffix(&self, of: &str, length: usize) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut bits = self.here.chance(&format!("{}/{of}", self.name));
        let mut name = String::new();
        for _ in 0..length {
            let at = usize::try_from(bits % LETTERS.len() as u64).unwrap_or_default();
            name.push(char::from(LETTERS[at]));
            bits /= LETTERS.len() as u64;
        }
        name
    }

    /// The cluster as EKS has it.
    pub(super) fn eks(&self) -> Option<&eks::Cluster> {
        self.here.region.eks.clusters.get(&self.name)
    }

    /// Makes an object unless one of its name is there. Says whether it did.
    pub(super) fn ensure(&mut self, resource: &str, object: Json) -> bool {
        let now = self.here.now;
        self.store.create(now, resource, object).is_ok()
    }

    /// Asks for an object's end.
    pub(super) fn delete(&mut self, resource: &str, key: &Key, grace: u64) {
        let now = self.here.now;
        self.store.delete(now, resource, key, grace).ok();
    }

    /// Records an Event; `kind` is `Normal` or `Warning`.
    pub(super) fn event(&mut self, about: &Json, source: &str, kind: &str, reason: &str, message: &str) {
        let now = self.here.now;
        self.store.event(now, about, source, kind, reason, message);
    }
}
