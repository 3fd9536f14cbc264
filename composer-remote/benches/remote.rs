//! What a call of a component costs that runs here, behind a Unix socket, behind TCP and behind NATS, all on
//! loopback: one caller, and a thousand at once; and a stream of bytes.
//!
//! `cargo bench -p wasm-runtime-composer-remote --all-features --bench remote` measures; under `cargo test`
//! each loop runs for a moment only, to see that it works. What counts is the ratio within one run.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use composer_tests::{component, guest_file};
use futures_util::future::join_all;
use tokio::io::AsyncReadExt;
use tokio::runtime::Builder;
use wasm_runtime_composer::{
    ComponentStream, Composable, ComposableDescriptor, Composer, Composition, CompositionError,
    TypedFunc,
};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteExports, Serve, Server, Serving, Transport, Wrpc, WrpcServer,
};

const PRODUCER: &str = "composer:test/iproducer";
const SHOUT: &str = "composer:test/shout";
const CALLERS: usize = 1000;
const MIB: usize = 1 << 20;

/// How much is measured.
struct Effort {
    rounds: usize,
    calls: usize,
    stream: usize,
}

/// A place where the component runs.
struct Place {
    name: &'static str,
    producer: Composition,
    shouter: Option<Composition>,
    _serving: Vec<Serving>,
}

async fn compose(composable: impl Composable) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("it", composable));
    composer.compose().await.expect("a guest can be composed")
}

async fn remote(
    guest: &str,
    server: impl Into<Server> + Send,
    to: impl FnOnce(&Serving) -> Transport,
) -> (Composition, Serving) {
    let serving = compose(component(guest)).await.serve(server).await.expect("it can be served");
    let exports = RemoteExports::from_component_path(guest_file(guest)).expect("it has types");
    (compose(RemoteComponent::new(exports, to(&serving))).await, serving)
}

async fn wrpc(
    name: &'static str,
    server: impl Fn(&str) -> WrpcServer,
    to: fn(&str) -> Wrpc,
) -> Place {
    let to = |serving: &Serving| to(&serving.addresses()[0]).into();
    let (producer, first) = remote("producer", server("producer"), to).await;
    let (shouter, second) = remote("shouter", server("shouter"), to).await;
    Place { name, producer, shouter: Some(shouter), _serving: vec![first, second] }
}

async fn places() -> Vec<Place> {
    let mut places = vec![Place {
        name: "here",
        producer: compose(component("producer")).await,
        shouter: Some(compose(component("shouter")).await),
        _serving: Vec::new(),
    }];
    #[cfg(unix)]
    {
        let path = |guest: &str| {
            std::env::temp_dir().join(format!("composer-bench-{}-{guest}", std::process::id()))
        };
        places.push(
            wrpc("Unix socket", |guest| WrpcServer::unix(path(guest)), |at| Wrpc::unix(at)).await,
        );
    }
    places.push(wrpc("TCP", |_| WrpcServer::tcp("127.0.0.1:0"), |at| Wrpc::tcp(at)).await);
    places
}

type Add = TypedFunc<(i32, i32), i32>;

/// Nanoseconds for each of some calls, one after the other.
async fn alone(add: &Add, calls: usize) -> Result<f64, CompositionError> {
    let start = Instant::now();
    for n in 0..calls as i32 {
        assert_eq!(add.call((n, 1)).await?, n + 1);
    }
    Ok(start.elapsed().as_nanos() as f64 / calls as f64)
}

/// Nanoseconds for each of as many calls as there are callers, all at once.
async fn together(add: &Add) -> Result<f64, CompositionError> {
    let start = Instant::now();
    for sum in join_all((0..CALLERS as i32).map(|n| add.call((n, 1)))).await {
        sum?;
    }
    Ok(start.elapsed().as_nanos() as f64 / CALLERS as f64)
}

/// MiB in a second of a stream that goes there and comes back.
async fn stream(shouter: &Composition, bytes: usize) -> Result<f64, CompositionError> {
    let apply =
        shouter.typed::<(ComponentStream<u8>,), ComponentStream<u8>>(Some(SHOUT), "apply")?;
    let start = Instant::now();
    let input = tokio::io::repeat(b'x').take(bytes as u64);
    let mut output = apply.call((ComponentStream::from_reader(input),)).await?;
    let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
    loop {
        match output.read(&mut buffer).await.expect("nobody is lost") {
            0 => break,
            more => read += more,
        }
    }
    assert_eq!(read, bytes);
    Ok((bytes / MIB) as f64 / start.elapsed().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn measure(effort: &Effort, places: &[Place]) -> Result<(), CompositionError> {
    let adds: Result<Vec<Add>, _> =
        places.iter().map(|place| place.producer.typed(Some(PRODUCER), "add")).collect();
    let adds = adds?;
    let mut figures = vec![(Vec::new(), Vec::new(), Vec::new()); places.len()];
    for _ in 0..effort.rounds {
        for ((place, add), figures) in places.iter().zip(&adds).zip(&mut figures) {
            figures.0.push(alone(add, effort.calls).await?);
            figures.1.push(together(add).await?);
            if let Some(shouter) = &place.shouter {
                figures.2.push(stream(shouter, effort.stream).await?);
            }
        }
    }
    println!("median of {} rounds\n", effort.rounds);
    println!("{:12} {:>14} {:>18} {:>14}", "", "one caller", "1000 callers", "stream");
    for (place, (alone, together, streams)) in places.iter().zip(figures) {
        let (alone, together) = (median(alone) / 1000.0, median(together));
        let stream = match streams.is_empty() {
            true => "-".to_owned(),
            false => format!("{:.0} MiB/s", median(streams)),
        };
        let per_second = 1e9 / together;
        let (alone, together) = (format!("{alone:.1} µs"), format!("{per_second:.0} calls/s"));
        println!("{:12} {alone:>14} {together:>18} {stream:>14}", place.name);
    }
    Ok(())
}

#[cfg(feature = "nats")]
mod broker {
    use std::net::TcpListener;
    use std::process::{Child, Command, Stdio};

    use super::{Duration, Place, remote};
    use wasm_runtime_composer_remote::{Nats, NatsServer, async_nats};

    pub(super) struct Broker(Child);

    impl Drop for Broker {
        fn drop(&mut self) {
            // It may have ended.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    async fn client(port: u16) -> async_nats::Client {
        loop {
            match async_nats::connect(format!("127.0.0.1:{port}")).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    pub(super) async fn place() -> Option<(Place, Broker)> {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = listener.local_addr().ok()?.port();
        drop(listener);
        let started = ["nats-server", "/usr/sbin/nats-server"].iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        let Some(broker) = started.map(Broker) else {
            println!("without NATS: there is no `nats-server`\n");
            return None;
        };
        let nats = Nats::new(client(port).await);
        let server = NatsServer::new(client(port).await);
        let (producer, serving) = remote("producer", server, |_| nats.into()).await;
        let place = Place { name: "NATS", producer, shouter: None, _serving: vec![serving] };
        Some((place, broker))
    }
}

fn main() {
    let effort = match std::env::args().any(|arg| arg == "--bench") {
        true => Effort { rounds: 15, calls: 1000, stream: 64 * MIB },
        false => Effort { rounds: 1, calls: 3, stream: MIB },
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the system has threads").block_on(async {
        #[cfg_attr(not(feature = "nats"), expect(unused_mut, reason = "there are no more"))]
        let mut places = places().await;
        #[cfg(feature = "nats")]
        let broker = broker::place().await.map(|(place, broker)| {
            places.push(place);
            broker
        });
        measure(&effort, &places).await.expect("no call fails");
        for place in places {
            place.producer.close(Duration::from_secs(1)).await.expect("nothing runs any more");
        }
        #[cfg(feature = "nats")]
        drop(broker);
    });
}
