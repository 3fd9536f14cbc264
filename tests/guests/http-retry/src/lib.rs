//! Tries a request again while it fails, if its body is small enough to be kept.

wit_bindgen::generate!({ path: "../wit", world: "http-retry", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use wasi::http0_3_0::handler;
use wasi::http0_3_0::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme, Trailers,
};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local as spawn};

const ATTEMPTS: u32 = 3;
const LIMIT: usize = 64 * 1024;

type End = FutureReader<Result<Option<Trailers>, ErrorCode>>;

struct Retry;
export!(Retry);

impl Guest for Retry {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let head = Head::of(&request);
        let (done, result) = wit_future::new(|| Ok(()));
        let (mut body, end) = Request::consume_body(request, result);
        let mut bytes = Vec::with_capacity(LIMIT + 1);
        loop {
            let (result, read) = body.read(bytes).await;
            bytes = read;
            if bytes.len() > LIMIT {
                let (request, sent) = head.request(Some(joined(bytes, body)), end);
                spawn(async move { drop(done.write(sent.await).await) });
                return Ok(counted(handler::handle(request).await?, 1));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        drop(body);
        let trailers = end.await?;

        let mut attempt = 1;
        loop {
            let (body, end) = again(&bytes, trailers.as_ref());
            let (request, _) = head.request(body, end);
            match handler::handle(request).await {
                Ok(response) if response.get_status_code() < 500 || attempt == ATTEMPTS => {
                    return Ok(counted(response, attempt));
                }
                Err(error) if attempt == ATTEMPTS => return Err(error),
                _ => attempt += 1,
            }
        }
    }
}

/// A request but for its body.
struct Head {
    headers: Fields,
    method: Method,
    path: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<String>,
    options: Option<RequestOptions>,
}

impl Head {
    fn of(request: &Request) -> Self {
        Self {
            headers: request.get_headers(),
            method: request.get_method(),
            path: request.get_path_with_query(),
            scheme: request.get_scheme(),
            authority: request.get_authority(),
            options: request.get_options(),
        }
    }

    /// Such a request, and the future that says whether it was sent.
    fn request(
        &self,
        body: Option<StreamReader<u8>>,
        end: End,
    ) -> (Request, FutureReader<Result<(), ErrorCode>>) {
        let options = self.options.as_ref().map(|options| options.clone());
        let (request, sent) = Request::new(self.headers.clone(), body, end, options);
        request.set_method(&self.method).expect("the method it had");
        request.set_path_with_query(self.path.as_deref()).expect("the path it had");
        request.set_scheme(self.scheme.as_ref()).expect("the scheme it had");
        request.set_authority(self.authority.as_deref()).expect("the authority it had");
        (request, sent)
    }
}

/// The body and the trailers once more.
fn again(bytes: &[u8], trailers: Option<&Trailers>) -> (Option<StreamReader<u8>>, End) {
    let (bytes, trailers) = (bytes.to_vec(), trailers.map(|trailers| trailers.clone()));
    let (end_writer, end) = wit_future::new(|| Ok(None));
    let (mut writer, body) = wit_stream::new();
    let body = (!bytes.is_empty()).then_some(body);
    spawn(async move {
        writer.write_all(bytes).await;
        drop(writer);
        let _ = end_writer.write(Ok(trailers)).await;
    });
    (body, end)
}

/// The bytes, and then what follows them.
fn joined(bytes: Vec<u8>, mut following: StreamReader<u8>) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move {
        let mut buffer = writer.write_all(bytes).await;
        while buffer.is_empty() {
            let (result, read) = following.read(buffer).await;
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            buffer = writer.write_all(read).await;
        }
    });
    reader
}

/// The response, and how many attempts it took.
fn counted(response: Response, attempts: u32) -> Response {
    let headers = response.get_headers().clone();
    headers.append("x-attempts", attempts.to_string().as_bytes()).expect("a header");
    let status = response.get_status_code();
    let (done, result) = wit_future::new(|| Ok(()));
    let (body, end) = Response::consume_body(response, result);
    let (response, sent) = Response::new(headers, Some(body), end);
    spawn(async move { drop(done.write(sent.await).await) });
    response.set_status_code(status).expect("the status it had");
    response
}
