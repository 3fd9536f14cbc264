//! `compose!` as an item: a named type, stored in a struct of the application, with plugins that
//! are loaded from a folder when the program runs. What they export is read from WIT while compiling.
//!
//! Run with `cargo run --example plugin_host -- FOLDER`; without a folder it takes the components
//! of the tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wasm_runtime_composer::{ComposableComponent, CompositionError, compose};
use wasmtime::Engine;
use wasmtime::component::Val;

compose! {
    /// The plugins of this application, wired.
    pub struct Plugins;
    wit "../tests/guests/wit";

    component producer { hide "internal-debug" };
    // Its interface is there for nobody: everybody gets the producer's.
    component backup { hide "composer:test/iproducer" };
    component consumer { import "add" from backup };
    component greeter;

    export "add" from producer;
    /// 1 + 2, as the backup has it.
    export fn run_add;
    /// What the consumer does with the producer.
    export interface "composer:test/iconsumer" as iconsumer { run_greet };
    export interface "composer:test/greeter" as greeter;
}

/// The application.
struct Host {
    plugins: Plugins,
}

impl Host {
    async fn load(folder: &Path) -> Result<Self, CompositionError> {
        // One engine compiles for all; each plugin gets a store.
        let engine = Engine::default();
        let plugin = |name: &str| {
            let file: PathBuf = folder.join(name).with_extension("wasm");
            ComposableComponent::with_engine(&engine, file)
        };
        // All of one type: their names tell them apart.
        let parts = PluginsParts {
            producer: plugin("producer"),
            backup: plugin("producer-b"),
            consumer: plugin("consumer"),
            greeter: plugin("greeter"),
        };
        let plugins = parts.compose().await?;
        Ok(Self { plugins })
    }

    async fn greet(&self, name: &str) -> Result<[String; 3], CompositionError> {
        Ok([
            self.plugins.iconsumer().run_greet(name).await?,
            self.plugins.greeter().greet(name).await?,
            self.plugins.greeter().greet_later(name).await?,
        ])
    }

    /// Calls what was not known when the host was written.
    async fn call(&self, function: &str, params: &[Val]) -> Result<Val, CompositionError> {
        let mut results = [Val::Bool(false)];
        self.plugins.get_func(None, function)?.call(params, &mut results).await?;
        let [result] = results;
        Ok(result)
    }
}

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let folder = std::env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components"),
        PathBuf::from,
    );
    let host = Host::load(&folder).await?;
    println!("{}", host.plugins.plan());

    println!("run_add() = {}", host.plugins.run_add().await?);
    println!("greetings: {:?}", host.greet("Bo").await?);
    println!("add(20, 22) = {:?}", host.call("add", &[Val::S32(20), Val::S32(22)]).await?);
    match host.call("internal-debug", &[]).await {
        Ok(value) => println!("internal-debug() = {value:?}"),
        Err(error) => println!("internal-debug: {error}"),
    }
    host.plugins.close(Duration::from_secs(1)).await
}
