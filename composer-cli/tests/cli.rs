//! The tool as its user meets it: whole outputs and exit codes of the binary, run on the committed
//! guests.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

/// Beyond this a test hangs. Timings decide nothing else.
const LIMIT: Duration = Duration::from_secs(120);

/// What the binary printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the binary in the folder of the guests.
fn composer(args: &[&str]) -> Ended {
    composer_reading("", args)
}

/// The same, with standard input.
fn composer_reading(input: &str, args: &[&str]) -> Ended {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wcompose"))
        .args(args)
        .current_dir(folder)
        .env("COMPOSER_TEST", "seen")
        // The user's own cache is left alone.
        .env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/caches"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A tool that reads nothing may have ended by now.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let stdout = reading(child.stdout.take().expect("it is piped"));
    let stderr = reading(child.stderr.take().expect("it is piped"));
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(LIMIT), stderr.recv_timeout(LIMIT)) else {
        child.kill().expect("it runs");
        panic!("this hangs: {args:?}");
    };
    let code = child.wait().expect("it was started").code();
    Ended { code, stdout, stderr }
}

/// Reads a pipe to its end, on a thread of its own.
fn reading(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("the tool writes text");
        let _ = sender.send(text);
    });
    receiver
}

/// Expects success, with `stdout` and nothing said on standard error.
#[track_caller]
fn succeeds(args: &[&str], stdout: &str) {
    let expected = Ended { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() };
    assert_eq!(composer(args), expected, "{args:?}");
}

/// Expects an exit code, with `stderr` and nothing on standard output.
#[track_caller]
fn fails(args: &[&str], code: i32, stderr: &str) {
    let expected = Ended { code: Some(code), stdout: String::new(), stderr: stderr.to_owned() };
    assert_eq!(composer(args), expected, "{args:?}");
}

/// A file of this test run.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A component in the text format, as a file.
fn text(name: &str, wat: &str) -> String {
    let path = file(name);
    std::fs::write(&path, wat).expect("the folder can be written to");
    path.to_str().expect("the folder's name is text").to_owned()
}

const VALUES: &str = "composer:test/iproducer";

#[test]
fn calls_are_made_in_their_order_and_results_printed_in_wave() {
    succeeds(
        &[
            "run",
            "producer.wasm",
            "consumer.wasm",
            "--call=run-add()",
            "--call=composer:test/iconsumer#run-values()",
            "--call=add(-1, 3)",
            &format!("--call={VALUES}#birthday({{age: 41, name: \"ann\", tags: [\"x\"]}})"),
            &format!("--call={VALUES}#mix(red, {{exec, read}})"),
            &format!("--call={VALUES}#lookup(5)"),
            &format!("--call={VALUES}#reverse([1, 2, 3])"),
            &format!("--call={VALUES}#echo-later(\"\\\"☃\\\"\")"),
        ],
        "3\n\
         \"ann 42 [x,older]; [3, 2, 1]; empty; one 1 []; denied two; not-found 3; blue [read,exec]\"\n\
         2\n\
         {name: \"ann\", age: 42, tags: [\"x\", \"older\"]}\n\
         (green, {write})\n\
         err(not-found(5))\n\
         [3, 2, 1]\n\
         \"\\\"☃\\\"\"\n",
    );
}

/// Every type that WAVE can express, given to a function and returned by it.
#[test]
fn values_of_every_type_are_read_and_written() {
    let types = [
        ("bool", "true", "true"),
        ("u8", "255", "255"),
        ("s8", "-128", "-128"),
        ("u16", "65535", "65535"),
        ("s16", "-1", "-1"),
        ("u64", "18446744073709551615", "18446744073709551615"),
        ("s64", "-9223372036854775808", "-9223372036854775808"),
        ("f32", "-inf", "-inf"),
        ("f64", "0.5", "0.5"),
        ("char", "'☃'", "'☃'"),
        ("(tuple u32 bool)", "(1, false)", "(1, false)"),
        ("(option u32)", "7", "some(7)"),
        ("(option (option u32))", "some(none)", "some(none)"),
        ("(result u32 (error bool))", "err(true)", "err(true)"),
        ("(result u32 (error bool))", "4", "ok(4)"),
        ("(result)", "ok", "ok"),
        ("(list u32 2)", "[1, 2]", "[1, 2]"),
        ("(list string)", "[\"a\", \"b\"]", "[\"a\", \"b\"]"),
        ("(map string u32)", "{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}"),
    ];
    for (ty, given, returned) in types {
        let identity = text(&format!("{}.wat", ty.replace(['(', ')', ' '], "_")), &identity(ty));
        succeeds(
            &["run", &format!("it={identity}"), &format!("--call=same({given})")],
            &format!("{returned}\n"),
        );
    }
}

/// A component whose function returns what it is given: up to two core values, which the result's
/// memory has side by side as the parameters have.
fn identity(ty: &str) -> String {
    let (params, memory, stores) = match ty {
        "bool" | "u8" | "s8" | "u16" | "s16" | "char" | "(result)" => ("i32", false, ""),
        "u64" | "s64" => ("i64", false, ""),
        "f32" => ("f32", false, ""),
        "f64" => ("f64", false, ""),
        "(tuple u32 bool)" => {
            ("i32 i32", true, "(i32.store8 offset=4 (i32.const 16) (local.get 1))")
        }
        "(option u32)" | "(result u32 (error bool))" => {
            ("i32 i32", true, "(i32.store offset=4 (i32.const 16) (local.get 1))")
        }
        "(option (option u32))" => (
            "i32 i32 i32",
            true,
            "(i32.store8 offset=4 (i32.const 16) (local.get 1)) \
             (i32.store offset=8 (i32.const 16) (local.get 2))",
        ),
        "(list string)" | "(map string u32)" | "(list u32 2)" => {
            ("i32 i32", true, "(i32.store offset=4 (i32.const 16) (local.get 1))")
        }
        other => panic!("{other} is not expected"),
    };
    // A tag is one byte; everything else in these results begins with four.
    let first = if ["(tuple", "(list", "(map"].iter().any(|it| ty.starts_with(it)) {
        "i32.store"
    } else {
        "i32.store8"
    };
    let (result, body) = match memory {
        false => (params, "(local.get 0)".to_owned()),
        true => ("i32", format!("({first} (i32.const 16) (local.get 0)) {stores} (i32.const 16)")),
    };
    format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (global $top (mut i32) (i32.const 1024))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
                    (local.set 4 (global.get $top))
                    (global.set $top
                        (i32.and (i32.const -8) (i32.add (i32.const 7)
                            (i32.add (local.get 4) (local.get 3)))))
                    (local.get 4))
                (func (export "same") (param {params}) (result {result}) {body}))
            (core instance $i (instantiate $m))
            (func (export "same") (param "it" {ty}) (result {ty})
                (canon lift (core func $i "same") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#
    )
}

#[test]
fn function_without_result_prints_unit() {
    let quiet = text(
        "quiet.wat",
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "rest") (canon lift (core func $i "f"))))"#,
    );
    succeeds(&["run", &quiet, "--call", "rest()"], "()\n");
}

#[test]
fn hint_is_for_every_component_that_imports_the_name() {
    let plan = "components\n  \
          producer\n  \
          producer-b\n  \
          one\n    \
            imports composer:test/iproducer from producer\n    \
            imports add from producer-b\n  \
          two\n    \
            imports composer:test/iproducer from producer-b\n    \
            imports add from producer-b\n\
        exports\n  \
          add: func(a: s32, b: s32) -> s32 from producer\n  \
          composer:test/iconsumer: offered by one, two, chosen by no hint\n  \
          composer:test/iproducer: offered by producer, producer-b, chosen by no hint\n  \
          internal-debug: func() -> string from producer\n  \
          run-add: offered by one, two, chosen by no hint\n";
    succeeds(
        &[
            "plan",
            "producer.wasm",
            "producer-b.wasm",
            "one=consumer.wasm",
            "two=consumer.wasm",
            "--hint=add=producer-b",
            "--hint=composer:test/iproducer=producer",
            "--import-hint=two:composer:test/iproducer=producer-b",
            "--export-hint=add=producer",
        ],
        plan,
    );
}

#[test]
fn hint_holds_for_compatible_versions_and_nobody_gets_what_is_not_trusted() {
    let store = |version: &str| {
        format!(
            r#"(component
                (core module $m (func (export "f")))
                (core instance $m (instantiate $m))
                (func $f (canon lift (core func $m "f")))
                (instance $i (export "f" (func $f)))
                (export "acme:kv/store@{version}" (instance $i)))"#
        )
    };
    let web = r#"(component (import "acme:kv/store@1.1.0" (instance (export "f" (func)))))"#;
    let db = format!("db={}", text("kv-db.wat", &store("1.2.0")));
    let upload = format!("upload={}", text("kv-upload.wat", &store("1.9.0")));
    let web = format!("web={}", text("kv-web.wat", web));
    let with = |options: &[&str]| {
        let mut args = vec!["plan", &db, &upload, &web];
        args.extend(options);
        composer(&args)
    };
    let from = |options: &[&str], expected: &str| {
        let ended = with(options);
        assert!(ended.stdout.contains(expected), "{options:?}: {ended:?}");
    };
    let upload_it = "imports acme:kv/store@1.1.0 from upload";
    let db_it = "imports acme:kv/store@1.1.0 from db";
    from(&[], upload_it);
    from(&["--untrusted=upload"], db_it);
    from(&["--untrusted=upload", "--hint=acme:kv/store@1.0.0=upload"], upload_it);
    // What is said of one component counts before what is said of all.
    let hints = ["--hint=acme:kv/store@1.1.0=upload", "--import-hint=web:acme:kv/store@1.0.0=db"];
    from(&hints, db_it);
    fails(
        &["plan", &upload, &web, "--untrusted=upload", "--strict"],
        3,
        "error: interface `acme:kv/store@1.1.0`, imported by `web`, is missing: no other component exports it\n\
         help: `upload` exports it, and is not trusted; `--hint acme:kv/store@1.1.0=upload` takes it all the same\n",
    );
    fails(
        &["plan", &web, "--untrusted=uplaod"],
        2,
        "error: there is no component `uplaod`, which `--untrusted` names; expected one of `web`\n",
    );
}

#[test]
fn hint_satisfies_an_import_by_an_export_of_another_name() {
    let adder = |export: &str| {
        format!(
            r#"(component
                (core module $m (func (export "f") (param i32 i32) (result i32)
                    (i32.add (i32.add (local.get 0) (local.get 1)) (i32.const 1000))))
                (core instance $i (instantiate $m))
                (func (export "{export}") (param "a" s32) (param "b" s32) (result s32)
                    (canon lift (core func $i "f"))))"#
        )
    };
    let given = format!("my:sum={}", text("sum.wat", &adder("plus")));
    for hint in ["--hint=add=my:sum:plus", "--import-hint=consumer:add=my:sum:plus"] {
        let values = "--hint=composer:test/iproducer=producer";
        let wiring = ["producer.wasm", &given, "consumer.wasm", values, hint];
        succeeds(&[&["run"], &wiring[..], &["--call=run-add()"]].concat(), "1003\n");
    }
    fails(
        &["plan", "producer.wasm", &given, "consumer.wasm", "--hint=add=my:sum:plu"],
        3,
        "error: the hint for import `add` of `consumer` names `plu` of `my:sum`, \
         which does not export it; did you mean `plus`?\n",
    );
}

const GREETER: &str = "composer:test/greeter";

/// The end of a chain, and what can stand before it.
const GREETERS: [&str; 3] = ["plain=greeter.wasm", "one=polite.wasm", "two=polite.wasm"];

/// The command line of a subcommand with those components.
fn chained<'a>(command: &[&'a str], options: &[&'a str]) -> Vec<&'a str> {
    let mut args = command[..1].to_vec();
    args.extend(GREETERS);
    args.extend(&command[1..]);
    args.extend(options);
    args
}

#[test]
fn chain_puts_components_one_behind_the_other() {
    let chain = format!("--chain={GREETER}=two,one,plain");
    let call = format!("--call={GREETER}#greet(\"you\")");
    succeeds(&chained(&["run", &call], &[&chain]), "\"hello, dear dear you!!\"\n");
    let plan = composer(&chained(&["plan"], &[&chain])).stdout;
    for line in [
        "  two\n    imports composer:test/greeter from one\n",
        "  one\n    imports composer:test/greeter from plain\n",
        "exports\n  composer:test/greeter from two\n",
    ] {
        assert!(plan.contains(line), "{plan}");
    }
    succeeds(
        &chained(&["explain", "--consumer=two", "--import=composer:test/greeter"], &[&chain]),
        "`composer:test/greeter`, imported by `two`, comes from `one`: a hint says so\n  \
         not `composer:test/greeter` of `plain`: the hint names another\n  \
         not `composer:test/greeter` of `two`: no component satisfies its own import\n",
    );
    let fused = file("chained.wasm");
    let fused = fused.to_str().expect("the folder's name is text");
    succeeds(&chained(&["fuse", "-o", fused], &[&chain]), "");
    succeeds(&["run", fused, &call], "\"hello, dear dear you!!\"\n");
}

#[test]
fn several_chains_and_one_of_one_component_are_followed() {
    let chain = format!("--chain={GREETER}=one,plain");
    let args = [
        "producer.wasm",
        "producer-b.wasm",
        "consumer.wasm",
        "--chain=add=producer-b",
        "--chain=composer:test/iproducer=producer",
        "--import-hint=consumer:add=producer",
        "--hint=composer:test/iproducer=producer",
        "--call=add(1, 2)",
        "--call=run-add()",
    ];
    let greeters = ["plain=greeter.wasm", "one=polite.wasm"];
    let call = format!("--call={GREETER}#greet(\"you\")");
    succeeds(
        &[&["run"], &args[..], &greeters, &[&chain, &call]].concat(),
        "1003\n3\n\"hello, dear you!\"\n",
    );
}

#[test]
fn chain_comes_before_a_hint_for_all() {
    // The hint is for `one`, which nothing follows, and not for `two`.
    let chain = format!("--chain={GREETER}=two,one");
    let hint = format!("--hint={GREETER}=plain");
    let plan = composer(&chained(&["plan"], &[&chain, &hint]));
    for line in [
        "  two\n    imports composer:test/greeter from one\n",
        "  one\n    imports composer:test/greeter from plain\n",
    ] {
        assert!(plan.stdout.contains(line), "{plan:?}");
    }
    // So it takes one of its own.
    let hint = format!("--import-hint=one:{GREETER}=plain");
    let plan = composer(&chained(&["plan"], &[&chain, &hint]));
    assert_eq!(plan.code, Some(0), "{plan:?}");
}

#[test]
fn wrong_chain_is_told_in_words_of_the_option() {
    let plan = |options: &[&str], code, stderr: &str| {
        fails(&chained(&["plan"], options), code, stderr);
    };
    plan(
        &[
            "--chain=composer:test/greeter=two,on,plain",
            "--import-hint=one:composer:test/greeter=plain",
        ],
        3,
        "error: the `--chain` of `composer:test/greeter` names the unknown component `on`; did you mean `one`?\n",
    );
    plan(
        &["--chain=composer:test/greeter=two,one,two,plain"],
        3,
        "error: the `--chain` of `composer:test/greeter` names `two` twice\n\
         help: leave it out, or give its file a second time under another id, as in `id=FILE`\n",
    );
    plan(
        &[
            "--chain=composer:test/greeter=two,plain,one",
            "--import-hint=one:composer:test/greeter=plain",
        ],
        3,
        "error: the `--chain` of `composer:test/greeter` has a component behind `plain`, which does not import it\n\
         help: put `plain` at the end, or leave it out\n",
    );
    plan(
        &["producer.wasm", "--chain=composer:test/greeter=two,one,producer"],
        3,
        "error: the `--chain` of `composer:test/greeter` names `producer`, which does not export it; \
         did you mean `composer:test/iproducer`?\n\
         help: leave `producer` out\n",
    );
    let explained = composer(&chained(
        &["explain", "--consumer=two", "--import=composer:test/greeter"],
        &["--chain=composer:test/greeter=two,on"],
    ));
    assert_eq!(explained.code, Some(3), "{explained:?}");
    let told = "error: the `--chain` of `composer:test/greeter` names the unknown component `on`; \
                did you mean `one`?\n";
    assert_eq!(explained.stderr, told);
}

#[test]
fn options_that_say_the_same_as_a_chain_are_named() {
    fails(
        &chained(
            &["plan"],
            &[
                "--chain=composer:test/greeter=two,one,plain",
                "--export-hint=composer:test/greeter=one",
                "--import-hint=one:composer:test/greeter=two",
                "--chain=composer:test/greeter=plain",
            ],
        ),
        2,
        "error: `--chain composer:test/greeter=two,one,plain` and `--export-hint composer:test/greeter=one` both \
         choose whose export is offered; keep one\n\
         error: `--chain composer:test/greeter=two,one,plain` and \
         `--import-hint one:composer:test/greeter=two` both choose from where `one` imports; keep one\n\
         error: `--chain composer:test/greeter=two,one,plain` and `--chain composer:test/greeter=plain` are of \
         one interface; keep one\n\
         error: `--chain composer:test/greeter=plain` and `--export-hint composer:test/greeter=one` both \
         choose whose export is offered; keep one\n",
    );
    for (chain, error) in [
        ("one", "expected an interface, `=` and ids of components with `,` between them"),
        ("=one,plain", "expected an interface before `=`"),
        ("x=", "expected the id of a component after `=`"),
        ("x=one,", "expected the id of a component on each side of `,`"),
        ("x=one,,plain", "expected the id of a component on each side of `,`"),
    ] {
        fails(
            &chained(&["plan"], &["--chain", chain]),
            2,
            &format!(
                "error: invalid value '{chain}' for '--chain <INTERFACE=ID[,ID]..>': {error}\n\n\
                 For more information, try '--help'.\n"
            ),
        );
    }
}

#[test]
fn plan_is_drawn_and_printed_as_json() {
    let wiring =
        ["plan", "a=polite.wasm", "b=greeter.wasm", "--export-hint=composer:test/greeter=a"];
    let with = |option| [&wiring[..], &[option]].concat();
    succeeds(
        &with("--dot"),
        "digraph composition {\n  rankdir=LR;\n  node [shape=box];\n  \"a\";\n  \"b\";\n  \
         \"a\" -> \"b\" [label=\"composer:test/greeter\"];\n  \
         \"export composer:test/greeter\" [shape=plaintext, label=\"composer:test/greeter\"];\n  \
         \"export composer:test/greeter\" -> \"a\";\n}\n",
    );
    succeeds(
        &with("--mermaid"),
        "flowchart LR\n  c0[\"a\"]\n  c1[\"b\"]\n  c0 -->|\"composer:test/greeter\"| c1\n  \
         e0>\"composer:test/greeter\"]\n  e0 --> c0\n",
    );
    let printed = composer(&with("--json")).stdout;
    let printed: serde_json::Value = serde_json::from_str(&printed).expect("it is JSON");
    let greeter = "composer:test/greeter";
    let expected = serde_json::json!({
        "components": ["a", "b"],
        "fused": [],
        "edges": [{
            "consumer": "a",
            "import": greeter,
            "provider": "b",
            "export": greeter,
            "carries": [],
        }],
        "exports": [{
            "name": greeter,
            "providers": ["a"],
            "functions": [
                { "name": "greet", "type": "func(name: string) -> string" },
                { "name": "greet-later", "type": "async func(name: string) -> string" },
            ],
        }],
        "open_imports": [],
    });
    assert_eq!(printed, expected);
    let both = composer(&[&with("--json")[..], &["--dot"]].concat());
    assert_eq!(both.code, Some(2));
    assert!(both.stderr.starts_with("error: the argument '--json' cannot be used with '--dot'"));
}

#[test]
fn fused_component_runs_as_one() {
    let fused = file("fused.wasm");
    let fused = fused.to_str().expect("the folder's name is text");
    succeeds(&["fuse", "producer.wasm", "consumer.wasm", "-o", fused], "");
    succeeds(
        &["plan", fused],
        "components\n  fused\nexports\n  add: func(a: s32, b: s32) -> s32 from fused\n  \
         composer:test/iconsumer from fused\n    \
           run-add: func() -> s32\n    \
           run-ping: async func() -> s32\n    \
           run-greet: func(name: string) -> string\n    \
           run-values: func() -> string\n    \
           run-concurrent: async func(n: u32) -> u32\n    \
           run-order: async func(n: u32) -> bool\n    \
           run-bytes: func(n: u32) -> u64\n    \
           run-text: func(n: u32) -> u32\n    \
           loop-add: func(n: u32) -> u64\n    \
           loop-bytes: func(n: u32, len: u32) -> u64\n    \
           loop-text: func(n: u32, len: u32) -> u64\n    \
           loop-person: func(n: u32) -> u64\n    \
           loop-echo-later: async func(n: u32) -> u64\n  \
         composer:test/iproducer from fused\n    \
           add: func(a: s32, b: s32) -> s32\n    \
           greet: func(name: string) -> string\n    \
           birthday: func(p: person) -> person\n    \
           reverse: func(bytes: list<u8>) -> list<u8>\n    \
           echo-string: func(text: string) -> string\n    \
           lookup: func(id: u32) -> result<person, failure>\n    \
           mix: func(c: color, p: permissions) -> tuple<color, permissions>\n    \
           ping: async func() -> s32\n    \
           echo-later: async func(text: string) -> string\n    \
           record person { name: string, age: u32, tags: list<string> }\n    \
           variant failure { empty, not-found(u32), denied(string) }\n    \
           enum color { red, green, blue }\n    \
           flags permissions { read, write, exec }\n  \
         internal-debug: func() -> string from fused\n  \
         run-add: func() -> s32 from fused\n",
    );
    succeeds(
        &["run", fused, "--call=run-add()", "--call=composer:test/iconsumer#run-ping()"],
        "3\n42\n",
    );
}

#[test]
fn import_is_explained() {
    let components = ["producer.wasm", "producer-b.wasm", "consumer.wasm"];
    let asked = ["--hint", "add=producer-b", "--consumer", "consumer", "--import"];
    let args = [&["explain"][..], &components, &asked, &["add"]].concat();
    succeeds(
        &args,
        "`add`, imported by `consumer`, comes from `producer-b`: a hint says so\n  \
         not `add` of `producer`: the hint names another\n",
    );
    let args = [&["explain"][..], &components, &asked, &["ad"]].concat();
    let ended = composer(&args);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("did you mean `add`?"), "{}", ended.stderr);
}

#[test]
fn output_that_cannot_be_written_is_told() {
    fails(
        &["fuse", "producer.wasm", "-o", "no/such/folder/out.wasm"],
        4,
        "error: cannot write `no/such/folder/out.wasm`\n  \
         caused by: No such file or directory (os error 2)\n",
    );
}

#[test]
fn completions_are_those_of_the_shell() {
    for (shell, part) in [
        ("bash", "complete -F _wcompose"),
        ("zsh", "#compdef wcompose"),
        ("fish", "complete -c wcompose"),
    ] {
        let printed = composer(&["completions", shell]);
        assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
        assert!(printed.stdout.contains(part), "{}", printed.stdout);
        assert!(printed.stdout.contains("import-hint"), "{}", printed.stdout);
    }
}

#[test]
fn file_that_cannot_be_read_is_named() {
    fails(
        &["run", "no-such.wasm", "--call=f()"],
        3,
        "error: cannot read `no-such.wasm`\n  caused by: No such file or directory (os error 2)\n",
    );
}

#[test]
fn file_that_is_no_component_is_refused() {
    let module = file("module.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0").expect("the folder can be written to");
    fails(
        &["plan", module.to_str().expect("the folder's name is text")],
        3,
        "error: component `module` cannot be loaded\n  \
         caused by: expected a WebAssembly component, found a core module; \
         `wasm-tools component new module.wasm -o component.wasm` makes a component of one that was built \
         for a WIT world\n",
    );
    let nothing = text("nothing.wat", "hello");
    fails(
        &["plan", &nothing],
        3,
        "error: component `nothing` cannot be loaded\n  caused by: expected a WebAssembly component, found \
         text that is not in its text format: `hello`\n",
    );
}

#[test]
fn missing_hint_is_told_with_the_option_that_settles_it() {
    fails(
        &[
            "run",
            "producer.wasm",
            "producer-b.wasm",
            "consumer.wasm",
            "--hint=add=producer",
            "--call=f()",
        ],
        3,
        "error: both `producer` and `producer-b` export `composer:test/iproducer`, imported by \
         `consumer`\n\
         help: choose with `--import-hint consumer:composer:test/iproducer=producer`\n",
    );
    fails(
        &["run", "producer.wasm", "producer-b.wasm", "--call=add(1, 2)"],
        2,
        "error: both `producer` and `producer-b` export `add`\n\
         help: choose with `--export-hint add=producer`\n",
    );
}

#[test]
fn all_hints_that_are_needed_are_asked_for_at_once() {
    fails(
        &[
            "run",
            "producer.wasm",
            "producer-b.wasm",
            "consumer.wasm",
            "other=consumer.wasm",
            "--hint=composer:test/iproducer=producer",
            "--call=add(1, 2)",
            "--call=run-add()",
        ],
        3,
        "error: both `producer` and `producer-b` export `add`, imported by `consumer`\n\
         error: both `producer` and `producer-b` export `add`, imported by `other`\n\
         error: both `producer` and `producer-b` export `add`\n\
         error: both `consumer` and `other` export `run-add`\n\
         help: choose with `--hint add=producer`\n\
         help: choose with `--export-hint add=producer`\n\
         help: choose with `--export-hint run-add=consumer`\n",
    );
    // Of two that export it, one is of another type: the other is what to choose.
    let adder = |param: &str| {
        format!(
            r#"(component
                (core module $m (func (export "f") (param i32 i32) (result i32) (local.get 0)))
                (core instance $i (instantiate $m))
                (func (export "add") (param "{param}" s32) (param "b" s32) (result s32)
                    (canon lift (core func $i "f"))))"#
        )
    };
    let unfit = format!("unfit={}", text("unfit.wat", &adder("other")));
    let fit = format!("fit={}", text("fit.wat", &adder("a")));
    let user = text(
        "adding.wat",
        r#"(component (import "add" (func (param "a" s32) (param "b" s32) (result s32))))"#,
    );
    fails(
        &["plan", &unfit, &fit, &user],
        3,
        "error: both `unfit` and `fit` export `add`, imported by `adding`\n\
         help: choose with `--import-hint adding:add=fit`\n",
    );
}

#[test]
fn ambiguous_import_is_explained_and_is_an_error() {
    let asked = ["explain", "producer.wasm", "producer-b.wasm", "consumer.wasm"];
    let args = [&asked[..], &["--consumer=consumer", "--import=add"]].concat();
    let expected = Ended {
        code: Some(3),
        stdout: "`add`, imported by `consumer`, is ambiguous: both `producer` and `producer-b` export it\n  \
                 not `add` of `producer`: it is not the only one, and no hint chooses\n  \
                 not `add` of `producer-b`: it is not the only one, and no hint chooses\n"
            .to_owned(),
        stderr: "error: both `producer` and `producer-b` export `add`, imported by `consumer`\n\
                 help: choose with `--import-hint consumer:add=producer`\n"
            .to_owned(),
    };
    assert_eq!(composer(&args), expected);
    let missing = composer(&["explain", "consumer.wasm", "--consumer=consumer", "--import=add"]);
    let told = "`add`, imported by `consumer`, is missing: no component can provide it, and its own \
                linker does not\n";
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(3), told));
    assert!(
        missing.stderr.starts_with("error: function `add`, imported by `consumer`, is missing")
    );
}

#[test]
fn wrong_hints_are_told_with_what_was_meant() {
    fails(
        &["plan", "producer.wasm", "consumer.wasm", "--hint=ad=producer"],
        2,
        "error: no component imports `ad`, which the hint for `producer` names; did you mean `add`?\n",
    );
    // The nearest of all components' imports, not of the first component's.
    let importer = |name: &str| format!(r#"(component (import "{name}" (func)))"#);
    let first = text("first-importer.wat", &importer("acme:shop/tools"));
    let second = text("second-importer.wat", &importer("acme:shop/rules"));
    fails(
        &["plan", "producer.wasm", &first, &second, "--hint=acme:shop/rule=producer"],
        2,
        "error: no component imports `acme:shop/rule`, which the hint for `producer` names; \
         did you mean `acme:shop/rules`?\n",
    );
    fails(
        &["plan", "producer.wasm", "consumer.wasm", "--hint=add=consumer"],
        2,
        "error: the hint for `add` names `consumer`, which is the one that imports it; a hint names who \
         provides the import\n\
         help: expected `add=ID`, with one of `producer`, `host`\n",
    );
    fails(
        &["plan", "producer.wasm", "consumer.wasm", "--hint=add=produce:plus"],
        3,
        "error: the hint for import `add` of `consumer` names the unknown component `produce`; \
         did you mean `producer`?\n",
    );
    fails(
        &["plan", "producer.wasm", "consumer.wasm", "--import-hint=consume:add=producer"],
        2,
        "error: the import hint `consume:add=producer` names no component before `:`; \
         expected one of `producer`, `consumer`\n",
    );
    fails(
        &["plan", "producer.wasm", "consumer.wasm", "--hint=add=produce"],
        3,
        "error: the hint for import `add` of `consumer` names the unknown component `produce`; \
         did you mean `producer`?\n",
    );
    fails(
        &["plan", "producer.wasm", "--hint", "add"],
        2,
        "error: invalid value 'add' for '--hint <IMPORT=ID[:EXPORT]>': \
         expected a name, `=` and the id of a component\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn import_that_nobody_satisfies_is_told_with_what_would() {
    fails(
        &["run", "trapper.wasm", "other=trapper.wasm", "--call=f()"],
        3,
        "error: interface `composer:test/clock`, imported by `trapper` and `other`, is missing: no other \
         component exports it\n\
         help: add a component that exports `composer:test/clock`; if one has it under another name, \
         `--hint composer:test/clock=ID:EXPORT` says so\n",
    );
    let server = text(
        "server.wat",
        r#"(component (import "wasi:nn/graph@0.2.0" (instance (export "f" (func)))))"#,
    );
    fails(
        &["plan", "--strict", &server],
        3,
        "error: interface `wasi:nn/graph@0.2.0`, imported by `server`, is missing: no other component \
         exports it\n\
         help: `wcompose` gives components `wasi:cli`, `wasi:clocks`, `wasi:config`, `wasi:filesystem`, \
         `wasi:http`, `wasi:io`, `wasi:random` and `wasi:sockets`, in the versions 0.2 and 0.3.0, but not \
         `wasi:nn`; add a component that exports `wasi:nn/graph@0.2.0`\n",
    );
    let old = text(
        "old-importer.wat",
        r#"(component (import "acme:kv/store@2.0.0" (instance (export "f" (func)))))"#,
    );
    let store = text(
        "store.wat",
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $s (export "f" (func $f)))
            (export "acme:kv/store@1.0.0" (instance $s)))"#,
    );
    let hint = "acme:kv/store@2.0.0=store:acme:kv/store@1.0.0";
    fails(
        &["plan", "--strict", &old, &store],
        3,
        &format!(
            "error: interface `acme:kv/store@2.0.0`, imported by `old-importer`, is missing: no other \
             component exports it (`store` exports `acme:kv/store@1.0.0`, which is not compatible)\n\
             help: if `acme:kv/store@1.0.0` is the same for what is used: `--hint {hint}`\n"
        ),
    );
    let hinted = composer(&["plan", &old, &store, "--hint", hint]);
    assert_eq!(hinted.code, Some(0), "{hinted:?}");
}

#[test]
fn plan_shows_what_is_open_and_how_to_give_it() {
    let server = text(
        "open-server.wat",
        r#"(component
            (import "wasi:keyvalue/store@0.2.0" (instance (export "f" (func))))
            (import "wasi:cli/stdin@0.2.0" (instance)))"#,
    );
    let importer = text(
        "open-importer.wat",
        r#"(component (import "acme:kv/store@2.0.0" (instance (export "f" (func)))))"#,
    );
    let args = ["plan", &server, &importer, "producer.wasm"];
    let expected = Ended {
        code: Some(0),
        stdout: "components\n  \
              open-server\n    \
                imports wasi:keyvalue/store@0.2.0, which is open\n  \
              open-importer\n    \
                imports acme:kv/store@2.0.0, which is open\n  \
              producer\n\
            exports\n"
            .to_owned(),
        stderr: "note: `wasi:keyvalue/store@0.2.0` and `acme:kv/store@2.0.0` are open, and `wcompose run` needs them\n\
            help: `wcompose` gives components `wasi:cli`, `wasi:clocks`, `wasi:config`, `wasi:filesystem`, \
            `wasi:http`, `wasi:io`, `wasi:random` and `wasi:sockets`, in the versions 0.2 and 0.3.0, but not \
            `wasi:keyvalue`; \
            add a component that exports `wasi:keyvalue/store@0.2.0`\n\
            help: add a component that exports `acme:kv/store@2.0.0`; if one has it under another name, \
            `--hint acme:kv/store@2.0.0=ID:EXPORT` says so\n\
            help: a program in Rust can define them in the linkers of its components\n"
            .to_owned(),
    };
    let ended = composer(&args);
    assert_eq!((ended.code, &ended.stderr), (expected.code, &expected.stderr));
    assert!(ended.stdout.starts_with(&expected.stdout), "{}", ended.stdout);
    let open = "open imports\n  \
          interface wasi:keyvalue/store@0.2.0 for open-server\n  \
          interface acme:kv/store@2.0.0 for open-importer\n";
    assert!(ended.stdout.ends_with(open), "{}", ended.stdout);
    // What is said beside a drawing does not come into it.
    let json = composer(&[&args[..], &["--json"]].concat());
    let printed: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    assert_eq!(printed["open_imports"][1]["consumers"], serde_json::json!(["open-importer"]));
    assert_eq!((json.code, json.stderr), (Some(0), expected.stderr));
    let dot = composer(&[&args[..], &["--dot"]].concat()).stdout;
    let arrow = "\"open-importer\" -> \"open acme:kv/store@2.0.0\" [style=dashed];\n";
    assert!(dot.contains(arrow), "{dot}");

    // Nothing runs like that, and everything else is an error all the same.
    let run = composer(&["run", &server, &importer, "--call=f()"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    fails(
        &[
            "plan",
            &importer,
            "producer.wasm",
            "producer-b.wasm",
            "consumer.wasm",
            "--hint=add=producer",
        ],
        3,
        "error: both `producer` and `producer-b` export `composer:test/iproducer`, imported by `consumer`\n\
         help: choose with `--import-hint consumer:composer:test/iproducer=producer`\n",
    );
}

#[test]
fn all_files_that_cannot_be_read_are_told_at_once() {
    fails(
        &["plan", "no-such.wasm", "nor-this.wasm"],
        3,
        "error: cannot read `no-such.wasm`\n  caused by: No such file or directory (os error 2)\n\
         error: cannot read `nor-this.wasm`\n  caused by: No such file or directory (os error 2)\n",
    );
}

#[test]
fn two_components_of_one_id_are_told_apart_by_hand() {
    fails(
        &["plan", "greeter.wasm", "./greeter.wasm"],
        3,
        "error: two components have the id `greeter`; ids must be unique\n\
         help: give another id, as in `id=FILE`\n",
    );
    fails(
        &["plan", "=greeter.wasm"],
        2,
        "error: invalid value '=greeter.wasm' for '<[ID=]FILE>...': expected an id before `=`\n\n\
         For more information, try '--help'.\n",
    );
}

#[test]
fn cycle_needs_leave() {
    let cycle = ["plan", "a=polite.wasm", "b=polite.wasm"];
    fails(
        &cycle,
        3,
        "error: components import from each other in a cycle: `a` -> `b` -> `a`\n\
         help: `--allow-cycles` lets them\n",
    );
    succeeds(
        &[&cycle[..], &["--allow-cycles"]].concat(),
        "components\n  a\n    imports composer:test/greeter from b\n  b\n    \
         imports composer:test/greeter from a\nexports\n  \
         composer:test/greeter: offered by a, b, chosen by no hint\n",
    );
}

#[test]
fn unknown_function_is_told_with_the_nearest_one() {
    let run = |call| ["run", "producer.wasm", "consumer.wasm", "--call", call];
    fails(
        &run("run-ad()"),
        2,
        "error: the composition exports no function `run-ad`; did you mean `run-add`?\n",
    );
    fails(
        &run("composer:test/iconsumer#run-gret(\"ann\")"),
        2,
        "error: interface `composer:test/iconsumer` has no function `run-gret`; \
         did you mean `run-greet`?\n",
    );
    fails(
        &run("run-greet(\"ann\")"),
        2,
        "error: the composition exports no function `run-greet`; interface `composer:test/iconsumer` \
         has it\n\
         help: call `composer:test/iconsumer#run-greet(..)`\n",
    );
}

#[test]
fn nothing_is_called_if_one_call_does_not_fit() {
    fails(
        &["run", "producer.wasm", "--call=add(1, 2)", "--call=ad(1, 2)"],
        2,
        "error: the composition exports no function `ad`; did you mean `add`?\n",
    );
}

#[test]
fn wrong_arguments_are_told_with_their_place() {
    let add = "help: it is `add: func(a: s32, b: s32) -> s32`\n";
    let birthday = "help: it is `birthday: func(p: record { name: string, age: u32, \
                    tags: list<string> }) -> record { name: string, age: u32, tags: list<string> }`\n";
    let person = "record { name: string, age: u32, tags: list<string> }";
    let cases = [
        ("add(1, \"x\")", "parameter `b` of `add`: expected `s32`, found `\"x\"`", add),
        ("add(1, 2147483648)", "parameter `b` of `add`: expected `s32`, found `2147483648`", add),
        ("add(1)", "`add` takes 2 parameters, found 1", add),
        ("add()", "`add` takes 2 parameters, found 0", add),
        ("add(1, 2, 3)", "`add` takes 2 parameters, found 3", add),
        (
            "composer:test/iproducer#birthday({name: \"a\", age: 1, tags: [\"x\", 2]})",
            "parameter `p`, field `tags`, list element 1 of `composer:test/iproducer#birthday`: \
             expected `string`, found `2`",
            birthday,
        ),
        (
            "composer:test/iproducer#birthday({name: \"a\", tags: []})",
            &format!(
                "parameter `p` of `composer:test/iproducer#birthday`: expected `{person}`, \
                 found no field `age`"
            ),
            birthday,
        ),
        (
            "composer:test/iproducer#birthday({name: \"a\", age: 1, tag: []})",
            &format!(
                "parameter `p` of `composer:test/iproducer#birthday`: expected `{person}`, \
                 found the unknown field `tag`"
            ),
            birthday,
        ),
    ];
    for (call, error, help) in cases {
        fails(&["run", "producer.wasm", "--call", call], 2, &format!("error: {error}\n{help}"));
    }
}

#[test]
fn what_is_no_wave_is_told_with_its_place() {
    let cases = [
        ("add", "expected a function and its arguments, as in `add()`"),
        ("add(1,", "the arguments are no WAVE: unexpected end of input at character 7"),
        ("add(1,,2)", "the arguments are no WAVE: unexpected token, `,`, at character 7"),
        ("(1, 2)", "expected the name of a function before `(1, 2)`"),
    ];
    for (call, error) in cases {
        fails(
            &["run", "producer.wasm", "--call", call],
            2,
            &format!(
                "error: invalid value '{call}' for '--call <CALL>': {error}\n\n\
                 For more information, try '--help'.\n"
            ),
        );
    }
}

#[test]
fn handles_have_no_form_in_wave() {
    fails(
        &["run", "bucket-store.wasm", "--call=composer:test/buckets#make(\"x\")"],
        2,
        "error: result of `composer:test/buckets#make`: `bucket` has no form in WAVE, \
         so it cannot be called here\n\
         help: it is `make: func(label: string) -> record { label: string, content: bucket }`\n",
    );
    fails(
        &["run", "shouter.wasm", "--call=composer:test/shout#apply(\"x\")"],
        2,
        "error: result of `composer:test/shout#apply`: `stream<u8>` has no form in WAVE, \
         so it cannot be called here\n\
         help: it is `apply: async func(input: stream<u8>) -> stream<u8>`\n",
    );
}

/// Traps, or computes without end.
const HOSTILE: &str = r#"(component
    (core module $m
        (func (export "trap") unreachable)
        (func (export "spin") (loop $l (br $l))))
    (core instance $i (instantiate $m))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "spin") (canon lift (core func $i "spin"))))"#;

#[test]
fn trap_is_told_after_the_results_before_it() {
    let hostile = text("hostile-trap.wat", HOSTILE);
    let it = format!("it={hostile}");
    let ended = composer(&[
        "run",
        &it,
        "producer.wasm",
        "--call=add(1, 2)",
        "--call=trap()",
        "--call=add(3, 4)",
    ]);
    let expected = Ended {
        code: Some(1),
        stdout: "3\n".to_owned(),
        stderr: "error: component `it` trapped in `trap`\n  \
                 caused by: wasm trap: wasm `unreachable` instruction executed\n"
            .to_owned(),
    };
    assert_eq!(ended, expected);
}

#[test]
fn deadline_ends_a_guest_that_computes_without_end() {
    let hostile = text("hostile-spin.wat", HOSTILE);
    fails(
        &["run", &format!("it={hostile}"), "--deadline=50ms", "--call=spin()"],
        1,
        "error: component `it` did not answer `spin` within 50ms\n",
    );
}

#[test]
fn deadline_ends_a_start_that_computes_without_end() {
    let spinning = text(
        "spinning.wat",
        r#"(component
            (core module $m (func $spin (loop $l (br $l))) (start $spin))
            (core instance (instantiate $m)))"#,
    );
    fails(
        &["run", &spinning, "--deadline=50ms", "--call=f()"],
        3,
        "error: the components did not start within 50ms\n",
    );
}

#[test]
fn wrong_deadline_is_told_with_its_form() {
    for (time, error) in [
        ("5", "expected a whole number with `ms`, `s` or `m`, as in `500ms`"),
        ("0s", "expected a time longer than 0"),
        ("99999999999999999999m", "expected a whole number with `ms`, `s` or `m`, as in `500ms`"),
    ] {
        fails(
            &["run", "greeter.wasm", "--call=f()", "--deadline", time],
            2,
            &format!(
                "error: invalid value '{time}' for '--deadline <TIME>': {error}\n\n\
                 For more information, try '--help'.\n"
            ),
        );
    }
}

const PROBE: &str = "composer:test/probe";

#[test]
fn components_have_what_the_command_line_gives_them_of_wasi() {
    let folder = file("given");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    std::fs::write(folder.join("motd"), "hello").expect("the folder can be written to");
    let folder = folder.to_str().expect("the folder's name is text");
    let given = composer_reading(
        "a line\nmore\n",
        &[
            "run",
            "prober.wasm",
            "--env=A=1=2",
            "--env=COMPOSER_TEST",
            &format!("--dir={folder}::/here::ro"),
            &format!("--call={PROBE}#variable(\"A\")"),
            &format!("--call={PROBE}#variable(\"COMPOSER_TEST\")"),
            &format!("--call={PROBE}#variable(\"PATH\")"),
            &format!("--call={PROBE}#arguments()"),
            &format!("--call={PROBE}#read-file(\"/here/motd\")"),
            &format!("--call={PROBE}#write-file(\"/here/motd\", \"x\")"),
            &format!("--call={PROBE}#read-line()"),
            &format!("--call={PROBE}#print(\"printed \")"),
            &format!("--call={PROBE}#print-error(\"told\")"),
            "--",
            "first",
            "--second",
        ],
    );
    let expected = Ended {
        code: Some(0),
        stdout: "some(\"1=2\")\nsome(\"seen\")\nnone\n[\"prober\", \"first\", \"--second\"]\n\
                 ok(\"hello\")\nerr(\"Operation not permitted (os error 63)\")\n\"a line\"\nprinted ()\n()\n"
            .to_owned(),
        stderr: "told".to_owned(),
    };
    assert_eq!(given, expected);
}

#[test]
fn components_have_no_network_unless_it_is_given() {
    let bind = format!("--call={PROBE}#bind(\"127.0.0.1:0\")");
    let without = composer(&["run", "prober.wasm", &bind]);
    assert!(without.stdout.starts_with("err("), "{without:?}");
    succeeds(&["run", "prober.wasm", "--network", &bind], "ok\n");
}

#[test]
fn guest_that_exits_ends_the_run_with_its_code() {
    let exit = |code: u8| format!("--call={PROBE}#exit({code})");
    let after = format!("--call={PROBE}#print(\"never\")");
    // WASI 0.2 tells whether it is an error, and no more.
    fails(&["run", "prober.wasm", &exit(7), &after], 1, "");
    succeeds(&["run", "prober.wasm", &exit(0), &after], "");
}

#[test]
fn directory_that_is_not_there_is_told() {
    let ended = composer(&["run", "prober.wasm", "--dir=no-such::/x", "--call=f()"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let begin = "error: `no-such` cannot be given to a component as `/x`: \
                 expected a directory that can be opened\n  caused by: ";
    assert!(ended.stderr.starts_with(begin), "{}", ended.stderr);
    fails(
        &["run", "prober.wasm", "--dir=a::b::rw", "--call=f()"],
        2,
        "error: invalid value 'a::b::rw' for '--dir <HOST[::GUEST[::ro]]>': \
         expected `HOST`, `HOST::GUEST` or `HOST::GUEST::ro`\n\n\
         For more information, try '--help'.\n",
    );
}

/// A command whose `run` returns the case `code`: 0 is `ok`.
fn command(name: &str, code: u32) -> String {
    text(
        name,
        &format!(
            r#"(component
                (core module $m (func (export "run") (result i32) i32.const {code}))
                (core instance $i (instantiate $m))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance $r (export "run" (func $run)))
                (export "wasi:cli/run@0.2.0" (instance $r)))"#
        ),
    )
}

#[test]
fn command_is_run_if_nothing_else_is_to_be_called() {
    succeeds(&["run", &command("good.wat", 0)], "");
    fails(&["run", &command("bad.wat", 1)], 1, "error: `wasi:cli/run@0.2.0` ended with an error\n");
    fails(
        &["run", "greeter.wasm"],
        2,
        "error: nothing to call: give `--call`, as no component exports `wasi:cli/run`\n\
         help: what is exported: `composer:test/greeter`\n",
    );
}

#[test]
fn control_characters_of_names_do_not_reach_the_terminal() {
    let wat = r#"(component (import "url=<https://a/\u{1b}[31mHACKED\r\n\u{202e}>" (func)))"#;
    let upload = format!("upload={}", text("escapes.wat", wat));
    for (args, code, lines) in
        [(&["plan", &upload, "--strict"][..], 3, 2), (&["plan", &upload][..], 0, 3)]
    {
        let ended = composer(args);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        for text in [&ended.stdout, &ended.stderr] {
            assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{ended:?}");
        }
        assert!(ended.stderr.contains(r"\u{1b}[31mHACKED\r\n\u{202e}>"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), lines, "{ended:?}");
    }
}

/// The files in a folder and in those inside, with the time of the last change.
fn files(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("nobody removes it");
        let about = entry.metadata().expect("nobody removes it");
        match about.is_dir() {
            true => files.extend(self::files(&entry.path())),
            // What is noted beside the code is written by a thread of its own, now or never.
            false if entry.path().extension().is_some() => {}
            false => files.push((entry.path(), about.modified().expect("the system knows it"))),
        }
    }
    files.sort();
    files
}

#[test]
fn compiled_code_is_kept_for_the_next_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept");
    let _ = std::fs::remove_dir_all(&folder);
    let path = folder.to_str().expect("it is text");
    let call = ["run", "producer.wasm", "consumer.wasm", "--call", "run-add()"];
    let three = Ended { code: Some(0), stdout: "3\n".to_owned(), stderr: String::new() };

    let none = composer(&[&call[..], &["--no-cache"]].concat());
    assert_eq!(none, three);
    assert_eq!(composer(&[&call[..], &["--cache", path]].concat()), three);
    let kept = files(&folder);
    assert_eq!(kept.len(), 2, "{kept:?}");
    // What is compiled again is written again.
    assert_eq!(composer(&[&call[..], &["--cache", path]].concat()), three);
    assert_eq!(files(&folder), kept);
    // What is broken is not used.
    for (file, _) in &kept {
        std::fs::write(file, "broken").expect("the folder can be written");
    }
    assert_eq!(composer(&[&call[..], &["--cache", path]].concat()), three);
    let lengths = kept.iter().map(|(file, _)| file.metadata().map(|it| it.len()));
    assert!(lengths.flatten().all(|it| it > 1000));
}

#[test]
fn folder_for_compiled_code_that_cannot_be_is_an_error() {
    let ended = composer(&["plan", "producer.wasm", "--cache", "producer.wasm/inside"]);
    assert_eq!(ended.code, Some(3));
    let said = "error: cannot keep compiled code in `producer.wasm/inside`\n";
    assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
    let ended = composer(&["plan", "producer.wasm", "--cache", "kept", "--no-cache"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("cannot be used with '--no-cache'"), "{}", ended.stderr);
}

/// A folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("test")).expect("it can be made");
    folder
}

#[test]
fn document_runs_with_packages_of_a_folder_and_of_options() {
    let folder = folder("documents");
    let document = folder.join("app.wac");
    let source = "package test:app;
let plain = new test:greeter {};
let polite = new test:polite@1.0.0 { greeter: plain.greeter };
export polite.greeter;
";
    std::fs::write(&document, source).expect("it can be written");
    let document = document.to_str().expect("it is text");
    let deps = folder.to_str().expect("it is text");
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components");
    std::fs::copy(guests.join("greeter.wasm"), folder.join("test/greeter.wasm"))
        .expect("it is there");
    let call = "composer:test/greeter#greet(\"you\")";
    let run = ["run", document, "--deps", deps, "--call", call];
    let missing = composer(&run);
    assert_eq!(missing.code, Some(3), "{missing:?}");
    let told = "line 3, column 18: there is no file for the package `test:polite@1.0.0`: neither `";
    assert!(missing.stderr.contains(told), "{}", missing.stderr);
    assert!(missing.stderr.contains("test/polite/1.0.0.wasm"), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("give it with `--dep test:polite@1.0.0=FILE`"),
        "{}",
        missing.stderr
    );

    let given = [&run[..], &["-d", "test:polite=polite.wasm"]].concat();
    succeeds(&given, "\"hello, dear you!\"\n");
    std::fs::create_dir_all(folder.join("test/polite")).expect("it can be made");
    std::fs::copy(guests.join("polite.wasm"), folder.join("test/polite/1.0.0.wasm"))
        .expect("it is there");
    succeeds(&run, "\"hello, dear you!\"\n");
    let plan = composer(&["plan", document, "--deps", deps]);
    assert!(plan.stdout.contains("imports composer:test/greeter from plain"), "{plan:?}");

    let mistake = folder.join("mistake.wac");
    std::fs::write(&mistake, "package test:app;\nlet x = new test:polite@1.0.0 {};\n")
        .expect("it can be written");
    let wrong = composer(&["plan", mistake.to_str().expect("it is text"), "--deps", deps]);
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    assert!(
        wrong.stderr.contains("line 2, column 13: `test:polite@1.0.0` imports"),
        "{}",
        wrong.stderr
    );
    let served = composer(&["serve", document, "--deps", deps]);
    assert_eq!(served.code, Some(3), "{served:?}");
    assert!(served.stderr.contains("the document exports `wasi:http/handler` or"), "{served:?}");
    let watched = composer(&["serve", document, "--deps", deps, "--watch"]);
    assert_eq!(watched.code, Some(2), "{watched:?}");
}
