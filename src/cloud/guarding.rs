//! Holds back every request that would change something once the lock's lease is too short for it.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::lock::may_write;

#[derive(Debug)]
pub(super) struct Guarding;

/// Whether an operation changes nothing: its name says so in every API used here.
fn reads(operation: &str) -> bool {
    ["Describe", "List", "Get", "Head", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}

impl Intercept for Guarding {
    fn name(&self) -> &'static str {
        "guarding"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if may_write() || bag.load::<Metadata>().is_some_and(|operation| reads(operation.name())) {
            return Ok(());
        }
        Err("the lock's lease is too short for another write: somebody else may hold it by now".into())
    }
}
