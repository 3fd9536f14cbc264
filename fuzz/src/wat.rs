//! Component types in the text format.

use std::sync::Arc;

use wasm_runtime_composer::types::ValueType;

/// How the text format refers to a type. What may only be used by name there is added to `named`,
/// and is referred to as `$tN`.
pub fn reference(ty: &ValueType, named: &mut Vec<String>) -> String {
    let mut optional = |ty: &Option<ValueType>| ty.as_ref().map(|ty| reference(ty, named));
    let definition = match ty {
        ValueType::Result(types) => {
            let (ok, err) = (optional(&types.0), optional(&types.1));
            let err = err.map(|err| format!("(error {err})"));
            return format!("(result {} {})", ok.unwrap_or_default(), err.unwrap_or_default());
        }
        ValueType::Variant(cases) => {
            let cases = cases.iter().map(|(name, payload)| {
                format!(r#"(case "{name}" {})"#, optional(payload).unwrap_or_default())
            });
            format!("(variant {})", cases.collect::<String>())
        }
        ValueType::Stream(ty) => {
            let ty = ty.as_ref().map(|ty| reference(ty, named));
            return format!("(stream {})", ty.unwrap_or_default());
        }
        ValueType::Future(ty) => {
            let ty = ty.as_ref().map(|ty| reference(ty, named));
            return format!("(future {})", ty.unwrap_or_default());
        }
        ValueType::List(element) => return format!("(list {})", reference(element, named)),
        ValueType::FixedLengthList(element, n) => {
            return format!("(list {} {n})", reference(element, named));
        }
        ValueType::Map(types) => {
            let key = reference(&types.0, named);
            return format!("(map {key} {})", reference(&types.1, named));
        }
        ValueType::Tuple(types) => {
            let types: Vec<_> = types.iter().map(|ty| reference(ty, named)).collect();
            return format!("(tuple {})", types.join(" "));
        }
        ValueType::Option(ty) => return format!("(option {})", reference(ty, named)),
        ValueType::Record(fields) => {
            let fields = fields
                .iter()
                .map(|(name, ty)| format!(r#"(field "{name}" {})"#, reference(ty, named)));
            format!("(record {})", fields.collect::<String>())
        }
        ValueType::Enum(cases) => format!("(enum {})", quoted(cases)),
        ValueType::Flags(flags) => format!("(flags {})", quoted(flags)),
        // The others print alike in both formats.
        primitive => return primitive.to_string(),
    };
    named.push(definition);
    format!("$t{}", named.len() - 1)
}

fn quoted(names: &[Arc<str>]) -> String {
    names.iter().map(|name| format!(r#""{name}" "#)).collect()
}
