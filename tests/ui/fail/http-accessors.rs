//! The HTTP service of a composition has a name, which is free, and stands outside of what is fused.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Site;
    component auth;
    component app;
    export http;
    export http as http;
    export http as "web";
    export http web;
    export http as web = "wasi:http/handler@0.3.0";
    export http as site;
    export http as site;
    export fn visits() -> u32;
    export http as visits;
}

async fn composed(auth: impl Composable, app: impl Composable) -> Result<(), CompositionError> {
    let site = SiteParts { auth, app }.compose().await?;
    drop(site.site());
    Ok(())
}

fn main() {}
