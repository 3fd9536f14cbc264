//! A connection: its task drives hyper, and ends it when it is due.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::io::{Stream, Wire};
use crate::listener::Listener;
use crate::record;
use crate::request::{Origin, Site};
use crate::settings::Settings;
use crate::sync::lock;
use crate::watch::{Due, Watch};

/// The least room that hyper wants to have for a head of HTTP/1.
const LEAST_BUFFER: usize = 8192;

/// How many streams a client may have reset before they were looked at, and how many may have been reset for its own
/// mistakes: past that the connection ends. A client that opens and resets streams makes work, and costs itself nothing.
const MOST_RESETS: usize = 20;
const MOST_MISTAKES: usize = 128;

/// Serves a connection until its end.
pub(crate) async fn serve<L: Listener>(
    stream: Stream<L::Io>,
    opened: Instant,
    peer: Option<SocketAddr>,
    site: Arc<Site>,
    mut ending: watch::Receiver<bool>,
) {
    let watch = Watch::new(opened);
    let origin = Origin { watch: watch.clone(), peer, secure: stream.is_secure() };
    let streams = Streams::default();
    let builder = builder(&site.settings, streams.clone());
    let answering = site.clone();
    let service = service_fn(move |request| {
        let (site, origin) = (answering.clone(), origin.clone());
        async move { Ok::<_, Infallible>(site.answer(request, &origin).await) }
    });
    let wire = TokioIo::new(Wire::<L>::new(stream, watch.clone()));
    let mut connection = pin!(builder.serve_connection(wire, service));
    let mut ended = pin!(async move {
        // The server is there for as long as its connections.
        let _ = ending.wait_for(|ending| *ending).await;
    });
    let mut asked_to_end = false;
    let mut armed = opened;
    let mut timer = pin!(sleep_until(armed));
    let result = poll_fn(|cx| {
        watch.wakes(cx.waker());
        loop {
            if !asked_to_end && ended.as_mut().poll(cx).is_ready() {
                asked_to_end = true;
                watch.ends();
                connection.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(Some));
            }
            // What makes a connection due earlier happens while it is polled, or has it woken.
            loop {
                let Some((at, due)) = watch.due(&site.settings) else { return Poll::Pending };
                if at <= Instant::now() {
                    if due != Due::Idle || asked_to_end {
                        record::connection(told(due), None);
                        // What hyper holds back of a response will not be sent.
                        watch.set_unfinished(watch.is_unfinished() || due != Due::Head);
                        return Poll::Ready(Err(None));
                    }
                    asked_to_end = true;
                    watch.ends();
                    connection.as_mut().graceful_shutdown();
                    break;
                }
                if at < armed || timer.is_elapsed() {
                    armed = at;
                    timer.as_mut().reset(at);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
    if let Err(Some(error)) = result {
        record::connection("a connection has failed", Some(&*error));
    }
    streams.end().await;
}

fn told(due: Due) -> &'static str {
    match due {
        Due::Idle => "a connection was idle for too long",
        Due::Head => "the head of a request took too long",
        Due::Untaken => "a client does not read what it asked for",
        Due::Ended => "a client has not taken part in the end of its connection",
    }
}

fn builder(settings: &Settings, streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    // Time is kept by the watch.
    builder.http1().header_read_timeout(None).max_buf_size(settings.head_bytes.max(LEAST_BUFFER));
    builder
        .http2()
        .max_concurrent_streams(settings.streams)
        .max_pending_accept_reset_streams(MOST_RESETS)
        .max_local_error_reset_streams(MOST_MISTAKES)
        .max_header_list_size(u32::try_from(settings.head_bytes).unwrap_or(u32::MAX));
    builder
}

/// The tasks of a connection of HTTP/2, one for each of its requests. They end with it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    async fn end(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.0));
        tasks.shutdown().await;
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = lock(&self.0);
        // What is kept of those that have ended.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
