//! The AWS kinds, and their catalogue in the order of deletion.

pub mod facts;

use crate::cloud::Cloud;
use crate::engine::AnyKind;

/// Every AWS kind. Order does not matter; `rank` does.
pub static KINDS: &[&dyn AnyKind<Cloud>] = &[];
