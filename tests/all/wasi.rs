//! `Wasi`: what components get of WASI, and who provides it: Contract 3.1.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use composer_tests::{
    call, call_unit, chain, component, engine, guest, limited, run, string, text, until,
};
use wasm_runtime_composer::error::{StartError, StopReason, WasiError};
use wasm_runtime_composer::typed::{FromComponentValue, Params};
use wasm_runtime_composer::wasi::{Access, Captured, Output, WasiState};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    EpochTicker, RestartPolicy, Wasi,
};
use wasmtime::component::Val;
use wasmtime::{Config, Engine, StoreLimitsBuilder};

const PROBE: Option<&str> = Some("composer:test/probe");
const FILE_TEXT: Option<&str> = Some("composer:test/file-text");
const LATER: Option<&str> = Some("composer:test/later-probe");
const WALL_CLOCK: &str = "wasi:clocks/wall-clock";
/// What the frozen clock says.
const FROZEN: u64 = 1_000_000_000;

fn wasi() -> Wasi {
    Wasi::new(engine())
}

/// A composition of one component.
async fn alone(component: ComposableComponent<WasiState>) -> Composition {
    compose([("guest", component)]).await
}

async fn compose<const N: usize>(
    components: [(&str, ComposableComponent<WasiState>); N],
) -> Composition {
    let mut composer = Composer::new();
    for (id, component) in components {
        composer.add(ComposableDescriptor::new(id, component));
    }
    limited(composer.compose()).await.unwrap()
}

async fn probe<A: Params, R: FromComponentValue + 'static>(
    composition: &Composition,
    function: &str,
    params: A,
) -> Result<R, CompositionError> {
    limited(composition.typed::<A, R>(PROBE, function)?.call(params)).await
}

/// A folder of one test, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("composer-wasi-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn with(self, file: &str, text: &str) -> Self {
        std::fs::write(self.0.join(file), text).unwrap();
        self
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_component_has_an_environment_arguments_and_configuration_of_its_own() {
    run(async || {
        let left = wasi().env("SIDE", "none").env("SIDE", "left").args(["a", "b"]).arg("c");
        let right = wasi().env("SIDE", "right").config("greeting", "hello");
        let left = alone(left.component(guest("prober"))).await;
        let right = alone(right.component(guest("prober"))).await;
        for (composition, side) in [(&left, "left"), (&right, "right")] {
            let found: Option<String> = probe(composition, "variable", ("SIDE",)).await.unwrap();
            assert_eq!(found.as_deref(), Some(side));
        }
        let home: Option<String> = probe(&left, "variable", ("PATH",)).await.unwrap();
        assert_eq!(home, None, "nothing of this process is given unasked");
        let arguments: Vec<String> = probe(&left, "arguments", ()).await.unwrap();
        assert_eq!(arguments, ["a", "b", "c"]);
        let arguments: Vec<String> = probe(&right, "arguments", ()).await.unwrap();
        assert_eq!(arguments, [""; 0]);
        let configured: Option<String> = probe(&right, "configured", ("greeting",)).await.unwrap();
        assert_eq!(configured.as_deref(), Some("hello"));
        let configured: Option<String> = probe(&left, "configured", ("greeting",)).await.unwrap();
        assert_eq!(configured, None);
    });
}

#[test]
fn the_environment_of_this_process_is_given_when_asked_for() {
    run(async || {
        let composition = alone(wasi().inherit_env().component(guest("prober"))).await;
        let path: Option<String> = probe(&composition, "variable", ("PATH",)).await.unwrap();
        assert_eq!(path, std::env::var("PATH").ok());
    });
}

#[test]
fn directories_are_as_open_as_they_were_given() {
    run(async || {
        let folder = Folder::new("open").with("motd", "hello");
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let wasi = wasi().preopen_dir(&folder, "/data", access).unwrap();
            let composition = alone(wasi.component(guest("prober"))).await;
            let read = async |path: &str| {
                probe::<_, Result<String, String>>(&composition, "read-file", (path,))
                    .await
                    .unwrap()
            };
            assert_eq!(read("/data/motd").await.as_deref(), Ok("hello"));
            assert!(read("/data/other").await.is_err());
            assert!(read("/data/../motd").await.is_err(), "what lies outside is out of reach");
            assert!(read("/etc/passwd").await.is_err());
            let written = ("/data/new", "text");
            let written: Result<(), String> =
                probe(&composition, "write-file", written).await.unwrap();
            let there = std::fs::read_to_string(folder.0.join("new"));
            match access {
                Access::ReadOnly => {
                    assert!(written.is_err());
                    assert!(there.is_err());
                }
                Access::ReadWrite => {
                    assert_eq!(written, Ok(()));
                    assert_eq!(there.unwrap(), "text");
                }
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn symbolic_links_do_not_lead_out_of_a_directory() {
    run(async || {
        let outside = Folder::new("outside").with("secret", "secret");
        let folder = Folder::new("links");
        std::os::unix::fs::symlink(&outside, folder.0.join("link")).unwrap();
        let wasi = wasi().preopen_dir(&folder, "/", Access::ReadWrite).unwrap();
        let composition = alone(wasi.component(guest("prober"))).await;
        let read: Result<String, String> =
            probe(&composition, "read-file", ("/link/secret",)).await.unwrap();
        assert!(read.is_err(), "{read:?}");
    });
}

#[test]
fn what_is_no_directory_is_refused_when_it_is_given() {
    let folder = Folder::new("refused").with("file", "");
    for path in ["file", "nothing"] {
        let path = folder.0.join(path);
        let error = wasi().preopen_dir(&path, "/data", Access::ReadOnly).unwrap_err();
        let expected = format!(
            "`{}` cannot be given to a component as `/data`: expected a directory that can be opened",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(matches!(CompositionError::from(error), CompositionError::Wasi(_)));
    }
}

#[test]
fn a_directory_that_is_gone_when_a_component_starts_is_told() {
    run(async || {
        let folder = Folder::new("gone");
        let plugin = wasi().preopen_dir(&folder, "/data", Access::ReadOnly).unwrap();
        let plugin = plugin.component(guest("prober"));
        let mut composer = Composer::new();
        composer.add(
            ComposableDescriptor::new("plugin", plugin.clone())
                .with_restart(RestartPolicy::restart(1, Duration::ZERO)),
        );
        let composition = limited(composer.compose()).await.unwrap();
        std::fs::remove_dir(&folder).unwrap();

        // It is started again, and cannot be.
        let exited = probe::<_, ()>(&composition, "exit", (1_u8,)).await.unwrap_err();
        assert!(matches!(exited, CompositionError::Trap { .. }), "{exited}");
        let lost = probe::<_, u64>(&composition, "seconds", ()).await.unwrap_err();
        let CompositionError::Unavailable { source, .. } = &lost else { panic!("{lost}") };
        let StopReason::NotRestarted { source, .. } = source else { panic!("{source}") };
        assert!(matches!(**source, StartError::Store { .. }), "{source}");
        let told = chain(&lost);
        assert!(told.contains("cannot be given to a component as `/data`"), "{told}");

        // Nor at first.
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("plugin", plugin));
        let error = limited(composer.compose()).await.unwrap_err();
        let told = chain(&error);
        assert!(told.starts_with("no store can be made for component `plugin`\n"), "{told}");
        assert!(told.contains("cannot be given to a component as `/data`"), "{told}");
    });
}

#[test]
fn what_a_component_prints_can_be_captured_up_to_a_limit() {
    run(async || {
        let (output, errors) = (Captured::new(8), Captured::new(1024));
        let prober = wasi().stdout(&output).stderr(errors.clone()).component(guest("prober"));
        let composition = alone(prober).await;
        let () = probe(&composition, "print", ("hello",)).await.unwrap();
        // It is there as soon as the call has returned.
        assert_eq!((output.text().as_str(), output.lost()), ("hello", 0));
        let () = probe(&composition, "print", (" world",)).await.unwrap();
        assert_eq!((output.text().as_str(), output.lost()), ("hello wo", 3));
        assert_eq!(output.take(), b"hello wo");
        let () = probe(&composition, "print", ("again",)).await.unwrap();
        assert_eq!(output.text(), "again");
        let long = "x".repeat(200_000);
        let () = probe(&composition, "print-error", (long.as_str(),)).await.unwrap();
        assert_eq!((errors.bytes().len(), errors.lost()), (1024, 200_000 - 1024));
    });
}

#[test]
fn what_a_component_prints_can_be_handed_on() {
    run(async || {
        let (sender, receiver) = std::sync::mpsc::channel();
        let output = Output::to(move |bytes| {
            let _ = sender.send(bytes.to_vec());
        });
        let composition = alone(wasi().stdout(output).component(guest("prober"))).await;
        let () = probe(&composition, "print", ("one",)).await.unwrap();
        let () = probe(&composition, "print", ("two",)).await.unwrap();
        let printed: Vec<u8> = receiver.try_iter().flatten().collect();
        assert_eq!(printed, b"onetwo");
    });
}

#[test]
fn every_store_is_made_of_the_same_settings() {
    run(async || {
        let folder = Folder::new("again").with("motd", "hello");
        let printed = Captured::new(1024);
        let prober = wasi()
            .env("NAME", "value")
            .stdin("first\nsecond\n")
            .stdout(&printed)
            .preopen_dir(&folder, "/data", Access::ReadOnly)
            .unwrap()
            .component(guest("prober"));
        let mut composer = Composer::new();
        composer.add(
            ComposableDescriptor::new("prober", prober)
                .with_restart(RestartPolicy::restart(3, Duration::ZERO)),
        );
        let composition = limited(composer.compose()).await.unwrap();
        for turn in 0..3 {
            let line: String = probe(&composition, "read-line", ()).await.unwrap();
            assert_eq!(line, "first", "input begins again");
            let line: String = probe(&composition, "read-line", ()).await.unwrap();
            assert_eq!(line, "second");
            let line: String = probe(&composition, "read-line", ()).await.unwrap();
            assert_eq!(line, "");
            let variable: Option<String> =
                probe(&composition, "variable", ("NAME",)).await.unwrap();
            assert_eq!(variable.as_deref(), Some("value"));
            let read: Result<String, String> =
                probe(&composition, "read-file", ("/data/motd",)).await.unwrap();
            assert_eq!(read.as_deref(), Ok("hello"));
            let () = probe(&composition, "print", (turn.to_string().as_str(),)).await.unwrap();
            let exited = probe::<_, ()>(&composition, "exit", (7_u8,)).await.unwrap_err();
            // WASI 0.2 knows no other code.
            assert!(chain(&exited).contains("Exited with i32 exit status 1"), "{}", chain(&exited));
        }
        assert_eq!(printed.text(), "012", "output goes on");
    });
}

#[test]
fn the_network_is_closed_unless_it_is_opened() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (open, other) = (listener.local_addr().unwrap(), "127.0.0.1:9");
        let closed = alone(wasi().component(guest("prober"))).await;
        let some = wasi().allow_addresses(move |address| address == open);
        let some = alone(some.component(guest("prober"))).await;
        let all = alone(wasi().allow_network().component(guest("prober"))).await;
        let connect = async |composition: &Composition, address: &str| {
            probe::<_, Result<(), String>>(composition, "connect", (address,)).await.unwrap()
        };
        let open = open.to_string();
        let denied = connect(&closed, &open).await.unwrap_err();
        assert_eq!(connect(&some, &open).await, Ok(()));
        assert_eq!(connect(&some, other).await, Err(denied.clone()));
        assert_eq!(connect(&all, &open).await, Ok(()));
        assert_ne!(connect(&all, other).await, Err(denied), "it was let try");
        let bound: Result<(), String> = probe(&closed, "bind", ("127.0.0.1:0",)).await.unwrap();
        assert!(bound.is_err());
        let bound: Result<(), String> = probe(&all, "bind", ("127.0.0.1:0",)).await.unwrap();
        assert_eq!(bound, Ok(()));
    });
}

#[test]
fn limits_count_for_each_store() {
    run(async || {
        let limits = StoreLimitsBuilder::new().memory_size(8 << 20).build();
        let bounded = alone(wasi().limits(limits).component(guest("prober"))).await;
        let free = alone(wasi().component(guest("prober"))).await;
        for (composition, has) in [(&bounded, false), (&free, true)] {
            let room: bool = probe(composition, "has-room", (16_u32 << 20,)).await.unwrap();
            assert_eq!(room, has);
            let room: bool = probe(composition, "has-room", (1_u32 << 20,)).await.unwrap();
            assert!(room);
        }
    });
}

/// Calls the host's `visit`.
const VISITOR: &str = r#"(component
    (import "visit" (func $visit (result u32)))
    (core func $visit (canon lower (func $visit)))
    (core module $m
        (import "" "visit" (func $visit (result i32)))
        (func (export "come") (result i32) (call $visit))
        (func (export "spin") (loop (br 0))))
    (core instance $i (instantiate $m (with "" (instance (export "visit" (func $visit))))))
    (func (export "come") (result u32) (canon lift (core func $i "come")))
    (func (export "spin") (canon lift (core func $i "spin"))))"#;

fn visited<T: Send + 'static>(
    wasi: Wasi<T>,
    visits: impl Fn(&mut T) -> &mut u32 + Send + Sync + 'static,
) -> Result<Wasi<T>, WasiError> {
    wasi.with_linker(|linker| {
        linker.root().func_wrap("visit", move |mut store, (): ()| {
            let visits = visits(&mut store.data_mut().data);
            *visits += 1;
            Ok((*visits,))
        })
    })
}

#[test]
fn host_functions_and_data_of_ones_own_go_with_wasi() {
    run(async || {
        let wasi = visited(Wasi::with_data(engine(), || 10_u32), |data| data).unwrap();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("a", wasi.component(VISITOR)));
        let a = limited(composer.compose()).await.unwrap();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("b", wasi.component(VISITOR)));
        let b = limited(composer.compose()).await.unwrap();
        // Each store has data of its own.
        for expected in [11, 12] {
            assert_eq!(limited(call(&a, None, "come", &[])).await.unwrap(), Val::U32(expected));
        }
        assert_eq!(limited(call(&b, None, "come", &[])).await.unwrap(), Val::U32(11));
    });
}

#[test]
fn a_name_that_wasi_has_cannot_be_defined_unless_that_is_said() {
    let define = |shadowing: bool| {
        wasi().with_linker(|linker| {
            linker.allow_shadowing(shadowing);
            let mut random = linker.instance("wasi:random/random@0.2.12")?;
            random.func_wrap("get-random-u64", |_, (): ()| Ok((4_u64,)))
        })
    };
    let error = define(false).unwrap_err();
    assert_eq!(error.to_string(), "the linker of a component with WASI cannot be completed");
    assert!(define(true).is_ok());
}

#[test]
fn stores_can_be_prepared() {
    let mut config = Config::new();
    config.epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let _ticker = EpochTicker::start(&engine, Duration::from_millis(1)).unwrap();
    run(async || {
        let wasi = Wasi::with_data(&engine, || 0_u32).with_store(EpochTicker::yielding);
        let visitor = visited(wasi, |data| data).unwrap().component(VISITOR);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("visitor", visitor).with_run_limit(20));
        let composition = limited(composer.compose()).await.unwrap();
        let error = limited(call_unit(&composition, None, "spin", &[])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error}");
    });
}

#[test]
fn a_component_that_provides_a_clock_wins_over_the_host() {
    run(async || {
        let composition = compose([
            ("prober", wasi().component(guest("prober"))),
            ("clock", wasi().component(guest("frozen-clock"))),
        ])
        .await;
        let seconds: u64 = probe(&composition, "seconds", ()).await.unwrap();
        assert_eq!(seconds, FROZEN);
        let plan = composition.plan();
        let import = plan.edges().iter().find(|it| it.import.starts_with(WALL_CLOCK));
        assert_eq!(import.unwrap().provider.as_deref(), Some("clock"));

        let alone = alone(wasi().component(guest("prober"))).await;
        let seconds: u64 = probe(&alone, "seconds", ()).await.unwrap();
        assert!(seconds > FROZEN, "the host's clock says {seconds}");
    });
}

#[test]
fn fused_group_has_what_is_said_of_it() {
    run(async || {
        let wasi = wasi().env("NAME", "group");
        let mut group = Composer::new();
        for (id, guest) in [("prober", "prober"), ("clock", "frozen-clock")] {
            let part = wasi.component(composer_tests::guest_file(guest));
            group.add(ComposableDescriptor::new(id, part));
        }
        let composition = compose([("group", wasi.fused(group))]).await;
        assert_eq!(composition.plan().components(), ["group/prober", "group/clock"]);
        let name: Option<String> = probe(&composition, "variable", ("NAME",)).await.unwrap();
        assert_eq!(name.as_deref(), Some("group"));
        let seconds: u64 = probe(&composition, "seconds", ()).await.unwrap();
        assert_eq!(seconds, FROZEN);
    });
}

#[test]
fn the_hint_host_gives_a_component_the_hosts_clock() {
    run(async || {
        let prober = wasi().component(guest("prober"));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("prober", prober.clone()));
        composer.add(ComposableDescriptor::new("clock", component("frozen-clock")));
        let plan = composer.plan().unwrap();
        let import = plan.edges().iter().find(|it| it.import.starts_with(WALL_CLOCK)).unwrap();
        let import = import.import.clone();

        let mut composer = Composer::new();
        let prober = ComposableDescriptor::new("prober", prober).with_import_hint(import, "host");
        composer.add(prober);
        composer.add(ComposableDescriptor::new("clock", component("frozen-clock")));
        let composition = limited(composer.compose()).await.unwrap();
        let seconds: u64 = probe(&composition, "seconds", ()).await.unwrap();
        assert!(seconds > FROZEN, "the host's clock says {seconds}");
    });
}

#[test]
fn a_component_that_provides_files_wins_over_the_host() {
    run(async || {
        let folder = Folder::new("virtual").with("motd", "from the host");
        let wasi = wasi().preopen_dir(&folder, "/", Access::ReadOnly).unwrap();
        let read = async |composition: &Composition, path: &str| {
            let read = composition.typed::<(&str,), Result<String, String>>(FILE_TEXT, "read");
            limited(read.unwrap().call((path,))).await.unwrap()
        };
        let host = alone(wasi.component(guest("file-reader"))).await;
        assert_eq!(read(&host, "motd").await.as_deref(), Ok("from the host"));

        let composition = compose([
            ("reader", wasi.component(guest("file-reader"))),
            ("files", wasi.component(guest("virtual-files"))),
        ])
        .await;
        assert_eq!(read(&composition, "motd").await.as_deref(), Ok("from memory"));
        let missing = read(&composition, "other").await.unwrap_err();
        assert!(missing.contains("no-entry"), "{missing}");
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn part_of_the_hosts_files_cannot_be_provided_with_the_hosts_handles() {
    run(async || {
        // The directories of the host are none of the component's that provides the types.
        let mut composer = Composer::new();
        let reader = wasi().component(guest("file-reader"));
        composer.add(
            ComposableDescriptor::new("reader", reader)
                .with_import_hint("wasi:filesystem/preopens@0.2.6", "host"),
        );
        composer.add(ComposableDescriptor::new("files", component("virtual-files")));
        let error = limited(composer.compose()).await.unwrap_err();
        assert!(matches!(error, CompositionError::Plan(_)), "{}", chain(&error));
        assert!(chain(&error).contains("wasi:filesystem/preopens@0.2.6"), "{}", chain(&error));
    });
}

#[test]
fn wasi_0_3_is_there_for_async_components() {
    run(async || {
        let printed = Captured::new(1 << 20);
        let long = "all of it\n".repeat(20_000);
        let prober = wasi().env("NAME", "value").stdin(long.as_str()).stdout(&printed);
        let composition = alone(prober.component(guest("later-prober"))).await;
        let variable = limited(call(&composition, LATER, "variable", &[string("NAME")])).await;
        let value = Val::Option(Some(Box::new(string("value"))));
        assert_eq!(variable.unwrap(), value);
        limited(call_unit(&composition, LATER, "echo", &[Val::U32(1)])).await.unwrap();
        assert!(printed.text() == long, "{} of {} bytes", printed.text().len(), long.len());
    });
}

#[test]
fn an_engine_without_async_functions_has_wasi_0_2() {
    let mut config = Config::new();
    config.concurrency_support(false);
    let engine = Engine::new(&config).unwrap();
    run(async || {
        let file = composer_tests::guest_file("prober");
        let prober = Wasi::new(&engine).env("NAME", "value").component(file);
        let composition = alone(prober).await;
        let found: Option<String> = probe(&composition, "variable", ("NAME",)).await.unwrap();
        assert_eq!(found.as_deref(), Some("value"));
    });
}

#[test]
fn components_with_and_without_wasi_call_each_other() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("producer", wasi().component(guest("producer"))));
        composer.add(ComposableDescriptor::new("consumer", component("consumer")));
        composer.add(ComposableDescriptor::new("nothing", text("(component)")));
        let composition = limited(composer.compose()).await.unwrap();
        let sum = call(&composition, None, "run-add", &[]);
        assert!(matches!(limited(sum).await.unwrap(), Val::S32(_)));
    });
}

#[test]
fn a_path_given_as_text_is_told_from_a_component() {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("plugin", wasi().component("plugins/plugin.wasm")));
    let error = composer.plan().unwrap_err();
    let told = chain(&error);
    assert!(told.contains("`plugins/plugin.wasm`"), "{told}");
    assert!(told.contains("Path::new"), "{told}");
}
