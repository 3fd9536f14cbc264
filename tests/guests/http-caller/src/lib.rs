//! Fetches the URL that a request asks for and passes on what it gets.

wit_bindgen::generate!({ path: "../wit", world: "http-caller", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use wasi::http0_3_0::client;
use wasi::http0_3_0::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wit_bindgen::{StreamReader, spawn_local as spawn};

struct Caller;
export!(Caller);

impl Guest for Caller {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let request = match path.split_once('?') {
            Some(("/fetch", url)) => outgoing(url, None),
            Some(("/cut", url)) => {
                let (mut writer, body) = wit_stream::new();
                spawn(async move {
                    drop(writer.write_all(b"some".to_vec()).await);
                    panic!("asked to");
                });
                outgoing(url, Some(body))
            }
            _ => return Ok(answer(404, None)),
        };
        let Some(request) = request else {
            return Ok(answer(400, None));
        };
        match client::send(request).await {
            Ok(response) => Ok(response),
            Err(error) => Ok(answer(502, Some(format!("{error:?}")))),
        }
    }
}

/// A request for a URL.
fn outgoing(url: &str, body: Option<StreamReader<u8>>) -> Option<Request> {
    let (scheme, rest) = match url.split_once("://")? {
        ("http", rest) => (Scheme::Http, rest),
        ("https", rest) => (Scheme::Https, rest),
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (_, trailers) = wit_future::new(|| Ok(None));
    let posts = body.is_some();
    let (request, _) = Request::new(Fields::new(), body, trailers, None);
    if posts {
        request.set_method(&Method::Post).ok()?;
    }
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).ok()?;
    Some(request)
}

fn answer(status: u16, text: Option<String>) -> Response {
    let body = text.map(|text| {
        let (mut writer, body) = wit_stream::new();
        spawn(async move { drop(writer.write_all(text.into_bytes()).await) });
        body
    });
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), body, trailers);
    response.set_status_code(status).expect("a status that there is");
    response
}
