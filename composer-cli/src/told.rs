//! Problems of wiring in the words of the tool. The library's messages name functions of its Rust
//! interface, where the tool has options.

use wasm_runtime_composer::__private::plain;
use wasm_runtime_composer::error::{ChainProblem, LookupError, PlanProblem};
use wasm_runtime_composer::plan::OpenImport;

/// A problem: the message, and what to do about it.
pub(crate) struct Told {
    pub(crate) error: String,
    pub(crate) help: Vec<String>,
}

/// What the tool gives components of WASI.
const WASI: &str = "`wcompose` gives components `wasi:cli`, `wasi:clocks`, `wasi:config`, `wasi:filesystem`, \
                    `wasi:http`, `wasi:io`, `wasi:random` and `wasi:sockets`, in the versions 0.2 and 0.3.0";

pub(crate) fn told(problem: &PlanProblem) -> Told {
    let mut help = Vec::new();
    let error = match problem {
        PlanProblem::AmbiguousImport { component, import, export, providers, .. } => {
            let (import, export, component) = (plain(import), plain(export), plain(component));
            let name = if import == export { String::new() } else { format!(" as `{import}`") };
            format!("{} export `{export}`, imported by `{component}`{name}", all(providers))
        }
        PlanProblem::Unsatisfied {
            components,
            import,
            kind,
            items,
            other_versions,
            untrusted,
            source,
            ..
        } => {
            help.extend(help_for_missing(import, other_versions, untrusted));
            let import = &plain(import);
            let part = match items.as_slice() {
                [] => String::new(),
                items => format!("{} of ", items.join(", ")),
            };
            let (importers, versions) = (all_of(components), versions(other_versions));
            match source {
                None => format!(
                    "{part}{kind} `{import}`, imported by {importers}, is missing: no other component \
                     exports it{versions}"
                ),
                Some(source) => format!(
                    "{part}{kind} `{import}`, imported by {importers}, has another type than the host's, and \
                     no other component exports it{versions}: {source}"
                ),
            }
        }
        PlanProblem::NotInLinker { component, import, kind, .. } => {
            let (component, import) = (plain(component), plain(import));
            help.push("drop the hint, or let it name a component that exports it".to_owned());
            if import.starts_with("wasi:") {
                help.push(WASI.to_owned());
            }
            format!(
                "a hint leaves {kind} `{import}`, imported by `{component}`, to the host, which does not \
                 have it"
            )
        }
        PlanProblem::TornResource { consumer, import, resource, providers, .. } => {
            let [first, second] = providers;
            let (import, resource) = (plain(import), plain(resource));
            help.push(format!(
                "hint both imports to one component, as in `--import-hint {consumer}:{import}={first}`"
            ));
            format!(
                "resource `{resource}` of `{import}`, imported by `{consumer}`, would come from `{first}` and \
                 from `{second}`"
            )
        }
        PlanProblem::HostResource { .. } | PlanProblem::Uncarried { .. } => {
            help.push("`wcompose fuse` makes one component of them".to_owned());
            chain(problem)
        }
        PlanProblem::CodeImport { import, consumer, kind, .. } => {
            format!(
                "`{}`, imported by `{consumer}`, is a {kind}, and `wcompose` has none to give",
                plain(import)
            )
        }
        PlanProblem::Chain { interface, component, problem, .. } => {
            let option = format!("the `--chain` of `{}`", plain(interface));
            let component = plain(component);
            match problem {
                ChainProblem::Unknown { nearest, .. } => {
                    format!("{option} names the unknown component `{component}`{}", meant(nearest))
                }
                ChainProblem::Repeated => {
                    help.push(
                        "leave it out, or give its file a second time under another id, as in `id=FILE`"
                            .to_owned(),
                    );
                    format!("{option} names `{component}` twice")
                }
                ChainProblem::DoesNotImport { nearest, .. } => {
                    help.push(format!("put `{component}` at the end, or leave it out"));
                    format!(
                        "{option} has a component behind `{component}`, which does not import it{}",
                        meant(nearest)
                    )
                }
                ChainProblem::DoesNotExport { nearest, .. } => {
                    help.push(format!("leave `{component}` out"));
                    format!(
                        "{option} names `{component}`, which does not export it{}",
                        meant(nearest)
                    )
                }
                other => format!("{option} names `{component}`, {other}"),
            }
        }
        PlanProblem::Cycle { .. } => {
            help.push("`--allow-cycles` lets them".to_owned());
            chain(problem)
        }
        PlanProblem::InvalidId { .. } | PlanProblem::DuplicateId { .. } => {
            help.push("give another id, as in `id=FILE`".to_owned());
            chain(problem)
        }
        _ => chain(problem),
    };
    Told { error, help }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |it| format!("; did you mean `{}`?", plain(it)))
}

/// What is open in a plan: what that means, and what to do about it.
pub(crate) fn told_of_open(open: &[OpenImport]) -> Option<(String, Vec<String>)> {
    let names: Vec<String> = open.iter().map(|it| plain(&it.import)).collect();
    let (are, them) = match names.len() {
        0 => return None,
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    let note = format!("{} {are} open, and `wcompose run` needs {them}", all_of(&names));
    let of_one = |it: &OpenImport| help_for_missing(&it.import, &it.other_versions, &it.untrusted);
    let mut help: Vec<String> = open.iter().flat_map(of_one).collect();
    help.push(format!("a program in Rust can define {them} in the linkers of its components"));
    Some((note, help))
}

fn help_for_missing(
    import: &str,
    other_versions: &[(String, String)],
    untrusted: &[String],
) -> Vec<String> {
    let import = &plain(import);
    if let Some(id) = untrusted.first() {
        return vec![format!(
            "`{id}` exports it, and is not trusted; `--hint {import}={id}` takes it all the same"
        )];
    }
    if let Some((package, _)) = import.split_once('/').filter(|(it, _)| it.starts_with("wasi:")) {
        let add = format!("add a component that exports `{import}`");
        return vec![match WASI.contains(&format!("`{package}`")) {
            true => format!(
                "{WASI}, and none that fits this one; build the component for one of these, or {add}"
            ),
            false => format!("{WASI}, but not `{package}`; {add}"),
        }];
    }
    let as_it_is = other_versions.iter().map(|(component, export)| {
        format!(
            "if `{export}` is the same for what is used: `--hint {import}={component}:{export}`"
        )
    });
    let mut help: Vec<String> = as_it_is.collect();
    if help.is_empty() {
        help.push(format!(
            "add a component that exports `{import}`; if one has it under another name, \
             `--hint {import}=ID:EXPORT` says so"
        ));
    }
    help
}

/// The message for an export that several components have.
pub(crate) fn told_of_lookup(error: &LookupError) -> Option<Told> {
    let LookupError::Ambiguous { name, components, .. } = error else { return None };
    let help = export_hint(name, components);
    Some(Told {
        error: format!("{} export `{name}`", all(components)),
        help: help.into_iter().collect(),
    })
}

/// The option that chooses the provider of an export.
pub(crate) fn export_hint(name: &str, components: &[String]) -> Option<String> {
    Some(format!("choose with `--export-hint {name}={}`", components.first()?))
}

fn versions(other_versions: &[(String, String)]) -> String {
    let other = other_versions.iter().map(|(component, export)| {
        format!(" (`{component}` exports `{export}`, which is not compatible)")
    });
    other.collect()
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Writes "both `a` and `b`" or "`a`, `b` and `c`".
pub(crate) fn all(ids: &[String]) -> String {
    match ids {
        [_, _] => format!("both {}", all_of(ids)),
        _ => all_of(ids),
    }
}

/// Writes "`a` and `b`" or "`a`, `b` and `c`".
fn all_of(ids: &[String]) -> String {
    match ids {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}
