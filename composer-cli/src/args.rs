//! The options of the command line. The doc comments of the types derived with clap are the text of
//! `--help`.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use wasm_runtime_composer::Lifetime;
use wasm_runtime_composer::wasi::Access;

use crate::call::Call;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything was done
  1  a call failed, or its component did: it trapped, or took longer than its deadline
  2  the command line is wrong: an option, or a call that does not fit its function
  3  the components cannot be read, wired, started or fused, or nobody can listen at the address
  4  the output cannot be written
A component that ends itself by WASI's `exit` ends `wcompose run` with its exit code.";

/// Composes WebAssembly components while the program runs, each in a store of its own.
#[derive(Debug, Parser)]
#[command(name = "wcompose", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Composes components and calls what they export.
    Run(RunArgs),
    /// Composes components of wasi:http and serves them on the web.
    Serve(ServeArgs),
    /// Shows how components would be wired, and which imports are open, without starting any.
    Plan(PlanArgs),
    /// Tells who satisfies an import, and why the others who export it do not.
    Explain(ExplainArgs),
    /// Fuses components into one, by the same wiring.
    Fuse(FuseArgs),
    /// Prints a script that completes `wcompose` in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Wiring {
    /// Components, as files in the binary or the text format. The id of a component is the name of
    /// its file without the extension, unless another stands before it. One may be a WAC document
    /// (`.wac`), whose components are composed with the others.
    #[arg(
        required = true,
        value_name = "[ID=]FILE",
        value_parser = OsStringValueParser::new().try_map(Given::try_from),
    )]
    pub(crate) components: Vec<Given>,

    /// Decides which component satisfies an import, in every component that has it; `host` is the
    /// host. IMPORT is the whole name, with its version, and means compatible versions too. With `:EXPORT` the component's export of that
    /// name is the import, whatever the import is called.
    #[arg(long = "hint", value_name = "IMPORT=ID[:EXPORT]")]
    pub(crate) hints: Vec<Hint>,

    /// Decides which component satisfies an import of one component.
    #[arg(long = "import-hint", value_name = "CONSUMER:IMPORT=ID[:EXPORT]")]
    pub(crate) import_hints: Vec<Hint>,

    /// Decides whose export is offered, where several components have it.
    #[arg(long = "export-hint", value_name = "EXPORT=ID")]
    pub(crate) export_hints: Vec<Hint>,

    /// Puts components one behind the other: each imports INTERFACE from the next, and the first one's
    /// is offered. For these components it comes before `--hint`.
    #[arg(long = "chain", value_name = "INTERFACE=ID[,ID]..")]
    pub(crate) chains: Vec<Chain>,

    /// A component that is not trusted: what it exports satisfies imports of others only where a hint names
    /// it.
    #[arg(long = "untrusted", value_name = "ID")]
    pub(crate) untrusted: Vec<String>,

    /// Lets components import from each other in a cycle.
    #[arg(long)]
    pub(crate) allow_cycles: bool,

    #[command(flatten)]
    pub(crate) caching: Caching,

    /// The folder with the packages of a WAC document: `DIR/NAMESPACE/PACKAGE.wasm`, or
    /// `DIR/NAMESPACE/PACKAGE/VERSION.wasm` for one with a version, or the same with `.wat`.
    #[arg(long = "deps", visible_alias = "deps-dir", value_name = "DIR", default_value = "deps")]
    pub(crate) deps_folder: PathBuf,

    /// The file of a package of a WAC document, in the place of the one in the folder.
    #[arg(short = 'd', long = "dep", value_name = "NAMESPACE:PACKAGE=FILE")]
    pub(crate) deps: Vec<Dep>,
}

/// Where compiled code is kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct Caching {
    /// The folder in which compiled code is kept for the next time. Whoever can write there decides what runs.
    /// Without this it is that of wasmtime, in the user's folder for caches, if there is one.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_cache")]
    pub(crate) cache: Option<PathBuf>,

    /// Keeps no compiled code, and uses none that was kept.
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// A file for a package of a document.
#[derive(Clone, Debug)]
pub(crate) struct Dep {
    pub(crate) package: String,
    pub(crate) path: PathBuf,
}

impl FromStr for Dep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((package, path)) if package.contains(':') && !path.is_empty() => {
                Ok(Self { package: package.to_owned(), path: path.into() })
            }
            _ => Err("expected `NAMESPACE:PACKAGE=FILE`".to_owned()),
        }
    }
}

impl fmt::Display for Dep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.package, self.path.display())
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) wiring: Wiring,

    #[command(flatten)]
    pub(crate) host: HostArgs,

    /// A function to call, with its arguments in WAVE: `add(1, 2)`, or
    /// `acme:kv/store@1.0.0#get("key")` for one of an interface. Calls are made in their order, and
    /// the result of each is printed in WAVE on a line, `()` if there is none. The first that fails
    /// is the last. Without any, `wasi:cli/run` is called.
    #[arg(long = "call", value_name = "CALL")]
    pub(crate) calls: Vec<Call>,

    /// The longest that starting the components may take, and each call: a number with `ms`, `s` or
    /// `m`.
    #[arg(long, value_name = "TIME", value_parser = deadline)]
    pub(crate) deadline: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) wiring: Wiring,

    #[command(flatten)]
    pub(crate) host: HostArgs,

    /// Where requests come in: an IP address or a name, with a port, or a Unix socket. With port 0 the
    /// system chooses one, which is printed.
    #[arg(long, value_name = "ADDR:PORT|unix:PATH", default_value = "127.0.0.1:8080")]
    pub(crate) listen: Address,

    /// Lets other servers listen at the same address of TCP, each with this option. The system gives each
    /// connection to one of them.
    #[cfg_attr(unix, arg(long))]
    #[cfg_attr(not(unix), arg(skip))]
    pub(crate) reuse_port: bool,

    /// Looks for changes of the files, and replaces the components whose files have changed while requests
    /// come in.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Lets components send requests to this host and port; without any they send none. There is no
    /// TLS.
    #[arg(long = "allow", value_name = "HOST:PORT")]
    pub(crate) allowed: Vec<Authority>,

    /// The longest that a request may take until its response begins: a number with `ms`, `s` or
    /// `m`. Past it the client is told 504.
    #[arg(long, value_name = "TIME", value_parser = deadline, default_value = "30s")]
    pub(crate) deadline: Duration,

    /// How many instances there are of each component. If nothing is said, one of a component of
    /// wasi:http 0.3, which serves requests at the same time, and 16 where an instance serves one at
    /// a time: of a component of wasi:http 0.2, and with a lifetime of so many requests.
    #[arg(long, value_name = "N")]
    pub(crate) instances: Option<NonZeroUsize>,

    /// How long an instance lives before a fresh one takes its place: `per-call`, `calls:N`, `idle:TIME`, or
    /// both as in `calls:1000,idle:30s`. If nothing is said, one of a component of wasi:http 0.3 lives as long as the
    /// server, and one of 0.2 for a request.
    #[arg(long, value_name = "LIFETIME", value_parser = lifetime)]
    pub(crate) lifetime: Option<Lifetime>,

    /// How long the body of a request may be, in bytes. Past it the client is told 413.
    #[arg(long, value_name = "BYTES", default_value = "16777216")]
    pub(crate) max_body: u64,

    /// A path that is answered with 200 without asking a component, for those who watch the service.
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) health: Option<String>,

    /// Where the live picture of the composition is shown, as a page and as `/snapshot.json`. It shows the
    /// names of components and functions, and how many calls there are, to whoever can connect.
    #[arg(long, value_name = "ADDR:PORT|unix:PATH")]
    pub(crate) admin: Option<Address>,

    /// Tells of each request on standard error, and not only of those that fail.
    #[arg(long)]
    pub(crate) access_log: bool,

    /// How long requests in flight have to end after SIGTERM or Ctrl-C: a number with `ms`, `s` or
    /// `m`.
    #[arg(long, value_name = "TIME", value_parser = deadline, default_value = "25s")]
    pub(crate) grace: Duration,
}

/// What components get of WASI, beside clocks, randomness and this process's standard streams.
#[derive(Args, Debug)]
pub(crate) struct HostArgs {
    /// An environment variable of the components; without a value, the one of this process.
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// A directory for the components, under its own name if no other is given; `ro` for reading
    /// only.
    #[arg(long = "dir", value_name = "HOST[::GUEST[::ro]]")]
    pub(crate) dirs: Vec<Directory>,

    /// Lets components use the network.
    #[arg(long)]
    pub(crate) network: bool,

    /// Arguments of the components, after the id of each.
    #[arg(last = true, value_name = "ARG")]
    pub(crate) args: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) wiring: Wiring,

    /// The id of the component that imports.
    #[arg(long, value_name = "ID")]
    pub(crate) consumer: String,

    /// The whole name of the import, with its version.
    #[arg(long, value_name = "IMPORT")]
    pub(crate) import: String,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) wiring: Wiring,

    /// Draws it in Graphviz's DOT language.
    #[arg(long, group = "drawing")]
    dot: bool,

    /// Draws it as a Mermaid flowchart.
    #[arg(long, group = "drawing")]
    mermaid: bool,

    /// Prints it as JSON.
    #[arg(long, group = "drawing")]
    json: bool,

    /// Fails if an import is open, as `run` does.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drawing {
    Text,
    Dot,
    Mermaid,
    Json,
}

impl PlanArgs {
    pub(crate) fn drawing(&self) -> Drawing {
        match (self.dot, self.mermaid, self.json) {
            (true, ..) => Drawing::Dot,
            (_, true, _) => Drawing::Mermaid,
            (.., true) => Drawing::Json,
            (false, false, false) => Drawing::Text,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct FuseArgs {
    #[command(flatten)]
    pub(crate) wiring: Wiring,

    /// The file that the fused component is written to; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// A component on the command line: its id and its file.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl TryFrom<OsString> for Given {
    type Error = String;

    fn try_from(text: OsString) -> Result<Self, String> {
        // An id has no `/`, so a path with `=` in it can be given as `./a=b.wasm`.
        if let Some((id, path)) = text.to_str().and_then(|text| text.split_once('='))
            && !id.contains(['/', std::path::MAIN_SEPARATOR])
        {
            return match (id, path) {
                ("", _) => Err("expected an id before `=`".to_owned()),
                (_, "") => Err("expected a file after `=`".to_owned()),
                _ => Ok(Self { id: id.to_owned(), path: path.into() }),
            };
        }
        let path = Path::new(&text);
        let stem = path.file_stem().ok_or("expected a file, found a folder")?;
        let id = stem.to_str().ok_or("the file's name is no text; give an id, as in `id=FILE`")?;
        Ok(Self { id: id.to_owned(), path: path.to_owned() })
    }
}

/// A directory that components can reach.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) access: Access,
}

impl FromStr for Directory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split("::").collect();
        let (host, guest, access) = match parts.as_slice() {
            [host] => (*host, *host, Access::ReadWrite),
            [host, guest] => (*host, *guest, Access::ReadWrite),
            [host, guest, "ro"] => (*host, *guest, Access::ReadOnly),
            _ => return Err("expected `HOST`, `HOST::GUEST` or `HOST::GUEST::ro`".to_owned()),
        };
        if host.is_empty() || guest.is_empty() {
            return Err("expected a directory on each side of `::`".to_owned());
        }
        Ok(Self { host: host.into(), guest: guest.to_owned(), access })
    }
}

/// Where to listen.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(String),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("expected a path after `unix:`".to_owned()),
            #[cfg(unix)]
            Some(path) => Ok(Self::Unix(path.into())),
            #[cfg(not(unix))]
            Some(_) => Err("there are no Unix sockets on this system".to_owned()),
            None => {
                Authority::from_str(text)?;
                Ok(Self::Tcp(text.to_owned()))
            }
        }
    }
}

/// `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Authority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a host, `:` and a port, as in `127.0.0.1:8080`".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        // An address of version 6 has to be in brackets, as it has `:` in it.
        let is_bare = !host.starts_with('[') && host.contains(':');
        if host.is_empty() || is_bare || host.contains('/') {
            return Err(expected());
        }
        let port = port.parse().map_err(|_| expected())?;
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected a path that begins with `/`".to_owned()),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => {
            let value = std::env::var(text)
                .map_err(|_| "this process has no such variable; give `NAME=VALUE`")?;
            (text, value)
        }
    };
    if name.is_empty() {
        return Err("expected a name before `=`".to_owned());
    }
    Ok((name.to_owned(), value))
}

/// `name=target`: who provides a name.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) name: String,
    pub(crate) target: String,
}

impl FromStr for Hint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some(("", _)) => Err("expected a name before `=`".to_owned()),
            Some((_, "")) => Err("expected the id of a component after `=`".to_owned()),
            Some((name, target)) => Ok(Self { name: name.to_owned(), target: target.to_owned() }),
            None => Err("expected a name, `=` and the id of a component".to_owned()),
        }
    }
}

/// `interface=first,second,last`: components one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) interface: String,
    pub(crate) ids: Vec<String>,
}

impl Chain {
    /// Whether `id` is in the chain, and another one behind it.
    pub(crate) fn is_followed(&self, id: &str) -> bool {
        self.ids.windows(2).any(|pair| pair[0] == id)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.interface, self.ids.join(","))
    }
}

impl FromStr for Chain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((interface, ids)) = text.rsplit_once('=') else {
            return Err(
                "expected an interface, `=` and ids of components with `,` between them".to_owned()
            );
        };
        if interface.is_empty() {
            return Err("expected an interface before `=`".to_owned());
        }
        let ids: Vec<String> = ids.split(',').map(str::to_owned).collect();
        match ids.as_slice() {
            [id] if id.is_empty() => Err("expected the id of a component after `=`".to_owned()),
            ids if ids.iter().any(String::is_empty) => {
                Err("expected the id of a component on each side of `,`".to_owned())
            }
            _ => Ok(Self { interface: interface.to_owned(), ids }),
        }
    }
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "per-call" {
        return Ok(Lifetime::per_call());
    }
    let expected = || {
        "expected `per-call`, `calls:N` with a number from 1 on, `idle:TIME`, or `calls:N,idle:TIME`".to_owned()
    };
    let calls = |calls: &str| match calls.strip_prefix("calls:").map(str::parse) {
        Some(Ok(calls @ 1..)) => Ok(Lifetime::calls(calls)),
        _ => Err(expected()),
    };
    match text.split_once("idle:") {
        None => calls(text),
        Some(("", time)) => Ok(Lifetime::idle(deadline(time)?)),
        Some((before, time)) => {
            let before = before.strip_suffix(',').ok_or_else(expected)?;
            Ok(calls(before)?.or_idle(deadline(time)?))
        }
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000)];
    let millis = units.iter().find_map(|(unit, millis)| {
        text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*millis)
    });
    match millis {
        Some(0) => Err("expected a time longer than 0".to_owned()),
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err("expected a whole number with `ms`, `s` or `m`, as in `500ms`".to_owned()),
    }
}
