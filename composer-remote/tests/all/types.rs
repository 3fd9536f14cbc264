//! Types of remote components: where they come from, and that composing checks them.

use composer_tests::{chain, component, guest_file, limited, run};
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
