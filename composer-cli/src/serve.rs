//! `wcompose serve`: composes components of wasi:http and serves them on the web.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use wasm_runtime_composer::__private::plain;
use wasm_runtime_composer::Composition;
use wasm_runtime_composer::layer::CountLayer;
use wasm_runtime_composer_serve::{Served, Server};

use crate::admin::{self, Shown};
use crate::args::{Address, Chain, ServeArgs};
use crate::failure::Failure;
use crate::output::print;
use crate::setup::Setup;
use crate::told::{all, export_hint};
use crate::watching;

/// How long components may take to end after all requests.
const CLOSING: Duration = Duration::from_secs(5);

/// What components of wasi:http export, and in which version if in several.
const HANDLERS: [(&str, &str); 2] =
    [("wasi:http/handler", "0.3.0"), ("wasi:http/incoming-handler", "0.2.0")];

pub(crate) fn serve(args: &ServeArgs) -> Result<(), Failure> {
    #[cfg(unix)]
    if let (true, Address::Unix(path)) = (args.reuse_port, &args.listen) {
        return Err(Failure::usage(format!(
            "`--reuse-port` is for addresses of TCP, and `{}` is a Unix socket; give each server one of its own",
            plain(&path.display().to_string())
        )));
    }
    let mut setup = Setup::serving(args)?;
    let order = match setup.is_of_document() {
        true => order_of_document(&setup)?,
        false => ordered(&mut setup)?,
    };
    log(args.access_log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::input("cannot start threads".to_owned(), error))?;
    let done = runtime.block_on(compose_and_serve(&setup, args, &order));
    // A guest that computes without end blocks a thread, which ends with the process.
    runtime.shutdown_background();
    done
}

/// Finds out which component is asked first, and puts them one behind the other if that is clear from the order of the
/// files. Returns the ids in the order in which a request meets them.
fn ordered(setup: &mut Setup<'_>) -> Result<Vec<String>, Failure> {
    for (interface, version) in HANDLERS {
        let exports = |it: &&crate::component::Component| it.export_of(interface, version);
        let handlers: Vec<_> =
            setup.components().iter().filter_map(|it| Some((it.clone(), exports(&it)?))).collect();
        let Some((_, name)) = handlers.first() else { continue };
        let name = name.clone();
        let ids = |handlers: &[(crate::component::Component, String)]| -> Vec<String> {
            handlers.iter().map(|(it, _)| it.id.clone()).collect()
        };
        let wiring = setup.wiring();
        let is_of_it = |other: &str| other.split('@').next() == Some(interface);
        if let Some(chain) = wiring.chains.iter().find(|chain| is_of_it(&chain.interface)) {
            return Ok(chain.ids.clone());
        }
        if let Some(hint) = wiring.export_hints.iter().find(|hint| is_of_it(&hint.name)) {
            return Ok(vec![hint.target.clone()]);
        }
        if handlers.len() == 1 {
            return Ok(ids(&handlers));
        }
        let imports = |it: &crate::component::Component| {
            matches!(it.imports(&name), crate::component::Imports::Yes)
        };
        let (before, last): (Vec<_>, Vec<_>) =
            handlers.iter().cloned().partition(|it| imports(&it.0));
        let is_chain = last.len() == 1 && handlers.last().is_some_and(|it| it.0.id == last[0].0.id);
        let in_order = ids(&handlers);
        if is_chain {
            setup.chain(Chain { interface: name, ids: in_order.clone() });
            return Ok(in_order);
        }
        let failure = Failure::compose(format!("{} export `{name}`", all(&in_order)));
        return Err(match last.as_slice() {
            [_] => {
                let order = [ids(&before), ids(&last)].concat();
                let last = plain(&last[0].0.id);
                failure.with_help(format!(
                    "`{last}` calls no other one, so it has to stand last; or say in which order requests \
                     meet them, as in `--chain {name}={}`",
                    order.join(",")
                ))
            }
            [] => failure.with_help(format!(
                "each of them calls another one, and none answers by itself; add a component that exports \
                 `{name}` and does not import it"
            )),
            several => {
                let several = ids(several);
                let choose = export_hint(&name, &several).unwrap_or_default();
                failure.with_help(format!(
                    "{} answer by themselves, so only one of them can be asked; {choose}, or leave the others \
                     out",
                    all(&several)
                ))
            }
        });
    }
    Err(nothing_to_serve("no component")
        .with_help("build a component for the world `wasi:http/service` or `wasi:http/proxy`"))
}

fn nothing_to_serve(who: &str) -> Failure {
    let handlers = HANDLERS.map(|(name, _)| format!("`{name}`"));
    Failure::compose(format!(
        "{who} exports {}, so there is nothing to serve",
        handlers.join(" or ")
    ))
}

/// The ids of the components that a request meets in the wiring of a document.
fn order_of_document(setup: &Setup<'_>) -> Result<Vec<String>, Failure> {
    let plan = setup.composer()?.plan().map_err(|error| setup.failure(error, &[]))?;
    for (interface, _) in HANDLERS {
        let is_it = |name: &str| name.split('@').next() == Some(interface);
        let Some(export) = plan.exports().iter().find(|it| is_it(&it.name)) else { continue };
        let mut order: Vec<String> = export.providers.first().cloned().into_iter().collect();
        while let Some(next) = plan
            .edges()
            .iter()
            .filter(|edge| order.last() == Some(&edge.consumer) && is_it(&edge.import))
            .find_map(|edge| edge.provider.as_ref().filter(|id| !order.contains(id)))
        {
            order.push(next.clone());
        }
        return Ok(order);
    }
    Err(nothing_to_serve("the document")
        .with_help("export the handler of one of its components, as in `export app...;`"))
}

async fn compose_and_serve(
    setup: &Setup<'_>,
    args: &ServeArgs,
    order: &[String],
) -> Result<(), Failure> {
    // From here on a signal ends gracefully.
    let (first, second) = signals();
    let mut composer = setup.composer()?;
    let counts = CountLayer::new();
    if args.admin.is_some() {
        composer.with_layer(counts.clone());
    }
    let composition = composer.compose().await.map_err(|error| setup.failure(error, &[]))?;
    let mut server = Server::new(composition.http()?)
        .deadline(args.deadline)
        .max_body_bytes(args.max_body)
        .grace(args.grace);
    if let Some(path) = &args.health {
        server = server.health_path(path);
    }
    let listening = Listening::at(&args.listen, args.reuse_port).await?;
    let admin = match &args.admin {
        Some(address) => Some(Listening::at(address, false).await?),
        None => None,
    };
    let names: Vec<_> = order.iter().map(|id| plain(id)).collect();
    print(
        format!("listening on {}, serving {}\n", listening.name(), names.join(" -> ")).as_bytes(),
    )?;
    if let Some(admin) = &admin {
        print(format!("showing the composition on {}\n", admin.name()).as_bytes())?;
    }
    let shown = Shown { composition: composition.clone(), counts };
    let shown = async {
        match admin {
            Some(admin) => admin.show(shown).await,
            None => pending().await,
        }
    };
    let stop = async {
        first.ended().await;
        eprintln!("ending; a second signal ends at once");
    };
    let served = tokio::select! {
        served = listening.serve(server, stop) => served?,
        () = second.ended() => return Ok(()),
        never = watched(setup, args, &composition) => match never {},
        never = shown => match never {},
    };
    if served.cut > 0 {
        eprintln!("{} connections were not done within {:?} and were cut", served.cut, args.grace);
    }
    Ok(composition.close(CLOSING).await?)
}

async fn watched(setup: &Setup<'_>, args: &ServeArgs, composition: &Composition) -> Infallible {
    if args.watch {
        return watching::watch(setup, composition).await;
    }
    pending().await
}

/// Has what the server tells of requests printed on standard error.
fn log(everything: bool) {
    let access = if everything { LevelFilter::INFO } else { LevelFilter::OFF };
    let targets = Targets::new()
        .with_target("wasm_runtime_composer_serve", LevelFilter::WARN)
        .with_target("wasm_runtime_composer_serve::access", access);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // Nobody else installs one in this process.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}

/// A signal that ends the process.
struct Signal(watch::Receiver<u32>, u32);

impl Signal {
    async fn ended(mut self) {
        let number = self.1;
        if self.0.wait_for(|signals| *signals >= number).await.is_err() {
            // There are no signals on this system.
            pending::<()>().await;
        }
    }
}

/// The first signal to end, and the second one.
fn signals() -> (Signal, Signal) {
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        #[cfg(unix)]
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        loop {
            #[cfg(unix)]
            let terminated = async {
                match &mut terminate {
                    Some(terminate) => drop(terminate.recv().await),
                    None => pending().await,
                }
            };
            #[cfg(not(unix))]
            let terminated = pending::<()>();
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { return },
                () = terminated => {}
            }
            sender.send_modify(|signals| *signals += 1);
        }
    });
    (Signal(receiver.clone(), 1), Signal(receiver, 2))
}

/// A socket where requests come in.
enum Listening {
    Tcp(TcpListener, String),
    #[cfg(unix)]
    Unix(UnixListener, SocketFile),
}

impl Listening {
    /// Listens at an address, of TCP also where other processes do that if they are to.
    async fn at(address: &Address, reuse_port: bool) -> Result<Self, Failure> {
        let failed = |shown: String| {
            move |error: std::io::Error| {
                Failure::input(format!("cannot listen on `{}`", plain(&shown)), error)
            }
        };
        match address {
            Address::Tcp(address) => {
                let listener = match reuse_port {
                    true => bind_beside_others(address).await,
                    false => TcpListener::bind(address).await,
                };
                let listener = listener.map_err(failed(address.clone()))?;
                let bound = listener.local_addr().map_err(failed(address.clone()))?;
                Ok(Self::Tcp(listener, format!("http://{bound}")))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let failed = failed(path.display().to_string());
                let listener = bind(path).map_err(failed)?;
                Ok(Self::Unix(listener, SocketFile(path.clone())))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Tcp(_, name) => name.clone(),
            #[cfg(unix)]
            Self::Unix(_, file) => format!("unix:{}", plain(&file.0.display().to_string())),
        }
    }

    async fn show(self, shown: Shown) -> Infallible {
        match self {
            Self::Tcp(listener, _) => admin::show(listener, shown).await,
            #[cfg(unix)]
            Self::Unix(listener, _file) => admin::show(listener, shown).await,
        }
    }

    async fn serve(
        self,
        server: Server,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Served, Failure> {
        Ok(match self {
            Self::Tcp(listener, _) => server.serve(listener, stop).await,
            #[cfg(unix)]
            Self::Unix(listener, file) => {
                let served = server.serve(listener, stop).await;
                drop(file);
                served
            }
        })
    }
}

/// Listens at the first address of a name at which that is possible, as `TcpListener::bind` does.
async fn bind_beside_others(name: &str) -> std::io::Result<TcpListener> {
    /// How many connections may wait to be accepted, as `TcpListener::bind` has it.
    const BACKLOG: u32 = 1024;

    let mut last = None;
    for address in tokio::net::lookup_host(name).await? {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let bound = socket.and_then(|socket| {
            socket.set_reuseaddr(true)?;
            #[cfg(unix)]
            socket.set_reuseport(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("the name has no address")))
}

/// Listens at a Unix socket. One that a killed process has left is replaced.
#[cfg(unix)]
fn bind(path: &std::path::Path) -> std::io::Result<UnixListener> {
    use std::io::ErrorKind;
    use std::os::unix::fs::FileTypeExt as _;

    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            let refused = |error: std::io::Error| error.kind() == ErrorKind::ConnectionRefused;
            let connected = std::os::unix::net::UnixStream::connect(path);
            if !is_socket || !connected.is_err_and(refused) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

/// The file of a Unix socket, which is removed with the server.
#[cfg(unix)]
struct SocketFile(std::path::PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}
