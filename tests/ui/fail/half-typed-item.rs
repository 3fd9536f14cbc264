//! The same where the block is an item.

use wasm_runtime_composer::{Composable, CompositionError, compose};

mod component {
    use super::*;

    compose! {
        pub struct Storage;
        component disk;
        component memory { import "sync" from };
        export fn size() -> u64;
    }

    async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
        let storage = StorageParts { disk, memory }.compose().await?;
        let _: u64 = storage.size().await?;
        Ok(())
    }
}

mod accessor {
    use super::*;

    compose! {
        pub struct Storage;
        component disk;
        export fn size() -> u64;
        export fn put(value: &str) ->
        export interface "acme:kv/store" as store {
            fn get(key
            );
            fn put(key: &str);
        }
    }

    struct Application {
        storage: Storage,
    }

    impl Application {
        async fn new(disk: impl Composable) -> Result<Self, CompositionError> {
            Ok(Self { storage: Storage::compose(disk).await? })
        }

        async fn run(&self) -> Result<(), CompositionError> {
            let _: u64 = self.storage.size().await?;
            let _: String = self.storage.put("a").await?;
            self.storage.store().put("a").await?;
            let _: u8 = self.storage.store().get("a").await?.len();
            self.storage.close(std::time::Duration::ZERO).await
        }
    }
}

mod nameless {
    use super::*;

    compose! {
        pub struct Storage;
        component disk;
        component
        export fn size() -> u64;
    }

    async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
        let storage = StorageParts { disk, memory }.compose().await?;
        let _: u64 = storage.size().await?;
        Ok(())
    }
}

fn main() {}
