//! From the command line to a [`Composer`].

use std::time::Duration;

use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, EpochTicker,
    PlanProblem, Wasi, WasiState,
};
use wasmtime::{Config, Engine};

use crate::args::{Directory, Given, Hint, HostArgs, Wiring};
use crate::compile::compile;
use crate::failure::Failure;

/// How often guests give way where calls have a deadline.
const TICK: Duration = Duration::from_millis(5);

/// The components, compiled as far as they can be, and the wishes for their wiring.
pub(crate) struct Setup<'a> {
    wiring: &'a Wiring,
    components: Vec<Component>,
    /// Interrupts guests that compute without end, so that deadlines reach them.
    _ticker: Option<EpochTicker>,
}

/// A component of the command line.
pub(crate) struct Component {
    pub(crate) id: String,
    component: ComposableComponent<WasiState>,
}

impl Component {
    fn describe(&self) -> ComposableDescriptor {
        ComposableDescriptor::new(&self.id, self.component.clone())
    }

    /// A composer with nothing but this component.
    pub(crate) fn alone(&self) -> Composer {
        let mut composer = Composer::new();
        composer.add(self.describe());
        composer
    }

    /// Whether the component imports `import`, host functions and interfaces included.
    fn imports(&self, import: &str) -> Imports {
        let mut composer = Composer::new();
        composer.add(self.describe().with_import_hint(import, "host"));
        let Err(CompositionError::Plan(error)) = composer.plan() else { return Imports::Yes };
        let no = error.problems().iter().find_map(|problem| match problem {
            PlanProblem::HintNotImported { nearest, .. } => Some(Imports::No(nearest.clone())),
            PlanProblem::Load { .. } => Some(Imports::Unknown),
            _ => None,
        });
        no.unwrap_or(Imports::Yes)
    }
}

/// Whether a component imports something.
enum Imports {
    Yes,
    /// It does not; perhaps this was meant.
    No(Option<String>),
    /// The component cannot be loaded, which is told when it is composed.
    Unknown,
}

impl<'a> Setup<'a> {
    /// Reads and compiles components that are not to run.
    pub(crate) fn new(wiring: &'a Wiring) -> Result<Self, Failure> {
        Self::of(wiring, &Wasi::new(&engine(false)?), &[], None)
    }

    /// Reads and compiles components that are to run. With a deadline, their guests can be
    /// interrupted.
    pub(crate) fn running(
        wiring: &'a Wiring,
        host: &HostArgs,
        deadline: Option<Duration>,
    ) -> Result<Self, Failure> {
        let engine = engine(deadline.is_some())?;
        let wasi = wasi(&engine, host)?;
        if deadline.is_none() {
            return Self::of(wiring, &wasi, &host.args, None);
        }
        let ticker = EpochTicker::start(&engine, TICK).map_err(|error| {
            Failure::input("cannot start a thread that interrupts guests".to_owned(), error)
        })?;
        let wasi = wasi.with_store(EpochTicker::yielding);
        Self::of(wiring, &wasi, &host.args, Some(ticker))
    }

    fn of(
        wiring: &'a Wiring,
        wasi: &Wasi,
        args: &[String],
        ticker: Option<EpochTicker>,
    ) -> Result<Self, Failure> {
        let components = wiring.components.iter().map(|given| read(given, wasi, args));
        let components = components.collect::<Result<Vec<_>, _>>()?;
        compile(&components);
        Ok(Self { wiring, components, _ticker: ticker })
    }

    /// The components with their hints, to be planned, composed or fused.
    pub(crate) fn composer(&self) -> Result<Composer, Failure> {
        let mut descriptors = Vec::with_capacity(self.components.len());
        let import_hints = self.import_hints()?;
        for (index, component) in self.components.iter().enumerate() {
            let own = import_hints.iter().filter(|hint| hint.consumer == index);
            descriptors.push(own.fold(component.describe(), |descriptor, hint| {
                let Target { provider, export } = hint.target;
                match export {
                    Some(export) => descriptor.with_import_hint_as(hint.import, provider, export),
                    None => descriptor.with_import_hint(hint.import, provider),
                }
            }));
        }
        let mut composer = Composer::new();
        for descriptor in descriptors {
            composer.add(descriptor);
        }
        for Hint { name, target } in &self.wiring.export_hints {
            composer.with_export_hint(name, target);
        }
        if self.wiring.allow_cycles {
            composer.allow_cycles();
        }
        Ok(composer)
    }

    /// Every hint for an import, for each component that it concerns.
    fn import_hints(&self) -> Result<Vec<ImportHint<'_>>, Failure> {
        let of_one = self.wiring.import_hints.iter().map(|hint| self.of_one(hint));
        let mut hints = of_one.collect::<Result<Vec<_>, _>>()?;
        let told = hints.len();
        for Hint { name: import, target } in &self.wiring.hints {
            let target = self.target(target);
            for consumer in self.consumers(import, target.provider)? {
                // What is said of one component counts before what is said of all.
                let of_one =
                    |hint: &ImportHint<'_>| (hint.consumer, hint.import) == (consumer, import);
                if !hints.iter().take(told).any(of_one) {
                    hints.push(ImportHint { consumer, import, target });
                }
            }
        }
        Ok(hints)
    }

    /// The hint `CONSUMER:IMPORT=ID`. Both an id and a name may have a `:` in them.
    fn of_one<'h>(&'h self, hint: &'h Hint) -> Result<ImportHint<'h>, Failure> {
        let import = |id: &str| hint.name.strip_prefix(id)?.strip_prefix(':');
        let ids = self.components.iter().map(|component| component.id.as_str()).enumerate();
        let consumer = ids.filter(|(_, id)| import(id).is_some()).max_by_key(|(_, id)| id.len());
        let Some((consumer, import)) = consumer.and_then(|(at, id)| Some((at, import(id)?))) else {
            return Err(Failure::usage(format!(
                "the import hint `{}={}` names no component before `:`; expected one of {}",
                hint.name,
                hint.target,
                self.ids()
            )));
        };
        Ok(ImportHint { consumer, import, target: self.target(&hint.target) })
    }

    /// The target `ID` or `ID:EXPORT`. Both an id and a name may have a `:` in them.
    fn target<'h>(&'h self, target: &'h str) -> Target<'h> {
        let ids = self.components.iter().map(|component| component.id.as_str());
        let named = ids.filter_map(|provider| {
            let rest = target.strip_prefix(provider)?;
            let export = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            Some(Target { provider, export })
        });
        // An id that is none is told of with the other problems.
        named
            .max_by_key(|it| it.provider.len())
            .unwrap_or(Target { provider: target, export: None })
    }

    /// The components that import `import`, other than the one that is to provide it.
    fn consumers(&self, import: &str, provider: &str) -> Result<Vec<usize>, Failure> {
        let mut consumers = Vec::new();
        let mut nearest = None;
        let mut known = true;
        for (index, component) in self.components.iter().enumerate() {
            if component.id == provider {
                continue;
            }
            match component.imports(import) {
                Imports::Yes => consumers.push(index),
                Imports::No(meant) => nearest = nearest.or(meant),
                Imports::Unknown => known = false,
            }
        }
        if consumers.is_empty() && known {
            let meant = nearest.map(|name| format!("; did you mean `{name}`?"));
            return Err(Failure::usage(format!(
                "no component imports `{import}`, which the hint for `{provider}` names{}",
                meant.unwrap_or_default()
            )));
        }
        Ok(consumers)
    }

    fn ids(&self) -> String {
        let ids: Vec<_> = self.components.iter().map(|it| format!("`{}`", it.id)).collect();
        ids.join(", ")
    }
}

/// Who provides an import of one component.
struct ImportHint<'a> {
    /// Its index.
    consumer: usize,
    import: &'a str,
    target: Target<'a>,
}

/// A component that provides an import.
#[derive(Clone, Copy)]
struct Target<'a> {
    provider: &'a str,
    /// What the import is under another name.
    export: Option<&'a str>,
}

/// An engine with every type of the component model that the library carries.
fn engine(interrupted: bool) -> Result<Engine, Failure> {
    let mut config = Config::new();
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    config.epoch_interruption(interrupted);
    Engine::new(&config).map_err(|error| Failure::compose(error.to_string()))
}

/// What the command line gives the components of WASI.
fn wasi(engine: &Engine, host: &HostArgs) -> Result<Wasi, Failure> {
    let mut wasi = Wasi::new(engine).inherit_stdio();
    for (name, value) in &host.env {
        wasi = wasi.env(name, value);
    }
    for Directory { host, guest, access } in &host.dirs {
        wasi = wasi.preopen_dir(host, guest, *access).map_err(CompositionError::from)?;
    }
    if host.network {
        wasi = wasi.allow_network();
    }
    Ok(wasi)
}

/// Reads a component; it is compiled later.
fn read(given: &Given, wasi: &Wasi, args: &[String]) -> Result<Component, Failure> {
    let bytes = std::fs::read(&given.path).map_err(|error| {
        Failure::input(format!("cannot read `{}`", given.path.display()), error)
    })?;
    // The first argument is the name of the program.
    let component = wasi.clone().arg(&given.id).args(args).component(bytes);
    Ok(Component { id: given.id.clone(), component })
}
