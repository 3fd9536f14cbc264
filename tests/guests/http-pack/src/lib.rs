//! Compresses responses and decompresses requests as they go by, with a chunk of each in memory.

wit_bindgen::generate!({ path: "../wit", world: "http-pack", generate_all });

use exports::wasi::http0_3_0::handler::Guest;
use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use wasi::http0_3_0::handler;
use wasi::http0_3_0::types::{ErrorCode, Fields, Request, Response, Trailers};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, spawn_local as spawn};

const CHUNK: usize = 64 * 1024;

type End = FutureReader<Result<Option<Trailers>, ErrorCode>>;

struct Pack;
export!(Pack);

impl Guest for Pack {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let headers = request.get_headers();
        let wanted = named(&headers, "accept-encoding");
        let request = if named(&headers, "content-encoding") { unpacked(request) } else { request };
        let response = handler::handle(request).await?;
        let pack = wanted && !response.get_headers().has("content-encoding");
        Ok(if pack { packed(response) } else { response })
    }
}

/// Whether that header names our encoding.
fn named(headers: &Fields, name: &str) -> bool {
    let values = headers.get(name);
    let mut names = values.iter().flat_map(|value| value.split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii() == b"deflate")
}

fn unpacked(request: Request) -> Request {
    let headers = request.get_headers().clone();
    headers.delete("content-encoding").expect("a header");
    headers.delete("content-length").expect("a header");
    let method = request.get_method();
    let path = request.get_path_with_query();
    let scheme = request.get_scheme();
    let authority = request.get_authority();
    let options = request.get_options();

    let (done, result) = wit_future::new(|| Ok(()));
    let (body, end) = Request::consume_body(request, result);
    let (body, end) = passed(body, end, Coder::unpacking());
    let (request, sent) = Request::new(headers, Some(body), end, options);
    spawn(async move { drop(done.write(sent.await).await) });
    request.set_method(&method).expect("the method it had");
    request.set_path_with_query(path.as_deref()).expect("the path it had");
    request.set_scheme(scheme.as_ref()).expect("the scheme it had");
    request.set_authority(authority.as_deref()).expect("the authority it had");
    request
}

fn packed(response: Response) -> Response {
    let headers = response.get_headers().clone();
    headers.delete("content-length").expect("a header");
    headers.append("content-encoding", b"deflate").expect("a header");
    let status = response.get_status_code();

    let (done, result) = wit_future::new(|| Ok(()));
    let (body, end) = Response::consume_body(response, result);
    let (body, end) = passed(body, end, Coder::packing());
    let (response, sent) = Response::new(headers, Some(body), end);
    spawn(async move { drop(done.write(sent.await).await) });
    response.set_status_code(status).expect("the status it had");
    response
}

/// The body gone through the coder, and its trailers, or an error if the coder has one.
fn passed(from: StreamReader<u8>, end: End, coder: Coder) -> (StreamReader<u8>, End) {
    let (mut writer, body) = wit_stream::new();
    let (end_writer, end_reader) = wit_future::new(|| Ok(None));
    spawn(async move {
        let sound = code(from, &mut writer, coder).await;
        drop(writer);
        let end = match sound {
            Some(true) => end.await,
            Some(false) => Err(ErrorCode::InternalError(Some("not deflated".to_owned()))),
            None => return,
        };
        let _ = end_writer.write(end).await;
    });
    (body, end_reader)
}

/// Whether all was sound, or none if nobody reads any more.
async fn code(
    mut from: StreamReader<u8>,
    to: &mut StreamWriter<u8>,
    mut coder: Coder,
) -> Option<bool> {
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut output = vec![0; CHUNK];
    loop {
        let (result, read) = from.read(buffer).await;
        let last = !matches!(result, StreamResult::Complete(_));
        let mut input = &read[..];
        loop {
            output.resize(CHUNK, 0);
            let Some(step) = coder.step(input, &mut output, last) else {
                return Some(false);
            };
            input = &input[step.consumed..];
            output.truncate(step.written);
            if step.written > 0 {
                output = to.write_all(output).await;
                if !output.is_empty() {
                    return None;
                }
            }
            if !step.more {
                break;
            }
        }
        if last {
            return Some(true);
        }
        buffer = read;
        buffer.clear();
    }
}

enum Coder {
    Packing(Box<CompressorOxide>),
    Unpacking { state: Box<InflateState>, ended: bool },
}

struct Step {
    consumed: usize,
    written: usize,
    /// Whether there is more to write before the next input.
    more: bool,
}

impl Coder {
    fn packing() -> Self {
        let level = CompressionLevel::DefaultLevel;
        Self::Packing(Box::new(CompressorOxide::with_format_and_level(DataFormat::Zlib, level)))
    }

    fn unpacking() -> Self {
        Self::Unpacking { state: InflateState::new_boxed(DataFormat::Zlib), ended: false }
    }

    /// Takes some of the input; `last` is after all of it. None if it is not what it should be.
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Option<Step> {
        let room = output.len();
        match self {
            Self::Packing(state) => {
                // What was read is sent at once, in case that more takes time.
                let flush = if last { MZFlush::Finish } else { MZFlush::Sync };
                let result = deflate(state, input, output, flush);
                let more = result.bytes_written == room;
                let (consumed, written) = (result.bytes_consumed, result.bytes_written);
                result.status.ok().map(|_| Step { consumed, written, more })
            }
            Self::Unpacking { ended: true, .. } => {
                Some(Step { consumed: input.len(), written: 0, more: false })
            }
            Self::Unpacking { state, ended } => {
                let result = inflate(state, input, output, MZFlush::None);
                let (consumed, written) = (result.bytes_consumed, result.bytes_written);
                match result.status {
                    Ok(status) => {
                        *ended = status == MZStatus::StreamEnd;
                        Some(Step { consumed, written, more: !*ended })
                    }
                    Err(MZError::Buf) if !last => Some(Step { consumed, written, more: false }),
                    Err(_) => None,
                }
            }
        }
    }
}
