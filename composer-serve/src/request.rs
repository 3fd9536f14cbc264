//! The way from a request to a call, and from its answer to a response.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, RETRY_AFTER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasm_runtime_composer::wasi::http::{Body, HttpService};

use crate::body::{Download, Unread, Upload};
use crate::record::Record;
use crate::settings::Settings;
use crate::status::{self, Refusal};
use crate::watch::{Busy, Watch};

/// Headers that are for the next peer alone, beside those that `connection` names.
const OF_THE_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// The seconds after which a client that was refused may try again. Requests are short, as a rule.
const AGAIN: HeaderValue = HeaderValue::from_static("1");

/// What is served, for all connections.
pub(crate) struct Site {
    service: HttpService,
    pub(crate) settings: Settings,
    places: Arc<Semaphore>,
    /// Whether the server is ending.
    pub(crate) ending: AtomicBool,
}

/// A connection, as its requests know it.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) watch: Arc<Watch>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) secure: bool,
}

impl Site {
    pub(crate) fn new(service: HttpService, settings: Settings) -> Self {
        let service = match settings.deadline {
            Some(deadline) => service.with_deadline(deadline),
            None => service,
        };
        let places = Arc::new(Semaphore::new(settings.requests));
        Self { service, settings, places, ending: AtomicBool::new(false) }
    }

    /// Answers a request, whatever happens.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        origin: &Origin,
    ) -> Response<Download> {
        let busy = origin.watch.begin(request.version());
        let record = Record::new(&request, origin.peer);
        if self.is_about_health(&request) {
            let response = match self.ending.load(Ordering::Relaxed) {
                true => refused(status::BUSY),
                false => plain(http::StatusCode::OK, "ok\n"),
            };
            return sent(response, record, busy, None);
        }
        let (response, place) = match self.called(request, origin, &record).await {
            Ok((response, place)) => (response, Some(place)),
            Err(refusal) => (refused(refusal), None),
        };
        sent(response, record, busy, place)
    }

    fn is_about_health(&self, request: &Request<Incoming>) -> bool {
        let is_asked = [Method::GET, Method::HEAD].contains(request.method());
        is_asked && self.settings.health.as_deref() == Some(request.uri().path())
    }

    async fn called(
        &self,
        request: Request<Incoming>,
        origin: &Origin,
        record: &Record,
    ) -> Result<(Response<Body>, OwnedSemaphorePermit), Refusal> {
        let (mut head, body) = request.into_parts();
        let settings = &self.settings;
        if head_bytes(&head) > settings.head_bytes {
            return Err(status::HEAD_TOO_LARGE);
        }
        if head.method == Method::CONNECT {
            return Err(status::NOT_IMPLEMENTED);
        }
        prepare(&mut head, origin.secure)?;
        if http_body::Body::size_hint(&body).lower() > settings.body_bytes {
            return Err(status::BODY_TOO_LARGE);
        }
        // Who finds no place is told so at once: a queue would be long when it is needed.
        let place = self.places.clone().try_acquire_owned().map_err(|_| status::BUSY)?;
        let (body, unread) = Upload::new(body, settings.body_bytes, settings.body_time);
        let call = self.service.handle(Request::from_parts(head, body));
        let answered = tokio::select! {
            // It is told before the component, whose answer to that need not be waited for.
            biased;
            Ok(unread) = unread => return Err(match unread {
                Unread::TooLarge => status::BODY_TOO_LARGE,
                Unread::Stalled => status::BODY_STALLED,
            }),
            answered = call => answered,
        };
        match answered {
            Ok(response) if response.status().is_informational() => {
                let error = format!("{} is not the status of a response", response.status());
                record
                    .failed("a component has answered wrongly", &*Box::<dyn StdError>::from(error));
                Err(status::FAILED)
            }
            Ok(mut response) => {
                strip(response.headers_mut());
                Ok((response, place))
            }
            Err(error) => {
                record.failed("a request has got no response", &error);
                Err(Refusal::of(&error))
            }
        }
    }
}

/// How much room a head takes.
fn head_bytes(head: &http::request::Parts) -> usize {
    let uri = &head.uri;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let line = head.method.as_str().len() + path + authority;
    // As both versions count it: HTTP/1 has `: ` and a line's end, and RFC 9113 wants 32 bytes for each field.
    let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    line + head.headers.iter().map(field).sum::<usize>()
}

/// Makes a head what its component is to see.
fn prepare(head: &mut http::request::Parts, secure: bool) -> Result<(), Refusal> {
    let authority = authority(head)?;
    if let Some(there) = head.uri.authority() {
        // RFC 9112, 3.2.2: where the first line has one, the header does not count.
        let there = HeaderValue::from_str(there.as_str()).map_err(|_| status::NO_HOST)?;
        head.headers.insert(HOST, there);
    }
    if head.headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112, 6.3: it does not count, and who is behind should not be led to think so.
        head.headers.remove(CONTENT_LENGTH);
    }
    strip(&mut head.headers);
    if !secure {
        return Ok(());
    }
    let Some(authority) = authority else { return Ok(()) };
    let path = head.uri.path_and_query().cloned();
    let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let uri =
        Uri::builder().scheme(Scheme::HTTPS).authority(authority).path_and_query(path).build();
    head.uri = uri.map_err(|_| status::NOT_VALID)?;
    Ok(())
}

/// The authority that a request is for. Only HTTP/1.0 can do without.
fn authority(head: &http::request::Parts) -> Result<Option<Authority>, Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(status::NO_HOST);
    }
    let parsed = |host: &HeaderValue| Authority::try_from(host.as_bytes());
    let of_host = host.map(parsed).transpose().map_err(|_| status::NO_HOST)?;
    if head.version == Version::HTTP_11 && of_host.is_none() {
        return Err(status::NO_HOST);
    }
    let authority = head.uri.authority().cloned().or(of_host);
    match authority {
        None if head.version > Version::HTTP_10 => Err(status::NO_HOST),
        authority => Ok(authority),
    }
}

/// Takes out what is said of a connection.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|names| names.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // Who reads a body has to know how long it is, whatever a peer says of that.
    for name in named.iter().filter(|name| **name != CONTENT_LENGTH && **name != HOST) {
        headers.remove(name);
    }
    for name in &OF_THE_CONNECTION {
        headers.remove(name);
    }
}

fn plain(status: http::StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = plain(refusal.status, refusal.text);
    if refusal == status::BUSY {
        response.headers_mut().insert(RETRY_AFTER, AGAIN);
    }
    response
}

/// A response on its way to the client.
fn sent(
    response: Response<Body>,
    mut record: Record,
    busy: Busy,
    place: Option<OwnedSemaphorePermit>,
) -> Response<Download> {
    record.answered(response.status());
    let (head, body) = response.into_parts();
    let length = head.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    let announced = length.or_else(|| http_body::Body::size_hint(&body).exact());
    let bodiless = record.method() == Method::HEAD
        || [http::StatusCode::NO_CONTENT, http::StatusCode::NOT_MODIFIED].contains(&head.status);
    // hyper sends over HTTP/2 what it is given, where nobody expects anything.
    let body = if bodiless { Body::empty() } else { body };
    let endless = record.version() < Version::HTTP_11 && announced.is_none() && !bodiless;
    Response::from_parts(head, Download::new(body, announced, record, busy, place, endless))
}
