//! What a client is told when there is no response: a status by the kind of failure, and a line of text.

use http::StatusCode;
use wasm_runtime_composer::CompositionError;
use wasm_runtime_composer::wasi::http::{Error, HttpError};

/// A response in the place of one that there is not. Its text is the same whatever has happened inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: &'static str,
}

macro_rules! refusals {
    ($($name:ident = $status:ident, $text:literal;)*) => {
        $(pub(crate) const $name: Refusal =
            Refusal { status: StatusCode::$status, text: concat!($text, "\n") };)*
    };
}

refusals! {
    NO_HOST = BAD_REQUEST, "the request has no valid host";
    NOT_VALID = BAD_REQUEST, "the request is not valid";
    DENIED = FORBIDDEN, "the request is denied";
    BODY_STALLED = REQUEST_TIMEOUT, "the body of the request did not come in time";
    NO_LENGTH = LENGTH_REQUIRED, "the request has to announce the length of its body";
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "the body of the request is too large";
    URI_TOO_LONG = URI_TOO_LONG, "the address of the request is too long";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too large";
    INSIDE = INTERNAL_SERVER_ERROR, "the service has failed";
    NOT_IMPLEMENTED = NOT_IMPLEMENTED, "the method is not supported";
    FAILED = BAD_GATEWAY, "the service has failed";
    BUSY = SERVICE_UNAVAILABLE, "the service is busy; try again later";
    LATE = GATEWAY_TIMEOUT, "the service has not answered in time";
    LOOP = LOOP_DETECTED, "the request has come round again";
}

impl Refusal {
    /// By how a call has failed.
    pub(crate) fn of(error: &HttpError) -> Self {
        match error {
            HttpError::Code(code) => Self::of_code(code),
            HttpError::NoAuthority { .. } => NO_HOST,
            HttpError::Composition(error) => Self::of_call(error),
            // No response, or what there may be one day.
            _ => FAILED,
        }
    }

    /// A component that traps as another one did not answer in time, or is at a limit, has that as its cause.
    fn of_call(error: &CompositionError) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            match error.downcast_ref() {
                Some(CompositionError::Timeout { .. }) => return LATE,
                Some(CompositionError::Flood { .. } | CompositionError::FloodOfBytes { .. }) => {
                    return BUSY;
                }
                _ => cause = error.source(),
            }
        }
        FAILED
    }

    /// By what a component has said instead of a response.
    fn of_code(code: &Error) -> Self {
        match code {
            Error::HttpRequestDenied => DENIED,
            Error::HttpRequestLengthRequired => NO_LENGTH,
            Error::HttpRequestBodySize(_) => BODY_TOO_LARGE,
            Error::HttpRequestMethodInvalid | Error::HttpRequestUriInvalid => NOT_VALID,
            Error::HttpRequestUriTooLong => URI_TOO_LONG,
            Error::HttpRequestHeaderSectionSize(_)
            | Error::HttpRequestHeaderSize { .. }
            | Error::HttpRequestTrailerSectionSize(_)
            | Error::HttpRequestTrailerSize { .. } => HEAD_TOO_LARGE,
            Error::DnsTimeout
            | Error::ConnectionTimeout
            | Error::ConnectionReadTimeout
            | Error::ConnectionWriteTimeout
            | Error::HttpResponseTimeout => LATE,
            Error::ConnectionLimitReached => BUSY,
            Error::LoopDetected => LOOP,
            Error::ConfigurationError | Error::InternalError(_) => INSIDE,
            // What went wrong with a server that the component has asked.
            _ => FAILED,
        }
    }
}
