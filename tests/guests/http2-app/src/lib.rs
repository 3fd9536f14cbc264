//! A service by WASI 0.2 that does what the path of the request says.

wit_bindgen::generate!({ path: "../wit", world: "http2-app", generate_all });

use std::sync::atomic::{AtomicU32, Ordering};

use exports::wasi::http0_2_6::incoming_handler::Guest;
use wasi::http0_2_6::outgoing_handler;
use wasi::http0_2_6::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasi::io::streams::{OutputStream, StreamError};

const CHUNK: usize = 64 * 1024;
const PERIOD: usize = 251;

struct App;
export!(App);

impl Guest for App {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let whole = request.path_with_query().unwrap_or_default();
        let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match parts[..] {
            ["echo"] => echo(request, out),
            ["bytes", n] => match n.parse::<u64>() {
                Ok(n) => {
                    let headers = Fields::new();
                    append(&headers, "content-length", &n.to_string());
                    let body = start(out, 200, headers);
                    let output = body.write().expect("the stream, once");
                    let _ = pattern(&output, n);
                    drop(output);
                    let _ = OutgoingBody::finish(body, None);
                }
                Err(_) => ResponseOutparam::set(out, Err(ErrorCode::HttpRequestUriInvalid)),
            },
            ["status", status] => match status.parse() {
                Ok(status) => answer(out, status, b"", None),
                Err(_) => ResponseOutparam::set(out, Err(ErrorCode::HttpRequestUriInvalid)),
            },
            ["trap"] => panic!("asked to"),
            ["trap-in-body", n] => {
                let body = start(out, 200, Fields::new());
                let output = body.write().expect("the stream, once");
                let _ = pattern(&output, n.parse().unwrap_or_default());
                let _ = output.blocking_flush();
                panic!("asked to");
            }
            ["count"] => {
                static COUNT: AtomicU32 = AtomicU32::new(1);
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                answer(out, 200, count.to_string().as_bytes(), None);
            }
            ["left", n] => {
                let body = start(out, 200, Fields::new());
                let output = body.write().expect("the stream, once");
                let _ = pattern(&output, n.parse().unwrap_or_default());
                // Neither is dropped, as by runtimes whose garbage collector has not come to it.
                std::mem::forget((output, body));
            }
            ["trailers"] => {
                let trailers = Fields::new();
                append(&trailers, "x-trailer", "yes");
                answer(out, 200, b"trailed", Some(trailers));
            }
            ["fetch"] => match outgoing(query) {
                Some(request) => match fetch(request) {
                    Ok(response) => {
                        let headers = response.headers().clone();
                        let incoming = response.consume().expect("the body, once");
                        pass(incoming, start(out, response.status(), headers));
                    }
                    Err(error) => answer(out, 502, format!("{error:?}").as_bytes(), None),
                },
                None => answer(out, 400, b"", None),
            },
            _ => answer(out, 404, b"", None),
        }
    }
}

/// The request as the response.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let headers = Fields::new();
    for (name, value) in request.headers().entries() {
        headers.append(&format!("x-echo-{name}"), &value).expect("a header");
    }
    append(&headers, "x-method", &method(request.method()));
    append(&headers, "x-path", &request.path_with_query().unwrap_or_default());
    let incoming = request.consume().expect("the body, once");
    pass(incoming, start(out, 200, headers));
}

fn method(method: Method) -> String {
    match method {
        Method::Other(name) => name,
        known => format!("{known:?}").replace("Method::", "").to_uppercase(),
    }
}

/// A request for a URL.
fn outgoing(url: &str) -> Option<OutgoingRequest> {
    let (scheme, rest) = match url.split_once("://")? {
        ("http", rest) => (Scheme::Http, rest),
        ("https", rest) => (Scheme::Https, rest),
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).ok()?;
    Some(request)
}

fn fetch(request: OutgoingRequest) -> Result<IncomingResponse, ErrorCode> {
    let response = outgoing_handler::handle(request, None)?;
    response.subscribe().block();
    response.get().expect("it is ready").expect("the response, once")
}

/// Sends a response, but for its body.
fn start(out: ResponseOutparam, status: u16, headers: Fields) -> OutgoingBody {
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status that there is");
    let body = response.body().expect("the body, once");
    ResponseOutparam::set(out, Ok(response));
    body
}

fn answer(out: ResponseOutparam, status: u16, bytes: &[u8], trailers: Option<Fields>) {
    let headers = Fields::new();
    if trailers.is_some() {
        append(&headers, "trailer", "x-trailer");
    }
    let body = start(out, status, headers);
    if !bytes.is_empty() {
        let output = body.write().expect("the stream, once");
        let _ = write(&output, bytes);
    }
    let _ = OutgoingBody::finish(body, trailers);
}

/// Sends the one as the other, with its trailers. If it breaks off, so does the other.
fn pass(incoming: IncomingBody, body: OutgoingBody) {
    let input = incoming.stream().expect("the stream, once");
    let output = body.write().expect("the stream, once");
    loop {
        match output.blocking_splice(&input, CHUNK as u64) {
            Ok(_) => {}
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return,
        }
    }
    drop((input, output));
    let end = IncomingBody::finish(incoming);
    end.subscribe().block();
    if let Some(Ok(Ok(trailers))) = end.get() {
        let trailers = trailers.map(|trailers| trailers.clone());
        let _ = OutgoingBody::finish(body, trailers);
    }
}

/// Writes `n` bytes, or fewer if nobody reads them.
fn pattern(output: &OutputStream, n: u64) -> Result<(), StreamError> {
    let pattern: Vec<_> = (0..CHUNK + PERIOD).map(|i| (i % PERIOD) as u8).collect();
    let mut next = 0;
    while next < n {
        let start = (next % PERIOD as u64) as usize;
        let len = (n - next).min(CHUNK as u64) as usize;
        write(output, &pattern[start..start + len])?;
        next += len as u64;
    }
    Ok(())
}

fn write(output: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    let writable = output.subscribe();
    while !bytes.is_empty() {
        let room = output.check_write()?;
        if room == 0 {
            writable.block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len() as u64) as usize);
        output.write(now)?;
        bytes = later;
    }
    Ok(())
}

fn append(fields: &Fields, name: &str, value: &str) {
    fields.append(name, value.as_bytes()).expect("a header");
}
