//! Whole stories in one cluster.

mod lab;
mod system;
