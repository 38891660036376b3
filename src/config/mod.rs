//! YAML to [`Spec`] with source positions, and everything that can be said about it without AWS.
//!
//! `files` opens, `text` looks at characters, `yaml` parses, `node` merges what `extends`, `decode` makes a [`Spec`] of it,
//! `check` looks at the values. Every step notes all it finds before the next one gives up; a problem always has a place.
//!
//! | file | what |
//! |---|---|
//! | `load.rs` | the way through: [`load`], [`load_from`] |
//! | `spec.rs`, `schema.rs` | the types, and their JSON Schema for editors |
//! | `codes.rs` | every code with its explanation |
//! | `commit.rs`, `git.rs` | files as another commit has them; commits, and what differs between them |
//! | `digest.rs` | [`input_digest`] |
//! | `import.rs` | an old Pulumi stack's configuration to an environment file |

pub mod check;
pub mod codes;
mod commit;
mod decode;
mod digest;
pub mod files;
pub mod git;
mod import;
mod load;
mod node;
pub mod pin;
mod schema;
pub mod spec;
mod text;
mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use check::quantity;
pub use check::waive;
pub use codes::{CodeDoc, codes};
pub use commit::{Commit, origin};
pub use digest::input_digest;
pub use git::{Git, Merge};
pub use import::import_pulumi;
pub use load::{Loaded, load, load_from};
pub use node::Places;
pub use schema::schema;
pub use spec::Spec;
