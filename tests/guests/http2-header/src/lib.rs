//! Answers requests for private paths by itself, and passes on the others, by WASI 0.2.

wit_bindgen::generate!({ path: "../wit", world: "http2-header", generate_all });

use exports::wasi::http0_2_6::incoming_handler::Guest;
use wasi::http0_2_6::incoming_handler::handle;
use wasi::http0_2_6::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Header;
export!(Header);

impl Guest for Header {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if !request.path_with_query().unwrap_or_default().starts_with("/private") {
            return handle(request, out);
        }
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(403).expect("a status that there is");
        let body = response.body().expect("the body, once");
        ResponseOutparam::set(out, Ok(response));
        let _ = OutgoingBody::finish(body, None);
    }
}
