//! Calls without HTTP, for the tests of services.

use bytes::Bytes;
use serde_json::Value as Json;

use crate::sandbox::region;
use crate::sandbox::state::{Millis, State};
use crate::sandbox::wire::{Answer, Call};

/// A region, a clock that stands still until moved, and one caller.
pub(super) struct Trial {
    pub(super) state: State,
    pub(super) now: Millis,
    pub(super) caller: String,
}

impl Trial {
    /// 2026-11-24T00:00:00Z in account 123456789012, us-east-1.
    pub(super) fn new() -> Self {
        let caller = "arn:aws:iam::123456789012:user/sandbox".to_owned();
        Self { state: State::new(7), now: 1_795_478_400_000, caller }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    /// A JSON or query call.
    pub(super) fn call(&mut self, service: &str, operation: &str, params: Json) -> Answer {
        self.full(service, operation, params, &[], b"")
    }

    /// A call with headers and a body, for S3.
    pub(super) fn full(
        &mut self,
        service: &str,
        operation: &str,
        params: Json,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            params,
            region: "us-east-1".to_owned(),
            access_key: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Bytes::copy_from_slice(body),
        };
        let caller = self.caller.clone();
        region::with_here(&mut self.state, self.now, "123456789012", "us-east-1", &caller, |here| {
            region::settle(here);
            match service {
                "sqs" => super::sqs::handle(here, &call),
                "events" => super::events::handle(here, &call),
                "kms" => super::kms::handle(here, &call),
                "logs" => super::logs::handle(here, &call),
                "ssm" => super::ssm::handle(here, &call),
                "scheduler" => super::scheduler::handle(here, &call),
                "eks" => super::eks::handle(here, &call),
                "iam" => super::iam::handle(here, &call),
                _ => super::s3::handle(here, &call),
            }
        })
    }

    /// The answer, which must be good.
    pub(super) fn good(&mut self, service: &str, operation: &str, params: Json) -> Json {
        self.call(service, operation, params).unwrap_or_else(|fault| panic!("{service}:{operation}: {fault:?}"))
    }

    /// The code of a refusal.
    pub(super) fn code(&mut self, service: &str, operation: &str, params: Json) -> String {
        self.call(service, operation, params).map_or_else(|fault| fault.code, |answer| panic!("{operation}: {answer}"))
    }
}
