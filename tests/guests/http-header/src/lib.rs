//! Adds a header to each request and another one to each response.

wit_bindgen::generate!({ path: "../wit", world: "http-header", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use wasi::http0_3_0::handler;
use wasi::http0_3_0::types::{ErrorCode, Request, Response};
use wit_bindgen::spawn_local as spawn;

struct Header;
export!(Header);

impl Guest for Header {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        Ok(served(handler::handle(seen(request)).await?))
    }
}

/// The same request with one header more.
fn seen(request: Request) -> Request {
    let headers = request.get_headers().clone();
    headers.append("x-seen", b"header").expect("a header");
    let method = request.get_method();
    let path = request.get_path_with_query();
    let scheme = request.get_scheme();
    let authority = request.get_authority();
    let options = request.get_options();

    let (done, result) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, result);
    let (request, sent) = Request::new(headers, Some(body), trailers, options);
    spawn(async move { drop(done.write(sent.await).await) });
    request.set_method(&method).expect("the method it had");
    request.set_path_with_query(path.as_deref()).expect("the path it had");
    request.set_scheme(scheme.as_ref()).expect("the scheme it had");
    request.set_authority(authority.as_deref()).expect("the authority it had");
    request
}

/// The same response with one header more.
fn served(response: Response) -> Response {
    let headers = response.get_headers().clone();
    headers.append("x-served", b"header").expect("a header");
    let status = response.get_status_code();

    let (done, result) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, result);
    let (response, sent) = Response::new(headers, Some(body), trailers);
    spawn(async move { drop(done.write(sent.await).await) });
    response.set_status_code(status).expect("the status it had");
    response
}
