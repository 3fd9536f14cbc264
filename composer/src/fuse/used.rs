//! Imports of a component that are types of interfaces which it imports too: `use` in a world.

use std::collections::HashMap;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::{ComponentTypeRef, Parser, Payload, Result, Validator, WasmFeatures};

/// A type of an interface that is imported by itself too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) name: String,
    /// The interface, as it is imported.
    pub(super) interface: String,
    /// The type's name in the interface.
    pub(super) export: String,
}

/// The types that a component uses in its world. The engine lists but those that are resources.
pub(super) fn used(binary: &[u8]) -> Result<Vec<Used>> {
    let (names, has_types) = imports(binary)?;
    if !has_types {
        return Ok(Vec::new());
    }
    let types = Validator::new_with_features(WasmFeatures::all()).validate_all(binary)?;
    let mut known = HashMap::new();
    let mut used = Vec::new();
    for name in names {
        let Some(item) = types.component_item_for_import(&name) else { continue };
        match item.ty {
            ComponentEntityType::Instance(id) => {
                for (export, item) in &types[id].exports {
                    if let ComponentEntityType::Type { created, .. } = item.ty {
                        known.entry(created).or_insert_with(|| (name.clone(), export.clone()));
                    }
                }
            }
            ComponentEntityType::Type { referenced, created } => {
                let mut next = Some(referenced);
                while let Some(ty) = next {
                    if let Some((interface, export)) = known.get(&ty).cloned() {
                        known.insert(created, (interface.clone(), export.clone()));
                        used.push(Used { name, interface, export });
                        break;
                    }
                    next = types.peel_alias(ty);
                }
            }
            _ => {}
        }
    }
    Ok(used)
}

/// The names of what a component imports, and whether there are types among that.
fn imports(binary: &[u8]) -> Result<(Vec<String>, bool)> {
    let (mut names, mut has_types) = (Vec::new(), false);
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(binary) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    has_types |= matches!(import.ty, ComponentTypeRef::Type(_));
                    names.push(import.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((names, has_types))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_followed_to_the_interface_that_they_are_of() {
        let binary = wat::parse_str(
            r#"(component
                (import "a:b/files" (instance $files
                    (export "file" (type $file (sub resource)))
                    (type $entry (record (field "of" (own $file))))
                    (export "entry" (type (eq $entry)))))
                (alias export $files "entry" (type $entry))
                (import "record" (type $record (eq $entry)))
                (import "again" (type (eq $record)))
                (type $own (enum "a"))
                (import "own" (type (eq $own))))"#,
        )
        .expect("it is a component");
        let used = used(&binary).expect("it is valid");
        let of = |name: &str| Used {
            name: name.to_owned(),
            interface: "a:b/files".to_owned(),
            export: "entry".to_owned(),
        };
        assert_eq!(used, [of("record"), of("again")]);
    }
}
