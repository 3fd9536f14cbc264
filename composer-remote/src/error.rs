//! Every public error. Texts that come from peers are cleaned before they are printed.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasm_runtime_composer::CompositionError;
use wasm_runtime_composer::error::Cause;

/// Why a call of a function on another machine failed.
///
/// It is the source of the [`CompositionError::Host`] that the composition returns.
/// [`of`](Self::of) finds it, even if a component between the caller and the function trapped
/// because of it.
///
/// [`may_have_run`](Self::may_have_run) tells whether the function may have run, at least in part.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum RemoteError {
    /// No server takes calls at the address, at any of the addresses, or under the subject. Nothing
    /// was sent.
    #[error("nobody serves `{}` at {}", Clean(.function), Clean(.at))]
    #[non_exhaustive]
    NobodyServes {
        function: String,
        at: String,
        /// Why the last address that was tried cannot be reached, if the transport has addresses.
        #[source]
        source: Option<Arc<io::Error>>,
    },

    /// There was no answer in the given time. If the call was sent, it may have run or may still
    /// run.
    #[error(
        "`{}` was not {} {} within {after:?}",
        Clean(.function),
        if *.sent { "answered by" } else { "sent to" },
        Clean(.at)
    )]
    #[non_exhaustive]
    TimedOut {
        function: String,
        at: String,
        after: Duration,
        /// Whether the call was sent, so that it may have run.
        sent: bool,
    },

    /// The peer answered that the call failed, for instance because its component trapped or is not
    /// running.
    #[error("`{}` failed at {}: {}", Clean(.function), Clean(.at), Clean(.message))]
    #[non_exhaustive]
    PeerFailed {
        function: String,
        at: String,
        /// The peer's message.
        message: String,
    },

    /// The peer answered that it did not run the call: it has as many calls as it may, is closing,
    /// or does not have the function with this type.
    #[error("`{}` was refused by {}: {}", Clean(.function), Clean(.at), Clean(.message))]
    #[non_exhaustive]
    Refused {
        function: String,
        at: String,
        /// The peer's message.
        message: String,
    },

    /// The connection was lost after the call was sent, or the peer closed it without an answer.
    /// The call may have run, completely or in part.
    #[error("the connection to {} was lost before `{}` was answered", Clean(.at), Clean(.function))]
    #[non_exhaustive]
    ConnectionLost {
        function: String,
        at: String,
        #[source]
        source: Option<Arc<io::Error>>,
    },

    /// The peer's answer cannot be decoded: the peer has the function with another type, or does
    /// not speak the protocol.
    #[error(
        "the answer of {} to `{}` cannot be read: {}",
        Clean(.at),
        Clean(.function),
        Clean(.problem)
    )]
    #[non_exhaustive]
    Protocol { function: String, at: String, problem: String },

    /// The arguments are larger than the transport can carry. Nothing was sent.
    #[error(
        "the arguments of `{}` take {} bytes, and {} takes up to {limit}",
        Clean(.function),
        Size(*.size),
        Clean(.at)
    )]
    #[non_exhaustive]
    TooLarge {
        function: String,
        at: String,
        /// The size of the arguments in bytes, if it is known; encoding stops at the limit.
        size: Option<usize>,
        limit: usize,
    },
}

/// A text from a peer, in which characters are escaped that would affect a terminal or the order of
/// the text beside it.
struct Clean<'a>(&'a str);

impl std::fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        clean(self.0, &|_| false, f)
    }
}

/// The same for a text of several lines.
struct CleanLines<'a>(&'a str);

impl std::fmt::Display for CleanLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        clean(self.0, &|char| char == '\n', f)
    }
}

fn clean(
    text: &str,
    keeps: &dyn Fn(char) -> bool,
    f: &mut std::fmt::Formatter<'_>,
) -> std::fmt::Result {
    use std::fmt::Write as _;

    for char in text.chars() {
        let turns = matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        match (turns || char.is_control()) && !keeps(char) {
            true => write!(f, "{}", char.escape_default())?,
            false => f.write_char(char)?,
        }
    }
    Ok(())
}

struct Size(Option<usize>);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(size) => size.fmt(f),
            None => f.write_str("too many"),
        }
    }
}

impl RemoteError {
    /// Finds the remote error in an error of a composition, anywhere in its chain of causes.
    pub fn of(error: &CompositionError) -> Option<&Self> {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = next {
            // The outermost error of a `Cause` is not among its sources, so it is looked at
            // separately.
            let cause = error.downcast_ref::<Cause>().and_then(Cause::downcast_ref);
            if let Some(remote) = error.downcast_ref().or(cause) {
                return Some(remote);
            }
            next = error.source();
        }
        None
    }

    /// Whether the function may have run, completely or in part. `false` means that it certainly
    /// did not.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::NobodyServes { .. } | Self::Refused { .. } | Self::TooLarge { .. } => false,
            Self::TimedOut { sent, .. } => *sent,
            Self::PeerFailed { .. } | Self::ConnectionLost { .. } | Self::Protocol { .. } => true,
        }
    }

    /// Whether another attempt may succeed, provided that the function is idempotent.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NobodyServes { .. }
            | Self::TimedOut { .. }
            | Self::Refused { .. }
            | Self::ConnectionLost { .. } => true,
            Self::PeerFailed { .. } | Self::Protocol { .. } | Self::TooLarge { .. } => false,
        }
    }
}

/// Why the types of a remote component cannot be determined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum TypesError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", Clean(&.path.to_string_lossy()))]
    #[non_exhaustive]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    /// The text is not valid WIT, or the bytes are not a component.
    #[error("{} cannot be understood: {}", Clean(.what), CleanLines(.problem))]
    #[non_exhaustive]
    Parse { what: String, problem: String },

    /// There is no such world or interface, or there are several and none was chosen.
    #[error("{} has no {}; expected one of {}", Clean(.what), Clean(.wanted), Names(.known))]
    #[non_exhaustive]
    Select { what: String, wanted: String, known: Vec<String> },

    /// There are no exported functions.
    #[error("{} exports no functions", Clean(.what))]
    #[non_exhaustive]
    Empty { what: String },

    /// The types are larger than a composition accepts. Every use of a type counts, so even a short
    /// text can have very large types.
    #[error(
        "the types of {} are too large: {problem}; use lists where types repeat each other",
        Clean(.what)
    )]
    #[non_exhaustive]
    TooLarge { what: String, problem: String },
}

/// Writes names in a list.
struct Names<'a>(&'a [String]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{}`", Clean(name))?;
        }
        Ok(())
    }
}

/// Functions that a transport cannot carry, each with the reason. Composing fails with this error.
#[derive(Debug)]
pub(crate) struct Uncarried(pub(crate) Vec<UncarriedFunction>);

/// A function that the transport cannot carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UncarriedFunction {
    pub(crate) function: String,
    pub(crate) place: String,
    pub(crate) ty: String,
    pub(crate) transport: &'static str,
}

impl std::fmt::Display for UncarriedFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { function, place, ty, transport } = self;
        let (function, place, ty) = (Clean(function), Clean(place), Clean(ty));
        write!(f, "`{function}`, {place}: {transport} does not carry `{ty}`")
    }
}

impl std::fmt::Display for Uncarried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, function) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{function}")?;
        }
        f.write_str("; leave such exports out with `RemoteExports::only`")
    }
}

impl Error for Uncarried {}

/// Why a composition's exports cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum ServeError {
    /// A function cannot be carried by the transport.
    #[error(
        "`{}`, {}: {transport} does not carry `{}`; leave the export out with `only`",
        Clean(.function),
        Clean(.place),
        Clean(.ty)
    )]
    #[non_exhaustive]
    Uncarried { function: String, place: String, ty: String, transport: &'static str },

    /// There is no such export, or nothing to serve.
    #[error("the composition exports no {}; expected some of {}", Clean(.wanted), Names(.known))]
    #[non_exhaustive]
    NotExported { wanted: String, known: Vec<String> },

    /// An export cannot be called because several components offer it.
    #[error(transparent)]
    Composition(#[from] CompositionError),

    /// The server cannot listen at the address.
    #[error("calls cannot be taken at {}", Clean(.at))]
    #[non_exhaustive]
    Listen {
        at: String,
        #[source]
        source: io::Error,
    },

    /// The broker did not accept the subscription.
    #[error("the broker does not take the subscription of `{}`", Clean(.subject))]
    #[non_exhaustive]
    Subscribe {
        subject: String,
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_chose_do_nothing_to_a_terminal() {
        let evil = || "a\u{1b}[2J\r\n\u{202e}b".to_owned();
        let refused = RemoteError::Refused { function: evil(), at: evil(), message: evil() };
        let listen = ServeError::Listen { at: evil(), source: io::Error::other("no") };
        let select = TypesError::Select { what: evil(), wanted: evil(), known: vec![evil()] };
        let read = TypesError::Read { path: evil().into(), source: io::Error::other("no") };
        for said in [refused.to_string(), listen.to_string(), select.to_string(), read.to_string()]
        {
            assert!(said.contains("a\\u{1b}[2J\\r\\n\\u{202e}b"), "{said}");
            assert!(!said.contains(|char: char| char.is_control() || char == '\u{202e}'), "{said}");
        }
        let parse = TypesError::Parse { what: "it".to_owned(), problem: evil() };
        assert_eq!(parse.to_string(), "it cannot be understood: a\\u{1b}[2J\\r\n\\u{202e}b");
    }
}
