//! A plan as JSON.

use wasm_runtime_composer::{Export, Plan, PlanEdge};

/// The components, how each import is satisfied, and what is offered, by the names of the library.
pub(crate) fn plan(plan: &Plan) -> String {
    let components = plan.components().iter().map(|id| string(id));
    format!(
        "{{\n  \"components\": {},\n  \"edges\": {},\n  \"exports\": {}\n}}\n",
        array(components, 2),
        array(plan.edges().iter().map(edge), 2),
        array(plan.exports().iter().map(export), 2),
    )
}

fn edge(edge: &PlanEdge) -> String {
    format!(
        "{{ \"consumer\": {}, \"import\": {}, \"provider\": {}, \"export\": {} }}",
        string(&edge.consumer),
        string(&edge.import),
        optional(edge.provider.as_deref()),
        optional(edge.export.as_deref()),
    )
}

fn export(export: &Export) -> String {
    let functions = export.functions.iter().map(|function| {
        let ty = string(&function.ty.to_string());
        format!("{{ \"name\": {}, \"type\": {ty} }}", string(&function.name))
    });
    format!(
        "{{\n      \"name\": {},\n      \"providers\": {},\n      \"functions\": {}\n    }}",
        string(&export.name),
        array(export.providers.iter().map(|id| string(id)), 6),
        array(functions, 6),
    )
}

/// An array with an item on each line, inside of something that stands `indent` columns in.
fn array(items: impl Iterator<Item = String>, indent: usize) -> String {
    let items: Vec<_> = items.map(|item| format!("{:1$}{item}", "", indent + 2)).collect();
    if items.is_empty() {
        return "[]".to_owned();
    }
    format!("[\n{}\n{:indent$}]", items.join(",\n"), "")
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), string)
}

fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => json.extend(['\\', char]),
            char if char < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => json.push(char),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_hold_is_escaped() {
        assert_eq!(string("a\"b\\c\nd"), r#""a\"b\\c\u000ad""#);
    }
}
