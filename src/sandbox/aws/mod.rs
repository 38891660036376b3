//! One module per service: `State`, `handle(here, call)` and, where things take time, `settle(here)`.

pub mod autoscaling;
pub mod ec2;
pub mod eks;
pub mod elb;
pub mod events;
pub mod iam;
pub mod kms;
pub mod logs;
mod md5;
mod policy;
pub mod quotas;
pub mod s3;
pub mod scheduler;
pub mod sqs;
pub mod ssm;
pub mod sts;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod wire_tests;
