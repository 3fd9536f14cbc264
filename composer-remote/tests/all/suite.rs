//! One application, with all components here and with two of them elsewhere: nobody who uses it sees a
//! difference.

use composer_tests::{Clock, chain, component, limited, run};
use futures_util::future::join_all;
use tokio::io::AsyncReadExt;
use wasm_runtime_composer::typed::{FromComponentValue, Params};
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComponentValue, ComposableDescriptor, Composer, Composition,
    CompositionError, Containment,
};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteError, Serve, Serving, Transport, Wrpc, WrpcServer,
};

#[cfg(feature = "nats")]
use crate::peers::Broker;
use crate::peers::{FRAGILE, PRODUCER, compose, exports, local, socket};
#[cfg(feature = "nats")]
use wasm_runtime_composer_remote::{Nats, NatsServer};

const CONSUMER: &str = "composer:test/iconsumer";
const CAREFUL: &str = "composer:test/icareful";
const TALLY: &str = "composer:test/tally";

/// Where the components run that could run elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Here,
    Tcp,
    Unix,
    #[cfg(feature = "nats")]
    Nats,
}

impl Place {
    fn has_streams(self) -> bool {
        #[cfg(feature = "nats")]
        let has = self != Self::Nats;
        #[cfg(not(feature = "nats"))]
        let has = true;
        has
    }
}

/// The application, and what serves parts of it.
struct App {
    composition: Composition,
    _serving: Vec<Serving>,
    #[cfg(feature = "nats")]
    _broker: Option<Broker>,
}

/// Serves a composition at a place, and says how to reach it.
async fn serve(composition: &Composition, place: Place, app: &Elsewhere) -> (Serving, Transport) {
    #[cfg(not(feature = "nats"))]
    let _ = app;
    match place {
        Place::Here => unreachable!("nothing is served"),
        Place::Tcp => {
            let serving = composition.serve(WrpcServer::tcp("127.0.0.1:0")).await.unwrap();
            let address = serving.addresses()[0].clone();
            (serving, Wrpc::tcp(address).into())
        }
        Place::Unix => {
            let path = socket();
            let serving = composition.serve(WrpcServer::unix(&path)).await.unwrap();
            (serving, Wrpc::unix(path).into())
        }
        #[cfg(feature = "nats")]
        Place::Nats => {
            let broker = app.broker.as_ref().unwrap();
            let server = NatsServer::new(broker.client().await);
            let serving = composition.serve(server).await.unwrap();
            (serving, Nats::new(broker.client().await).into())
        }
    }
}

struct Elsewhere {
    #[cfg(feature = "nats")]
    broker: Option<Broker>,
}

/// The application; `None` where it cannot run.
async fn app(place: Place) -> Option<App> {
    #[cfg(feature = "nats")]
    let elsewhere = Elsewhere {
        broker: match place {
            Place::Nats => Some(Broker::start()?),
            _ => None,
        },
    };
    #[cfg(not(feature = "nats"))]
    let elsewhere = Elsewhere {};
    let clock = Clock::default();
    let mut serving = Vec::new();
    let mut composer = Composer::new();
    let mut guests = vec!["producer", "fragile"];
    if place.has_streams() {
        guests.push("shouter");
        composer.add(ComposableDescriptor::new("cipherer", component("cipherer")));
        composer.add(ComposableDescriptor::new("tallier", component("tallier")));
    }
    for guest in guests {
        let here = || clock.component(guest);
        if place == Place::Here {
            composer.add(ComposableDescriptor::new(guest, here()));
            continue;
        }
        let (served, transport) = serve(&compose(here()).await, place, &elsewhere).await;
        serving.push(served);
        let remote = RemoteComponent::new(exports(guest), transport);
        composer.add(ComposableDescriptor::new(guest, remote));
    }
    composer.add(ComposableDescriptor::new("consumer", local("consumer")));
    let careful = ComposableDescriptor::new("careful", component("careful"));
    let careful = careful
        .with_containment("composer:test/ifragile#text", Containment::message())
        .with_containment("composer:test/ifragile#by-fault", Containment::case("refused"));
    composer.add(careful);
    composer.with_export_hint("add", "producer");
    let composition = limited(composer.compose()).await.unwrap();
    Some(App {
        composition,
        _serving: serving,
        #[cfg(feature = "nats")]
        _broker: elsewhere.broker,
    })
}

impl App {
    async fn call<P: Params, R: FromComponentValue + 'static>(
        &self,
        interface: impl Into<Option<&str>>,
        function: &str,
        params: P,
    ) -> Result<R, CompositionError> {
        limited(self.composition.typed(interface.into(), function)?.call(params)).await
    }
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
struct Person {
    name: String,
    age: u32,
    tags: Vec<String>,
}

#[derive(ComponentValue, Debug, PartialEq)]
enum Failure {
    Empty,
    NotFound(u32),
    Denied(String),
}

async fn values_cross(app: &App) {
    assert_eq!(app.call::<_, i32>(None, "add", (1, 2)).await.unwrap(), 3);
    assert_eq!(app.call::<_, i32>(None, "run-add", ()).await.unwrap(), 3);
    let said: String = app.call(CONSUMER, "run-values", ()).await.unwrap();
    let expected = "ann 42 [x,older]; [3, 2, 1]; empty; one 1 []; denied two; not-found 3; blue \
                    [read,exec]";
    assert_eq!(said, expected);
    let found: Result<Person, Failure> = app.call(PRODUCER, "lookup", (2_u32,)).await.unwrap();
    assert_eq!(found, Err(Failure::Denied("two".to_owned())));
    let hidden: String = app.call(None, "internal-debug", ()).await.unwrap();
    assert_eq!(hidden, "debug");
}

async fn large_values_cross(app: &App) {
    let n = 500_000_u32;
    let sum: u64 = app.call(CONSUMER, "run-bytes", (n,)).await.unwrap();
    let expected = (0..n).map(|at| u64::from(at) * u64::from((n - 1 - at) as u8));
    assert_eq!(sum, expected.sum::<u64>());
    let length: u32 = app.call(CONSUMER, "run-text", (n,)).await.unwrap();
    assert_eq!(length, n);
}

async fn async_calls_overlap(app: &App) {
    assert_eq!(app.call::<_, i32>(CONSUMER, "run-ping", ()).await.unwrap(), 42);
    let sum: u32 = app.call(CONSUMER, "run-concurrent", (100_u32,)).await.unwrap();
    assert_eq!(sum, (0..100).sum::<u32>());
    assert!(app.call::<_, bool>(CONSUMER, "run-order", (100_u32,)).await.unwrap());
}

async fn a_thousand_callers_at_once(app: &App) {
    let add = app.composition.typed::<(i32, i32), i32>(Some(PRODUCER), "add").unwrap();
    let calls = (0..1000).map(|n| add.call((n, 1)));
    let sums = limited(join_all(calls)).await;
    for (n, sum) in (0..).zip(sums) {
        assert_eq!(sum.unwrap(), n + 1);
    }
}

/// The error of the function's own, and that of the trap, which is contained.
async fn errors_are_told(app: &App, place: Place) {
    let text = async |how: u32| app.call::<_, String>(CAREFUL, "text", (how,)).await.unwrap();
    assert_eq!(text(0).await, "ok 7");
    assert_eq!(text(1).await, "err refused");
    let error = app.call::<_, u32>(FRAGILE, "plain", (2_u32,)).await.unwrap_err();
    match RemoteError::of(&error) {
        None => assert!(place == Place::Here && matches!(error, CompositionError::Trap { .. })),
        Some(RemoteError::PeerFailed { function, message, .. }) => {
            assert_eq!(function, "composer:test/ifragile#plain");
            assert!(message.starts_with("component `it` trapped in"), "{message}");
        }
        Some(_) => panic!("{}", chain(&error)),
    }
    // Nobody is there any more.
    let error = app.call::<_, u32>(FRAGILE, "plain", (0_u32,)).await.unwrap_err();
    assert!(chain(&error).contains("is not running"), "{}", chain(&error));
    let said: String = app.call(CAREFUL, "by-fault", (0_u32,)).await.unwrap();
    assert_eq!(said, "err refused");
}

#[derive(ComponentValue, Debug, PartialEq)]
struct Count {
    bytes: u64,
    lines: u64,
}

async fn streams_flow(app: &App) {
    for lines in [0_u64, 1, 100_000] {
        let text = "hello\n".repeat(lines as usize);
        let input = ComponentStream::from_reader(std::io::Cursor::new(text));
        let (mut output, count): (ComponentStream<u8>, ComponentFuture<Count>) =
            app.call(TALLY, "apply", (input,)).await.unwrap();
        let mut read = String::new();
        limited(output.read_to_string(&mut read)).await.unwrap();
        assert_eq!(read, "URYYB\n".repeat(lines as usize));
        assert_eq!(limited(count).await.unwrap(), Count { bytes: lines * 6, lines });
    }
}

async fn everything(place: Place) {
    let Some(app) = app(place).await else { return };
    values_cross(&app).await;
    large_values_cross(&app).await;
    async_calls_overlap(&app).await;
    a_thousand_callers_at_once(&app).await;
    if place.has_streams() {
        streams_flow(&app).await;
    }
    // The last, as it ends a component.
    errors_are_told(&app, place).await;
    limited(app.composition.close(std::time::Duration::from_secs(1))).await.unwrap();
}

#[test]
fn works_with_all_components_here() {
    run(|| everything(Place::Here));
}

#[test]
fn works_over_tcp() {
    run(|| everything(Place::Tcp));
}

#[test]
fn works_over_unix_sockets() {
    run(|| everything(Place::Unix));
}

#[cfg(feature = "nats")]
#[test]
fn works_over_nats() {
    run(|| everything(Place::Nats));
}
