//! `/openapi/v2` and `/openapi/v3`.

use super::answer::Reply;
use super::status::Failure;
use super::store::Store;
use super::types::Kind;

pub(super) fn answer(_store: &Store, _kinds: &[Kind], _path: &str) -> Result<Reply, Failure> {
    Err(Failure::no_path())
}
