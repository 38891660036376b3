//! AWS's error codes in the engine's few classes: the one place where a code is named.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::engine::{Class, Failure, Read};

/// Puts a failed SDK call into the engine's terms: `client.create_vpc().send().await.map_err(failed("ec2:CreateVpc"))?`.
pub fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(
    call: &'static str,
) -> impl FnOnce(SdkError<E, Response>) -> Failure {
    move |error| match &error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().unwrap_or_default().to_owned();
            let mut message = context.err().message().unwrap_or_default().to_owned();
            if code.is_empty() && message.is_empty() {
                // An answer that is none of the API's: a proxy's page, or half of one.
                message = chain(context.err());
            }
            let status = context.raw().status().as_u16();
            Failure { class: classify(&code, &message, status), call: call.to_owned(), code, message }
        }
        SdkError::ConstructionFailure(_) => Failure::fatal(call, chain(&error)),
        _ => Failure { class: Class::Unknown, call: call.to_owned(), code: String::new(), message: chain(&error) },
    }
}

/// `Ok(None)` where the thing is not there.
///
/// # Errors
/// Every other failure.
pub fn gone_is_none<T>(result: Result<T, Failure>) -> Read<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.class == Class::Gone => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// The class of an answer with this code, text and HTTP status.
///
/// Sources: the "Common errors" and per-operation error lists of the EC2, EKS, IAM, SQS, EventBridge, KMS, Logs, Auto
/// Scaling and S3 API references.
#[must_use]
pub fn classify(code: &str, message: &str, status: u16) -> Class {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "ClientRequestLimitExceeded" => Class::Throttled,

        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "OptInRequired"
        | "KMSAccessDeniedException" => Class::Denied,

        // EC2 names every kind of thing in its code: InvalidVpcID.NotFound, NatGatewayNotFound, InvalidGroup.NotFound.
        _ if code.ends_with(".NotFound") || code.ends_with("NotFound") || code.ends_with("NotFoundException") => {
            Class::Gone
        }
        "NoSuchEntity"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist"
        | "NoSuchKey"
        | "NoSuchBucket"
        | "InvalidLaunchTemplateName.NotFoundException"
        | "InvalidNatGatewayID.Malformed" => Class::Gone,

        // Leaving dependencies, other updates, propagation: true now, not in a moment.
        "DependencyViolation"
        | "DeleteConflict"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "OperationAbortedException"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "QueueDeletedRecently"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "ScalingActivityInProgress"
        | "OperationNotPermitted"
        | "Resource.AlreadyAssociated"
        | "InvalidIPAddress.InUse"
        | "ResourceInUse"
        | "VolumeInUse"
        | "UpdateInProgress"
        | "KMSInvalidStateException" => Class::Passing,
        "ResourceInUseException" if !message.contains("already exists") => Class::Passing,
        "ResourceInUseException" => Class::Exists,
        // A role or profile that IAM has not told everybody of yet (eventual consistency, IAM user guide, "Troubleshoot IAM").
        "InvalidParameterException"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "ValidationError"
        | "MalformedPolicyDocument"
        | "InvalidRequestException"
        | "InvalidPolicyDocument"
            if propagating(message) =>
        {
            Class::Passing
        }

        "EntityAlreadyExists"
        | "ResourceAlreadyExistsException"
        | "AlreadyExistsException"
        | "QueueNameExists"
        | "QueueAlreadyExists"
        | "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "RouteAlreadyExists"
        | "InvalidLaunchTemplateName.AlreadyExistsException"
        | "BucketAlreadyOwnedByYou" => Class::Exists,

        _ if status >= 500 => Class::Unknown,
        _ => Class::Fatal,
    }
}

fn propagating(message: &str) -> bool {
    let message = message.to_lowercase();
    ["role", "principal", "instance profile", "trust relationship", "iam"].iter().any(|word| message.contains(word))
        && [
            "not exist",
            "cannot be assumed",
            "could not be assumed",
            "not found",
            "invalid principal",
            "unable to assume",
            "not authorized to perform: sts:assumerole",
            "is invalid",
        ]
        .iter()
        .any(|words| message.contains(words))
}
