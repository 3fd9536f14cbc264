//! The limits of a server, and from where their defaults come.

use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: u64,
    pub(crate) requests: usize,
    pub(crate) connections: usize,
    pub(crate) streams: u32,
    pub(crate) head_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) health: Option<Arc<str>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // What nginx and Apache take together with their buffers for large heads; cookies and tokens fit.
            head_bytes: 32 * 1024,
            // Bodies stream and need no memory here: it is for components that gather them.
            body_bytes: 16 * 1024 * 1024,
            // As many calls as a component's inbox has room for.
            requests: 1024,
            // Under the 1024 files that a process may have open where nobody has said anything else.
            connections: 1000,
            // The least that RFC 9113 recommends.
            streams: 100,
            // A head is one packet or a few, on a connection that may be bad.
            head_time: Duration::from_secs(10),
            // A mobile client that changes its network needs some seconds.
            body_time: Duration::from_secs(30),
            // Longer than browsers and proxies as a rule keep a connection that they do not use.
            idle_time: Duration::from_secs(75),
            // Who waits for longer is a program, and can say so.
            deadline: Some(Duration::from_secs(30)),
            // What systemd, Kubernetes and the like give before they kill, at the least.
            grace: Duration::from_secs(25),
            health: None,
        }
    }
}
