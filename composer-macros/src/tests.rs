//! Expansions in-process, pretty-printed and compared with `snapshots/*.rs`. `BLESS=1` rewrites the
//! snapshots.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;

const CRATE: &str = "::wasm_runtime_composer";

/// How the block is used.
enum Place {
    Expression,
    Item,
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the test's input is made of tokens")
}

fn compose(krate: &str, body: &str) -> TokenStream {
    let (krate, body) = (tokens(krate), tokens(body));
    crate::compose(quote!({ #krate } #body))
}

fn matches_snapshot(name: &str, place: Place, expansion: TokenStream) {
    let items = match place {
        Place::Item => expansion,
        Place::Expression => quote!(
            fn main() {
                let composition = #expansion;
            }
        ),
    };
    let file = match syn::parse2(items.clone()) {
        Ok(file) => file,
        Err(error) => panic!("the expansion does not parse: {error}\n{items}"),
    };
    let found = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshots").join(name);
    let path = path.with_extension("rs");
    // Mistakes have snapshots of their own.
    let is_mistake = name.contains("mistakes") || name.contains("losses");
    assert!(is_mistake || !found.contains("compile_error"), "{found}");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &found).expect("the snapshot can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs; run with BLESS=1\n{found}", path.display());
}

#[test]
fn layers_renames_and_rust() {
    let expansion = compose(
        CRATE,
        r#"
        layer TraceLayer::new();
        component clock = host "acme:env/clock@1.0.0" with started, log {
            /// Now.
            fn now() -> u64 { started.elapsed() }
            async fn sleep_until(at_most: u64) -> wasmtime::Result<()> = "sleep" { wait(at_most).await?; Ok(()) }
        };
        component root = host { fn log(text: String) { print(text) } } { expose "log"; layer DenyLayer::all("no") };
        component consumer = consumer {
            import "acme:kv/store@1.0.0" as "acme:cache/store" from redis;
            layer first;
            layer RetryLayer::functions(["get"], 2) on "acme:cache/store#get";
        };
        component redis = redis;
        "#,
    );
    matches_snapshot("layers_renames_and_rust", Place::Expression, expansion);
}

#[test]
fn rust_in_item() {
    let expansion = compose(
        CRATE,
        r#"
        struct Timed;
        component clock = host "acme:env/clock@1.0.0" { fn now() -> u64 { 42 } };
        component consumer { layer TraceLayer::new() };
        "#,
    );
    matches_snapshot("rust_in_item", Place::Item, expansion);
}

#[test]
fn expression_form() {
    let expansion = compose(
        CRATE,
        r#"
        component producer_a = producer_a;
        component producer_b = producer_b { hide "internal-debug" };
        component consumer = consumer { import "add" from producer_a; import "log" from host; deadline Duration::from_secs(1); restart never(); contain "log#write"; contain "add" as "gone" };
        allow cycles;
        export "add" from producer_b;
        /// Documented by the user.
        export fn run_add() -> i32;
        export fn total(values: &[i64]) -> i64 = "sum-all";
        export interface "composer:test/iconsumer" as iconsumer {
            fn run_add() -> i32;
            async fn run_ping() -> i32;
        }
        "#,
    );
    matches_snapshot("expression_form", Place::Expression, expansion);
}

#[test]
fn item_form() {
    let expansion = compose(
        CRATE,
        r#"
        /// Documented like any struct; can be stored in one.
        pub struct Calculator;
        component producer { expose "add", "composer:test/iproducer" };
        component consumer { import "add" from producer };
        export fn run_add() -> i32;
        export fn r#type(a: &str, b: Option<u8>);
        /// What the consumer offers.
        #[cfg(feature = "all")]
        export interface "composer:test/iconsumer@1.0.0" as iconsumer {
            #[must_use]
            fn run_add() -> i32;
        }
        "#,
    );
    matches_snapshot("item_form", Place::Item, expansion);
}

#[test]
fn http_service() {
    let expansion = compose(
        CRATE,
        r#"
        pub struct Site;
        component app;
        export fn visits() -> u32;
        /// Documented by the user.
        #[cfg(feature = "site")]
        export http as site;
        "#,
    );
    matches_snapshot("http_in_item", Place::Item, expansion);
    let expansion = compose(CRATE, "component app = app; export http as web;");
    matches_snapshot("http_in_expression", Place::Expression, expansion);
}

#[test]
fn fused_groups() {
    let body = |place: &str, value: &str| {
        format!(
            r#"
            fused parser {place} {{
                component words {value} {{ hide "debug" }};
                component grammar {value} {{ import "next" from words; }};
                export "next" from words;
                import "log" from logger;
                expose "parse";
                deadline SECOND
            }}
            component logger {value};
            export "parse" from parser;
            "#
        )
    };
    let expansion = compose(CRATE, &body("in (linker, store)", "= component()"));
    matches_snapshot("fused_in_expression", Place::Expression, expansion);
    let expansion = compose(CRATE, &format!("struct Parser; {}", body("", "")));
    matches_snapshot("fused_in_item", Place::Item, expansion);
}

#[test]
fn chains() {
    let body = |place: &str, value: &str| {
        format!(
            r#"
            chain "acme:log/log": audit -> inner_group -> sink;
            fused inner_group {place} {{
                component first {value};
                component r#loop {value} {{ import "other" from first }};
                chain "acme:log/log": first -> r#loop
            }}
            component audit {value} {{ import "acme:kv/store" from sink }};
            component sink {value};
            chain "acme:kv/store": sink;
            "#
        )
    };
    let expansion = compose(CRATE, &body("in (linker, store)", "= component()"));
    matches_snapshot("chains_in_expression", Place::Expression, expansion);
    let expansion = compose(CRATE, &format!("struct Log; {}", body("", "")));
    matches_snapshot("chains_in_item", Place::Item, expansion);
}

#[test]
fn what_functions_in_rust_share_is_an_argument() {
    let expansion = compose(
        CRATE,
        r#"
        pub struct Shop;
        component clock = host "acme:env/clock@1.0.0" with started: Instant, log: Log {
            fn now() -> u64 { started.elapsed() }
        };
        component logger = host "acme:env/log" with log { fn log(text: String) { log.add(text) } };
        component shop;
        "#,
    );
    matches_snapshot("shared_in_item", Place::Item, expansion);
}

#[test]
fn composition_without_accessors() {
    let expansion = compose(CRATE, "component one = (One { field: 1 }).build();");
    matches_snapshot("composition_without_accessors", Place::Expression, expansion);
}

#[test]
fn renamed_crate() {
    let expansion = compose(
        "$crate",
        r#"
        struct Renamed;
        component one { hide "a" };
        export "b" from one;
        export fn run();
        export interface "run" as other { fn run(); }
        "#,
    );
    let text = expansion.to_string();
    assert!(!text.contains("wasm_runtime_composer"), "{text}");
    assert!(text.contains("$ crate :: Composer") || text.contains("$crate :: Composer"), "{text}");
}

#[test]
fn harmless_mistakes_leave_everything_declared() {
    let expansion = compose(
        CRATE,
        r#"
        pub struct Calculator;
        component producer;
        component consumer { import "add" from produser; import "sub" from producer };
        export fn run_add() -> i32;
        "#,
    );
    matches_snapshot("harmless_mistakes", Place::Item, expansion);
}

#[test]
fn losses_leave_the_rest_declared() {
    let expansion = compose(
        CRATE,
        r#"
        struct Calculator;
        component producer;
        component producer;
        export fn close();
        export fn put(&self, (key, value): (u8, u8));
        export fn run_add(a) -> i32;
        "#,
    );
    matches_snapshot("losses_in_item", Place::Item, expansion);
}

#[test]
fn losses_make_an_erroneous_value() {
    let expansion = compose(
        CRATE,
        r#"
        component producer = ;
        component consumer { import "add" from producer };
        export fun run_add() -> i32;
        export interface "a:b/c" as d { fn e(self); fn f() }
        "#,
    );
    matches_snapshot("losses_in_expression", Place::Expression, expansion);
}

/// The block at each moment while `tokens` are being typed: every prefix, with all open braces
/// closed, and whether it ends inside braces.
fn beginnings(tokens: &TokenStream) -> Vec<(TokenStream, bool)> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = || tokens[..index].iter().cloned();
        if let TokenTree::Group(group) = token {
            for (inside, _) in beginnings(&group.stream()) {
                let group = Group::new(group.delimiter(), inside);
                found.push((before().chain([group.into()]).collect(), true));
            }
        }
        if index + 1 < tokens.len() {
            found.push((before().chain([token.clone()]).collect(), false));
        }
    }
    found
}

fn count(expansion: &TokenStream, text: &str) -> usize {
    expansion.to_string().matches(text).count()
}

#[test]
fn half_typed_statement_is_one_error_and_leaves_the_rest() {
    let both = [
        r#"export "add" from one"#,
        "export fn total(values: &[i64], more: Vec<u8>) -> Result<i64, String> = \"sum-all\"",
        "export async fn run_add() -> i32",
        r#"export interface "a:b/c@1.0.0" as tools { fn add(a: i32) -> i32; async fn ping(); }"#,
        r#"chain "a:b/c": one -> one"#,
        "layer TraceLayer::new()",
        "allow cycles",
    ];
    let clauses = r#"{
        import "add" from one; import "a" as "b" from one; import "log" from host;
        expose "a", "b"; contain "add#get" as "gone"; layer first() on "add"; deadline after(1)
    }"#;
    let functions = r#"host "a:b/c@1.0.0" with log: Arc<Log>, state: u8 {
        fn now() -> u64 { log.now() }
        async fn sleep(millis: u64) = "nap" { sleep(millis).await }
    }"#;
    let group = r#"{ import "add" from b; hide "a" }; export "b" from a; chain "d": a -> b; deadline after(1); import "c" from one"#;
    let expressions = [
        format!("component two = two(1) {clauses}"),
        format!("component clock = {functions}"),
        format!("fused two in (linker, store) {{ component b = b(); component a = a() {group} }}"),
    ];
    let items = [
        format!("component two {clauses}"),
        format!("component clock = {functions}"),
        format!("fused two {{ component b; component a {group} }}"),
    ];
    let mut states = 0;
    for (head, one, others) in [
        ("", "component one = one;", &expressions),
        ("pub struct Block;", "component one;", &items),
    ] {
        for statement in both.iter().copied().chain(others.iter().map(String::as_str)) {
            for (beginning, is_within) in beginnings(&tokens(statement)) {
                let other = "export fn other() -> u8;";
                let end = if is_within { ";" } else { "" };
                for body in [
                    format!("{head} {one} {other} {beginning} {end}"),
                    format!("{head} {one} {beginning} {end} {other}"),
                    format!("{head} {beginning} {end} {one} {other}"),
                ] {
                    let expansion = compose(CRATE, &body);
                    let errors = count(&expansion, "compile_error");
                    // Before a closing brace the last semicolon may be omitted.
                    assert!(errors == 1 || is_within && errors == 0, "{errors} of {body}");
                    assert!(count(&expansion, "async fn other") == 1, "{body}\n{expansion}");
                    assert!(count(&expansion, r#"new ("one""#) == 1, "{body}\n{expansion}");
                    let expansion = match head {
                        "" => quote!(fn main() { let composition = #expansion; }),
                        _ => expansion,
                    };
                    assert!(syn::parse2::<syn::File>(expansion).is_ok(), "{body}");
                    states += 1;
                }
            }
        }
    }
    assert!(states > 900, "{states}");
}

#[test]
fn derive_of_each_shape() {
    let types = [
        "pub struct Person<T> where T: Clone { name: String, #[component(name = \"years\")] age: T }",
        "struct Pair<const N: usize>([u8; N], i8);",
        "#[component(crate = crate::other, transparent)] struct Wrapper { inner: u32 }",
        "#[component(flags)] struct Permissions { read: bool, write: bool }",
        "enum Color { Red, LightGreen, #[component(name = \"B\")] Blue = 7 }",
        "enum Failure<T> { Empty, NotFound(u32), Moved(T, T) }",
        "struct Borrowed<'a> { name: &'a str }",
    ];
    let expansions = types.map(|ty| crate::derive::component_value(tokens(ty)));
    matches_snapshot("derive", Place::Item, expansions.into_iter().collect());
}

#[test]
fn derive_of_a_type_with_mistakes() {
    let ty = "#[component(flag)] struct Pair<T> { a: T, #[component(name = \"A\")] b: T, _c: T }";
    let expansion = crate::derive::component_value(tokens(ty));
    matches_snapshot("derive_mistakes", Place::Item, expansion);
}

#[test]
fn two_thousand_accessors_expand() {
    let mut body = "component one = one;".to_owned();
    for i in 0..1000 {
        write!(body, "export fn function_{i}(a: &str, b: Vec<u8>) -> Option<String>;")
            .expect("a string takes everything");
    }
    body.push_str("export interface \"a:b/c@1.0.0\" as c {");
    for i in 0..1000 {
        write!(body, "fn function_{i}(a: &str, b: Vec<u8>) -> Option<String>;")
            .expect("a string takes everything");
    }
    body.push('}');
    let expansion = compose(CRATE, &body);
    assert!(!expansion.to_string().contains("compile_error"));
}

#[test]
fn expansions_do_not_vary() {
    let body = r#"
        component b = b { import "x" from a };
        component a = a;
        export fn f();
        export interface "g" as g { fn h(); }
        "#;
    assert_eq!(compose(CRATE, body).to_string(), compose(CRATE, body).to_string());
}

#[cfg(feature = "wit")]
mod of_wit {
    use quote::quote;

    use super::{CRATE, Place, compose, matches_snapshot, tokens};

    const KV: &str = r#"
        package acme:kv@1.0.0;

        /// Keys and values.
        interface store {
            /// What is kept.
            record entry { name: string, tags: list<string> }
            enum level { low, high }
            flags rights { read, write }
            variant failure { missing(string), full }

            /// Entries by their keys.
            resource bucket {
                constructor(name: string);
                put: func(key: string, value: entry) -> result<_, failure>;
                merge: static func(a: bucket, b: borrow<bucket>) -> bucket;
            }

            record pair { left: bucket, right: bucket }

            check: func(level: level, rights: rights) -> option<level>;
            both: async func() -> pair;
        }

        interface user {
            use store.{bucket, entry as item};
            read: func(of: borrow<bucket>) -> list<item>;
        }

        interface clock {
            now: func() -> u64;
        }

        world app {
            import user;
            export store;
            /// The end.
            export checkout: func(words: list<string>) -> string;
        }
    "#;

    fn with_kv(text: &str) -> String {
        text.replace("KV", &format!("r#\"{KV}\"#"))
    }

    #[test]
    fn modules_of_wit() {
        let (krate, options) =
            (tokens(CRATE), tokens(&with_kv("{ inline: KV, additional_derives: [Hash] }")));
        matches_snapshot(
            "modules_of_wit",
            Place::Item,
            crate::wit::wit(quote!({ #krate } #options)),
        );
    }

    #[test]
    fn change_of_a_file_builds_the_crate_again() {
        let expansion = crate::wit::wit(quote!({ ::krate } "src/snapshots/greeter.wit"));
        let text = expansion.to_string();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/snapshots/greeter.wit");
        assert!(text.contains(&format!(r#"include_bytes ! ("{file}")"#)), "{text}");
        assert!(text.contains("pub mod greeter"), "{text}");
    }

    #[test]
    fn types_that_use_each_other_very_often_are_read_once() {
        let mut wit = "package a:b; interface c { record r0 { a: string } ".to_owned();
        for i in 1..200 {
            wit += &format!("record r{i} {{ a: r{0}, b: r{0} }} ", i - 1);
        }
        wit += "f: func(a: r199) -> r199; }";
        let expansion = crate::wit::wit(quote!({ ::krate } { inline: #wit })).to_string();
        assert!(expansion.contains("pub struct R199"), "{expansion}");
    }

    #[test]
    fn interface_that_a_world_has_itself_is_not_that_of_another() {
        for (world, own, other) in [("one", "first", "second"), ("two", "second", "first")] {
            let body = format!(
                r#"
                pub struct App;
                wit {{ inline: "
                    package a:b;
                    world one {{ import api: interface {{ none: func(); }} export api: interface {{ first: func(); }} }}
                    world two {{ export api: interface {{ second: func(); }} }}
                " }};
                component app;
                export world "{world}";
                "#
            );
            let expansion = compose(CRATE, &body).to_string();
            assert_eq!(count_of(&expansion, &format!("async fn {own} (")), 1, "{expansion}");
            assert_eq!(count_of(&expansion, &format!("async fn {other} (")), 0, "{expansion}");
        }
    }

    fn count_of(text: &str, part: &str) -> usize {
        text.matches(part).count()
    }

    #[test]
    fn wit_in_item() {
        let body = with_kv(
            r#"
            pub struct Shop;
            wit { inline: KV };
            component app;
            component clock = host "acme:kv/clock" as Clock { expose "acme:kv/clock" };
            component store = host "acme:kv/store@1.0.0" as Arc<Store>;
            export interface "acme:kv/store" as kv { check, bucket };
            export fn checkout;
            "#,
        );
        matches_snapshot("wit_in_item", Place::Item, compose(CRATE, &body));
    }

    #[test]
    fn wit_in_expression() {
        let body = with_kv(
            r#"
            wit { inline: KV, module: crate::bindings };
            component store = host "acme:kv/store" as Store::new();
            /// The store.
            export interface "acme:kv/store" as kv;
            "#,
        );
        matches_snapshot("wit_in_expression", Place::Expression, compose(CRATE, &body));
    }
}
