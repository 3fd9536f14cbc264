//! The error codes of wasi:http, as values of components.

use wasmtime_wasi_http::Error;

use crate::error::TypeDifference;
use crate::typed::{ComponentType, FromComponentValue, Unexpected};
use crate::types::ValueType;
use crate::value::{SOME, Value};

/// An error code as a component returns it: the number of its case, and its payload.
pub(super) struct ErrorCode(u32, Option<Box<Value>>);

impl ComponentType for ErrorCode {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Variant(_) => Ok(()),
            _ => Err(TypeDifference::new("ErrorCode", ty)),
        }
    }
}

impl FromComponentValue for ErrorCode {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Case(case, payload) => Ok(Self(case, payload)),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

impl ErrorCode {
    /// The error that it stands for; `result` is the type of the function's result.
    pub(super) fn into_error(self, result: Option<&ValueType>) -> Error {
        let codes = match result {
            Some(ValueType::Result(sides)) => sides.1.as_ref(),
            _ => None,
        };
        let name = match codes {
            Some(ValueType::Variant(cases)) => cases.get(self.0 as usize).map(|(name, _)| &**name),
            _ => None,
        };
        error(name.unwrap_or_default(), self.1.map(|payload| *payload))
    }
}

/// The error with a name of wasi:http. One that is not known is an internal error with this name.
fn error(name: &str, payload: Option<Value>) -> Error {
    match name {
        "DNS-timeout" => Error::DnsTimeout,
        "DNS-error" => {
            let [rcode, info_code] = fields(payload);
            Error::DnsError { rcode: text(rcode), info_code: number(info_code) }
        }
        "destination-not-found" => Error::DestinationNotFound,
        "destination-unavailable" => Error::DestinationUnavailable,
        "destination-IP-prohibited" => Error::DestinationIpProhibited,
        "destination-IP-unroutable" => Error::DestinationIpUnroutable,
        "connection-refused" => Error::ConnectionRefused,
        "connection-terminated" => Error::ConnectionTerminated,
        "connection-timeout" => Error::ConnectionTimeout,
        "connection-read-timeout" => Error::ConnectionReadTimeout,
        "connection-write-timeout" => Error::ConnectionWriteTimeout,
        "connection-limit-reached" => Error::ConnectionLimitReached,
        "TLS-protocol-error" => Error::TlsProtocolError,
        "TLS-certificate-error" => Error::TlsCertificateError,
        "TLS-alert-received" => {
            let [alert_id, alert_message] = fields(payload);
            let (alert_id, alert_message) = (number(alert_id), text(alert_message));
            Error::TlsAlertReceived { alert_id, alert_message }
        }
        "HTTP-request-denied" => Error::HttpRequestDenied,
        "HTTP-request-length-required" => Error::HttpRequestLengthRequired,
        "HTTP-request-body-size" => Error::HttpRequestBodySize(number(payload)),
        "HTTP-request-method-invalid" => Error::HttpRequestMethodInvalid,
        "HTTP-request-URI-invalid" => Error::HttpRequestUriInvalid,
        "HTTP-request-URI-too-long" => Error::HttpRequestUriTooLong,
        "HTTP-request-header-section-size" => Error::HttpRequestHeaderSectionSize(number(payload)),
        "HTTP-request-header-size" => {
            let [field_name, field_size] = fields(some(payload));
            let (field_name, field_size) = (text(field_name), number(field_size));
            Error::HttpRequestHeaderSize { field_name, field_size }
        }
        "HTTP-request-trailer-section-size" => {
            Error::HttpRequestTrailerSectionSize(number(payload))
        }
        "HTTP-request-trailer-size" => {
            let [field_name, field_size] = fields(payload);
            let (field_name, field_size) = (text(field_name), number(field_size));
            Error::HttpRequestTrailerSize { field_name, field_size }
        }
        "HTTP-response-incomplete" => Error::HttpResponseIncomplete,
        "HTTP-response-header-section-size" => {
            Error::HttpResponseHeaderSectionSize(number(payload))
        }
        "HTTP-response-header-size" => {
            let [field_name, field_size] = fields(payload);
            let (field_name, field_size) = (text(field_name), number(field_size));
            Error::HttpResponseHeaderSize { field_name, field_size }
        }
        "HTTP-response-body-size" => Error::HttpResponseBodySize(number(payload)),
        "HTTP-response-trailer-section-size" => {
            Error::HttpResponseTrailerSectionSize(number(payload))
        }
        "HTTP-response-trailer-size" => {
            let [field_name, field_size] = fields(payload);
            let (field_name, field_size) = (text(field_name), number(field_size));
            Error::HttpResponseTrailerSize { field_name, field_size }
        }
        "HTTP-response-transfer-coding" => Error::HttpResponseTransferCoding(text(payload)),
        "HTTP-response-content-coding" => Error::HttpResponseContentCoding(text(payload)),
        "HTTP-response-timeout" => Error::HttpResponseTimeout,
        "HTTP-upgrade-failed" => Error::HttpUpgradeFailed,
        "HTTP-protocol-error" => Error::HttpProtocolError,
        "loop-detected" => Error::LoopDetected,
        "configuration-error" => Error::ConfigurationError,
        "internal-error" => Error::InternalError(text(payload)),
        other => Error::InternalError(Some(other.to_owned())),
    }
}

/// What an option has inside.
fn some(option: Option<Value>) -> Option<Value> {
    match option {
        Some(Value::Case(SOME, payload)) => payload.map(|payload| *payload),
        _ => None,
    }
}

fn text(option: Option<Value>) -> Option<String> {
    match some(option) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn number<N: TryFrom<u64>>(option: Option<Value>) -> Option<N> {
    let number = match some(option)? {
        Value::U8(number) => number.into(),
        Value::U16(number) => number.into(),
        Value::U32(number) => number.into(),
        Value::U64(number) => number,
        _ => return None,
    };
    N::try_from(number).ok()
}

/// The two fields of a record.
fn fields(record: Option<Value>) -> [Option<Value>; 2] {
    let Some(Value::Fields(fields)) = record else { return [None, None] };
    let mut fields = fields.into_iter();
    [fields.next(), fields.next()]
}
