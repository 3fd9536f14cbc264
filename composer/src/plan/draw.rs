//! Plans as drawings, in DOT and as Mermaid flowcharts.
//!
//! Both draw the same graph; `Notes` lets `snapshot` add live numbers to the nodes and edges.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::resolution::HOST;
use super::{Export, OpenImport, Plan, PlanEdge};
use crate::error::{listed, plain, plain_lines};

/// Text that a drawing adds to the plan.
pub(crate) trait Notes {
    /// The note beside a component.
    fn component(&self, id: &str) -> Option<String>;

    /// The note on the edge from `consumer`, or from outside the composition if that is `None`, to
    /// `provider`.
    fn edge(&self, consumer: Option<&str>, provider: &str, export: &str) -> Option<String>;
}

/// Adds no notes.
struct Bare;

impl Notes for Bare {
    fn component(&self, _: &str) -> Option<String> {
        None
    }

    fn edge(&self, _: Option<&str>, _: &str, _: &str) -> Option<String> {
        None
    }
}

impl Plan {
    /// The graph in Graphviz's DOT language: an arrow points from the importer to the provider.
    pub fn to_dot(&self) -> String {
        self.dot(&Bare)
    }

    /// The graph as a Mermaid flowchart: an arrow points from the importer to the provider.
    pub fn to_mermaid(&self) -> String {
        self.mermaid(&Bare)
    }

    pub(crate) fn dot(&self, notes: &impl Notes) -> String {
        let mut dot = "digraph composition {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
        let node = |id: &str| match notes.component(id) {
            Some(note) => format!("{} [label={}]", quoted(id), quoted(&format!("{id}\n{note}"))),
            None => quoted(id),
        };
        for id in self.components.iter().filter(|id| self.fused_into(id).is_none()) {
            let _ = writeln!(dot, "  {};", node(id));
        }
        for group in &self.fused {
            let _ = writeln!(dot, "  subgraph {} {{", quoted(&format!("cluster {group}")));
            let _ = writeln!(dot, "    label={};", quoted(&group_label(group, notes)));
            for id in self.components.iter().filter(|id| self.fused_into(id) == Some(group)) {
                let _ = writeln!(dot, "    {};", node(id));
            }
            dot.push_str("  }\n");
        }
        if self.edges.iter().any(|edge| edge.provider.is_none()) {
            let _ = writeln!(dot, "  {} [style=dashed];", quoted(HOST));
        }
        for edge in &self.edges {
            let provider = edge.provider.as_deref().unwrap_or(HOST);
            let (from, to) = (quoted(&edge.consumer), quoted(provider));
            let _ = writeln!(dot, "  {from} -> {to} [label={}];", quoted(&edge.label(notes)));
        }
        for export in &self.exports {
            let name = quoted(&format!("export {}", plain(&export.name)));
            let _ = writeln!(
                dot,
                "  {name} [shape=plaintext, label={}];",
                quoted(&plain(&export.name).to_string())
            );
            for id in &export.drawn_to {
                let mut attributes = Vec::new();
                if export.is_ambiguous() {
                    attributes.push("style=dotted".to_owned());
                }
                if let Some(note) = export.note(id, notes) {
                    attributes.push(format!("label={}", quoted(&note)));
                }
                let attributes = match attributes.is_empty() {
                    true => String::new(),
                    false => format!(" [{}]", attributes.join(", ")),
                };
                let _ = writeln!(dot, "  {name} -> {}{attributes};", quoted(id));
            }
        }
        for open in &self.open {
            let name = quoted(&format!("open {}", plain(&open.import)));
            let label = quoted(&open.label());
            let _ = writeln!(dot, "  {name} [shape=plaintext, label={label}];");
            for id in &open.consumers {
                let _ = writeln!(dot, "  {} -> {name} [style=dashed];", quoted(id));
            }
        }
        dot.push_str("}\n");
        dot
    }

    pub(crate) fn mermaid(&self, notes: &impl Notes) -> String {
        let mut text = "flowchart LR\n".to_owned();
        let numbered = self.components.iter().enumerate();
        let numbers: HashMap<&str, usize> = numbered.map(|(index, id)| (&**id, index)).collect();
        let node = |id: &str| match numbers.get(id) {
            Some(index) => format!("c{index}"),
            None => HOST.to_owned(),
        };
        let declare = |text: &mut String, indent: &str, group: Option<&str>| {
            for (index, id) in self.components.iter().enumerate() {
                if self.fused_into(id) == group {
                    let note = notes.component(id).map(|note| format!("\n{note}"));
                    let label = escaped(&format!("{id}{}", note.unwrap_or_default()));
                    let _ = writeln!(text, "{indent}c{index}[\"{label}\"]");
                }
            }
        };
        declare(&mut text, "  ", None);
        for (number, group) in self.fused.iter().enumerate() {
            let label = escaped(&group_label(group, notes));
            let _ = writeln!(text, "  subgraph f{number}[\"{label}\"]");
            declare(&mut text, "    ", Some(group));
            text.push_str("  end\n");
        }
        if self.edges.iter().any(|edge| edge.provider.is_none()) {
            let _ = writeln!(text, "  {HOST}([\"{HOST}\"])");
        }
        for edge in &self.edges {
            let to = node(edge.provider.as_deref().unwrap_or(HOST));
            let label = escaped(&edge.label(notes));
            let _ = writeln!(text, "  {} -->|\"{label}\"| {to}", node(&edge.consumer));
        }
        for (index, export) in self.exports.iter().enumerate() {
            let _ = writeln!(text, "  e{index}>\"{}\"]", escaped(&plain(&export.name).to_string()));
            let arrow = if export.is_ambiguous() { "-.->" } else { "-->" };
            for id in &export.drawn_to {
                let note = export.note(id, notes).map(|note| format!("|\"{}\"|", escaped(&note)));
                let _ =
                    writeln!(text, "  e{index} {arrow}{} {}", note.unwrap_or_default(), node(id));
            }
        }
        for (index, open) in self.open.iter().enumerate() {
            let _ = writeln!(text, "  o{index}>\"{}\"]", escaped(&open.label()));
            for id in &open.consumers {
                let _ = writeln!(text, "  {} -.-> o{index}", node(id));
            }
        }
        text
    }
}

impl PlanEdge {
    fn label(&self, notes: &impl Notes) -> String {
        let mut name = match &self.export {
            Some(export) if *export != self.import => {
                format!("{} = {}", plain(&self.import), plain(export))
            }
            _ => plain(&self.import).to_string(),
        };
        if !self.carries.is_empty() {
            name = format!("{name}\ncarries {}", listed(&self.carries, ", "));
        }
        let ends = self.provider.as_deref().zip(self.export.as_deref());
        let note =
            ends.and_then(|(provider, export)| notes.edge(Some(&self.consumer), provider, export));
        match note {
            Some(note) => format!("{name}\n{note}"),
            None => name,
        }
    }
}

impl OpenImport {
    fn label(&self) -> String {
        format!("{}\nopen", plain(&self.import))
    }
}

impl Export {
    fn note(&self, provider: &str, notes: &impl Notes) -> Option<String> {
        notes.edge(None, provider, &self.name)
    }
}

fn group_label(group: &str, notes: &impl Notes) -> String {
    match notes.component(group) {
        Some(note) => format!("{group}, fused\n{note}"),
        None => format!("{group}, fused"),
    }
}

/// A DOT string.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", plain_lines(text).to_string().replace('\n', "\\n"))
}

/// Text inside a Mermaid string.
fn escaped(text: &str) -> String {
    plain_lines(text.replace('"', "#quot;")).to_string().replace('\n', "<br/>")
}
