//! Files that are looked at for changes, and components that are replaced when theirs has changed.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasm_runtime_composer::__private::plain;
use wasm_runtime_composer::Composition;

use crate::component::{Component, Content};
use crate::failure::Failure;
use crate::output::print;
use crate::setup::Setup;

/// How often files are looked at. It costs a call of the system for each file, works in every file system, and what
/// builds components takes longer.
const INTERVAL: Duration = Duration::from_millis(500);

/// The file of a component.
struct Watched {
    path: PathBuf,
    component: Component,
    /// What the file looked like when it was last read.
    read: Option<Look>,
    /// What it looked like the last time.
    seen: Option<Look>,
}

/// What can be seen of a file without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    modified: Option<SystemTime>,
    length: u64,
}

impl Look {
    fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok(), length: metadata.len() })
    }
}

/// Replaces components for as long as it is polled.
pub(crate) async fn watch(setup: &Setup<'_>, composition: &Composition) -> Infallible {
    let given = setup.wiring().components.iter().zip(setup.components());
    let mut files: Vec<_> = given
        .map(|(given, component)| Watched {
            path: given.path.clone(),
            component: component.clone(),
            read: None,
            seen: None,
        })
        .collect();
    loop {
        for file in &mut files {
            if let Some(bytes) = file.changed() {
                replace(setup, composition, file, bytes).await;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

impl Watched {
    /// What is in the file, if that has changed and is not being written any more.
    fn changed(&mut self) -> Option<Vec<u8>> {
        let look = Look::at(&self.path);
        let rests = look == self.seen;
        self.seen = look;
        // A file that is not there is about to be written, as a rule.
        if look.is_none() || look == self.read || !rests {
            return None;
        }
        let bytes = std::fs::read(&self.path).ok()?;
        self.read = look;
        let content = Content::of(&bytes);
        let is_same = content == self.component.content;
        self.component.content = content;
        (!is_same).then_some(bytes)
    }
}

async fn replace(setup: &Setup<'_>, composition: &Composition, file: &mut Watched, bytes: Vec<u8>) {
    let id = plain(&file.component.id);
    let component = setup.again(&file.component, bytes);
    // Requests go on while it is compiled and started.
    match composition.replace(&component.id, component.component.clone()).await {
        Ok(_) => {
            file.component = component;
            // Who read the first line may have gone, and the server goes on.
            let _ = print(format!("replaced {id}\n").as_bytes());
        }
        Err(error) => {
            Failure::from(error).report();
            eprintln!("`{id}` is not replaced; the former one goes on");
        }
    }
}
