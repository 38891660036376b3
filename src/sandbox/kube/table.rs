//! `Table`: what `kubectl get` prints, as the server prepares it.

use serde_json::Value as Json;

use super::answer::{Ask, Reply};
use super::store::Store;
use super::types::Kind;

/// Whether the client asks for tables.
pub(super) fn wanted(_ask: &Ask<'_>) -> bool {
    false
}

/// An answer as a table, where the client asks for one.
pub(super) fn render(_store: &Store, _ask: &Ask<'_>, reply: Reply) -> Reply {
    reply
}

/// A table of one row, for an event of a watch.
pub(super) fn one(_store: &Store, _kind: &Kind, object: &Json) -> Json {
    object.clone()
}
