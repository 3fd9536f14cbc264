//! Components, parameters and types may have any name, those of the expansion's variables too.

#![allow(dead_code, reason = "it is only compiled")]

use wasm_runtime_composer::{Composable, CompositionError, compose};

type Composed = u8;

compose! {
    #[must_use]
    struct Names;
    component composer { import "a" from composition };
    component composition;
    component accessors;
    component r#type;
    component import;
    component component { import "import" from import; hide "export" };
    component export;
    component from { import "from" from r#type };
    export "component" from component;
    export fn component(composer: u8, composition: u8, accessors: u8, r#type: u8) -> Composed;
    export fn r#async(accessor_0: u8, params: &str) -> u8;
    export fn export(krate: u8) = "[method]export.export";
    #[deprecated = "old"]
    export async fn interface();
    export interface "interface" as from {
        fn clone(composed: u8) -> u8;
        fn close(fn_0: u8);
        fn r#struct() -> Result<Option<(u8, String)>, ()>;
        fn static_values(values: &'static [&'static str], more: &'_ str);
    }
    #[cfg(any())]
    export interface "absent" as absent {
        fn run();
    }
    #[cfg(not(any()))]
    export fn present() -> u8;
    #[cfg(any())]
    export fn missing() -> Missing;
    #[cfg(any())]
    export http as unserved;
    #[deprecated = "old"]
    export http as service_0;
}

async fn use_all(
    composer: impl Composable,
    composition: impl Composable,
    one: impl Composable,
    from: [u8; 1],
    names: &Names,
) -> Result<u8, CompositionError> {
    let __composed = compose! {
        component composition = composition;
        component composer = composer;
        component from = { let [_] = from; one };
        export fn from(__composed: Composed) -> Composed;
        export fn compose();
    }
    .await?;
    __composed.compose().await?;
    #[expect(deprecated, reason = "attributes are carried over")]
    names.interface().await?;
    #[expect(deprecated, reason = "attributes are carried over")]
    let _ = names.service_0();
    let future = names.from().clone(1);
    Ok(__composed.from(1).await? + names.component(1, 2, 3, 4).await? + future.await?)
}
