//! [`HttpService`]: components that serve HTTP, called from Rust.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tower_service::Service;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::{Error, FieldMap, WasiHttpCtx, WasiHttpCtxView};

use super::body::{Body, Written};
use super::carriers::{MovedRequest, MovedResponse, RequestHead, result};
use super::client::Outgoing;
use super::codes::ErrorCode;
use crate::compose::Composition;
use crate::error::CompositionError;
use crate::export::TypedFunc;
use crate::plan::name::base;
use crate::typed::Moved;

/// What components that serve HTTP export: 0.3 and 0.2.
const HANDLER: &str = "wasi:http/handler";
const INCOMING_HANDLER: &str = "wasi:http/incoming-handler";

/// A composition that serves HTTP, as a [`Service`] of Rust. Made by [`Composition::http`].
///
/// Requests and responses are those of the crate `http`, with bodies that stream: the guest reads a request's body as
/// the client sends it, and writes more of the response's when the client has read. So a router of axum can nest it, and
/// a server of hyper can serve it.
///
/// Cheap to clone. It does not keep the composition alive; once that has ended, calls fail with
/// [`CompositionError::Unavailable`].
///
/// Requests overlap in a component of wasi:http 0.3. One of 0.2 serves them one after the other; more of them at a time
/// are what [`with_instances`](crate::ComposableDescriptor::with_instances) is for.
///
/// # Errors
///
/// A call fails with [`HttpError`], if there is no response. A response whose component fails later has a body that ends
/// with an error.
///
/// # Cancel safety
///
/// Dropping a call gives it up, as that of a [`TypedFunc`]. Dropping a response's body tells its writer.
#[derive(Clone)]
pub struct HttpService(Handler);

#[derive(Clone)]
enum Handler {
    Later(TypedFunc<(Moved<MovedRequest>,), Result<Moved<MovedResponse>, ErrorCode>>),
    Former(TypedFunc<(Moved<p2::IncomingRequest>, Moved<p2::ResponseOutparam>), ()>),
}

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The component answered with an error code of wasi:http.
    #[error("the component answered with an error: {0}")]
    Code(Error),

    /// The component could not be called, trapped, or took too long.
    #[error(transparent)]
    Composition(#[from] CompositionError),

    /// The component, of wasi:http 0.2, returned without having set a response.
    #[error("component `{component}` returned without a response")]
    #[non_exhaustive]
    NoResponse {
        /// The component.
        component: String,
    },

    /// The request has no place to go to: neither an authority in its URI, nor a header `host` that is one.
    #[error("the request has neither an authority in its URI nor a valid header `host`")]
    #[non_exhaustive]
    NoAuthority,
}

impl Composition {
    /// The composition as an HTTP service: it exports `wasi:http/handler` in a version of 0.3, or
    /// `wasi:http/incoming-handler` in one of 0.2.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Lookup`] if it exports neither, if several components do and no hint chooses, or if the
    ///   one that does has no [`Wasi`](crate::Wasi).
    /// - [`CompositionError::Typed`] if what it exports takes other requests than those of a `Wasi`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// # use wasm_runtime_composer::wasi::http::Body;
    /// # use wasm_runtime_composer::{ComposableDescriptor, Composer, Wasi};
    /// # use wasmtime::Engine;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::default();
    /// let wasi = Wasi::new(&engine);
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("auth", wasi.component(Path::new("auth.wasm"))));
    /// composer.add(ComposableDescriptor::new("app", wasi.component(Path::new("app.wasm"))));
    /// composer.chain("wasi:http/handler@0.3.0", ["auth", "app"]);
    /// let composition = composer.compose().await?;
    ///
    /// let web = composition.http()?;
    /// let request = http::Request::get("http://localhost/echo").body(Body::empty())?;
    /// assert_eq!(web.handle(request).await?.status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(&self) -> Result<HttpService, CompositionError> {
        let exports = self.exports();
        let exported = |name: &str| exports.iter().find(|export| base(&export.name) == name);
        if let Some(export) = exported(HANDLER) {
            return Ok(HttpService(Handler::Later(self.typed(Some(&export.name), "handle")?)));
        }
        // If it is not there either, that is what the error says.
        let name = exported(INCOMING_HANDLER).map_or(HANDLER, |export| &export.name);
        Ok(HttpService(Handler::Former(self.typed(Some(name), "handle")?)))
    }
}

impl HttpService {
    /// The same service, with a deadline for each request, as
    /// [`ExportFunc::with_deadline`](crate::ExportFunc::with_deadline): until its response is there, for components of
    /// wasi:http 0.3. One of 0.2 sends the body within its call, so there it is for all of the response.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self(match self.0 {
            Handler::Later(func) => Handler::Later(func.with_deadline(deadline)),
            Handler::Former(func) => Handler::Former(func.with_deadline(deadline)),
        })
    }

    /// Has the composition handle a request.
    ///
    /// # Errors
    ///
    /// [`HttpError`], if there is no response.
    ///
    /// # Cancel safety
    ///
    /// As of the service's calls.
    pub async fn handle<B>(
        &self,
        request: http::Request<B>,
    ) -> Result<http::Response<Body>, HttpError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request = request.map(Body::new);
        match &self.0 {
            Handler::Later(func) => later(func, request).await,
            Handler::Former(func) => former(func, request).await,
        }
    }
}

/// By wasi:http 0.3.
async fn later(
    func: &TypedFunc<(Moved<MovedRequest>,), Result<Moved<MovedResponse>, ErrorCode>>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, HttpError> {
    let (parts, body) = request.into_parts();
    let authority = authority(parts.uri.authority(), &parts.headers);
    let head = RequestHead {
        method: parts.method.clone(),
        scheme: Some(parts.uri.scheme().cloned().unwrap_or(Scheme::HTTP)),
        authority,
        path_with_query: parts.uri.path_and_query().cloned(),
        headers: FieldMap::new_immutable(&mut Outgoing::default(), parts.headers),
        options: None,
    };
    // Nobody in Rust asks what became of the request's body.
    let (done, _) = result();
    let answer = func.call((Moved(MovedRequest { head, body, done }),)).await?;
    let Moved(MovedResponse { status, headers, body, done }) =
        answer.map_err(|code| HttpError::Code(code.into_error(func.ty().result())))?;
    let (read, told) = oneshot::channel();
    // The guest may have no interest in it.
    let _ = done.send(Box::pin(async { told.await.map_err(|_| Error::ConnectionTerminated) }));
    let headers = HeaderMap::from(headers);
    let body = match is_without_body(&parts.method, status) {
        true => {
            // Nobody will look for its end.
            let _ = read.send(());
            body
        }
        false => limited(body, &headers).telling(read),
    };
    let mut response = http::Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// The authority of a request that came to a server: in its URI, or as its header `host`.
fn authority(of_uri: Option<&Authority>, headers: &HeaderMap) -> Option<Authority> {
    let of_host = || headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    of_uri.cloned().or_else(of_host)
}

/// Whether a response has no body, whatever its headers say.
fn is_without_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// Holds a response's body to the length that its headers announce.
fn limited(body: Body, headers: &HeaderMap) -> Body {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        Some(length) => body.limited(length, Error::HttpResponseBodySize),
        None => body,
    }
}

/// By wasi:http 0.2. The response comes before the call has ended, and its body while it goes on.
async fn former(
    func: &TypedFunc<(Moved<p2::IncomingRequest>, Moved<p2::ResponseOutparam>), ()>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, HttpError> {
    let method = request.method().clone();
    let scheme = match request.uri().scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => p2::Scheme::Https,
        _ => p2::Scheme::Http,
    };
    let (response, answered) = oneshot::channel();
    // What the crate makes goes into a table, from where it is taken at once.
    let mut table = ResourceTable::new();
    let (mut hooks, mut ctx) = (Outgoing::default(), WasiHttpCtx::new());
    let mut view = WasiHttpCtxView { hooks: &mut hooks, table: &mut table, ctx: &mut ctx };
    let request = view.new_incoming_request(scheme, request).map_err(|_| HttpError::NoAuthority)?;
    let outparam = view.new_response_outparam(response);
    let (request, outparam) = (taken(&mut table, Ok(request))?, taken(&mut table, outparam)?);
    let (call, component) = (func.clone(), func.component().to_owned());
    let mut calling =
        tokio::spawn(async move { call.call((Moved(request), Moved(outparam))).await });
    let given_up = GivenUp(Some(calling.abort_handle()));
    let mut answered = pin!(answered);
    // The guest may keep the place of the response, and return.
    let (answer, mut ended) = match select(answered.as_mut(), &mut calling).await {
        Either::Left((answer, _)) => (answer.ok(), None),
        Either::Right((ended, _)) => (answered.try_recv().ok(), Some(ended)),
    };
    if answer.is_none() && ended.is_none() {
        // It has dropped the place, and may be about to trap.
        ended = Some((&mut calling).await);
    }
    match (answer, ended) {
        (Some(Ok(response)), ended) => {
            let (parts, body) = response.into_parts();
            given_up.keep();
            let body = Body::new(body).written(match ended {
                None => Written::By(calling),
                Some(ended) => Written::after(&ended),
            });
            let body = match is_without_body(&method, parts.status) {
                true => body,
                false => limited(body, &parts.headers),
            };
            Ok(http::Response::from_parts(parts, body))
        }
        (Some(Err(code)), _) => Err(HttpError::Code(code.into())),
        (None, Some(Ok(Err(error)))) => Err(error.into()),
        (None, _) => Err(HttpError::NoResponse { component }),
    }
}

fn taken<R: 'static>(
    table: &mut ResourceTable,
    resource: wasmtime::Result<Resource<R>>,
) -> Result<R, HttpError> {
    let taken = resource.and_then(|resource| Ok(table.delete(resource)?));
    // A new table has room for two, and has what was just put there.
    taken.map_err(|error| HttpError::Code(Error::InternalError(Some(error.to_string()))))
}

/// Gives a call up with who waits for its response.
struct GivenUp(Option<AbortHandle>);

impl GivenUp {
    /// Leaves the call to who reads the rest.
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(call) = &self.0 {
            call.abort();
        }
    }
}

impl<B> Service<http::Request<B>> for HttpService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = http::Response<Body>;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, HttpError>> + Send>>;

    /// Always ready: a component whose inbox is full makes the call wait.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.handle(request).await })
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Handler::Later(func) => f.debug_tuple("HttpService").field(func).finish(),
            Handler::Former(func) => f.debug_tuple("HttpService").field(func).finish(),
        }
    }
}
