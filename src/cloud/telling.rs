//! Tells of every try of every call: see [`calls`].

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::engine::calls::{self, Call, Left};

#[derive(Debug)]
pub(super) struct Telling;

impl Storable for Left {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Telling {
    fn name(&self) -> &'static str {
        "telling"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(Left::now());
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(left), Some(operation)) = (bag.load::<Left>(), bag.load::<Metadata>()) else { return Ok(()) };
        calls::tell(&Call {
            service: operation.service().to_owned(),
            operation: operation.name().to_owned(),
            attempt: bag.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts),
            took: left.elapsed(),
            status: context.response().map(|response| response.status().as_u16()),
        });
        Ok(())
    }
}
