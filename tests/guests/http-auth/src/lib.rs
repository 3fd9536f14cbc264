//! Answers those who do not say who they are by itself, and passes on the others as they come.

wit_bindgen::generate!({ path: "../wit", world: "http-auth", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use wasi::http0_3_0::handler;
use wasi::http0_3_0::types::{ErrorCode, Fields, Request, Response};
use wit_bindgen::spawn_local as spawn;

struct Auth;
export!(Auth);

impl Guest for Auth {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        if request.get_headers().has("authorization") {
            return handler::handle(request).await;
        }
        let (mut writer, body) = wit_stream::new();
        spawn(async move { drop(writer.write_all(b"who are you?".to_vec()).await) });
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(Fields::new(), Some(body), trailers);
        response.set_status_code(401).expect("a status that there is");
        Ok(response)
    }
}
