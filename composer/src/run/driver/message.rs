//! What a driver can be asked.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::inbox::Queued;
use super::life::Life;
use crate::error::CompositionError;
use crate::pending::{GaugeGuard, OutgoingCalls, OutgoingPermit};
use crate::run::cancel::Cancel;
use crate::run::context::CallContext;
use crate::run::waits::{Target, WaitGuard, WaitId};
use crate::value::Value;
use crate::value::handle::Released;

/// A message in a driver's inbox.
pub(crate) enum Message {
    Call(Call),
    /// Run a resource's destructor.
    Release(Released),
    /// Let what runs end, and end. Calls that come after it are not started.
    Stop,
    /// Let what runs end, and go on with a fresh instance.
    Renew,
}

impl Queued for Message {
    fn sender(&self) -> usize {
        match self {
            Self::Call(call) => call.reply.caller(),
            Self::Release(released) => released.dropped_by,
            Self::Stop | Self::Renew => 0,
        }
    }

    fn is_last(&self) -> bool {
        matches!(self, Self::Stop)
    }

    /// Inside of one store neither a function of a sync type nor a destructor waits for async calls that are held
    /// back.
    fn passes(&self) -> bool {
        match self {
            Self::Call(call) => call.reply.is_sync,
            Self::Release(_) => true,
            Self::Stop | Self::Renew => false,
        }
    }
}

/// Why the driver left the store's event loop.
pub(super) enum LeftLoop {
    Release(Released),
    /// A sync call that is to run outside of the event loop.
    Alone(Call),
    /// A sync call that is to run between two turns of the event loop: inside, it would wait for what the guest
    /// holds back.
    #[cfg(feature = "component-model-async")]
    Between(Call),
    /// An async call, which needs the event loop.
    Overlap(Call),
    Stop,
    Renew,
}

/// A call of an exported function.
pub(crate) struct Call {
    /// Index into the exported functions of the component.
    pub(crate) func: usize,
    pub(crate) args: Vec<Value>,
    pub(crate) reply: Reply,
    /// Names the call when its deadline has passed.
    pub(crate) ticket: Ticket,
    /// Its room in the inbox, if it has to have any.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// The number of a call, counted up for each component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u64);

impl Queued for Expired {}

/// A call whose deadline has passed.
#[derive(Clone, Copy)]
pub(crate) struct Expired {
    pub(crate) ticket: Ticket,
    /// The time that it was given.
    pub(crate) within: Duration,
}

/// What a call came to.
pub(crate) enum Answer {
    Returned(Option<Value>),
    Failed(CompositionError),
    /// The driver ended; its handle says why.
    Stopped {
        /// Whether the guest may have run.
        started: bool,
    },
    /// The callee has acknowledged that the call was cancelled.
    #[cfg(feature = "component-model-async")]
    Cancelled,
}

/// What the caller is told.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    /// The place of a component's call, with the bytes of its result: it is taken until the caller has it.
    #[expect(dead_code, reason = "it is there to be dropped")]
    place: Option<OutgoingPermit>,
    /// The life of the instance that took the call over from the one that it was sent to.
    pub(crate) by: Option<Arc<Life>>,
}

/// Where the caller hears of its call.
pub(crate) type Hears = oneshot::Receiver<Told>;

/// The caller's end of a call. It is answered exactly once: dropping it is an answer too.
pub(crate) struct Reply {
    caller: Option<oneshot::Sender<Told>>,
    pub(crate) started: bool,
    /// Whether the call is one of a function of a sync type.
    pub(crate) is_sync: bool,
    /// Keeps the driver in use until the call is answered. Gone before the caller hears the answer, too.
    counted: Option<GaugeGuard>,
    made_by: MadeBy,
    /// The life of the instance that is to answer in the place of the one that the call was sent to.
    moved: Option<Arc<Life>>,
}

/// What a call takes of the component that made it, until it is answered, whether anybody waits for it
/// or not; nothing of a caller in Rust.
#[derive(Default)]
pub(crate) struct MadeBy {
    /// Dropped before the caller hears the answer: from then on the call is not waited for.
    pub(crate) wait: Option<WaitGuard>,
    /// Its place among the calls that the component may have. It goes along with the answer: until the caller
    /// has that, it has something to wait for.
    pub(crate) place: Option<OutgoingPermit>,
    /// What goes along with the call, and with those that are made in it.
    pub(crate) context: CallContext,
    /// By what it may be cancelled while it is waited for.
    #[cfg_attr(
        not(feature = "component-model-async"),
        expect(dead_code, reason = "nothing is cancelled there")
    )]
    pub(crate) cancel: Option<Arc<Cancel>>,
}

impl Reply {
    pub(crate) fn pair(counted: GaugeGuard, made_by: MadeBy) -> (Self, Hears) {
        let (caller, answer) = oneshot::channel();
        let (caller, counted) = (Some(caller), Some(counted));
        let reply = Self { caller, started: false, is_sync: false, counted, made_by, moved: None };
        (reply, answer)
    }

    /// Notes that another driver is to answer.
    pub(super) fn moved_to(&mut self, counted: GaugeGuard, life: Arc<Life>, target: &Target) {
        self.counted = Some(counted);
        self.moved = Some(life);
        if let Some(wait) = &self.made_by.wait {
            wait.moved_to(target);
        }
    }

    /// The call's number among those that wait, where that is looked after.
    pub(super) fn wait(&self) -> Option<WaitId> {
        self.made_by.wait.as_ref().map(WaitGuard::id)
    }

    /// What goes along with the call.
    pub(super) fn context(&self) -> &CallContext {
        &self.made_by.context
    }

    /// The number of the component that made it, or 0 for Rust.
    pub(super) fn caller(&self) -> usize {
        self.made_by.place.as_ref().map(OutgoingPermit::outgoing).map_or(0, OutgoingCalls::number)
    }

    /// Whether a caller in Rust made it.
    pub(super) fn is_from_rust(&self) -> bool {
        self.made_by.place.is_none()
    }

    /// Whether the caller has given the call up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.caller.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Notes that the call begins; `false` if it is not to any more.
    #[cfg(feature = "component-model-async")]
    pub(super) fn begins(&self) -> bool {
        !self.is_abandoned() && self.made_by.cancel.as_ref().is_none_or(|it| it.begins())
    }

    /// Waits until the callee is to be told that the call is cancelled: its caller has given it up,
    /// or has cancelled it.
    #[cfg(feature = "component-model-async")]
    pub(super) fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.made_by.cancel {
            Some(cancel) if cancel.poll_asked(cx).is_ready() => Poll::Ready(()),
            _ => self.poll_abandoned(cx),
        }
    }

    /// Waits until the caller gives the call up.
    pub(crate) async fn abandoned(&mut self) {
        if let Some(caller) = &mut self.caller {
            caller.closed().await;
        }
    }

    /// The same, as a poll.
    pub(super) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.caller.as_mut().map_or(Poll::Ready(()), |caller| caller.poll_closed(cx))
    }

    pub(crate) fn send(mut self, answer: Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, mut answer: Answer) {
        let MadeBy { mut place, .. } = std::mem::take(&mut self.made_by);
        self.counted = None;
        if let Some(caller) = self.caller.take() {
            if let (Some(place), Answer::Returned(value)) = (&mut place, &answer) {
                let bytes = value.as_ref().map_or(0, Value::weight);
                if let Err(error) = place.returns(bytes) {
                    answer = Answer::Failed(error);
                }
            }
            // If the caller has given the call up, the answer is dropped, and with it the handles in it.
            let _ = caller.send(Told { answer, place, by: self.moved.take() });
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.tell(Answer::Stopped { started: self.started });
    }
}
