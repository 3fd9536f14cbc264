//! A service that does what the path of a request says.

wit_bindgen::generate!({ path: "../wit", world: "http-app", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use wasi::http0_3_0::types::{ErrorCode, Fields, Method, Request, Response};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local as spawn};

const CHUNK: usize = 64 * 1024;
const PERIOD: usize = 251;

struct App;
export!(App);

impl Guest for App {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<_> = path.split('/').skip(1).collect();
        Ok(match parts[..] {
            ["echo"] => echo(request, |body| body),
            ["copy"] => echo(request, |body| written(|writer| copy(body, writer))),
            ["bytes", n] => {
                let n: u64 = number(n)?;
                let headers = Fields::new();
                append(&headers, "content-length", &n.to_string());
                response(200, headers, Some(written(move |writer| pattern(writer, n))))
            }
            ["endless"] => {
                response(200, Fields::new(), Some(written(|writer| pattern(writer, u64::MAX))))
            }
            ["status", status] => response(number(status)?, Fields::new(), None),
            ["headers", n] => {
                let headers = Fields::new();
                for i in 0..number::<u32>(n)? {
                    append(&headers, "x-n", &i.to_string());
                }
                response(200, headers, None)
            }
            ["trailers"] => trailers(),
            ["drain"] => {
                let n = drain(request).await;
                response(200, Fields::new(), Some(text(n.to_string())))
            }
            ["error"] => return Err(ErrorCode::ConfigurationError),
            ["trap"] => panic!("asked to"),
            ["trap-in-body", n] => {
                let n = number(n)?;
                let body = written(move |writer| async move {
                    pattern(writer, n).await;
                    panic!("asked to");
                });
                response(200, Fields::new(), Some(body))
            }
            ["trap-after"] => trap_after(),
            ["spin"] => loop {
                std::hint::spin_loop();
            },
            ["wait"] => {
                let (writer, reader) = wit_future::new(|| Ok::<(), ErrorCode>(()));
                let _ = reader.await;
                drop(writer);
                unreachable!("nobody has written")
            }
            ["forged"] => {
                let headers = Fields::new();
                append(&headers, "content-length", "1000");
                response(200, headers, Some(written(|writer| pattern(writer, 10))))
            }
            _ => response(404, Fields::new(), None),
        })
    }
}

/// The request as the response, with what `pass` makes of its body.
fn echo(request: Request, pass: fn(StreamReader<u8>) -> StreamReader<u8>) -> Response {
    let headers = Fields::new();
    for (name, value) in request.get_headers().copy_all() {
        headers.append(&format!("x-echo-{name}"), &value).expect("a header");
    }
    append(&headers, "x-method", &method(request.get_method()));
    append(&headers, "x-path", &request.get_path_with_query().unwrap_or_default());

    let (done, result) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, result);
    let (response, sent) = Response::new(headers, Some(pass(body)), trailers);
    spawn(async move { drop(done.write(sent.await).await) });
    response
}

fn method(method: Method) -> String {
    match method {
        Method::Other(name) => name,
        known => format!("{known:?}").replace("Method::", "").to_uppercase(),
    }
}

fn trailers() -> Response {
    let (mut writer, body) = wit_stream::new();
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    spawn(async move {
        writer.write_all(b"trailed".to_vec()).await;
        drop(writer);
        let fields = Fields::new();
        append(&fields, "x-trailer", "yes");
        let _ = trailers_writer.write(Ok(Some(fields))).await;
    });
    let headers = Fields::new();
    append(&headers, "trailer", "x-trailer");
    Response::new(headers, Some(body), trailers).0
}

/// The length of the body, which is thrown away.
async fn drain(request: Request) -> u64 {
    let (_, result) = wit_future::new(|| Ok(()));
    let (mut body, _) = Request::consume_body(request, result);
    let mut n = 0;
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        let (result, read) = body.read(buffer).await;
        n += read.len() as u64;
        if !matches!(result, StreamResult::Complete(_)) {
            return n;
        }
        buffer = read;
        buffer.clear();
    }
}

fn trap_after() -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(Fields::new(), Some(text("done".to_owned())), trailers);
    spawn(async move {
        let _ = sent.await;
        panic!("asked to");
    });
    response
}

/// A response without trailers.
fn response(status: u16, headers: Fields, body: Option<StreamReader<u8>>) -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(headers, body, trailers);
    response.set_status_code(status).expect("a status that there is");
    response
}

fn append(fields: &Fields, name: &str, value: &str) {
    fields.append(name, value.as_bytes()).expect("a header");
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, ErrorCode> {
    text.parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)
}

/// The stream that `write` writes, while others read it.
fn written<F>(write: impl FnOnce(StreamWriter<u8>) -> F) -> StreamReader<u8>
where
    F: Future<Output = ()> + 'static,
{
    let (writer, reader) = wit_stream::new();
    spawn(write(writer));
    reader
}

fn text(text: String) -> StreamReader<u8> {
    written(move |mut writer| async move { drop(writer.write_all(text.into_bytes()).await) })
}

/// Writes `n` bytes, or fewer if nobody reads them.
async fn pattern(mut writer: StreamWriter<u8>, n: u64) {
    let pattern: Vec<_> = (0..CHUNK + PERIOD).map(|i| (i % PERIOD) as u8).collect();
    let mut next = 0;
    while next < n {
        let start = (next % PERIOD as u64) as usize;
        let len = (n - next).min(CHUNK as u64) as usize;
        if !writer.write_all(pattern[start..start + len].to_vec()).await.is_empty() {
            break;
        }
        next += len as u64;
    }
}

/// Reads all of the one and writes it to the other.
async fn copy(mut from: StreamReader<u8>, mut to: StreamWriter<u8>) {
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        let (result, read) = from.read(buffer).await;
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
        buffer = to.write_all(read).await;
        if !buffer.is_empty() {
            break;
        }
    }
}
