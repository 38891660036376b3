//! YAML to [`Spec`] with source positions.

pub mod spec;

pub use spec::Spec;
