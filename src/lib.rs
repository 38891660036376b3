//! rem-ci: plan, price, apply, verify and destroy production EKS clusters, from one YAML per environment.
//!
//! A pipeline of pure data, `YAML -config-> Spec -model-> Graph -read-> Snapshot -plan-> Plan -apply-> Events -view-> text`,
//! where only *read* and *apply* do I/O.

pub mod action;
pub mod bootstrap;
pub mod cli;
pub mod cloud;
pub mod config;
pub mod cost;
pub mod doctor;
pub mod engine;
pub mod github;
pub mod guard;
pub mod model;
pub mod problem;
pub mod resources;
pub mod run;
pub mod sandbox;
pub mod verify;
pub mod view;
