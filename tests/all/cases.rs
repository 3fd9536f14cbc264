//! The rules of resolution, a folder for each in `tests/cases`.
//!
//! A folder holds components in the text format, what is to be composed of them in `case.txt`, and
//! what comes of it: `plan.txt`, the plan as it prints itself, or `error.txt`, the whole chain of
//! errors. `plan.dot` and `plan.mmd` are compared where they are present, and so is `open.txt`, the plan with open
//! imports. The same comes of it when all
//! is fused into one component, with ids inside of that; where it does not, `fused.txt` says what does.
//! With `BLESS=1` in the environment the expectations are rewritten instead.
//!
//! Each line of `case.txt` is one of these statements; from a word that begins with `#` on, it is
//! a comment.
//!
//! ```text
//! component producer                 the component in producer.wat, under the id `producer`
//! component other = producer         the same under the id `other`
//! begin inner                        up to `end`: a composer of its own, under the id `inner`
//! end
//! import consumer add from producer  an import hint; the target may be `host`
//! import consumer sum as add from producer  the same, of an export with another name
//! export add from producer           an export hint
//! expose producer add a:b/c          a filter that shows these exports alone
//! hide producer add a:b/c            a filter that hides these exports
//! contain consumer a:b/c#get         failures of this import are contained, as the text
//! contain consumer a:b/c as gone     the same, as the case `gone`
//! untrusted producer                 nobody gets what it exports without a hint
//! allow cycles                       on this level and inside
//! linker consumer log a:b/c#log      the linker of `consumer` defines these functions
//! linker-resource consumer a:b/c r   the linker of `consumer` defines this resource
//! ```
//!
//! A statement about an id follows the one that adds it, on the same level. `""` is the empty id.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use composer_tests::{chain, engine, folder};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::plan::{Plan, PlanEdge};
use wasm_runtime_composer::{
    Composable, ComposableComponent, ComposableDescriptor, Composer, CompositionError, Containment,
    ExportFilter, Filtered,
};
use wasmtime::Store;
use wasmtime::component::{Linker, ResourceType};

/// The two files of which a case has one.
const OUTCOMES: [&str; 2] = ["plan.txt", "error.txt"];

#[test]
fn every_case_comes_out_as_expected() {
    let mut failures = String::new();
    for case in cases() {
        let (name, text) = outcome(plan(&case));
        let expected = OUTCOMES.into_iter().find(|name| case.join(name).exists());
        if blessing() && expected.is_some_and(|expected| expected != name) {
            OUTCOMES.iter().for_each(|name| _ = fs::remove_file(case.join(name)));
        }
        check(&mut failures, &case, expected, name, &text);
    }
    assert!(failures.is_empty(), "to accept what was found, set `BLESS=1`\n{failures}");
}

#[test]
fn every_case_comes_out_the_same_when_fused() {
    let mut failures = String::new();
    for case in cases() {
        let isolated = outcome(plan(&case)).1;
        let fused = outcome(fused_plan(&case)).1.replace("fused\n  all\n", "").replace("all/", "");
        let file = case.join("fused.txt");
        // There is one linker for all.
        let is_same = without_linker(&fused) == without_linker(&isolated);
        if blessing() && is_same {
            let _ = fs::remove_file(file);
        } else if file.exists() || blessing() {
            check(&mut failures, &case, Some("fused.txt"), "fused.txt", &fused);
            if is_same {
                let _ = writeln!(failures, "\n{}: `fused.txt` says nothing new", name_of(&case));
            }
        } else if !is_same {
            let _ = writeln!(failures, "\n{}: fused\n{fused}isolated\n{isolated}", name_of(&case));
        }
    }
    assert!(failures.is_empty(), "to accept what was found, set `BLESS=1`\n{failures}");
}

#[test]
fn plan_is_drawn_as_dot() {
    drawn("plan.dot", plan, Plan::to_dot);
}

#[test]
fn plan_is_drawn_as_mermaid() {
    drawn("plan.mmd", plan, Plan::to_mermaid);
}

#[test]
fn imports_that_nobody_satisfies_are_open_in_a_plan_that_lets_them() {
    drawn("open.txt", open_plan, Plan::to_string);
}

/// Contract 3.5.
#[test]
fn open_imports_are_what_is_missing_and_all_else_stays_wrong() {
    let mut open_plans = 0;
    for case in cases() {
        let name = name_of(&case);
        let strict = plan(&case);
        let (missing, wrong): (Vec<_>, Vec<_>) = match &strict {
            Ok(_) => (Vec::new(), Vec::new()),
            Err(CompositionError::Plan(error)) => error.problems().iter().partition(|it| {
                matches!(
                    it,
                    PlanProblem::Unsatisfied { source: None, .. }
                        | PlanProblem::NotInLinker { source: None, .. }
                )
            }),
            Err(error) => panic!("{name}: {error}"),
        };
        match open_plan(&case) {
            Ok(open) => {
                assert!(wrong.is_empty(), "{name}: {wrong:?}");
                let names = |it: &&PlanProblem| match it {
                    PlanProblem::Unsatisfied { import, components, .. } => {
                        (import.clone(), components.clone())
                    }
                    PlanProblem::NotInLinker { import, component, .. } => {
                        (import.clone(), vec![component.clone()])
                    }
                    other => panic!("{other}"),
                };
                let found = open.open_imports().iter();
                let found: Vec<_> =
                    found.map(|it| (it.import.clone(), it.consumers.clone())).collect();
                assert_eq!(found, missing.iter().map(names).collect::<Vec<_>>(), "{name}");
                let is_open = |edge: &PlanEdge| {
                    found.iter().any(|(import, consumers)| {
                        *import == edge.import && consumers.contains(&edge.consumer)
                    })
                };
                assert!(!open.edges().iter().any(is_open), "{name}: {open}");
                if let Ok(strict) = strict {
                    assert_eq!(open.to_string(), strict.to_string(), "{name}");
                }
                open_plans += usize::from(!found.is_empty());
            }
            Err(CompositionError::Plan(error)) => {
                let texts = |it: &PlanProblem| chain(it);
                let found: Vec<_> = error.problems().iter().map(texts).collect();
                let wrong: Vec<_> = wrong.into_iter().map(texts).collect();
                assert_eq!(found, wrong, "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(open_plans > 10, "{open_plans}");
}

#[test]
fn every_case_has_one_expectation_and_nothing_unused() {
    let mut faults = Vec::new();
    for case in cases() {
        let name = name_of(&case);
        let outcomes = OUTCOMES.into_iter().filter(|outcome| case.join(outcome).exists()).count();
        // While blessing, the other test is about to make it one.
        if outcomes != 1 && !blessing() {
            faults.push(format!("{name}: {outcomes} of `plan.txt` and `error.txt`"));
        }
        let mut used = Vec::new();
        parse(&case).0.files(&mut used);
        for path in entries(&case) {
            let file = name_of(&path);
            if path.extension().is_some_and(|extension| extension == "wat") {
                if !read(&path).starts_with(";; ") {
                    faults.push(format!("{name}: `{file}` does not say what it shows"));
                }
                if !used.contains(&file) {
                    faults.push(format!("{name}: `{file}` is in no composition"));
                }
            } else if !OUTCOMES.contains(&&*file)
                && !["case.txt", "fused.txt", "open.txt", "plan.dot", "plan.mmd"].contains(&&*file)
            {
                faults.push(format!("{name}: `{file}` is no part of a case"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Compares the drawings of all cases that have the file `name`.
fn drawn(
    name: &str,
    plan: impl Fn(&Path) -> Result<Plan, CompositionError>,
    draw: impl Fn(&Plan) -> String,
) {
    let mut failures = String::new();
    let cases: Vec<_> = cases().into_iter().filter(|case| case.join(name).exists()).collect();
    assert!(!cases.is_empty(), "no case has a `{name}`");
    for case in cases {
        let plan = plan(&case).unwrap_or_else(|error| panic!("{}: {error}", name_of(&case)));
        check(&mut failures, &case, Some(name), name, &draw(&plan));
    }
    assert!(failures.is_empty(), "to accept what was found, set `BLESS=1`\n{failures}");
}

fn plan(case: &Path) -> Result<Plan, CompositionError> {
    parse(case).0.composer(case).plan()
}

fn open_plan(case: &Path) -> Result<Plan, CompositionError> {
    parse(case).0.composer(case).plan_with_open_imports()
}

/// The plan with everything fused into one component, `all`.
fn fused_plan(case: &Path) -> Result<Plan, CompositionError> {
    let (group, linker) = parse(case);
    let fused = group.composer(case).fused(linker, || Store::new(engine(), ()));
    let mut outer = Composer::new();
    outer.add(ComposableDescriptor::new("all", fused));
    outer.plan()
}

/// An error, without the name of the component whose linker it speaks of.
fn without_linker(text: &str) -> String {
    let mut parts = text.split("the linker of `");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        rest.push_str("the linker");
        rest.push_str(part.split_once('`').map_or(part, |(_, behind)| behind));
    }
    rest
}

fn outcome(plan: Result<Plan, CompositionError>) -> (&'static str, String) {
    match plan {
        Ok(plan) => ("plan.txt", plan.to_string()),
        Err(error) => ("error.txt", chain(&error) + "\n"),
    }
}

/// Adds to `failures` how `text`, found for the file `name`, differs from the file `expected`; or
/// writes it when blessing.
fn check(failures: &mut String, case: &Path, expected: Option<&str>, name: &str, text: &str) {
    if blessing() {
        fs::write(case.join(name), text).expect("the cases are writable");
        return;
    }
    let old = expected.map(|name| read(&case.join(name))).unwrap_or_default();
    if expected == Some(name) && old == text {
        return;
    }
    let _ = writeln!(failures, "\n{}: expected {}", name_of(case), expected.unwrap_or("nothing"));
    old.lines().for_each(|line| _ = writeln!(failures, "  - {line}"));
    let _ = writeln!(failures, "found {name}");
    text.lines().for_each(|line| _ = writeln!(failures, "  + {line}"));
}

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

fn cases() -> Vec<PathBuf> {
    let mut cases = entries(&folder().join("cases"));
    // Streams cross by the codec alone.
    cases.retain(|case| cfg!(feature = "codec") || !name_of(case).ends_with("_is_carried"));
    assert!(!cases.is_empty(), "there are no cases");
    cases
}

/// What is in a folder, sorted by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a case is a folder");
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("the cases are readable").path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A composer, as `case.txt` declares it.
#[derive(Default)]
struct Group {
    parts: Vec<Part>,
    /// Export and id.
    export_hints: Vec<[String; 2]>,
    allow_cycles: bool,
}

struct Part {
    id: String,
    content: Content,
    filters: Vec<Filter>,
    /// Import and id.
    /// Import, component, and the export if it has another name.
    import_hints: Vec<(String, String, Option<String>)>,
    /// Import and form.
    containments: Vec<(String, Containment)>,
    is_untrusted: bool,
}

enum Content {
    Component { file: String, linker: Box<Linker<()>> },
    Group(Group),
}

enum Filter {
    Expose(Vec<String>),
    Hide(Vec<String>),
}

/// Reads the `case.txt` of a case, and gathers what all linkers define in one.
///
/// # Panics
///
/// If it holds anything but statements as described at the top.
fn parse(case: &Path) -> (Group, Linker<()>) {
    let mut all = Linker::new(engine());
    all.allow_shadowing(true);
    // Groups that are open, outermost first, each with its id.
    let mut open = vec![(String::new(), Group::default())];
    for (index, line) in read(&case.join("case.txt")).lines().enumerate() {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let words: Vec<&str> = words.map(|word| if word == "\"\"" { "" } else { word }).collect();
        statement(&mut open, &mut all, &words)
            .unwrap_or_else(|why| panic!("{}/case.txt:{}: {why}", name_of(case), index + 1));
    }
    let Some((_, group)) = open.pop().filter(|_| open.is_empty()) else {
        panic!("{}/case.txt: `begin` without `end`", name_of(case));
    };
    (group, all)
}

fn statement(
    open: &mut Vec<(String, Group)>,
    all: &mut Linker<()>,
    words: &[&str],
) -> Result<(), String> {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    if *words == ["end"] {
        let (id, group) = open.pop().expect("one group is always open");
        let (_, outer) = open.last_mut().ok_or("`end` without `begin`")?;
        outer.parts.push(Part::new(&id, Content::Group(group)));
        return Ok(());
    }
    if let ["begin", id] = *words {
        open.push((id.to_owned(), Group::default()));
        return Ok(());
    }
    let (_, group) = open.last_mut().expect("one group is always open");
    match *words {
        [] => {}
        ["component", id] => group.parts.push(Part::component(id, id)),
        ["component", id, "=", file] => group.parts.push(Part::component(id, file)),
        ["import", id, import, "from", target] => {
            group.part(id)?.import_hints.push((import.to_owned(), target.to_owned(), None));
        }
        ["import", id, export, "as", import, "from", target] => {
            let hint = (import.to_owned(), target.to_owned(), Some(export.to_owned()));
            group.part(id)?.import_hints.push(hint);
        }
        ["export", export, "from", target] => {
            group.export_hints.push([export, target].map(str::to_owned));
        }
        ["untrusted", id] => group.part(id)?.is_untrusted = true,
        ["allow", "cycles"] => group.allow_cycles = true,
        ["contain", id, import] => {
            group.part(id)?.containments.push((import.to_owned(), Containment::message()));
        }
        ["contain", id, import, "as", case] => {
            group.part(id)?.containments.push((import.to_owned(), Containment::case(case)));
        }
        ["expose", id, _, ..] => group.part(id)?.filters.push(Filter::Expose(owned(&words[2..]))),
        ["hide", id, _, ..] => group.part(id)?.filters.push(Filter::Hide(owned(&words[2..]))),
        ["linker", id, _, ..] => {
            for linker in [group.part(id)?.linker()?, all] {
                words[2..].iter().try_for_each(|function| define_function(linker, function))?;
            }
        }
        ["linker-resource", id, interface, resource] => {
            for linker in [group.part(id)?.linker()?, all] {
                let mut linker = linker.instance(interface).map_err(text)?;
                let ty = ResourceType::host::<()>();
                linker.resource(resource, ty, |_, _| Ok(())).map_err(text)?;
            }
        }
        _ => return Err(format!("`{}` is no statement", words.join(" "))),
    }
    Ok(())
}

/// Defines `function` at the root, or `interface#function`.
fn define_function(linker: &mut Linker<()>, function: &str) -> Result<(), String> {
    let (mut instance, name) = match function.split_once('#') {
        Some((interface, name)) => (linker.instance(interface).map_err(text)?, name),
        None => (linker.root(), function),
    };
    instance.func_new(name, |_, _, _, _| Ok(())).map_err(text)
}

fn text(error: wasmtime::Error) -> String {
    format!("{error:#}")
}

impl Group {
    /// The part that was added last under this id.
    fn part(&mut self, id: &str) -> Result<&mut Part, String> {
        let part = self.parts.iter_mut().rfind(|part| part.id == id);
        part.ok_or_else(|| format!("there is no `{id}` yet"))
    }

    fn composer(self, case: &Path) -> Composer {
        let mut composer = Composer::new();
        for part in self.parts {
            composer.add(part.descriptor(case));
        }
        for [export, target] in self.export_hints {
            composer.with_export_hint(export, target);
        }
        if self.allow_cycles {
            composer.allow_cycles();
        }
        composer
    }

    /// The files of all components, nested ones too.
    fn files(self, files: &mut Vec<String>) {
        for part in self.parts {
            match part.content {
                Content::Component { file, .. } => files.push(file),
                Content::Group(group) => group.files(files),
            }
        }
    }
}

impl Part {
    fn new(id: &str, content: Content) -> Self {
        let (filters, import_hints, containments) = (Vec::new(), Vec::new(), Vec::new());
        let is_untrusted = false;
        Self { id: id.to_owned(), content, filters, import_hints, containments, is_untrusted }
    }

    fn component(id: &str, file: &str) -> Self {
        let linker = Box::new(Linker::new(engine()));
        Self::new(id, Content::Component { file: format!("{file}.wat"), linker })
    }

    fn linker(&mut self) -> Result<&mut Linker<()>, String> {
        match &mut self.content {
            Content::Component { linker, .. } => Ok(linker),
            Content::Group(_) => Err(format!("`{}` is a composer and has no linker", self.id)),
        }
    }

    fn descriptor(self, case: &Path) -> ComposableDescriptor {
        let descriptor = match self.content {
            Content::Component { file, linker } => {
                let store = || Store::new(engine(), ());
                // As text: an error of the text parser must not name a path of this machine.
                let component = ComposableComponent::new(read(&case.join(file)), *linker, store);
                filtered(self.id, component, &self.filters)
            }
            Content::Group(group) => filtered(self.id, group.composer(case), &self.filters),
        };
        let hints = self.import_hints.into_iter();
        let descriptor = hints.fold(descriptor, |it, (import, target, export)| match export {
            Some(export) => it.with_import_hint_as(import, target, export),
            None => it.with_import_hint(import, target),
        });
        let descriptor = if self.is_untrusted { descriptor.untrusted() } else { descriptor };
        let containments = self.containments.into_iter();
        containments.fold(descriptor, |it, (import, form)| it.with_containment(import, form))
    }
}

fn filtered(id: String, composable: impl Composable, filters: &[Filter]) -> ComposableDescriptor {
    let Some((first, rest)) = filters.split_first() else {
        return ComposableDescriptor::new(id, composable);
    };
    let filtered = rest.iter().fold(first.apply(composable), |it, filter| filter.apply(it));
    ComposableDescriptor::new(id, filtered)
}

impl Filter {
    fn apply(&self, composable: impl Composable) -> Filtered {
        let (Self::Expose(names) | Self::Hide(names)) = self;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match self {
            Self::Expose(_) => composable.exposing(&names),
            Self::Hide(_) => composable.hiding(&names),
        }
    }
}
