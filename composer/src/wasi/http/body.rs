//! [`Body`]: the body of an HTTP message on its way between stores, from Rust and to it.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, coop};
use wasmtime_wasi_http::Error;

use crate::error::{CompositionError, StreamLost, with_causes};
use crate::run::StoreInUse;

/// The body of a request or of a response, of any origin: a guest, a client, or Rust.
///
/// Its data is streamed: a guest writes more when what it wrote has been read. A body whose component ended before the
/// body did ends with an error, and never as if it were complete. While there is a body that is not read to its end,
/// its component goes on.
pub struct Body {
    inner: UnsyncBoxBody<Bytes, Error>,
    /// The store that writes it.
    store: Option<StoreInUse>,
    progress: Progress,
    length: Option<Length>,
    /// Resolves what the writer waits for, when the body has been read to its end.
    read: Option<oneshot::Sender<()>>,
    /// How many bodies are inside of each other here, this one included.
    depth: usize,
    written: Written,
}

/// Whether more of a body can come.
pub(super) enum Written {
    /// Its end says so.
    Unknown,
    /// By a call that goes on, and is given up if the body is dropped before its end.
    By(WritingCall),
    /// By a call that has returned. What has not come by then never will.
    Completely,
}

impl Written {
    /// What is known when the call that writes it has ended.
    pub(super) fn after(ended: &Result<Result<(), CompositionError>, JoinError>) -> Self {
        use CompositionError::{Timeout, Trap, Unavailable};
        match ended {
            // Its store ends, and the body with it.
            Err(_) | Ok(Err(Trap { .. } | Timeout { .. } | Unavailable { .. })) => Self::Unknown,
            // A call that a layer has failed may have returned, too.
            Ok(Ok(()) | Err(_)) => Self::Completely,
        }
    }
}

/// A call of wasi:http 0.2, which writes the body of its response before it returns.
pub(super) type WritingCall = JoinHandle<Result<(), CompositionError>>;

enum Progress {
    Reading,
    /// It has ended, and is to tell whether it was brought to its end.
    Ending(oneshot::Receiver<Result<(), StreamLost>>),
    Over,
}

/// How long a body is to be, as its message said.
struct Length {
    expected: u64,
    left: u64,
    error: fn(Option<u64>) -> Error,
}

/// What a body tells of itself beside its length, by [`ASKED`].
#[derive(Clone, Copy, Default)]
struct Told {
    /// How many bodies are inside of each other, itself included.
    depth: usize,
    /// Whether it has ended, and waits to hear how.
    is_ending: bool,
}

thread_local! {
    /// Set by a body that is asked how long it is, whatever it is wrapped in.
    static ASKED: Cell<Told> = const { Cell::new(Told { depth: 0, is_ending: false }) };
}

fn ask(body: &UnsyncBoxBody<Bytes, Error>) -> Told {
    ASKED.take();
    let _ = http_body::Body::size_hint(body);
    ASKED.take()
}

/// How often a body may be passed on. Each time puts it into another one, and reading goes through all of them.
const MOST_NESTED: usize = 64;

impl Body {
    /// A body without data.
    pub fn empty() -> Self {
        Self::new(http_body_util::Empty::new())
    }

    /// A body of any kind.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::of(body.map_err(|error| to_error(error.into())).boxed_unsync(), None)
    }

    fn of(inner: UnsyncBoxBody<Bytes, Error>, store: Option<StoreInUse>) -> Self {
        let progress = Progress::Reading;
        let depth = ask(&inner).depth + 1;
        let written = Written::Unknown;
        Self { inner, store, progress, length: None, read: None, depth, written }
    }

    /// A body that was taken out of a store.
    ///
    /// # Errors
    ///
    /// If it was passed on too often.
    pub(super) fn from_store(
        inner: UnsyncBoxBody<Bytes, Error>,
        store: StoreInUse,
    ) -> wasmtime::Result<Self> {
        let mut body = Self::of(inner, Some(store));
        wasmtime::ensure!(
            body.depth <= MOST_NESTED,
            "a body cannot be passed on more than {MOST_NESTED} times without being read"
        );
        // A guest can pass on the body that it was given without reading it. Then there is one like this inside, which
        // looks after itself, and the store has no part in it.
        if body.depth > 1 {
            body.store = None;
        }
        Ok(body)
    }

    /// A body that fails at once.
    pub(super) fn failing(error: &wasmtime::Error) -> Self {
        let error = Error::InternalError(Some(error.to_string()));
        let failed = futures_util::stream::once(std::future::ready(Err(error)));
        Self::of(http_body_util::StreamBody::new(failed).boxed_unsync(), None)
    }

    /// Holds the body to the length that its message has said.
    pub(super) fn limited(mut self, expected: u64, error: fn(Option<u64>) -> Error) -> Self {
        self.length = Some(Length { expected, left: expected, error });
        self
    }

    /// Resolves `read` when the body has been read to its end, and drops it if it is not.
    pub(super) fn telling(mut self, read: oneshot::Sender<()>) -> Self {
        self.read = Some(read);
        self
    }

    /// Notes what writes the body.
    pub(super) fn written(mut self, written: Written) -> Self {
        self.written = written;
        self
    }

    /// Whether nothing more can come, although the body has not ended.
    fn is_left(&mut self, cx: &mut Context<'_>) -> bool {
        if let Written::By(call) = &mut self.written {
            match Pin::new(call).poll(cx) {
                Poll::Pending => {}
                Poll::Ready(ended) => self.written = Written::after(&ended),
            }
        }
        matches!(self.written, Written::Completely) && !ask(&self.inner).is_ending
    }

    /// Notes that there is nothing more to come.
    fn is_over(&mut self, completely: bool) {
        self.progress = Progress::Over;
        self.store = None;
        if completely {
            // It goes on with what is left to do.
            self.written = Written::Unknown;
        }
        // Its writer hears that nobody reads any more.
        self.inner = UnsyncBoxBody::default();
        self.is_read(completely);
    }

    /// Tells the writer that all of it was read, if it was.
    fn is_read(&mut self, completely: bool) {
        if let Some(read) = self.read.take().filter(|_| completely) {
            // The writer may have no interest in it.
            let _ = read.send(());
        }
    }

    fn fails(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_over(false);
        Poll::Ready(Some(Err(error)))
    }

    /// The end, if what came is as long as was said.
    fn ends(&mut self) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(Length { expected, left, error }) = &self.length
            && *left > 0
        {
            let error = error(Some(expected - left));
            return self.fails(error);
        }
        self.is_over(true);
        Poll::Ready(None)
    }

    /// Counts what has come.
    fn measured(&mut self, frame: &Frame<Bytes>) -> Result<(), Error> {
        let (Some(length), Some(data)) = (&mut self.length, frame.data_ref()) else {
            return Ok(());
        };
        let more = data.len() as u64;
        match length.left.checked_sub(more) {
            Some(left) => {
                length.left = left;
                // Who reads as much as was announced need not look for the end.
                self.is_read(left == 0);
            }
            None => {
                let sent = length.expected - length.left + more;
                return Err((length.error)(Some(sent)));
            }
        }
        Ok(())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match &mut self.progress {
                Progress::Reading => {}
                Progress::Ending(told) => {
                    let told = ready!(Pin::new(told).poll(cx));
                    let lost = match told {
                        Ok(Ok(())) => self.store.as_ref().and_then(StoreInUse::lost),
                        Ok(Err(lost)) => Some(lost),
                        Err(_) => self.store.as_ref().map(StoreInUse::lost_with_it),
                    };
                    return match lost {
                        Some(lost) => self.fails(Error::InternalError(Some(lost.to_string()))),
                        None => self.ends(),
                    };
                }
                Progress::Over => return Poll::Ready(None),
            }
            // A channel of tokio has nothing for a task that has used up its budget, whatever is in it.
            let mut polled = Pin::new(&mut self.inner).poll_frame(cx);
            if polled.is_pending() && coop::has_budget_remaining() && self.is_left(cx) {
                // It may have come just before the call returned.
                let inner = &mut self.inner;
                let again = poll_fn(|cx| Pin::new(&mut *inner).poll_frame(cx));
                polled = pin!(coop::unconstrained(again)).poll(cx);
                if polled.is_pending() && self.is_left(cx) {
                    let message = "the call has returned, and has not ended the body";
                    return self.fails(Error::InternalError(Some(message.to_owned())));
                }
            }
            match ready!(polled) {
                Some(Ok(frame)) => {
                    if let Err(error) = self.measured(&frame) {
                        return self.fails(error);
                    }
                    if frame.is_trailers() {
                        // Nothing can follow, and nothing was cut off; perhaps there was too little.
                        if let Poll::Ready(Some(Err(error))) = self.ends() {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => return self.fails(error),
                None => {}
            }
            match &self.store {
                Some(store) => self.progress = Progress::Ending(store.ended()),
                None => return self.ends(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.progress {
            Progress::Over => true,
            // Whether it was brought to its end has to be asked.
            Progress::Reading => {
                self.store.is_none() && self.length.is_none() && self.inner.is_end_stream()
            }
            Progress::Ending(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let hint = self.length.as_ref().map_or(inner, |it| SizeHint::with_exact(it.left));
        // Last, as a body inside may have told of itself.
        let is_ending = matches!(self.progress, Progress::Ending(_)) || ASKED.get().is_ending;
        ASKED.set(Told { depth: self.depth, is_ending });
        hint
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Written::By(call) = &self.written {
            call.abort();
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(http_body_util::Full::new(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

/// What went wrong with a body or a client, as guests are told.
pub(super) fn to_error(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => Error::InternalError(Some(with_causes(&*error))),
    }
}
