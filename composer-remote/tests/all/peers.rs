//! Who is on the other side: compositions of guests that are served here, servers in processes of their
//! own, and brokers.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver as Receiver};

use composer_tests::{Clock, component, composer, guest_file, limited, until};
use wasm_runtime_composer::{Composable, ComposableDescriptor, Composer, Composition};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteExports, Serve, Server, Serving, Transport, WrpcServer,
};

pub(crate) const PRODUCER: &str = "composer:test/iproducer";
pub(crate) const FRAGILE: &str = "composer:test/ifragile";

/// What a guest exports.
pub(crate) fn exports(guest: &str) -> RemoteExports {
    RemoteExports::from_component_path(guest_file(guest)).expect("a guest has types")
}

/// A composition of one component.
pub(crate) async fn compose(composable: impl Composable) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("it", composable));
    limited(composer.compose()).await.expect("a guest can be composed")
}

/// A guest, served.
pub(crate) async fn serve(guest: &str, server: impl Into<Server> + Send) -> Serving {
    let composition = limited(composer(&[guest]).compose()).await.expect("a guest can be composed");
    limited(composition.serve(server)).await.expect("it can be served")
}

/// `fragile` with a clock that the test stops, served.
pub(crate) async fn serve_fragile(clock: &Clock, server: impl Into<Server> + Send) -> Serving {
    let composition = compose(clock.component("fragile")).await;
    limited(composition.serve(server)).await.expect("it can be served")
}

/// The functions of a guest, reached over `transport`, as a composition.
pub(crate) async fn remote(guest: &str, transport: impl Into<Transport>) -> Composition {
    compose(RemoteComponent::new(exports(guest), transport)).await
}

/// A path for a socket that nobody else has.
pub(crate) fn socket() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("composer-remote-{}-{number}", std::process::id()))
}

/// A TCP port at which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}

/// A process that is ended with the test.
pub(crate) struct Process(Child);

impl Process {
    /// Has the system send it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.0.id().to_string()).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// Stops it, until it is sent `-CONT`. It has stopped after this: each of its threads does by itself.
    pub(crate) async fn freeze(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.0.id());
        let runs = || {
            let tasks = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
            let mut states = tasks.filter_map(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
                // After the name, which may have any letter in it.
                stat.rsplit_once(") ")?.1.chars().next()
            });
            states.any(|state| state != 'T')
        };
        until(|| !runs()).await;
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it has ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says to this program, started again, where to serve.
const SERVE_AT: &str = "COMPOSER_REMOTE_SERVE_AT";

/// What a process says when a call runs that does not end.
pub(crate) const RUNS: &str = "a call runs";

/// A process that serves `fragile`, whose gated time never passes, over TCP at `address`; where; and what
/// it says.
pub(crate) fn server_process(address: &str) -> (Process, String, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().expect("this program has a file"))
        .args(["peers::serves_in_a_process", "--exact", "--nocapture"])
        .env(SERVE_AT, address)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let address = lines.find_map(|line| line.strip_prefix("serving at ").map(str::to_owned));
    let (sender, said) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in lines {
            // Not everybody listens.
            let _ = sender.send(line);
        }
    });
    (Process(child), address.expect("it serves"), said)
}

/// What [`server_process`] starts; without that it does nothing.
#[test]
fn serves_in_a_process() {
    let Ok(address) = std::env::var(SERVE_AT) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("the system has threads").block_on(async {
        let clock = Clock::default();
        let serving = serve_fragile(&clock, WrpcServer::tcp(address)).await;
        println!("\nserving at {}", serving.addresses()[0]);
        tokio::spawn(async move {
            while clock.log().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            println!("{RUNS}");
        });
        // The test ends it; if that is lost, it ends by itself.
        tokio::time::sleep(Duration::from_secs(120)).await;
    });
}

/// A NATS broker at a port of its own.
#[cfg(feature = "nats")]
pub(crate) struct Broker {
    port: u16,
    settings: Vec<String>,
    process: Option<Process>,
}

#[cfg(feature = "nats")]
impl Broker {
    /// Starts one; `None`, and a word about it, if there is no `nats-server` here.
    pub(crate) fn start() -> Option<Self> {
        Self::with_settings(&[])
    }

    /// The same, with settings of its command line.
    pub(crate) fn with_settings(settings: &[&str]) -> Option<Self> {
        let settings = settings.iter().map(|&it| it.to_owned()).collect();
        let mut broker = Self { port: free_port(), settings, process: None };
        if broker.restart() {
            return Some(broker);
        }
        eprintln!("skipped: there is no `nats-server`; `apt-get install nats-server` brings it");
        None
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    pub(crate) fn restart(&mut self) -> bool {
        let started = ["nats-server", "/usr/sbin/nats-server"].iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]);
            command.args(&self.settings).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().ok()
        });
        self.process = started.map(Process);
        self.process.is_some()
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().expect("the broker runs")
    }

    /// A client that is connected.
    pub(crate) async fn client(&self) -> async_nats::Client {
        use wasm_runtime_composer_remote::async_nats::ConnectOptions;
        let again = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20));
        limited(async {
            loop {
                // The broker takes some time to start.
                match again.clone().connect(format!("127.0.0.1:{}", self.port)).await {
                    Ok(client) => return client,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }
}

#[cfg(feature = "nats")]
use wasm_runtime_composer_remote::async_nats;

/// A guest as a component that runs here.
pub(crate) fn local(guest: &str) -> impl Composable {
    component(guest)
}
