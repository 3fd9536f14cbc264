//! What components can pass to each other of wasi:http.
//!
//! The resources of wasi:http 0.2 are plain values with channels, and move as they are. An `outgoing-body` does not: dropped
//! on its way, it would look as if it were complete. A request or response of 0.3 may
//! have a body that its guest writes, which is a stream of the guest's store. It is turned into a [`Body`] where it
//! leaves, by wasmtime's own conversion, and has become the host's where it enters. The data is not copied for that.
//!
//! That conversion is made for messages which go out to the network: it changes headers, and refuses some URIs. Between
//! components a message stays as it is, so everything but the body is put aside meanwhile.

use std::mem::{replace, take};
use std::pin::Pin;
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions, WasiBody, WasiHttpView, p3};

use super::body::Body;
use crate::run::{Border, CarrierSet, StoreInUse};
use crate::wasi::WasiState;

/// wasi:http 0.2.
const TYPES: &str = "wasi:http/types@0.2.0";
/// wasi:http 0.3.
const LATER: &str = "wasi:http/types@0.3.0";

/// Adds what wasi:http defines.
pub(crate) fn add<T: Send + 'static>(carriers: &mut CarrierSet<WasiState<T>>) {
    fn table<T>(state: &mut WasiState<T>) -> &mut ResourceTable {
        &mut state.table
    }
    carriers.attach_by(|state, border| state.http.outgoing.set_border(border));
    carriers.by_table((TYPES, "fields"), table, Some(FieldMap::clone));
    carriers.by_table((TYPES, "request-options"), table, Some(RequestOptions::clone));
    carriers.by_table::<p2::IncomingRequest>((TYPES, "incoming-request"), table, None);
    carriers.by_form((TYPES, "outgoing-request"), take_former_request, put_as_it_is);
    carriers.by_form((TYPES, "response-outparam"), take_as_it_is, put_outparam);
    carriers.by_table::<p2::IncomingResponse>((TYPES, "incoming-response"), table, None);
    carriers.by_form((TYPES, "outgoing-response"), take_former_response, put_as_it_is);
    carriers.by_table::<p2::IncomingBody>((TYPES, "incoming-body"), table, None);
    carriers.by_table::<p2::FutureTrailers>((TYPES, "future-trailers"), table, None);
    let response = (TYPES, "future-incoming-response");
    carriers.by_table::<p2::FutureIncomingResponse>(response, table, None);

    carriers.by_table((LATER, "fields"), table, Some(FieldMap::clone));
    carriers.by_table::<p3::bindings::http::types::RequestOptions>(
        (LATER, "request-options"),
        table,
        None,
    );
    carriers.by_form((LATER, "request"), take_request, put_request);
    carriers.by_form((LATER, "response"), take_response, put_response);
}

fn take_as_it_is<T: Send + 'static, R: 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    it: Resource<R>,
    _: &Arc<Border>,
) -> wasmtime::Result<R> {
    Ok(store.data_mut().table.delete(it)?)
}

fn put_as_it_is<T: Send + 'static, R: Send + 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    it: R,
    _: &Arc<Border>,
) -> wasmtime::Result<Resource<R>> {
    Ok(store.data_mut().table.push(it)?)
}

/// The body of a message of 0.2, of which wasmtime says that it has ended when its store has.
fn watched(body: WasiBody, store: &Arc<Border>) -> wasmtime::Result<WasiBody> {
    Ok(Body::from_store(body, StoreInUse::new(store))?.boxed_unsync())
}

fn take_former_request<T: Send + 'static>(
    store: StoreContextMut<'_, WasiState<T>>,
    request: Resource<p2::OutgoingRequest>,
    from: &Arc<Border>,
) -> wasmtime::Result<p2::OutgoingRequest> {
    let mut request = take_as_it_is(store, request, from)?;
    request.body = request.body.map(|body| watched(body, from)).transpose()?;
    Ok(request)
}

fn take_former_response<T: Send + 'static>(
    store: StoreContextMut<'_, WasiState<T>>,
    response: Resource<p2::OutgoingResponse>,
    from: &Arc<Border>,
) -> wasmtime::Result<p2::OutgoingResponse> {
    let mut response = take_as_it_is(store, response, from)?;
    response.body = response.body.map(|body| watched(body, from)).transpose()?;
    Ok(response)
}

/// Whoever has the place of a response answers with a body of its own store.
fn put_outparam<T: Send + 'static>(
    store: StoreContextMut<'_, WasiState<T>>,
    outparam: p2::ResponseOutparam,
    to: &Arc<Border>,
) -> wasmtime::Result<Resource<p2::ResponseOutparam>> {
    let (send, border) = (outparam.send, to.clone());
    let send = Box::new(move |response: Result<http::Response<WasiBody>, p2::ErrorCode>| {
        let watched = |body| {
            watched(body, &border).unwrap_or_else(|error| Body::failing(&error).boxed_unsync())
        };
        send(response.map(|response| response.map(watched)));
    });
    put_as_it_is(store, p2::ResponseOutparam { send }, to)
}

/// What comes of sending a message, or of processing it.
pub(super) type Done = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A request of wasi:http 0.3 between stores.
pub(super) struct MovedRequest {
    pub(super) head: RequestHead,
    pub(super) body: Body,
    /// Takes what the one that sent it is told of its processing.
    pub(super) done: oneshot::Sender<Done>,
}

/// All of a request but its body.
pub(super) struct RequestHead {
    pub(super) method: Method,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<Authority>,
    pub(super) path_with_query: Option<PathAndQuery>,
    pub(super) headers: FieldMap,
    pub(super) options: Option<Arc<RequestOptions>>,
}

/// A response of wasi:http 0.3 between stores.
pub(super) struct MovedResponse {
    pub(super) status: StatusCode,
    pub(super) headers: FieldMap,
    pub(super) body: Body,
    /// As that of a request.
    pub(super) done: oneshot::Sender<Done>,
}

/// What the sender waits for, and where it comes from.
pub(super) fn result() -> (oneshot::Sender<Done>, Done) {
    let (sender, receiver) = oneshot::channel::<Done>();
    let result = async {
        match receiver.await {
            Ok(done) => done.await,
            // It was dropped on its way. As with wasmtime alone, that is no failure of the transmission.
            Err(_) => Ok(()),
        }
    };
    (sender, Box::pin(result))
}

fn take_request<T: Send + 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    request: Resource<p3::Request>,
    from: &Arc<Border>,
) -> wasmtime::Result<MovedRequest> {
    let mut request = store.data_mut().table.delete(request)?;
    let head = RequestHead {
        method: replace(&mut request.method, Method::GET),
        scheme: request.scheme.replace(Scheme::HTTP),
        authority: request.authority.replace(Authority::from_static("moved")),
        path_with_query: request.path_with_query.replace(PathAndQuery::from_static("/")),
        headers: take(&mut request.headers),
        options: request.options.take(),
    };
    let (done, result) = result();
    let getter = WasiState::<T>::http;
    let request = request.into_http_with_getter(store.as_context_mut(), result, getter);
    let (request, _) = request.map_err(|error| match error.downcast() {
        Ok(code) => wasmtime::format_err!("the request cannot be passed on: {code:?}"),
        Err(error) => error,
    })?;
    let body = Body::from_store(request.into_body(), StoreInUse::new(from))?;
    Ok(MovedRequest { head, body, done })
}

fn put_request<T: Send + 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    request: MovedRequest,
    _: &Arc<Border>,
) -> wasmtime::Result<Resource<p3::Request>> {
    let MovedRequest { head, body, done } = request;
    let RequestHead { method, scheme, authority, path_with_query, headers, options } = head;
    let (request, result) =
        p3::Request::new(method, scheme, authority, path_with_query, headers, options, body);
    // The sender may have no interest in it.
    let _ = done.send(Box::pin(result));
    Ok(store.data_mut().table.push(request)?)
}

fn take_response<T: Send + 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    response: Resource<p3::Response>,
    from: &Arc<Border>,
) -> wasmtime::Result<MovedResponse> {
    let mut response = store.data_mut().table.delete(response)?;
    let status = response.status;
    let headers = take(&mut response.headers);
    let (done, result) = result();
    let getter = WasiState::<T>::http;
    let response = response.into_http_with_getter(store.as_context_mut(), result, getter)?;
    let body = Body::from_store(response.into_body(), StoreInUse::new(from))?;
    Ok(MovedResponse { status, headers, body, done })
}

fn put_response<T: Send + 'static>(
    mut store: StoreContextMut<'_, WasiState<T>>,
    response: MovedResponse,
    _: &Arc<Border>,
) -> wasmtime::Result<Resource<p3::Response>> {
    let MovedResponse { status, headers, body, done } = response;
    let hooks = store.data_mut().http().hooks;
    let (mut response, result) = p3::Response::from_http(hooks, http::Response::new(body));
    (response.status, response.headers) = (status, headers);
    let _ = done.send(Box::pin(result));
    Ok(store.data_mut().table.push(response)?)
}
