//! From the command line to a [`Composer`].
//!
//! Components are read, given WASI, and compiled together with a progress line. When the wiring
//! fails, the tool suggests complete sets of hints, and tries them (up to `MOST_TRIED`) so that
//! what it suggests works.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::time::Duration;

use wasm_runtime_composer::__private::{holds_for, plain};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::wasi::http::client;
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, CompositionError, EpochTicker, Lifetime, RestartPolicy, Wasi,
};

use crate::args::{Chain, Given, Hint, HostArgs, ServeArgs, Wiring};
use crate::compile::compile;
use crate::component::{Component, Content, Imports};
use crate::document::{Document, is_document};
use crate::failure::Failure;
use crate::host::{TICK, config, engine, is_allowed, serving_engine, ticker, wasi};
use crate::told::{all, export_hint};

/// How components run that serve.
#[derive(Clone, Copy)]
struct Running {
    /// How many instances, if that was said.
    instances: Option<usize>,
    lifetime: Option<Lifetime>,
    /// The most ticks that a guest may compute in a row.
    ticks: u32,
}

/// How a component that serves is started again when it has trapped: at once, and after longer and longer pauses while
/// it goes on trapping, of which none is longer than about a second, as what is longer ago does not count.
const RESTART: RestartPolicy =
    RestartPolicy::restart(u32::MAX, Duration::from_millis(1)).within(Duration::from_secs(1));

/// How many instances there are, where one serves a request at a time.
const SEVERAL: usize = 16;

/// The components, compiled as far as possible, and the options for their wiring.
pub(crate) struct Setup<'a> {
    wiring: Cow<'a, Wiring>,
    /// What is composed with the components.
    document: Option<Document>,
    components: Vec<Component>,
    /// What components get, to read another version of one.
    wasi: Wasi,
    args: &'a [String],
    /// How each of them runs, where that is not said otherwise.
    running: Option<Running>,
    /// Interrupts guests that compute without end, so that deadlines apply to them.
    _ticker: Option<EpochTicker>,
}

impl<'a> Setup<'a> {
    /// Reads and compiles components that will not run.
    pub(crate) fn new(wiring: &'a Wiring) -> Result<Self, Failure> {
        let engine = engine(&config(&wiring.caching)?)?;
        Self::of(wiring, Wasi::new(&engine), &[], None, None)
    }

    /// Reads and compiles components that will run. With a deadline, guests can be interrupted.
    pub(crate) fn running(
        wiring: &'a Wiring,
        host: &'a HostArgs,
        deadline: Option<Duration>,
    ) -> Result<Self, Failure> {
        let mut config = config(&wiring.caching)?;
        config.epoch_interruption(deadline.is_some());
        let engine = engine(&config)?;
        let wasi = wasi(&engine, host)?;
        if deadline.is_none() {
            return Self::of(wiring, wasi, &host.args, None, None);
        }
        let ticker = ticker(&engine)?;
        let wasi = wasi.with_store(EpochTicker::yielding);
        Self::of(wiring, wasi, &host.args, None, Some(ticker))
    }

    /// Reads and compiles components that will serve requests.
    pub(crate) fn serving(args: &'a ServeArgs) -> Result<Self, Failure> {
        let document = args.wiring.components.iter().find(|it| is_document(it));
        if let (true, Some(Given { path, .. })) = (args.watch, document) {
            return Err(Failure::usage(format!(
                "`--watch` watches the files of components, and `{}` is a document; leave it out",
                path.display()
            )));
        }
        let engine = serving_engine(config(&args.wiring.caching)?)?;
        let mut wasi = wasi(&engine, &args.host)?.with_store(EpochTicker::yielding);
        if !args.allowed.is_empty() {
            let allowed = args.allowed.clone();
            wasi = wasi
                .http(client())
                .allow_requests(move |request| is_allowed(request.uri(), &allowed));
        }
        // A guest that computes past the deadline of its request is ended, soon after who asked has been told.
        let ticks = args.deadline.as_millis() / TICK.as_millis() + 20;
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        let (instances, lifetime) = (args.instances.map(NonZeroUsize::get), args.lifetime);
        let running = Some(Running { instances, lifetime, ticks });
        Self::of(&args.wiring, wasi, &args.host.args, running, Some(ticker(&engine)?))
    }

    fn of(
        wiring: &'a Wiring,
        wasi: Wasi,
        args: &'a [String],
        running: Option<Running>,
        ticker: Option<EpochTicker>,
    ) -> Result<Self, Failure> {
        let read = |given: &Given| read(given, &wasi, args);
        let document = Document::of(wiring, &read)?;
        let components = wiring.components.iter().filter(|given| !is_document(given)).map(read);
        let components = Failure::collect(components)?;
        let packages = document.as_ref().map_or(&[][..], Document::packages);
        compile(&[packages, &components].concat());
        let wiring = Cow::Borrowed(wiring);
        Ok(Self { wiring, document, components, wasi, args, running, _ticker: ticker })
    }

    /// Whether a document says how components are wired.
    pub(crate) fn is_of_document(&self) -> bool {
        self.document.is_some()
    }

    pub(crate) fn components(&self) -> &[Component] {
        &self.components
    }

    pub(crate) fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// Puts components one behind the other, as `--chain` does.
    pub(crate) fn chain(&mut self, chain: Chain) {
        self.wiring.to_mut().chains.push(chain);
    }

    /// A component out of what its file has in it by now.
    pub(crate) fn again(&self, component: &Component, bytes: Vec<u8>) -> Component {
        made(&component.id, bytes, &self.wasi, self.args)
    }

    /// The components with their hints, ready to be planned, composed or fused.
    pub(crate) fn composer(&self) -> Result<Composer, Failure> {
        self.hinted(&[])
    }

    /// The same, with the suggestions as additional hints.
    fn hinted(&self, suggestions: &[Suggestion]) -> Result<Composer, Failure> {
        self.check_untrusted()?;
        self.check_chains()?;
        let mut descriptors = Vec::with_capacity(self.components.len());
        let mut import_hints = self.import_hints()?;
        import_hints.extend(suggestions.iter().filter_map(|it| {
            let consumer =
                self.components.iter().position(|component| component.id == it.component)?;
            let target = Target { provider: it.providers.get(it.chosen)?, export: None };
            Some(ImportHint { consumer, import: &it.import, target })
        }));
        for (index, component) in self.components.iter().enumerate() {
            let own = import_hints.iter().filter(|hint| hint.consumer == index);
            let described = match self.wiring.untrusted.contains(&component.id) {
                true => settled(component, component.describe(), self.running).untrusted(),
                false => settled(component, component.describe(), self.running),
            };
            descriptors.push(own.fold(described, |descriptor, hint| {
                let Target { provider, export } = hint.target;
                match export {
                    Some(export) => descriptor.with_import_hint_as(hint.import, provider, export),
                    None => descriptor.with_import_hint(hint.import, provider),
                }
            }));
        }
        let mut composer = match &self.document {
            Some(document) => {
                let running = self.running;
                document.composer(move |component, it| settled(component, it, running))?
            }
            None => Composer::new(),
        };
        for descriptor in descriptors {
            composer.add(descriptor);
        }
        for Hint { name, target } in &self.wiring.export_hints {
            composer.with_export_hint(name, target);
        }
        for Chain { interface, ids } in &self.wiring.chains {
            composer.chain(interface, ids);
        }
        if self.wiring.allow_cycles {
            composer.allow_cycles();
        }
        Ok(composer)
    }

    /// Fails if an option `--untrusted` names no component.
    fn check_untrusted(&self) -> Result<(), Failure> {
        let is_known = |id: &&String| self.components.iter().any(|it| it.id == **id);
        match self.wiring.untrusted.iter().find(|id| !is_known(id)) {
            Some(id) => Err(Failure::usage(format!(
                "there is no component `{id}`, which `--untrusted` names; expected one of {}",
                self.ids()
            ))),
            None => Ok(()),
        }
    }

    /// Fails if a chain and another option say from where the same comes. What else is wrong with a chain, the
    /// library says.
    fn check_chains(&self) -> Result<(), Failure> {
        let Wiring { chains, export_hints, import_hints, .. } = &*self.wiring;
        let mut told = Vec::new();
        for (index, chain) in chains.iter().enumerate() {
            let Chain { interface, .. } = chain;
            for first in chains[..index].iter().filter(|it| it.interface == *interface) {
                told.push(format!(
                    "`--chain {first}` and `--chain {chain}` are of one interface; keep one"
                ));
            }
            for Hint { name, target } in export_hints.iter().filter(|it| it.name == *interface) {
                told.push(format!(
                    "`--chain {chain}` and `--export-hint {name}={target}` both choose whose export is offered; \
                     keep one"
                ));
            }
            for hint in import_hints {
                // One that cannot be read is told with the other hints.
                let Ok(ImportHint { consumer, import, .. }) = self.of_one(hint) else { continue };
                let consumer = &self.components[consumer].id;
                if import == interface && chain.is_followed(consumer) {
                    let Hint { name, target } = hint;
                    told.push(format!(
                        "`--chain {chain}` and `--import-hint {name}={target}` both choose from where `{consumer}` \
                         imports; keep one"
                    ));
                }
            }
        }
        Failure::collect::<()>(told.into_iter().map(|it| Err(Failure::usage(it)))).map(drop)
    }

    /// The problems of the wiring, with every hint that is needed to solve them. `names` are
    /// exports that will be called, so ambiguity among them is a problem too.
    pub(crate) fn failure(&self, error: CompositionError, names: &[&str]) -> Failure {
        let CompositionError::Plan(plan) = &error else { return error.into() };
        let ambiguous = plan.problems().iter().filter_map(Suggestion::of);
        let mut suggestions: Vec<_> = ambiguous.collect();
        let mut failure = Failure::problems(plan.problems());
        if suggestions.is_empty() {
            return failure;
        }
        // The suggested hints should work together, including the types.
        let most = suggestions.iter().map(|it| it.providers.len()).sum::<usize>().min(MOST_TRIED);
        let mut exports = None;
        for _ in 0..most {
            let Ok(composer) = self.hinted(&suggestions) else { break };
            let problems = match composer.plan() {
                Ok(plan) => {
                    exports = Some(plan.exports().to_vec());
                    break;
                }
                Err(CompositionError::Plan(error)) => error.problems().to_vec(),
                Err(_) => break,
            };
            let unfit = suggestions.iter_mut().find(|it| {
                it.chosen + 1 < it.providers.len()
                    && problems.iter().any(|problem| it.is_unfit(problem))
            });
            match unfit {
                Some(suggestion) => suggestion.chosen += 1,
                None => break,
            }
        }
        for help in together(&suggestions) {
            failure = failure.with_help(help);
        }
        for export in exports.iter().flatten().filter(|export| export.is_ambiguous()) {
            if names.contains(&export.name.as_str()) {
                let told = Failure::compose(format!(
                    "{} export `{}`",
                    all(&export.providers),
                    export.name
                ));
                failure = failure.and(told);
                if let Some(help) = export_hint(&export.name, &export.providers) {
                    failure = failure.with_help(help);
                }
            }
        }
        failure
    }

    /// The problems of a single import, if it is not satisfied.
    pub(crate) fn failure_of(
        &self,
        error: CompositionError,
        consumer: &str,
        import: &str,
    ) -> Failure {
        let CompositionError::Plan(plan) = &error else { return error.into() };
        let its: Vec<_> =
            plan.problems().iter().filter(|it| concerns(it, consumer, import)).collect();
        let hints: Vec<_> = its.iter().filter_map(|it| Suggestion::of(it)).collect();
        let failure = match its.as_slice() {
            [] => Failure::problems(plan.problems()),
            its => Failure::problems(its.iter().copied()),
        };
        together(&hints).into_iter().fold(failure, Failure::with_help)
    }

    /// The hints for imports, each resolved to the components that it applies to.
    fn import_hints(&self) -> Result<Vec<ImportHint<'_>>, Failure> {
        let of_one = self.wiring.import_hints.iter().map(|hint| self.of_one(hint));
        let of_all = self.wiring.hints.iter().map(|Hint { name, target }| {
            let target = self.target(target);
            Ok((name, target, self.consumers(name, target.provider)?))
        });
        let (of_one, of_all) = match (Failure::collect(of_one), Failure::collect(of_all)) {
            (Ok(of_one), Ok(of_all)) => (of_one, of_all),
            (Err(one), Err(all)) => return Err(one.and(all)),
            (Err(failure), _) | (_, Err(failure)) => return Err(failure),
        };
        let mut hints = of_one;
        let told = hints.len();
        for (import, target, consumers) in of_all {
            for consumer in consumers {
                // What is said of a single component, by a hint or by a chain, takes precedence over a hint for all.
                let of_one = |hint: &ImportHint<'_>| {
                    hint.consumer == consumer && holds_for(hint.import, import)
                };
                let by_chain = |chain: &Chain| {
                    chain.is_followed(&self.components[consumer].id)
                        && holds_for(&chain.interface, import)
                };
                if !hints.iter().take(told).any(of_one) && !self.wiring.chains.iter().any(by_chain)
                {
                    hints.push(ImportHint { consumer, import, target });
                }
            }
        }
        Ok(hints)
    }

    /// Parses the hint `CONSUMER:IMPORT=ID`. Both ids and names may contain `:`, so known ids
    /// decide.
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

    /// Parses the target `ID` or `ID:EXPORT`. Both ids and names may contain `:`, so known ids
    /// decide.
    fn target<'h>(&'h self, target: &'h str) -> Target<'h> {
        let ids = self.components.iter().map(|component| component.id.as_str());
        let named = ids.filter_map(|provider| {
            let rest = target.strip_prefix(provider)?;
            let export = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            Some(Target { provider, export })
        });
        // An unknown id is reported by the library, together with other problems.
        let unknown = || match target.split_once(':') {
            Some((provider, export)) => Target { provider, export: Some(export) },
            None => Target { provider: target, export: None },
        };
        named.max_by_key(|it| it.provider.len()).unwrap_or_else(unknown)
    }

    /// The components that import `import`, except its provider.
    fn consumers(&self, import: &str, provider: &str) -> Result<Vec<usize>, Failure> {
        let mut consumers = Vec::new();
        let mut nearest: Option<(usize, String)> = None;
        let mut known = true;
        let mut imports_it_itself = false;
        for (index, component) in self.components.iter().enumerate() {
            match component.imports(import) {
                Imports::Yes if component.id == provider => imports_it_itself = true,
                Imports::Yes => consumers.push(index),
                // A component cannot satisfy its own import, so it need not have the import.
                Imports::No(_) if component.id == provider => {}
                Imports::No(Some(meant)) => {
                    let distance = strsim::levenshtein(import, &meant);
                    if nearest.as_ref().is_none_or(|(best, _)| distance < *best) {
                        nearest = Some((distance, meant));
                    }
                }
                Imports::No(None) => {}
                Imports::Unknown => known = false,
            }
        }
        if !consumers.is_empty() || !known {
            return Ok(consumers);
        }
        if imports_it_itself {
            return Err(Failure::usage(format!(
                "the hint for `{import}` names `{provider}`, which is the one that imports it; a hint names \
                 who provides the import"
            ))
            .with_help(format!("expected `{import}=ID`, with one of {}", self.ids_but(provider))));
        }
        let meant = nearest.map(|(_, name)| format!("; did you mean `{name}`?"));
        Err(Failure::usage(format!(
            "no component imports `{import}`, which the hint for `{provider}` names{}",
            meant.unwrap_or_default()
        )))
    }

    /// The ids of all other components, and `host`.
    fn ids_but(&self, id: &str) -> String {
        let others = self.components.iter().map(|it| it.id.as_str()).filter(|other| *other != id);
        let ids: Vec<_> = others.chain(["host"]).map(|id| format!("`{id}`")).collect();
        ids.join(", ")
    }

    fn ids(&self) -> String {
        let ids: Vec<_> = self.components.iter().map(|it| format!("`{}`", it.id)).collect();
        ids.join(", ")
    }
}

/// The descriptor of a component, with how it runs if it is to serve.
fn settled(
    component: &Component,
    described: ComposableDescriptor,
    running: Option<Running>,
) -> ComposableDescriptor {
    let Some(Running { instances, lifetime, ticks }) = running else { return described };
    let mut described = described.with_run_limit(ticks).with_restart(RESTART);
    // Servers of wasi:http 0.2 have always given each request an instance, and there are runtimes of languages
    // which cannot take another.
    let exports = |interface, version| component.export_of(interface, version).is_some();
    let is_former =
        exports("wasi:http/incoming-handler", "0.2.0") && !exports("wasi:http/handler", "0.3.0");
    let lifetime = lifetime.or_else(|| is_former.then(Lifetime::per_call));
    if let Some(lifetime) = lifetime {
        described = described.with_lifetime(lifetime);
    }
    let takes_turns = is_former || lifetime.is_some_and(|it| it.is_by_calls());
    match instances.or_else(|| takes_turns.then_some(SEVERAL)) {
        Some(instances) => described.with_instances(instances),
        None => described,
    }
}

/// How many wirings are tried in order to suggest one that works.
const MOST_TRIED: usize = 64;

/// An import that needs a hint, and the components that it could name.
struct Suggestion {
    component: String,
    import: String,
    providers: Vec<String>,
    /// The index of the one that is suggested.
    chosen: usize,
}

impl Suggestion {
    fn of(problem: &PlanProblem) -> Option<Self> {
        let PlanProblem::AmbiguousImport { component, import, providers, .. } = problem else {
            return None;
        };
        let (component, import) = (component.clone(), import.clone());
        Some(Self { component, import, providers: providers.clone(), chosen: 0 })
    }

    /// Whether a problem tells that the suggested component does not fit.
    fn is_unfit(&self, problem: &PlanProblem) -> bool {
        match problem {
            PlanProblem::TypeMismatch { consumer, import, .. }
            | PlanProblem::MissingItem { consumer, import, .. }
            | PlanProblem::TornResource { consumer, import, .. } => {
                *consumer == self.component && *import == self.import
            }
            _ => false,
        }
    }
}

/// The options for the suggestions: one for all components that import the same name.
fn together(suggestions: &[Suggestion]) -> Vec<String> {
    let mut options = Vec::new();
    for it in suggestions {
        let Some(provider) = it.providers.get(it.chosen) else { continue };
        let same = suggestions.iter().filter(|other| other.import == it.import);
        let same: Vec<_> = same.map(|other| other.providers.get(other.chosen)).collect();
        let option = match same.len() > 1 && same.iter().all(|other| *other == Some(provider)) {
            true => format!("choose with `--hint {}={provider}`", plain(&it.import)),
            false => {
                let import = plain(&it.import);
                format!("choose with `--import-hint {}:{import}={provider}`", it.component)
            }
        };
        if !options.contains(&option) {
            options.push(option);
        }
    }
    options
}

/// Whether a problem is about this import.
fn concerns(problem: &PlanProblem, consumer: &str, name: &str) -> bool {
    match problem {
        PlanProblem::AmbiguousImport { component, import, .. }
        | PlanProblem::HintToSelf { component, import, .. } => {
            component == consumer && import == name
        }
        PlanProblem::Unsatisfied { components, import, .. } => {
            import == name && components.iter().any(|it| it == consumer)
        }
        PlanProblem::UnknownHintTarget { component, name: import, .. }
        | PlanProblem::HintNotOffered { component, name: import, .. }
        | PlanProblem::DuplicateHint { component, name: import, .. } => {
            component.as_deref() == Some(consumer) && import == name
        }
        PlanProblem::Chain { interface, .. } => holds_for(interface, name),
        _ => false,
    }
}

/// A hint for an import of one component.
struct ImportHint<'a> {
    /// The index of that component.
    consumer: usize,
    import: &'a str,
    target: Target<'a>,
}

/// The target of a hint: a component that provides an import.
#[derive(Clone, Copy)]
struct Target<'a> {
    provider: &'a str,
    /// The name of its export, if it differs from the import's.
    export: Option<&'a str>,
}

/// Reads a component; it is compiled later.
fn read(given: &Given, wasi: &Wasi, args: &[String]) -> Result<Component, Failure> {
    let bytes = std::fs::read(&given.path).map_err(|error| {
        Failure::input(format!("cannot read `{}`", given.path.display()), error)
    })?;
    Ok(made(&given.id, bytes, wasi, args))
}

fn made(id: &str, bytes: Vec<u8>, wasi: &Wasi, args: &[String]) -> Component {
    let content = Content::of(&bytes);
    // The first argument is the name of the program.
    let component = wasi.clone().arg(id).args(args).component(bytes);
    Component { id: id.to_owned(), component, content }
}
