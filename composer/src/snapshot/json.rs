//! Plans and snapshots as JSON, and as a page that draws them.
//!
//! Names of components are untrusted text, so characters that would affect a terminal or a script
//! element are written as escapes of JSON, which mean the same.

use serde_json::{Value, json};

use super::Snapshot;
use crate::error::{is_plain, with_causes};
use crate::layer::EdgeCounts;
use crate::plan::{Export, OpenImport, Plan, PlanEdge};
use crate::run::{ComponentSnapshot, InstanceSnapshot, InstanceState};

/// The page. It draws the snapshot that is embedded in it, or requests `snapshot.json` repeatedly.
const PAGE: &str = include_str!("page.html");
/// The text of the page that is replaced by the snapshot.
const PLACE: &str = "\"SNAPSHOT\"";

impl Plan {
    /// The plan as JSON, with feature `json`: an object with `components`, `fused`, `edges` (`consumer`, `import`,
    /// `provider`, `export`, `carries`), `exports` (`name`, `providers`, and `functions` with `name` and `type`) and
    /// `open_imports` (`import`, `kind`, `consumers`, and `items` if only these are missing of an interface).
    pub fn to_json(&self) -> String {
        text(&self.json())
    }

    fn json(&self) -> Value {
        json!({
            "components": self.components(),
            "fused": self.fused(),
            "edges": self.edges().iter().map(edge).collect::<Vec<_>>(),
            "exports": self.exports().iter().map(export).collect::<Vec<_>>(),
            "open_imports": self.open_imports().iter().map(open_import).collect::<Vec<_>>(),
        })
    }
}

fn edge(edge: &PlanEdge) -> Value {
    json!({
        "consumer": edge.consumer,
        "import": edge.import,
        "provider": edge.provider,
        "export": edge.export,
        "carries": edge.carries,
    })
}

fn export(export: &Export) -> Value {
    let functions = export
        .functions
        .iter()
        .map(|function| json!({ "name": function.name, "type": format!("{:#}", function.ty) }));
    json!({
        "name": export.name,
        "providers": export.providers,
        "functions": functions.collect::<Vec<_>>(),
    })
}

fn open_import(open: &OpenImport) -> Value {
    json!({
        "import": open.import,
        "kind": open.kind,
        "consumers": open.consumers,
        "items": open.items,
    })
}

impl Snapshot {
    /// The snapshot as JSON, with feature `json`: an object with `components` (`id`, `instances`, `waiting`, `retiring`),
    /// `calls` (as [`EdgeCounts`] has them, `time` in seconds), `live_handles`, `closed` and `plan`, as
    /// [`Plan::to_json`] gives it. An instance has `state`, `reason` if it does not run, `waiting`, `capacity`, `running`,
    /// `live_handles`, `open_streams`, `restarts` and `renewals`.
    pub fn to_json(&self) -> String {
        text(&self.json())
    }

    /// A page that draws the snapshot, with feature `json`. It is self-contained and needs no
    /// network.
    pub fn to_html(&self) -> String {
        // Inside a script element, only `<` could begin something that ends it.
        let snapshot = escaped(&self.json().to_string()).replace('<', "\\u003c");
        PAGE.replacen(PLACE, &snapshot, 1)
    }

    /// A page that shows a composition while it runs, with feature `json`: the graph, the state of
    /// each component, and the calls per second along each edge.
    ///
    /// It requests `snapshot.json`, relative to its own address, once a second. Serve the text of
    /// [`to_json`](Self::to_json) there, and both only to those who may see them.
    pub fn live_page() -> &'static str {
        PAGE
    }

    fn json(&self) -> Value {
        json!({
            "components": self.components.iter().map(component).collect::<Vec<_>>(),
            "calls": self.calls.iter().map(calls).collect::<Vec<_>>(),
            "live_handles": self.live_handles,
            "closed": self.closed,
            "plan": self.plan.json(),
        })
    }
}

fn component(component: &ComponentSnapshot) -> Value {
    json!({
        "id": component.id,
        "instances": component.instances.iter().map(instance).collect::<Vec<_>>(),
        "waiting": component.waiting,
        "retiring": component.retiring,
    })
}

fn instance(instance: &InstanceSnapshot) -> Value {
    let reason = match &instance.state {
        InstanceState::Restarting { reason } | InstanceState::Ended { reason } => {
            Some(with_causes(reason))
        }
        InstanceState::NotStarted | InstanceState::Running => None,
    };
    json!({
        "state": instance.state.name(),
        "reason": reason,
        "waiting": instance.waiting,
        "capacity": instance.capacity,
        "running": instance.running,
        "live_handles": instance.live_handles,
        "open_streams": instance.open_streams,
        "restarts": instance.restarts,
        "renewals": instance.renewals,
    })
}

fn calls(edge: &EdgeCounts) -> Value {
    json!({
        "consumer": edge.consumer,
        "provider": edge.provider,
        "export": edge.export,
        "calls": edge.calls,
        "failures": edge.failures,
        "abandoned": edge.abandoned,
        "running": edge.running,
        "time": edge.time.as_secs_f64(),
    })
}

fn text(value: &Value) -> String {
    escaped(&format!("{value:#}\n"))
}

/// The same JSON with characters escaped that a terminal would not simply show.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings JSON has only ASCII, in which the line feed is the only character to
        // keep.
        match is_plain(c.encode_utf8(&mut [0; 4])) || c == '\n' {
            true => text.push(c),
            false => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    text
}
