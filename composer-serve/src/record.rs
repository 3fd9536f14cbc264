//! What is told of requests: the access log, the reasons of failures, and metrics.

use std::net::SocketAddr;

use http::{Method, StatusCode, Uri, Version};
use tokio::time::Instant;

/// A request, of which is told when this is dropped.
pub(crate) struct Record {
    method: Method,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "there is no log"))]
    uri: Uri,
    version: Version,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "there is no log"))]
    peer: Option<SocketAddr>,
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics")),
        expect(dead_code, reason = "nobody is told")
    )]
    began: Instant,
    status: Option<StatusCode>,
    bytes: u64,
    outcome: Outcome,
}

/// How a request ended, for who looks at the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The whole response was taken.
    Whole,
    /// The component failed in the middle of the body.
    BrokenOff,
    /// The client went away before the end, or the server ended.
    Abandoned,
}

impl Outcome {
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics")),
        expect(dead_code, reason = "nobody is told")
    )]
    fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::BrokenOff => "broken off",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Record {
    pub(crate) fn new<B>(request: &http::Request<B>, peer: Option<SocketAddr>) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!(names::IN_FLIGHT).increment(1);
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            peer,
            began: Instant::now(),
            status: None,
            bytes: 0,
            outcome: Outcome::Abandoned,
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes that the response was taken to its end.
    pub(crate) fn whole(&mut self) {
        if self.outcome == Outcome::Abandoned {
            self.outcome = Outcome::Whole;
        }
    }

    /// Notes that the component failed in the middle of the body.
    pub(crate) fn broken_off(&mut self, error: &dyn std::error::Error) {
        self.outcome = Outcome::BrokenOff;
        self.failed("a response was broken off", error);
    }

    /// Tells why a request was not answered as it should be.
    pub(crate) fn failed(&self, what: &str, error: &dyn std::error::Error) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            target: "wasm_runtime_composer_serve",
            method = %self.method,
            path = self.uri.path(),
            error = with_causes(error),
            "{what}",
        );
        #[cfg(not(feature = "tracing"))]
        let _ = (what, error);
    }

    #[cfg(feature = "tracing")]
    fn log(&self) {
        let version = self.version;
        tracing::info!(
            target: "wasm_runtime_composer_serve::access",
            method = %self.method,
            path = self.uri.path(),
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            duration = ?self.began.elapsed(),
            outcome = self.outcome.name(),
            version = ?version,
            peer = self.peer.map(tracing::field::display),
            "request",
        );
    }

    #[cfg(feature = "metrics")]
    fn measure(&self) {
        let method = match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            // Clients can invent others, and a metric has to be bounded.
            _ => "other",
        };
        let status = self.status.map_or_else(String::new, |status| status.as_u16().to_string());
        metrics::gauge!(names::IN_FLIGHT).decrement(1);
        metrics::histogram!(names::TIME, "method" => method).record(self.began.elapsed());
        metrics::counter!(
            names::REQUESTS,
            "method" => method, "status" => status, "outcome" => self.outcome.name()
        )
        .increment(1);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        #[cfg(feature = "tracing")]
        self.log();
        #[cfg(feature = "metrics")]
        self.measure();
    }
}

/// Counts a connection for as long as it is there.
pub(crate) struct Connected(());

impl Connected {
    pub(crate) fn new() -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!(names::CONNECTIONS).increment(1);
        Self(())
    }
}

#[cfg(feature = "metrics")]
impl Drop for Connected {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS).decrement(1);
    }
}

/// Tells of a connection that has ended otherwise than its client meant.
pub(crate) fn connection(what: &str, error: Option<&dyn std::error::Error>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "wasm_runtime_composer_serve",
        error = error.map(with_causes),
        "{what}",
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (what, error);
}

/// Tells of what keeps the server from its work.
pub(crate) fn trouble(what: &str, error: &dyn std::error::Error) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "wasm_runtime_composer_serve", error = with_causes(error), "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, error);
}

/// Describes the metrics to the recorder that is installed now.
pub(crate) fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_counter!(names::REQUESTS, Unit::Count, "Requests that have ended");
        describe_histogram!(names::TIME, Unit::Seconds, "How long requests took, bodies included");
        describe_gauge!(names::IN_FLIGHT, Unit::Count, "Requests without a whole response");
        describe_gauge!(names::CONNECTIONS, Unit::Count, "Connections");
    }
}

#[cfg(feature = "metrics")]
mod names {
    pub(super) const REQUESTS: &str = "composer_http_requests_total";
    pub(super) const TIME: &str = "composer_http_request_duration_seconds";
    pub(super) const IN_FLIGHT: &str = "composer_http_requests_in_flight";
    pub(super) const CONNECTIONS: &str = "composer_http_connections";
}

/// An error and its causes, on one line.
#[cfg(feature = "tracing")]
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
