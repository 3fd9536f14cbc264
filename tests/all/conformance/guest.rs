//! Components of the suite: code of one core module, with what it imports and exports.
//!
//! Built-ins and helpers are there if the code names them, as `$ws.wait` or `$settle`. Functions are
//! declared as `name: async(u32, future<u32>) -> string`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::iter;

/// How an export is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lift {
    /// The core function gives the result.
    Sync,
    /// As `Sync`, with a post-return function `NAME-post`.
    Post,
    /// With `task.return`, and a callback `NAME-cb`.
    Callback,
    /// With `task.return`, on a stack of its own.
    Stackful,
}

/// The three lifts of async functions.
pub(super) const LIFTS: [Lift; 3] = [Lift::Sync, Lift::Callback, Lift::Stackful];

/// How an import is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lower {
    Sync,
    Async,
}

/// A component under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Guest {
    code: String,
    imports: Vec<(Signature, String, Lower)>,
    exports: Vec<(Signature, Lift)>,
    /// Interfaces that it imports.
    interfaces: String,
    /// Items of the component, with the core functions they define: names and types.
    resources: String,
    natives: Vec<(String, String)>,
    exported: String,
    realloc: Option<String>,
}

impl Guest {
    /// `code` is in the text format, in which `#1` is `(i32.const 1)`, `@x` is `(local.get $x)`, and
    /// `(set x` is `(local.set $x`.
    pub(super) fn new(code: impl AsRef<str>) -> Self {
        Self { code: expand(code.as_ref()), ..Self::default() }
    }

    /// Whether its code names a function of the [`board`].
    pub(super) fn needs_board(&self) -> bool {
        let named = named(&self.with_helpers());
        self.exports.iter().all(|(it, _)| it.name != "begin")
            && BOARD.iter().any(|(name, _)| named.contains(*name))
    }

    /// More code.
    pub(super) fn more(mut self, code: &str) -> Self {
        self.code.push_str(&expand(code));
        self
    }

    /// Without a part of the code.
    pub(super) fn without(mut self, code: &str) -> Self {
        self.code = self.code.replace(&expand(code), "");
        self
    }

    /// An import, lowered under its own name.
    pub(super) fn import(self, signature: &str, lower: Lower) -> Self {
        let name = Signature::parse(signature).name;
        self.import_as(signature, lower, &name)
    }

    /// An import, lowered once more under another name.
    pub(super) fn import_as(mut self, signature: &str, lower: Lower, name: &str) -> Self {
        self.imports.push((Signature::parse(signature), name.to_owned(), lower));
        self
    }

    pub(super) fn export(mut self, signature: &str, lift: Lift) -> Self {
        self.exports.push((Signature::parse(signature), lift));
        self
    }

    /// Imports of the component that are no functions, and what they define.
    pub(super) fn interface(mut self, text: &str) -> Self {
        self.interfaces.push_str(text);
        self
    }

    /// Items of the component before its module, which may use its `$libc`, and the core functions among
    /// them that the module imports.
    pub(super) fn items(mut self, text: &str, natives: &[(&str, &str)]) -> Self {
        self.resources.push_str(text);
        let natives = natives.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned()));
        self.natives.extend(natives);
        self
    }

    /// Items of the component after its module, the instance `$m`.
    pub(super) fn exported(mut self, text: &str) -> Self {
        self.exported.push_str(text);
        self
    }

    /// A `realloc` of the main module in the place of the usual one, for what is lifted.
    pub(super) fn realloc(mut self, name: &str) -> Self {
        self.realloc = Some(name.to_owned());
        self
    }

    /// The component as a binary.
    pub(super) fn build(&self) -> Vec<u8> {
        if self.needs_board() {
            let named = named(&self.with_helpers());
            let mut guest = self.clone();
            for (name, ty) in BOARD.iter().filter(|(name, _)| named.contains(*name)) {
                guest = guest.import(&format!("{name}: {ty}"), Lower::Sync);
            }
            return guest.encode();
        }
        self.encode()
    }

    fn encode(&self) -> Vec<u8> {
        let text = self.text();
        let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let named = named(&self.with_helpers());
        cancellable(binary, &named)
    }

    fn with_helpers(&self) -> String {
        let mut code = String::new();
        let mut done = BTreeSet::new();
        loop {
            let named = named(&(code.clone() + &self.code));
            let more: Vec<_> = HELPERS.iter().filter(|(name, _)| named.contains(*name)).collect();
            let before = done.len();
            for (name, text) in more {
                if done.insert(*name) {
                    code.push_str(text);
                }
            }
            if done.len() == before {
                return code + &self.code;
            }
        }
    }

    fn text(&self) -> String {
        let code = self.with_helpers();
        let named = named(&code);
        let mut items = String::from(LIBC);
        let mut natives: Vec<(String, String)> = Vec::new();
        let mut text = String::from("(component\n");
        for (signature, name, _) in &self.imports {
            if *name == signature.name {
                let ty = signature.component_type();
                let _ = writeln!(text, "(import \"{name}\" (func $i-{name} {ty}))");
            }
        }
        text.push_str(&self.interfaces);
        for (name, ty) in PAYLOADS {
            if named.iter().any(|it| it.split_once('.').is_some_and(|(head, _)| head == *name)) {
                let _ = writeln!(items, "(type ${name} {ty})");
            }
        }
        for name in &named {
            let Some((canon, ty)) = builtin(name) else { continue };
            if !CANCELLABLE.iter().any(|(it, ..)| it == name) {
                let _ = writeln!(items, "(core func ${name} (canon {canon}))");
            }
            natives.push((name.clone(), ty));
        }
        // Each in a section of its own.
        for (name, ..) in CANCELLABLE.iter().filter(|(name, ..)| named.contains(*name)) {
            let (canon, _) = builtin(name).expect("it is one");
            let _ = writeln!(items, "(type u8) (core func ${name} (canon {canon})) (type u8)");
        }
        for (signature, name, lower) in &self.imports {
            let options = match lower {
                Lower::Sync => OPTIONS.to_owned(),
                Lower::Async => format!("async {OPTIONS}"),
            };
            let import = &signature.name;
            let _ =
                writeln!(items, "(core func ${name} (canon lower (func $i-{import}) {options}))");
            natives.push((name.clone(), signature.lowered(*lower)));
        }
        items.push_str(&self.resources);
        natives.extend(self.natives.iter().cloned());
        text.push_str(&items);
        text.push_str("(core module $M (import \"\" \"mem\" (memory 4))\n");
        text.push_str(
            " (import \"\" \"realloc\" (func $realloc (param i32 i32 i32 i32) (result i32)))\n",
        );
        for (name, ty) in &natives {
            let _ = writeln!(text, " (import \"\" \"{name}\" (func ${name} {ty}))");
        }
        text.push_str(&code);
        text.push_str(")\n(core instance $m (instantiate $M (with \"\" (instance");
        text.push_str(" (export \"mem\" (memory $mem)) (export \"realloc\" (func $realloc))");
        for (name, _) in &natives {
            let _ = write!(text, " (export \"{name}\" (func ${name}))");
        }
        text.push_str("))))\n");
        for (signature, lift) in &self.exports {
            let name = &signature.name;
            let how = match lift {
                Lift::Sync => String::new(),
                Lift::Post => format!("(post-return (core func $m \"{name}-post\"))"),
                Lift::Callback => format!("async (callback (core func $m \"{name}-cb\"))"),
                Lift::Stackful => "async".to_owned(),
            };
            let realloc = match &self.realloc {
                Some(name) => format!("(realloc (core func $m \"{name}\"))"),
                None => "(realloc $realloc)".to_owned(),
            };
            let ty = signature.component_type();
            let _ = writeln!(
                text,
                "(func (export \"{name}\") {ty} \
                 (canon lift (core func $m \"{name}\") {how} {MEMORY} {realloc}))"
            );
        }
        text.push_str(&self.exported);
        text.push(')');
        text
    }
}

const MEMORY: &str = "(memory $mem)";
const OPTIONS: &str = "(memory $mem) (realloc $realloc)";

const LIBC: &str = r#"(core module $Libc (memory (export "mem") 4)
 (global $next (mut i32) (i32.const 65536))
 (func (export "realloc") (param i32 i32 i32 i32) (result i32)
  (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get 3)))))
(core instance $libc (instantiate $Libc))
(alias core export $libc "mem" (core memory $mem))
(alias core export $libc "realloc" (core func $realloc))
"#;

/// Streams and futures by the names that their built-ins start with.
const PAYLOADS: &[(&str, &str)] = &[
    ("s", "(stream u32)"),
    ("b", "(stream u8)"),
    ("t", "(stream string)"),
    ("e", "(stream)"),
    ("f", "(future u32)"),
    ("g", "(future string)"),
    ("u", "(future)"),
];

/// Built-ins that tell of cancellation, which the text format has no word for: what is encoded instead,
/// and what it becomes.
const CANCELLABLE: &[(&str, &[u8], &[u8])] = &[
    ("yield-c", &[8, 3, 1, 0x0c, 0], &[8, 3, 1, 0x0c, 1]),
    ("ws.wait-c", &[8, 4, 1, 0x20, 0, 0], &[8, 4, 1, 0x20, 1, 0]),
    ("ws.poll-c", &[8, 4, 1, 0x21, 0, 0], &[8, 4, 1, 0x21, 1, 0]),
];

fn cancellable(mut binary: Vec<u8>, named: &BTreeSet<String>) -> Vec<u8> {
    for (_, from, to) in CANCELLABLE.iter().filter(|(name, ..)| named.contains(*name)) {
        let found: Vec<_> =
            binary.windows(from.len()).enumerate().filter(|(_, it)| it == from).collect();
        let [(at, _)] = found[..] else { panic!("{} places for {to:?}", found.len()) };
        binary[at..at + to.len()].copy_from_slice(to);
    }
    binary
}

/// What a name stands for: a definition and a core type.
fn builtin(name: &str) -> Option<(String, String)> {
    let plain = |canon: &str, ty: &str| Some((canon.to_owned(), ty.to_owned()));
    match name {
        "task.cancel" => return plain("task.cancel", ""),
        "inc" => return plain("backpressure.inc", ""),
        "dec" => return plain("backpressure.dec", ""),
        "ws.new" => return plain("waitable-set.new", "(result i32)"),
        "ws.drop" => return plain("waitable-set.drop", "(param i32)"),
        "ws.wait" | "ws.wait-c" => {
            let canon = format!("waitable-set.wait {MEMORY}");
            return plain(&canon, "(param i32 i32) (result i32)");
        }
        "ws.poll" | "ws.poll-c" => {
            let canon = format!("waitable-set.poll {MEMORY}");
            return plain(&canon, "(param i32 i32) (result i32)");
        }
        "join" => return plain("waitable.join", "(param i32 i32)"),
        "subtask.drop" => return plain("subtask.drop", "(param i32)"),
        "subtask.cancel" => return plain("subtask.cancel", "(param i32) (result i32)"),
        "subtask.cancel-a" => return plain("subtask.cancel async", "(param i32) (result i32)"),
        "yield" | "yield-c" => return plain("thread.yield", "(result i32)"),
        "ctx.get" => return plain("context.get i32 0", "(result i32)"),
        "ctx.set" => return plain("context.set i32 0", "(param i32)"),
        "ret" => return plain("task.return", ""),
        _ => {}
    }
    let (head, operation) = name.split_once('.')?;
    if head == "ret" {
        // An identifier cannot have a comma.
        let types = operation.replace('|', ",");
        let (ty, _) = Type::parse(&types);
        let text = ty.component_type();
        let params = ty.flat().join(" ");
        let canon = format!("task.return (result {text}) {MEMORY}");
        return Some((canon, format!("(param {params})")));
    }
    let (_, ty) = PAYLOADS.iter().find(|(name, _)| *name == head)?;
    let future = ty.starts_with("(future");
    let kind = if future { "future" } else { "stream" };
    let copies = if future { "(param i32 i32)" } else { "(param i32 i32 i32)" };
    let (operation, rest, ty) = match operation {
        "new" => ("new", String::new(), "(result i64)".to_owned()),
        "read" | "write" => {
            (operation, format!("async {OPTIONS}"), format!("{copies} (result i32)"))
        }
        "read-s" => ("read", OPTIONS.to_owned(), format!("{copies} (result i32)")),
        "write-s" => ("write", OPTIONS.to_owned(), format!("{copies} (result i32)")),
        "cancel-read" | "cancel-write" => {
            (operation, String::new(), "(param i32) (result i32)".to_owned())
        }
        "cancel-read-a" => {
            ("cancel-read", "async".to_owned(), "(param i32) (result i32)".to_owned())
        }
        "cancel-write-a" => {
            ("cancel-write", "async".to_owned(), "(param i32) (result i32)".to_owned())
        }
        "drop-r" => ("drop-readable", String::new(), "(param i32)".to_owned()),
        "drop-w" => ("drop-writable", String::new(), "(param i32)".to_owned()),
        _ => return None,
    };
    Some((format!("{kind}.{operation} ${head} {rest}"), ty))
}

fn expand(code: &str) -> String {
    let code = code.replace("(set ", "(local.set $");
    let mut text = String::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find(['#', '@']) {
        let (before, found) = rest.split_at(at);
        text.push_str(before);
        let (sign, after) = found.split_at(1);
        let end = after.find(|c: char| c != '-' && !c.is_alphanumeric()).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        match sign {
            "#" => text.push_str(&format!("(i32.const {word})")),
            _ => text.push_str(&format!("(local.get ${word})")),
        }
        rest = after;
    }
    text + rest
}

/// The function `run`, with locals; those that end with `:64` are as long.
pub(super) fn run(locals: &str, body: &str) -> String {
    function("run", "(result i32)", locals, body)
}

/// A component on which others see how many calls have begun.
pub(super) fn board() -> Guest {
    let code = "(global $n (mut i32) (i32.const 0))\n".to_owned()
        + &function("begin", "", "", "(global.set $n (i32.add (global.get $n) #1))")
        + &function("begun", "(result i32)", "", "(global.get $n)");
    let board = BOARD.iter().map(|(name, ty)| format!("{name}: {ty}"));
    board.fold(Guest::new(code), |guest, signature| guest.export(&signature, Lift::Sync))
}

const BOARD: &[(&str, &str)] = &[("begin", "()"), ("begun", "() -> u32")];

/// An exported function.
pub(super) fn function(name: &str, ty: &str, locals: &str, body: &str) -> String {
    let locals: String = locals
        .split_whitespace()
        .map(|local| match local.strip_suffix(":64") {
            Some(local) => format!("(local ${local} i64) "),
            None => format!("(local ${local} i32) "),
        })
        .collect();
    format!("(func (export \"{name}\") {ty} {locals}\n {body})\n")
}

/// The function `name: async(future<u32>) -> u32`, which runs `start`, waits for the future, runs `done`
/// and gives what it got.
pub(super) fn waits(name: &str, lift: Lift, start: &str, done: &str) -> String {
    let wait = "(set p (call $realloc #0 #0 #4 #16))
 (drop (call $settle @f (call $f.read @f @p))) (call $f.drop-r @f)";
    match lift {
        Lift::Sync | Lift::Post => {
            let body = format!("{start} {wait} {done} (i32.load @p)");
            function(name, "(param $f i32) (result i32)", "p", &body)
        }
        Lift::Stackful => {
            let body = format!("{start} {wait} {done} (call $ret.u32 (i32.load @p))");
            function(name, "(param $f i32)", "p", &body)
        }
        Lift::Callback => {
            let body = format!(
                "{start} (set p (call $realloc #0 #0 #4 #16)) (call $ctx.set @p)
 (i32.store @p @f)
 (if (i32.ne (call $f.read @f (i32.add @p #8)) #-1) (then (return (call ${name}-done))))
 (i32.store offset=4 @p (call $ws.new)) (call $join @f (i32.load offset=4 @p))
 (i32.or #2 (i32.shl (i32.load offset=4 @p) #4))"
            );
            let woken = format!(
                "(set p (call $ctx.get)) (call $join (i32.load @p) #0)
 (call $ws.drop (i32.load offset=4 @p)) (call ${name}-done)"
            );
            let done = format!(
                "(func ${name}-done (result i32) (local $p i32) (set p (call $ctx.get))
 (call $f.drop-r (i32.load @p)) {done} (call $ret.u32 (i32.load offset=8 @p)) #0)\n"
            );
            function(name, "(param $f i32) (result i32)", "p", &body)
                + &function(&format!("{name}-cb"), "(param i32 i32 i32) (result i32)", "p", &woken)
                + &done
        }
    }
}

/// The function `name: async(..) -> u32`, which runs `body` and gives `value`.
pub(super) fn gives(name: &str, lift: Lift, params: &str, body: &str, value: &str) -> String {
    match lift {
        Lift::Sync | Lift::Post => {
            function(name, &format!("{params} (result i32)"), "", &format!("{body} {value}"))
        }
        Lift::Stackful => function(name, params, "", &format!("{body} (call $ret.u32 {value})")),
        Lift::Callback => {
            let body = format!("{body} (call $ret.u32 {value}) #0");
            function(name, &format!("{params} (result i32)"), "", &body)
                + &function(
                    &format!("{name}-cb"),
                    "(param i32 i32 i32) (result i32)",
                    "",
                    "unreachable",
                )
        }
    }
}

/// The identifiers in a text.
fn named(code: &str) -> BTreeSet<String> {
    let parts = code.split('$').skip(1);
    let ends = |c: char| c.is_whitespace() || c == ')' || c == '(';
    parts.filter_map(|it| it.split(ends).next()).map(str::to_owned).collect()
}

/// Functions that code may call.
const HELPERS: &[(&str, &str)] = &[
    ("lo", "(func $lo (param i64) (result i32) (i32.wrap_i64 (local.get 0)))\n"),
    (
        "hi",
        "(func $hi (param i64) (result i32) (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32))))\n",
    ),
    // A subtask's handle and its state, out of what an async call gave.
    ("h", "(func $h (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 4)))\n"),
    ("st", "(func $st (param i32) (result i32) (i32.and (local.get 0) (i32.const 15)))\n"),
    // Waits for an event of one waitable; gives the event, leaves its code at 4.
    (
        "wait",
        "(func $wait (param $h i32) (result i32) (local $ws i32) (local $e i32)
 (local.set $ws (call $ws.new)) (call $join (local.get $h) (local.get $ws))
 (local.set $e (call $ws.wait (local.get $ws) (i32.const 0)))
 (call $join (local.get $h) (i32.const 0)) (call $ws.drop (local.get $ws)) (local.get $e))\n",
    ),
    // The code of a copy, for which it waits if need be.
    (
        "settle",
        "(func $settle (param $h i32) (param $code i32) (result i32)
 (if (i32.eq (local.get $code) (i32.const -1))
  (then (drop (call $wait (local.get $h))) (return (i32.load (i32.const 4)))))
 (local.get $code))\n",
    ),
    // Waits until an async call has been resolved, and drops it; gives its state.
    (
        "await",
        "(func $await (param $st i32) (result i32) (local $code i32)
 (if (i32.eq (call $st (local.get $st)) (i32.const 2)) (then (return (i32.const 2))))
 (loop $again
  (drop (call $wait (call $h (local.get $st))))
  (local.set $code (i32.load (i32.const 4)))
  (br_if $again (i32.lt_u (local.get $code) (i32.const 2))))
 (call $subtask.drop (call $h (local.get $st)))
 (local.get $code))\n",
    ),
    // Cancels an async call and drops it; gives its state.
    (
        "cancel",
        "(func $cancel (param $st i32) (result i32) (local $code i32)
 (if (i32.eq (call $st (local.get $st)) (i32.const 2)) (then (return (i32.const 2))))
 (local.set $code (call $subtask.cancel (call $h (local.get $st))))
 (call $subtask.drop (call $h (local.get $st)))
 (local.get $code))\n",
    ),
    (
        "cancel-later",
        "(func $cancel-later (param $st i32) (result i32) (local $code i32)
 (if (i32.eq (call $st (local.get $st)) (i32.const 2)) (then (return (i32.const 2))))
 (local.set $code (call $subtask.cancel-a (call $h (local.get $st))))
 (if (i32.eq (local.get $code) (i32.const -1)) (then (return (call $await (local.get $st)))))
 (call $subtask.drop (call $h (local.get $st)))
 (local.get $code))\n",
    ),
    (
        "pause",
        "(func $pause (param $n i32)
 (loop $again (drop (call $yield))
  (local.set $n (i32.sub (local.get $n) (i32.const 1)))
  (br_if $again (i32.gt_s (local.get $n) (i32.const 0)))))\n",
    ),
    // Waits until so many calls have begun.
    (
        "until-begun",
        "(func $until-begun (param $n i32)
 (loop $again (drop (call $yield)) (br_if $again (i32.lt_u (call $begun) (local.get $n)))))\n",
    ),
    // Notes a digit; `log` tells all.
    (
        "note",
        "(global $noted (mut i32) (i32.const 0))
(func $note (param i32)
 (global.set $noted (i32.add (i32.mul (global.get $noted) (i32.const 10)) (local.get 0))))
(func (export \"log\") (export \"log-b\") (result i32) (global.get $noted))\n",
    ),
    // Writes a future's value; gives the code.
    (
        "send",
        "(func $send (param $t i64) (param $n i32) (result i32) (local $p i32) (local $code i32)
 (local.set $p (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4)))
 (i32.store (local.get $p) (local.get $n))
 (local.set $code (call $f.write (call $hi (local.get $t)) (local.get $p)))
 (local.set $code (call $settle (call $hi (local.get $t)) (local.get $code)))
 (call $f.drop-w (call $hi (local.get $t)))
 (local.get $code))\n",
    ),
    // Digits, the second after the first.
    (
        "then",
        "(func $then (param i32 i32) (result i32)
 (i32.add (i32.mul (local.get 0) (i32.const 10)) (local.get 1)))\n",
    ),
];

/// A function: its name, whether it is async, and its types.
#[derive(Clone, Debug)]
struct Signature {
    name: String,
    is_async: bool,
    params: Vec<Type>,
    result: Option<Type>,
}

impl Signature {
    fn parse(text: &str) -> Self {
        let (name, ty) = text.split_once(": ").expect("a name and a type");
        let (is_async, ty) = match ty.strip_prefix("async") {
            Some(ty) => (true, ty),
            None => (false, ty),
        };
        let mut rest = ty.strip_prefix('(').expect("parameters");
        let mut params = Vec::new();
        while !rest.starts_with(')') {
            let (ty, after) = Type::parse(rest);
            params.push(ty);
            rest = after.strip_prefix(", ").unwrap_or(after);
        }
        let result = rest.strip_prefix(") -> ").map(|it| Type::parse(it).0);
        Self { name: name.to_owned(), is_async, params, result }
    }

    fn component_type(&self) -> String {
        let mut text = String::from(if self.is_async { "async" } else { "" });
        for (n, param) in self.params.iter().enumerate() {
            let _ = write!(text, " (param \"p{n}\" {})", param.component_type());
        }
        if let Some(result) = &self.result {
            let _ = write!(text, " (result {})", result.component_type());
        }
        text
    }

    /// The core function that the lowered import is.
    fn lowered(&self, lower: Lower) -> String {
        let most = if lower == Lower::Sync { 16 } else { 4 };
        let mut params: Vec<_> = self.params.iter().flat_map(Type::flat).collect();
        if params.len() > most {
            params = vec!["i32"];
        }
        let mut result = self.result.as_ref().map_or_else(Vec::new, Type::flat);
        match lower {
            Lower::Sync if result.len() > 1 => {
                params.push("i32");
                result.clear();
            }
            Lower::Sync => {}
            Lower::Async => {
                params.extend((!result.is_empty()).then_some("i32"));
                result = vec!["i32"];
            }
        }
        let list = |word: &str, types: &[&str]| match types {
            [] => String::new(),
            _ => format!("({word} {}) ", types.join(" ")),
        };
        list("param", &params) + &list("result", &result)
    }
}

#[derive(Clone, Debug)]
enum Type {
    Named(String),
    Of(String, Vec<Self>),
}

impl Type {
    /// A type at the start of a text, and what follows it.
    fn parse(text: &str) -> (Self, &str) {
        let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        let Some(inside) = rest.strip_prefix('<') else {
            return match name {
                "stream" | "future" => (Self::Of(name.to_owned(), Vec::new()), rest),
                _ => (Self::Named(name.to_owned()), rest),
            };
        };
        rest = inside;
        let mut args = Vec::new();
        loop {
            let (arg, after) = Self::parse(rest);
            args.push(arg);
            match after.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None => {
                    return (
                        Self::Of(name.to_owned(), args),
                        after.strip_prefix('>').expect("an end"),
                    );
                }
            }
        }
    }

    fn component_type(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Of(name, args) => {
                let args = args.iter().map(Self::component_type);
                let all: Vec<_> = iter::once(name.clone()).chain(args).collect();
                format!("({})", all.join(" "))
            }
        }
    }

    fn flat(&self) -> Vec<&'static str> {
        match self {
            Self::Named(name) => match name.as_str() {
                "u64" => vec!["i64"],
                "string" => vec!["i32", "i32"],
                _ => vec!["i32"],
            },
            Self::Of(name, args) => match name.as_str() {
                "list" => vec!["i32", "i32"],
                "tuple" => args.iter().flat_map(Self::flat).collect(),
                _ => vec!["i32"],
            },
        }
    }
}
