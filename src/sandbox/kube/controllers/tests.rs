//! Whole stories in one cluster.

mod broken;
mod disruption;
mod lab;
mod nodes;
mod system;
mod things;
