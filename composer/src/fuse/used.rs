//! Imports of a component that are types of interfaces which it imports as well: `use` in a WIT
//! world.

use std::collections::HashMap;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::{ComponentTypeRef, Parser, Payload, Result, Validator, WasmFeatures};

/// A type of an imported interface that the component imports by itself as well.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) name: String,
    /// The name of the interface's import.
    pub(super) interface: String,
    /// The type's name in the interface.
    pub(super) export: String,
}

/// The types that a component uses in its world. The engine lists only those that are resources, so
/// they are read from the binary.
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

/// The names of a component's imports, and whether types are among them.
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
