//! Types of remote components: where they come from, and that composing checks them.

use composer_tests::{chain, component, guest_file, limited, run, text};
use wasm_runtime_composer::{ComposableDescriptor, Composer};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteExports, Serve, TypesError, Wrpc, WrpcServer,
};

use crate::peers::{compose, exports};

/// What composing these exports says.
async fn refusal(remote: RemoteComponent) -> String {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("remote", remote));
    chain(&limited(composer.compose()).await.unwrap_err())
}

fn nowhere(exports: RemoteExports) -> RemoteComponent {
    RemoteComponent::new(exports, Wrpc::tcp("127.0.0.1:1"))
}

#[test]
fn types_come_from_text_folder_and_component() {
    let folder = composer_tests::folder().join("guests/wit");
    let of_folder = RemoteExports::from_wit_path(&folder, Some("producer")).unwrap();
    let of_component = exports("producer");
    let sorted = |exports: &RemoteExports| {
        let mut names: Vec<_> = exports.names().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&of_folder), ["add", "composer:test/iproducer", "internal-debug"]);
    assert_eq!(sorted(&of_folder), sorted(&of_component));
    let of_interface = RemoteExports::from_wit_path(&folder, Some("iproducer")).unwrap();
    assert_eq!(sorted(&of_interface), ["composer:test/iproducer"]);
    let only = of_component.only(&["add"]).unwrap();
    assert_eq!(sorted(&only), ["add"]);
}

#[test]
fn mistakes_in_types_are_told() {
    let folder = composer_tests::folder().join("guests/wit");
    let error = RemoteExports::from_wit_path(&folder, None).unwrap_err();
    assert!(matches!(error, TypesError::Select { .. }), "{error}");
    let error = RemoteExports::from_wit_path(&folder, Some("nobody")).unwrap_err();
    assert!(error.to_string().contains("has no world or interface `nobody`"), "{error}");
    let error = RemoteExports::from_wit_path("/nowhere.wit", None).unwrap_err();
    assert!(matches!(error, TypesError::Read { .. }), "{error}");
    let error = RemoteExports::from_wit("package a:b; world w { export f: fun(); }").unwrap_err();
    assert!(matches!(error, TypesError::Parse { .. }), "{error}");
    let error = RemoteExports::from_component(b"\0asm").unwrap_err();
    assert!(matches!(error, TypesError::Parse { .. }), "{error}");
    let error = RemoteExports::from_wit("package a:b; world w { import f: func(); }").unwrap_err();
    assert!(matches!(error, TypesError::Empty { .. }), "{error}");
    let error = exports("producer").only(&["sub"]).unwrap_err();
    assert!(error.to_string().contains("no export `sub`; expected one of `add`"), "{error}");
}

#[test]
fn what_cannot_be_carried_is_refused_by_name_while_composing() {
    run(async || {
        let said = refusal(nowhere(exports("writer"))).await;
        for part in [
            "`composer:test/istreams#tokens`, result: wRPC does not carry `stream<token>`",
            "`composer:test/istreams#nested`, result: wRPC does not carry `stream<stream<u8>>`",
            "leave such exports out with `RemoteExports::only`",
        ] {
            // A resource in WIT is known by its name alone.
            let part = part.replace("`stream<token>`", "`token`");
            assert!(said.contains(&part), "{part} in {said}");
        }
        assert!(!said.contains("`composer:test/istreams#bytes`"), "{said}");
        let composition = compose(component("writer")).await;
        let error = composition.serve(WrpcServer::tcp("127.0.0.1:0")).await.unwrap_err();
        assert!(error.to_string().contains("wRPC does not carry"), "{error}");
    });
}

#[test]
fn types_are_compared_while_composing() {
    run(async || {
        let wit = "package composer:test; interface greeter { greet: func(name: string) -> u32; \
                   greet-later: async func(name: string) -> string; }";
        let mut composer = Composer::new();
        let remote = nowhere(RemoteExports::from_wit(wit).unwrap());
        composer.add(ComposableDescriptor::new("remote", remote));
        composer.add(ComposableDescriptor::new("polite", component("polite")));
        let said = chain(&limited(composer.compose()).await.unwrap_err());
        assert!(said.contains("expected `string`, found `u32`"), "{said}");
    });
}

#[test]
fn idempotent_functions_must_be_there() {
    run(async || {
        let remote = nowhere(exports("producer")).with_idempotent("composer:test/iproducer#sub");
        let said = refusal(remote).await;
        assert!(said.contains("function `composer:test/iproducer#sub`"), "{said}");
        let remote = nowhere(exports("producer")).with_idempotent("composer:test/iproducer");
        compose(remote.with_idempotent("add")).await;
    });
}

#[test]
fn text_of_components_is_not_taken_for_a_component() {
    assert!(RemoteExports::from_component(b"(component)").is_err());
    assert!(RemoteExports::from_component_path(guest_file("nothing")).is_err());
}

/// Records, each with the one before in it twice.
fn doubling(depth: usize) -> String {
    let mut wit = "package a:b; interface i { record t0 { a: u32, b: u32 }".to_owned();
    for level in 1..=depth {
        let below = level - 1;
        wit += &format!(" record t{level} {{ a: t{below}, b: t{below} }}");
    }
    wit + &format!(" f: func(x: t{depth}); }} world w {{ export i; }}")
}

#[test]
fn types_that_explode_are_refused() {
    // Of as many levels as there may be, they would be 2^90 types.
    for depth in [20, 22, 30, 64, 90] {
        let error = RemoteExports::from_wit(&doubling(depth)).unwrap_err();
        assert!(matches!(error, TypesError::TooLarge { .. }), "{error}");
        let expected = "with every use spelled out, they are more than 4194304";
        assert!(error.to_string().contains(expected), "{error}");
    }
    // A name is as much as it is long, and what many functions use counts for each.
    let name = "a".repeat(1 << 20);
    let mut wit = format!("package a:b; interface i {{ enum t {{ {name} }}");
    (0..300).for_each(|number| wit += &format!(" g{number}: func(x: t);"));
    let error = RemoteExports::from_wit(&(wit + " }")).unwrap_err();
    assert!(matches!(error, TypesError::TooLarge { .. }), "{error}");
    // What people write is far from it.
    RemoteExports::from_wit(&doubling(16)).unwrap();
}

#[test]
fn types_that_are_nested_too_deep_are_refused() {
    for levels in [101, 20_000] {
        for kind in ["", "list<", "option<"] {
            let mut wit = "package a:b; interface i { type t0 = u32;".to_owned();
            let end = if kind.is_empty() { "" } else { ">" };
            for level in 1..=levels {
                wit += &format!(" type t{level} = {kind}t{}{end};", level - 1);
            }
            wit += &format!(" f: func(x: t{levels}); }}");
            let error = RemoteExports::from_wit(&wit).unwrap_err().to_string();
            assert!(error.contains("nested in more than 100 levels"), "{error}");
        }
    }
}

#[test]
fn components_whose_types_explode_are_refused() {
    let mut wat = "(component (type $t0 (tuple u32 u32))".to_owned();
    for level in 1..=18 {
        let below = level - 1;
        wat += &format!("(type $t{level} (tuple $t{below} $t{below}))");
    }
    wat += "(import \"f\" (func $f (param \"x\" $t18)))";
    (0..20).for_each(|number| wat += &format!("(export \"f{number}\" (func $f))"));
    let bytes = wat::parse_str(wat + ")").unwrap();
    // The parser of components has a bound of its own, which is lower.
    let error = RemoteExports::from_component(&bytes).unwrap_err().to_string();
    assert!(error.contains("exceeds the limit of 1000000"), "{error}");
}

/// An instance with a plain name, a function of the same name in it, and a function beside it.
const NAMESAKE: &str = r#"(component
    (core module $m (func (export "f") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func $f (result u32) (canon lift (core func $i "f")))
    (instance $x (export "foo" (func $f)))
    (export "foo" (instance $x))
    (export "bar" (func $f)))"#;

#[test]
fn instance_called_like_its_function_is_served() {
    run(async || {
        let served = compose(text(NAMESAKE)).await;
        let serving = limited(served.serve(WrpcServer::tcp("127.0.0.1:0"))).await.unwrap();
        let exports = RemoteExports::from_component(&wat::parse_str(NAMESAKE).unwrap()).unwrap();
        let wrpc = Wrpc::tcp(&serving.addresses()[0]);
        let composition = compose(RemoteComponent::new(exports, wrpc)).await;
        for (interface, function) in [(Some("foo"), "foo"), (None, "bar")] {
            let func = composition.typed::<(), u32>(interface, function).unwrap();
            assert_eq!(limited(func.call(())).await.unwrap(), 1);
        }
        assert!(composition.get_func(None, "foo").is_err());
    });
}
