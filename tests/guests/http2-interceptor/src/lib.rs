//! Looks at outgoing requests of WASI 0.2: denies some and adds a header where that can be done.

wit_bindgen::generate!({ path: "../wit", world: "http2-interceptor", generate_all });

use exports::wasi::http0_2_6::outgoing_handler::Guest;
use wasi::http0_2_6::outgoing_handler::handle;
use wasi::http0_2_6::types::{ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions};

struct Interceptor;
export!(Interceptor);

impl Guest for Interceptor {
    fn handle(
        request: OutgoingRequest,
        options: Option<RequestOptions>,
    ) -> Result<FutureIncomingResponse, ErrorCode> {
        let authority = request.authority().unwrap_or_default();
        if authority.split(':').next() == Some("forbidden.test") {
            return Err(ErrorCode::HttpRequestDenied);
        }
        // Who had taken it could write it still: only a request without one can be replaced.
        if request.body().is_err() {
            return handle(request, options);
        }
        let headers = request.headers().clone();
        headers.append("x-intercepted", b"yes").expect("a header");
        let marked = OutgoingRequest::new(headers);
        marked.set_method(&request.method()).expect("the method it had");
        let path = request.path_with_query();
        marked.set_path_with_query(path.as_deref()).expect("the path it had");
        marked.set_scheme(request.scheme().as_ref()).expect("the scheme it had");
        marked.set_authority(request.authority().as_deref()).expect("the authority it had");
        handle(marked, options)
    }
}
