//! `wcompose serve` as its user meets it: the first line, requests over sockets, files that change, and signals.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Beyond this a test hangs. Timings decide nothing else.
const LIMIT: Duration = Duration::from_secs(120);

/// A server that runs, with what it says line by line.
struct Serving {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components")
}

/// The lines of a pipe, read on a thread of its own.
fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let line = line.expect("the tool writes text");
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wcompose"))
            // The user's own cache is left alone.
            .env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/caches"))
            .arg("serve")
            .args(args)
            .current_dir(guests())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let stderr = lines(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    #[track_caller]
    fn says(&self) -> String {
        match self.stdout.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(error) => panic!("{error}: {:?}", self.stderr.try_iter().collect::<Vec<_>>()),
        }
    }

    #[track_caller]
    fn complains(&self) -> String {
        self.stderr.recv_timeout(LIMIT).expect("it says something")
    }

    /// The address that the first line tells, after what it has to say of the wiring.
    #[track_caller]
    fn address(&self, serving: &str) -> String {
        let line = self.says();
        let rest = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}"));
        let (address, told) = rest.split_once(", serving ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(told, serving);
        address.to_owned()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    fn ended(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                return status;
            }
            assert!(since.elapsed() < LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// All that is answered to a request.
fn asked(mut stream: impl Read + Write, path: &str, headers: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
        .expect("it is read");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("it is answered to its end");
    told
}

fn get(address: &str, path: &str, headers: &str) -> String {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(LIMIT)).expect("it is no zero");
    asked(stream, path, headers)
}

const KNOWN: &str = "authorization: me\r\n";
const ANYWHERE: &str = "--listen=127.0.0.1:0";

#[test]
fn files_in_their_order_are_a_chain_and_a_signal_ends_it() {
    let mut serving = Serving::start(&["http-auth.wasm", "http-app.wasm", ANYWHERE]);
    let address = serving.address("http-auth -> http-app");
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 401 "));
    assert!(get(&address, "/status/204", KNOWN).starts_with("HTTP/1.1 204 "));
    serving.signal("TERM");
    assert_eq!(serving.complains(), "ending; a second signal ends at once");
    assert_eq!(serving.ended().code(), Some(0));
    TcpStream::connect(&address).expect_err("nobody listens any more");
}

#[test]
fn chain_that_is_said_comes_before_the_order() {
    let chain = "--chain=wasi:http/handler@0.3.0=http-header,http-auth,http-app";
    let serving =
        Serving::start(&["http-app.wasm", "http-auth.wasm", "http-header.wasm", ANYWHERE, chain]);
    let address = serving.address("http-header -> http-auth -> http-app");
    let told = get(&address, "/status/204", "");
    assert!(told.starts_with("HTTP/1.1 401 ") && told.contains("x-served: header\r\n"), "{told}");
}

#[test]
fn component_of_the_former_version_is_served() {
    let serving = Serving::start(&[
        "http2-header.wasm",
        "http2-app.wasm",
        ANYWHERE,
        "--instances=2",
        "--health=/healthz",
        "--max-body=10",
    ]);
    let address = serving.address("http2-header -> http2-app");
    assert!(get(&address, "/private", "").starts_with("HTTP/1.1 403 "));
    assert!(get(&address, "/status/202", "").starts_with("HTTP/1.1 202 "));
    assert!(get(&address, "/healthz", "").ends_with("\r\n\r\nok\n"));
    assert!(get(&address, "/status/202", "content-length: 11\r\n").starts_with("HTTP/1.1 413 "));
}

#[test]
fn request_to_a_component_of_the_former_version_has_an_instance_of_its_own_if_nothing_else_is_said()
{
    let count = |serving: &Serving| {
        let address = serving.address("http2-app");
        let told: Vec<_> = (0..3).map(|_| get(&address, "/count", "")).collect();
        // The body is one chunk, before the last one, which is empty.
        told.iter().map(|it| it.rsplit("\r\n").nth(3).unwrap_or_default().to_owned()).collect()
    };
    let counted: Vec<String> = count(&Serving::start(&["http2-app.wasm", ANYWHERE]));
    assert_eq!(counted, ["1", "1", "1"]);
    let several = ["http2-app.wasm", ANYWHERE, "--lifetime=calls:1000", "--instances=1"];
    let counted: Vec<String> = count(&Serving::start(&several));
    assert_eq!(counted, ["1", "2", "3"]);
}

#[test]
fn each_request_may_have_a_fresh_instance() {
    let serving = Serving::start(&["http-app.wasm", ANYWHERE, "--lifetime=per-call"]);
    let address = serving.address("http-app");
    // One that goes on meanwhile, in an instance of its own.
    let mut endless = TcpStream::connect(&address).unwrap();
    endless.set_read_timeout(Some(LIMIT)).unwrap();
    write!(endless, "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut some = [0; 4096];
    endless.read_exact(&mut some).unwrap();
    for _ in 0..20 {
        assert!(get(&address, "/trap", "").starts_with("HTTP/1.1 502 "));
        assert!(get(&address, "/status/202", "").starts_with("HTTP/1.1 202 "));
    }
    for _ in 0..100 {
        endless.read_exact(&mut some).unwrap();
    }
}

#[test]
fn lifetime_that_is_none_is_told() {
    for wrong in ["calls:0", "calls:x", "idle:3", "per-request", "calls:1idle:1s"] {
        let output = Command::new(env!("CARGO_BIN_EXE_wcompose"))
            .args(["serve", "app.wasm", &format!("--lifetime={wrong}")])
            .output()
            .expect("the binary was built");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("expected"), "{told}");
    }
}

#[test]
fn composition_is_shown_under_an_address_of_its_own() {
    let files = ["http-auth.wasm", "http-app.wasm", ANYWHERE, "--admin=127.0.0.1:0"];
    let mut serving = Serving::start(&files);
    let address = serving.address("http-auth -> http-app");
    let line = serving.says();
    let admin = line.strip_prefix("showing the composition on http://").expect(&line).to_owned();
    let page = get(&admin, "/", "");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("<html") && page.contains("snapshot.json"), "{page}");
    for _ in 0..3 {
        assert!(get(&address, "/status/204", KNOWN).starts_with("HTTP/1.1 204 "));
    }
    let told = get(&admin, "/snapshot.json", "");
    let (_, json) = told.split_once("\r\n\r\n").expect(&told);
    let snapshot: serde_json::Value = serde_json::from_str(json).expect(json);
    let ids = snapshot["components"].as_array().expect(json).iter().map(|it| &it["id"]);
    assert_eq!(ids.collect::<Vec<_>>(), ["http-auth", "http-app"]);
    let calls = snapshot["calls"].as_array().expect(json);
    let between = calls.iter().find(|it| it["consumer"] == "http-auth").expect(json);
    assert_eq!(between["calls"], 3, "{json}");
    // The pages are not those of the service, and the service has none of them.
    assert!(get(&admin, "/status/204", KNOWN).starts_with("HTTP/1.1 404 "));
    assert!(!get(&address, "/snapshot.json", KNOWN).contains("components"));
    serving.signal("TERM");
    assert_eq!(serving.ended().code(), Some(0));
    TcpStream::connect(&admin).expect_err("nobody listens any more");
}

#[test]
fn address_of_the_picture_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let admin = format!("--admin={}", taken.local_addr().expect("it is bound"));
    let mut serving = Serving::start(&["http-app.wasm", ANYWHERE, &admin]);
    let said = serving.complains();
    assert!(said.starts_with("error: cannot listen on `127.0.0.1:"), "{said}");
    assert_eq!(serving.ended().code(), Some(3));
}

#[test]
fn document_is_served() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("served");
    std::fs::create_dir_all(&folder).expect("it can be made");
    let document = folder.join("app.wac");
    let source = r#"package test:site;
let app = new test:app { ... };
let auth = new test:auth { "wasi:http/handler@0.3.0": app["wasi:http/handler@0.3.0"], ... };
export auth["wasi:http/handler@0.3.0"];
"#;
    std::fs::write(&document, source).expect("it can be written");
    let document = document.to_str().expect("it is text");
    let deps = ["-d", "test:app=http-app.wasm", "-d", "test:auth=http-auth.wasm"];
    let mut serving = Serving::start(&[&[document, ANYWHERE][..], &deps].concat());
    let address = serving.address("auth -> app");
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 401 "));
    assert!(get(&address, "/status/204", KNOWN).starts_with("HTTP/1.1 204 "));
    // They are restarted, as all that serves.
    assert!(get(&address, "/trap", KNOWN).starts_with("HTTP/1.1 502 "));
    assert!(get(&address, "/status/204", KNOWN).starts_with("HTTP/1.1 204 "));
    serving.signal("TERM");
    assert_eq!(serving.ended().code(), Some(0));
}

/// What `curl` prints, given something to send; `None` where it is not installed.
fn curl(args: &[&str], sent: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "120"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let sent = sent.to_vec();
    // Not all of it is read where the answer comes first.
    let sending = std::thread::spawn(move || drop(stdin.write_all(&sent)));
    let output = child.wait_with_output().expect("it was started");
    sending.join().expect("it does not panic");
    assert!(output.status.success(), "{args:?}: {output:?}");
    Some(output.stdout)
}

#[test]
fn curl_is_answered_over_both_versions_of_http() {
    let Some(about) = curl(&["--version"], b"") else {
        eprintln!("skipped: curl is not installed");
        return;
    };
    let serving = Serving::start(&["http-auth.wasm", "http-app.wasm", ANYWHERE]);
    let address = serving.address("http-auth -> http-app");
    let mut versions = vec![("--http1.1", "1.1")];
    if String::from_utf8_lossy(&about).contains("HTTP2") {
        versions.push(("--http2-prior-knowledge", "2"));
    }
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for (option, version) in versions {
        // A body of a length that is not known before, sent while it comes back.
        let echo = format!("http://{address}/echo");
        let args = [option, "--header", "authorization: me", "--request", "POST", "-T", "-", &echo];
        let back = curl(&args, &sent).expect("it is installed");
        assert!(back == sent, "{} bytes came back of {}", back.len(), sent.len());
        let url = format!("http://{address}/status/418");
        let told = "%{http_version} %{http_code}";
        let args = [option, "--header", "authorization: me", "--write-out", told, &url];
        let told = curl(&args, b"").expect("it is installed");
        assert!(told.ends_with(format!("{version} 418").as_bytes()), "{told:?}");
    }
}

#[test]
fn several_servers_listen_at_one_address() {
    let mut first = Serving::start(&["http-app.wasm", ANYWHERE, "--reuse-port"]);
    let address = first.address("http-app");
    let listen = format!("--listen={address}");
    let mut alone = Serving::start(&["http-app.wasm", &listen]);
    let said = alone.complains();
    assert!(said.starts_with("error: cannot listen on `127.0.0.1:"), "{said}");
    assert_eq!(alone.ended().code(), Some(3));

    let second = Serving::start(&["http-app.wasm", &listen, "--reuse-port"]);
    assert_eq!(second.address("http-app"), address);
    first.signal("TERM");
    assert_eq!(first.ended().code(), Some(0));
    for _ in 0..10 {
        assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 204 "));
    }
    let mut of_a_file = Serving::start(&["http-app.wasm", "--listen=unix:x", "--reuse-port"]);
    let said = of_a_file.complains();
    assert!(said.starts_with("error: `--reuse-port` is for addresses of TCP"), "{said}");
    assert_eq!(of_a_file.ended().code(), Some(2));
}

#[test]
fn trap_is_told_and_the_component_started_again() {
    let serving = Serving::start(&["http-app.wasm", ANYWHERE, "--access-log"]);
    let address = serving.address("http-app");
    let told = get(&address, "/trap", "");
    assert!(told.starts_with("HTTP/1.1 502 "), "{told}");
    assert!(told.ends_with("\r\n\r\nthe service has failed\n"), "{told}");
    // The guest says something, too.
    let mut lines = std::iter::from_fn(|| Some(serving.complains()));
    let told = lines.find(|line| line.contains("WARN")).expect("it is said");
    assert!(told.contains("a request has got no response method=GET path=\"/trap\""), "{told}");
    assert!(told.contains("component `http-app` trapped"), "{told}");
    let told = lines.find(|line| line.contains("INFO")).expect("it is said");
    assert!(told.contains("path=\"/trap\" status=502"), "{told}");
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 204 "));
}

#[test]
fn guest_that_computes_without_end_is_late() {
    let serving = Serving::start(&["http-app.wasm", ANYWHERE, "--deadline=300ms"]);
    let address = serving.address("http-app");
    assert!(get(&address, "/spin", "").starts_with("HTTP/1.1 504 "));
    // It is ended, and started again.
    let since = Instant::now();
    while !get(&address, "/status/204", "").starts_with("HTTP/1.1 204 ") {
        assert!(since.elapsed() < LIMIT, "it is not started again");
    }
}

#[test]
fn component_is_replaced_when_its_file_changes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watched");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let first = folder.join("first.wasm");
    let put = |guest: &str| {
        std::fs::copy(guests().join(guest), &first).expect("the guest can be copied");
    };
    put("http-auth.wasm");
    let app = guests().join("http-app.wasm");
    let (one, two) = (first.to_str().expect("it is text"), app.to_str().expect("it is text"));
    let serving = Serving::start(&[one, two, ANYWHERE, "--watch"]);
    let address = serving.address("first -> http-app");
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 401 "));

    // Requests go on, and each is for the one or for the other.
    let asking = {
        let address = address.clone();
        std::thread::spawn(move || {
            let mut asked = 0;
            loop {
                let told = get(&address, "/status/204", KNOWN);
                assert!(told.starts_with("HTTP/1.1 204 "), "{told}");
                asked += 1;
                if told.contains("x-served: header\r\n") {
                    return asked;
                }
            }
        })
    };
    put("http-header.wasm");
    assert_eq!(serving.says(), "replaced first");
    assert!(asking.join().expect("no request was lost") > 0);
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 204 "));

    // What does not fit is told, and the former one goes on.
    put("greeter.wasm");
    let told: Vec<_> = std::iter::from_fn(|| Some(serving.complains()))
        .take_while(|line| line != "`first` is not replaced; the former one goes on")
        .collect();
    assert!(
        told.iter().any(|line| line.starts_with("error: ") && line.contains("first")),
        "{told:?}"
    );
    assert!(get(&address, "/status/204", "").contains("x-served: header\r\n"));
    std::fs::write(&first, "no component").expect("it can be written");
    let told = serving.complains();
    assert!(told.starts_with("error: "), "{told}");
    assert!(get(&address, "/status/204", "").contains("x-served: header\r\n"));
    put("http-auth.wasm");
    assert_eq!(serving.says(), "replaced first");
    assert!(get(&address, "/status/204", "").starts_with("HTTP/1.1 401 "));
}

#[test]
fn unix_socket_is_served_and_its_file_removed() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wcompose.sock");
    let _ = std::fs::remove_file(&path);
    // One that a killed process has left.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("the folder can be written to"));
    let listen = format!("--listen=unix:{}", path.display());
    let mut serving = Serving::start(&["http-app.wasm", &listen]);
    assert_eq!(serving.says(), format!("listening on unix:{}, serving http-app", path.display()));
    let stream = UnixStream::connect(&path).expect("somebody listens");
    assert!(asked(stream, "/status/204", "").starts_with("HTTP/1.1 204 "));
    // Nobody else takes it.
    let mut other = Serving::start(&["http-app.wasm", &listen]);
    assert_eq!(other.complains(), format!("error: cannot listen on `{}`", path.display()));
    assert_eq!(other.ended().code(), Some(3));
    serving.signal("INT");
    assert_eq!(serving.ended().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn requests_go_out_only_where_it_is_allowed() {
    let app = Serving::start(&["http-app.wasm", ANYWHERE]);
    let target = app.address("http-app");
    let path = format!("/fetch?http://{target}/echo");
    let caller = Serving::start(&["http-caller.wasm", ANYWHERE]);
    let told = get(&caller.address("http-caller"), &path, "");
    assert!(told.contains("HttpRequestDenied"), "{told}");
    for (allowed, is_allowed) in
        [(format!("--allow={target}"), true), ("--allow=localhost:1".to_owned(), false)]
    {
        let caller = Serving::start(&["http-caller.wasm", ANYWHERE, &allowed]);
        let told = get(&caller.address("http-caller"), &path, "");
        assert_eq!(told.contains("x-path: /echo"), is_allowed, "{allowed}: {told}");
    }
}

/// What is said before it serves.
#[track_caller]
fn fails(args: &[&str], code: i32, expected: &[&str]) {
    let mut serving = Serving::start(args);
    assert_eq!(serving.ended().code(), Some(code));
    let told: Vec<_> = serving.stderr.iter().collect();
    assert_eq!(told, expected, "{args:?}");
}

#[test]
fn order_that_is_no_chain_is_told_with_the_one_that_is() {
    fails(
        &["http-app.wasm", "http-auth.wasm", "http-header.wasm"],
        3,
        &[
            "error: `http-app`, `http-auth` and `http-header` export `wasi:http/handler@0.3.0`",
            "help: `http-app` calls no other one, so it has to stand last; or say in which order requests meet \
             them, as in `--chain wasi:http/handler@0.3.0=http-auth,http-header,http-app`",
        ],
    );
    fails(
        &["http-auth.wasm", "one=http-app.wasm", "two=http-app.wasm"],
        3,
        &[
            "error: `http-auth`, `one` and `two` export `wasi:http/handler@0.3.0`",
            "help: both `one` and `two` answer by themselves, so only one of them can be asked; choose with \
             `--export-hint wasi:http/handler@0.3.0=one`, or leave the others out",
        ],
    );
    fails(
        &["http-auth.wasm", "http-header.wasm"],
        3,
        &[
            "error: both `http-auth` and `http-header` export `wasi:http/handler@0.3.0`",
            "help: each of them calls another one, and none answers by itself; add a component that exports \
             `wasi:http/handler@0.3.0` and does not import it",
        ],
    );
}

#[test]
fn what_serves_nothing_is_told() {
    fails(
        &["greeter.wasm"],
        3,
        &[
            "error: no component exports `wasi:http/handler` or `wasi:http/incoming-handler`, so there is nothing \
             to serve",
            "help: build a component for the world `wasi:http/service` or `wasi:http/proxy`",
        ],
    );
}

#[test]
fn address_that_cannot_be_is_told() {
    for (listen, expected) in [
        ("--listen=8080", "expected a host, `:` and a port, as in `127.0.0.1:8080`"),
        ("--listen=localhost:http", "expected a host, `:` and a port, as in `127.0.0.1:8080`"),
        ("--listen=unix:", "expected a path after `unix:`"),
        ("--health=healthz", "expected a path that begins with `/`"),
        ("--allow=http://a:80", "expected a host, `:` and a port, as in `127.0.0.1:8080`"),
    ] {
        let mut serving = Serving::start(&["http-app.wasm", listen]);
        assert_eq!(serving.ended().code(), Some(2));
        let told = serving.complains();
        assert!(told.ends_with(expected), "{told}");
    }
}
