//! [`NatsServer`]: serves a composition's exports over NATS.
//!
//! All calls arrive through the one client, so limits are for the server as a whole: a number of
//! running and of waiting calls, and the bytes held for them. Closing first drains the
//! subscriptions, so that calls which the broker has already sent are still answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use futures_util::stream::{SelectAll, Stream, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use wasm_runtime_composer::Composition;
use wasm_runtime_composer::provider::Value;

use super::envelope::{
    CallId, REPLY_HEAD, REQUEST_HEAD, RequestHead, Status, left, reply, type_hash,
};
use super::{NAME, PREFIX, is_subject, problem_of, subject};
use crate::budget::{Account, Held};
use crate::codec::{Decoder, EncodeError, Encoder};
use crate::error::ServeError;
use crate::limits;
use crate::serve::{Served, Server, Serving, Start, Starting, Table, closing, cut};
use crate::types::carries_values;

/// Takes calls over NATS, with a client that is already connected.
///
/// Several servers of the same functions share the calls. When the broker restarts, the client
/// reconnects and the subscriptions continue; calls that were on their way are lost, which their
/// callers notice at the deadline. A call whose caller has given up is not begun, or is given up,
/// as if its future had been dropped. This requires that the clocks of callers and servers agree
/// roughly.
///
/// The broker decides which clients may publish under the subjects, and so who may call.
#[derive(Debug)]
pub struct NatsServer {
    client: Client,
    prefix: String,
    group: String,
    only: Option<Vec<String>>,
    calls: usize,
    call_time: Duration,
    held_bytes: usize,
}

impl NatsServer {
    /// Takes calls with `client`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            prefix: PREFIX.to_owned(),
            group: PREFIX.to_owned(),
            only: None,
            calls: limits::CALLS,
            call_time: limits::CALL_TIME,
            held_bytes: limits::HELD_BYTES,
        }
    }

    /// Sets the prefix of subjects, one part or several separated by dots; `wasm` by default.
    /// Serving fails if it has wildcards, white space or empty parts.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the queue group, in which each call goes to a single server; `wasm` by default. Servers
    /// of the same functions must be in the same group, as every group gets every call and the
    /// first reply counts.
    #[must_use]
    pub fn with_queue_group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Serves only the exports `names`: functions of the world, and interfaces with their versions.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.only = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Sets how many calls may run at a time, at least 1; 1024 by default. As many may wait, and
    /// further calls are refused.
    #[must_use]
    pub fn with_concurrency(mut self, calls: usize) -> Self {
        self.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how long a call may run before it is given up, whatever its caller's deadline is; 5
    /// minutes by default.
    #[must_use]
    pub fn with_call_limit(mut self, limit: Duration) -> Self {
        self.call_time = limit;
        self
    }

    /// Sets how many bytes of memory the server holds for calls; 256 MiB by default. These are the
    /// arguments of calls that run or wait, and their values while they run. A call that would need
    /// more is refused. Callers cannot be told apart, so there is no limit for each of them.
    /// Replies are held by the client, up to its own limits.
    #[must_use]
    pub fn with_held_bytes(mut self, bytes: usize) -> Self {
        self.held_bytes = bytes;
        self
    }

    async fn start(self, composition: &Composition) -> Result<Serving, ServeError> {
        let table = Table::new(composition, self.only.as_deref(), NAME, &carries_values)?;
        let prefix = problem_of("a prefix of subjects", &self.prefix);
        let group = || problem_of("a queue group", &self.group);
        if let Some(problem) = prefix.or_else(group) {
            return Err(refused(&self.prefix, problem));
        }
        let mut subscriptions = SelectAll::new();
        let mut subjects = Vec::new();
        for (interface, function, served) in table.iter() {
            let subject = subject(&self.prefix, interface, function);
            let subscribed = self.client.queue_subscribe(subject.clone(), self.group.clone()).await;
            let subscriber = subscribed.map_err(|error| refused(&subject, error))?;
            let function =
                Arc::new(Function { type_hash: type_hash(served.ty()), served: served.clone() });
            subscriptions.push(Subscription { subscriber, function });
            subjects.push(subject);
        }
        subjects.sort_unstable();
        let round = self.round().await;
        round.map_err(|error| refused(subjects.first().map_or("", String::as_str), error))?;
        Ok(Serving::start(composition, subjects, |close| self.run(subscriptions, close)))
    }

    /// Waits until a message to itself comes back: messages are processed in order, so the broker
    /// then knows the subscriptions.
    async fn round(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let inbox = self.client.new_inbox();
        let mut subscriber = self.client.subscribe(inbox.clone()).await?;
        self.client.publish(inbox, Vec::new().into()).await?;
        self.client.flush().await?;
        match timeout(ROUND, subscriber.next()).await {
            Ok(Some(_)) => Ok(()),
            _ => Err(format!("the broker does not answer within {ROUND:?}").into()),
        }
    }

    /// Takes calls until it is told to stop, and runs each as a task.
    async fn run(
        self,
        mut subscriptions: SelectAll<Subscription>,
        mut close: watch::Receiver<Option<Instant>>,
    ) {
        let most = self.calls.saturating_mul(2);
        let calls = Arc::new(Calls {
            own: format!("{}.", self.prefix),
            turns: Semaphore::new(self.calls),
            client: self.client,
            call_time: self.call_time,
        });
        let account = Account::new("the server", "with_held_bytes", self.held_bytes, None);
        let mut running = JoinSet::new();
        let mut is_closing = false;
        let mut cut = std::pin::pin!(cut(close.clone()));
        loop {
            tokio::select! {
                biased;
                () = &mut cut => break,
                () = closing(&mut close), if !is_closing => {
                    is_closing = true;
                    // Messages that the broker has already sent still arrive; then the
                    // subscriptions end.
                    for subscription in subscriptions.iter_mut() {
                        // An error means that the subscription has already ended.
                        let _ = subscription.subscriber.drain().await;
                    }
                }
                Some(_) = running.join_next() => {}
                next = subscriptions.next() => match next {
                    Some((function, message)) if running.len() < most => {
                        match Held::of(&account, message.payload.len()) {
                            Ok(held) => {
                                running.spawn(calls.clone().run(function, message, held));
                            }
                            Err(full) => calls.refuse(message, full.to_string()).await,
                        }
                    }
                    Some((_, message)) => {
                        calls.refuse(message, "as many calls run and wait as may".to_owned()).await;
                    }
                    None => {
                        tokio::select! {
                            () = async { while running.join_next().await.is_some() {} } => {}
                            () = &mut cut => {}
                        }
                        break;
                    }
                },
            }
        }
        running.shutdown().await;
        // Makes sure that the last replies have been sent before closing ends.
        let _ = timeout(ROUND, calls.client.flush()).await;
    }
}

impl Start for NatsServer {
    fn start(self: Box<Self>, composition: &Composition) -> Starting<'_> {
        Box::pin((*self).start(composition))
    }
}

impl From<NatsServer> for Server {
    fn from(server: NatsServer) -> Self {
        Self::new(server)
    }
}

/// How long the broker may take for a round trip.
const ROUND: Duration = Duration::from_secs(5);

fn refused(
    subject: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ServeError {
    ServeError::Subscribe { subject: subject.to_owned(), source: Arc::from(error.into()) }
}

struct Function {
    served: Served,
    type_hash: u64,
}

/// The calls of one function.
struct Subscription {
    subscriber: Subscriber,
    function: Arc<Function>,
}

impl Stream for Subscription {
    type Item = (Arc<Function>, Message);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.subscriber.poll_next_unpin(cx);
        message.map(|message| message.map(|message| (self.function.clone(), message)))
    }
}

/// What all calls share.
struct Calls {
    /// The prefix of the subjects of functions.
    own: String,
    client: Client,
    turns: Semaphore,
    call_time: Duration,
}

impl Calls {
    /// Runs a call and replies.
    async fn run(self: Arc<Self>, function: Arc<Function>, message: Message, held: Held) {
        // A message without a reply subject has no caller to answer.
        let Some(inbox) = self.inbox(message.reply) else { return };
        let (id, status, body) = match RequestHead::parse(&message.payload) {
            Ok((head, args)) => match self.answer(&function, &head, args, held).await {
                Some((status, body)) => (head.id, status, body),
                None => return,
            },
            Err(problem) => ([0; 16], Status::Refused, problem.into_bytes()),
        };
        self.reply(inbox, id, status, body).await;
    }

    /// The subject for the reply. If it were a function's subject, the reply would be a call made
    /// with this server's permissions, which the caller may not have; so such subjects are refused.
    fn inbox(&self, reply: Option<async_nats::Subject>) -> Option<async_nats::Subject> {
        reply.filter(|reply| is_subject(reply) && !reply.starts_with(&self.own))
    }

    /// The answer to a call; `None` if its caller has gone.
    async fn answer(
        &self,
        function: &Function,
        head: &RequestHead,
        args: &[u8],
        mut held: Held,
    ) -> Option<(Status, Vec<u8>)> {
        let refused = |problem: String| Some((Status::Refused, problem.into_bytes()));
        let left = match left(head.deadline) {
            Ok(left) => left,
            Err(passed) => {
                // Usually seen only by a caller whose clock is wrong.
                return refused(format!(
                    "its deadline passed {passed:?} before it came; do the clocks agree?"
                ));
            }
        };
        let name = &function.served.name;
        if head.type_hash != function.type_hash {
            let ty = function.served.ty();
            return refused(format!("`{name}` is here a `{ty}`, and its caller has another type"));
        }
        let most = limits::memory(self.client.max_payload());
        let called = timeout(left, async {
            let _turn = self.turns.acquire().await;
            // A waiting call holds only its bytes; the values are decoded when it runs.
            let args = match arguments(function, args, most, &mut held) {
                Ok(args) => args,
                Err(problem) => {
                    let problem = format!("the arguments of `{name}` cannot be read: {problem}");
                    return Err((Status::Refused, problem));
                }
            };
            let called = function.served.call(args, self.call_time).await;
            called.map_err(|message| (Status::Failed, message))
        });
        // An error means that the caller has gone.
        let called = called.await.ok()?;
        let limit = self.client.max_payload().saturating_sub(REPLY_HEAD);
        let encoded = called.and_then(|value| {
            encode(function, value, limit)
                .map_err(|error| format!("the result of `{name}` cannot be sent: {error}"))
                .map_err(|message| (Status::Failed, message))
        });
        Some(match encoded {
            Ok(body) => (Status::Ended, body),
            Err((status, message)) => (status, message.into_bytes()),
        })
    }

    /// Replies why a call is not run.
    async fn refuse(&self, message: Message, problem: String) {
        let Some(inbox) = self.inbox(message.reply) else { return };
        let id = RequestHead::parse(&message.payload).map_or([0; 16], |(head, _)| head.id);
        self.reply(inbox, id, Status::Refused, problem.into_bytes()).await;
    }

    async fn reply(
        &self,
        inbox: async_nats::Subject,
        id: CallId,
        status: Status,
        mut body: Vec<u8>,
    ) {
        if status != Status::Ended {
            body.truncate(limits::MESSAGE_BYTES);
        }
        // Fails only if the client has ended, and then there is no way to reply.
        let _ = self.client.publish(inbox, reply(id, status, &body).into()).await;
    }
}

fn arguments(
    function: &Function,
    args: &[u8],
    most: usize,
    held: &mut Held,
) -> Result<Vec<Value>, String> {
    let mut decoder = Decoder::new(args, most).counted(held, REQUEST_HEAD + args.len());
    let params = function.served.ty().params();
    let args: Result<_, _> = params.map(|(_, ty)| decoder.plain(ty)).collect();
    let args = args.map_err(|error| error.to_string())?;
    decoder.finish().map_err(|error| error.to_string())?;
    Ok(args)
}

/// Encodes a result.
fn encode(function: &Function, value: Option<Value>, limit: usize) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(limit);
    if let (Some(ty), Some(value)) = (function.served.ty().result(), value) {
        encoder.value(0, ty, value)?;
    }
    Ok(encoder.finish().0)
}
