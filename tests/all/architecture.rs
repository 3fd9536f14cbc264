//! ARCHITECTURE.md lists the rooms of the sources from the ground up. The imports of the sources say the same: none
//! needs a room of its own line or of one above.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use composer_tests::folder;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module, from its crate's root.
type Module = Vec<String>;

/// The modules of one crate.
struct Sources {
    modules: BTreeMap<Module, Source>,
}

/// What is looked at of a module.
#[derive(Default)]
struct Source {
    /// What it defines.
    defined: BTreeSet<String>,
    /// What it imports: the name that this has here, and its path; with whether it is passed on.
    imports: Vec<(String, Vec<String>, bool)>,
    /// The paths in its code.
    paths: Vec<Vec<String>>,
}

/// One module needs another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: Module,
    to: Module,
}

impl Source {
    fn read(text: &str) -> Self {
        let mut source = Self::default();
        source.tokens(text.parse().expect("sources are made of tokens"));
        source
    }

    fn tokens(&mut self, tokens: TokenStream) {
        const DEFINING: &[&str] =
            &["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod"];
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let word = |index: usize| match tokens.get(index) {
            Some(TokenTree::Ident(ident)) => ident.to_string(),
            _ => String::new(),
        };
        let is_mark = |index: usize, mark: char| matches!(tokens.get(index), Some(TokenTree::Punct(it)) if it.as_char() == mark);
        let (mut index, mut for_tests, mut public) = (0, false, false);
        while index < tokens.len() {
            match (&tokens[index], &*word(index)) {
                (TokenTree::Punct(mark), _) if mark.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = tokens.get(index + 1) {
                        let text = group.stream().to_string();
                        for_tests |= text.starts_with("cfg") && text.contains("test");
                    }
                    index += 2;
                    continue;
                }
                (_, "pub") => {
                    public = true;
                    index += 1;
                    if let Some(TokenTree::Group(group)) = tokens.get(index)
                        && group.delimiter() == Delimiter::Parenthesis
                    {
                        index += 1;
                    }
                    continue;
                }
                (_, "use") => {
                    let end = (index..tokens.len()).find(|at| is_mark(*at, ';'));
                    let end = end.unwrap_or(tokens.len());
                    // Closures capture by `use<..>`, which is no import.
                    if !is_mark(index + 1, '<') {
                        self.import(&tokens[index + 1..end], &[], public);
                        index = end;
                    }
                }
                (_, "mod") if for_tests => {
                    // Tests may need what they like.
                    index += 2;
                }
                (_, kind) if DEFINING.contains(&kind) && !word(index + 1).is_empty() => {
                    self.defined.insert(word(index + 1));
                    index += 1;
                }
                (TokenTree::Group(group), _) => self.tokens(group.stream()),
                (TokenTree::Ident(_), first) => {
                    let follows = |mark| index > 0 && is_mark(index - 1, mark);
                    let is_step = follows(':') && index > 1 && is_mark(index - 2, ':');
                    let is_start = !is_step && !follows('.');
                    let mut path = vec![first.to_owned()];
                    while is_start && is_mark(index + 1, ':') && is_mark(index + 2, ':') {
                        let step = word(index + 3);
                        if step.is_empty() {
                            break;
                        }
                        path.push(step);
                        index += 3;
                    }
                    if path.len() > 1 {
                        self.paths.push(path);
                    }
                }
                _ => {}
            }
            (for_tests, public) = (false, false);
            index += 1;
        }
    }

    fn import(&mut self, tree: &[TokenTree], prefix: &[String], public: bool) {
        let mut path = prefix.to_vec();
        let mut name = None;
        let mut tree = tree.iter().peekable();
        while let Some(token) = tree.next() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => {
                    name = tree.next().map(ToString::to_string);
                }
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    let is_comma = |it: &TokenTree| matches!(it, TokenTree::Punct(mark) if mark.as_char() == ',');
                    for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
                        self.import(part, &path, public);
                    }
                    return;
                }
                _ => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.imports.push((name, path, public));
        }
    }
}

impl Sources {
    /// The modules in a folder of sources.
    fn read(root: &Path) -> Self {
        fn gather(folder: &Path, module: &Module, found: &mut BTreeMap<Module, Source>) {
            for entry in std::fs::read_dir(folder).expect("there are sources") {
                let path = entry.expect("folders can be read").path();
                let stem = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
                let mut inner = module.clone();
                if path.is_dir() {
                    inner.push(stem);
                    gather(&path, &inner, found);
                } else if path.extension().is_some_and(|it| it == "rs") && stem != "tests" {
                    if !["mod", "lib", "main"].contains(&&*stem) {
                        inner.push(stem);
                    }
                    let text = std::fs::read_to_string(&path).expect("sources are text");
                    found.insert(inner, Source::read(&text));
                }
            }
        }
        let mut modules = BTreeMap::new();
        gather(root, &Vec::new(), &mut modules);
        Self { modules }
    }

    fn of(files: &[(&str, &str)]) -> Self {
        let module = |path: &str| -> Module {
            path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect()
        };
        let modules = files.iter().map(|(path, text)| (module(path), Source::read(text)));
        Self { modules: modules.collect() }
    }

    /// A path of `module` from the crate's root, if it is one of the crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (mut base, mut rest) = (module.clone(), path);
        match &*path[0] {
            "crate" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|it| it == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                let child: Module = base.iter().cloned().chain([first.to_owned()]).collect();
                self.modules.get(&child)?;
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module that defines what a path from the root names, whoever passes it on.
    fn definer(&self, path: &[String], seen: &mut BTreeSet<Vec<String>>) -> Option<Module> {
        if !seen.insert(path.to_vec()) {
            return None;
        }
        let depth = (0..=path.len()).rev().find(|it| self.modules.contains_key(&path[..*it]))?;
        let (module, rest) = (path[..depth].to_vec(), &path[depth..]);
        let Some(name) = rest.first() else { return Some(module) };
        let source = &self.modules[&module];
        if source.defined.contains(name) || name == "*" {
            return Some(module);
        }
        let imports = source.imports.iter().filter(|(it, ..)| it == name);
        for (_, import, _) in imports {
            if let Some(import) = self.absolute(&module, import) {
                let whole: Vec<_> = import.iter().chain(&rest[1..]).cloned().collect();
                return self.definer(&whole, seen);
            }
        }
        None
    }

    fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (from, source) in &self.modules {
            let imports = source.imports.iter().map(|(_, path, public)| (path, *public));
            for (path, public) in imports.chain(source.paths.iter().map(|path| (path, false))) {
                let Some(path) = self.absolute(from, path) else { continue };
                // What a module passes on of its own parts is not what it needs.
                let is_facade = public && path.len() > from.len() && path.starts_with(from);
                let Some(to) = self.definer(&path, &mut BTreeSet::new()) else { continue };
                if !is_facade && to != *from {
                    arrows.insert(Arrow { from: from.clone(), to });
                }
            }
        }
        arrows
    }

    /// What is wrong with the rooms of `folder`, whose floors are given from the ground up.
    fn problems(&self, folder: &Module, floors: &[Vec<String>]) -> Vec<String> {
        let room = |module: &Module| {
            let room = module.get(folder.len()).filter(|_| module.starts_with(folder))?;
            // What stands in for a module where a feature is off.
            Some(room.trim_end_matches("_disabled").to_owned())
        };
        let mut problems = Vec::new();
        let mut floor_of = HashMap::new();
        for (floor, names) in floors.iter().enumerate() {
            for name in names {
                if floor_of.insert(name.clone(), floor).is_some() {
                    problems.push(format!("`{name}` is listed twice"));
                }
            }
        }
        let rooms: BTreeSet<String> = self.modules.keys().filter_map(room).collect();
        let unlisted = rooms.iter().filter(|room| !floor_of.contains_key(*room));
        problems.extend(unlisted.map(|room| format!("`{room}` is not listed")));
        let gone = floor_of.keys().filter(|name| !rooms.contains(*name));
        problems.extend(gone.map(|name| format!("`{name}` is listed and is not there")));
        for Arrow { from, to } in self.arrows() {
            let inside = (from.starts_with(folder), to.starts_with(folder));
            let (Some(needs), (true, true)) = (room(&from), inside) else { continue };
            let needed = room(&to);
            if needed.as_ref() == Some(&needs) {
                continue;
            }
            let floors = (floor_of.get(&needs), needed.as_ref().and_then(|it| floor_of.get(it)));
            if !matches!(floors, (Some(needs), Some(needed)) if needed < needs) {
                problems.push(format!("`{}` needs `{}`", from.join("::"), to.join("::")));
            }
        }
        problems
    }
}

/// The lists of rooms in a text: a folder, and its rooms by floors from the ground up.
fn lists(text: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let mut lists = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(folder) = line.strip_prefix("```rooms ") else { continue };
        let floors = lines.by_ref().take_while(|line| *line != "```").map(|line| {
            let names = line.split("  ").next().unwrap_or_default();
            names.split(", ").map(|name| name.trim().to_owned()).collect()
        });
        lists.push((folder.to_owned(), floors.collect()));
    }
    lists
}

#[test]
fn rooms_need_only_those_below() {
    let repository = folder().join("..");
    let text = std::fs::read_to_string(repository.join("ARCHITECTURE.md")).expect("it is there");
    let lists = lists(&text);
    assert!(lists.len() >= 6, "the lists are read wrongly: {lists:?}");
    let mut sources: HashMap<String, Sources> = HashMap::new();
    let mut problems = Vec::new();
    for (folder, floors) in &lists {
        let (root, inner) = folder.split_once("/src").expect("a folder of sources");
        let root = format!("{root}/src");
        let inner: Module = inner.split('/').skip(1).map(str::to_owned).collect();
        let sources =
            sources.entry(root.clone()).or_insert_with(|| Sources::read(&repository.join(&root)));
        let found = sources.problems(&inner, floors);
        problems.extend(found.into_iter().map(|problem| format!("{folder}: {problem}")));
    }
    assert!(
        problems.is_empty(),
        "ARCHITECTURE.md and the sources do not say the same:\n{}",
        problems.join("\n")
    );
}

#[test]
fn import_that_runs_up_is_found_whoever_passes_it_on() {
    let floors = |text: &str| lists(&format!("```rooms x/src\n{text}\n```")).remove(0).1;
    let problems = |files: &[(&str, &str)], text: &str| {
        Sources::of(files).problems(&Vec::new(), &floors(text))
    };
    let low = ("low", "pub struct Low;");
    let high = ("high", "mod part; pub use part::Part; use crate::low::Low; use part::Part as P;");
    let part = ("high/part", "pub struct Part(crate::low::Low);");
    let order = "low   the ground\nhigh   above";
    assert_eq!(problems(&[("", "mod low; mod high;"), low, high, part], order), [""; 0]);

    let up = [
        "use crate::high::Part;",
        "use super::high::{Part as It};",
        "fn f(_: crate::high::Part) {}",
        "use crate::Part;",
        "impl X { fn f() { crate::high::part::Part; } }",
    ];
    for up in up {
        let root = "mod low; mod high; pub use high::Part;";
        let found = problems(&[("", root), ("low", up), high, part], order);
        assert_eq!(found, ["`low` needs `high::part`"], "{up}");
    }
    // Tests may need anything.
    let tests = ("low", "pub struct Low; #[cfg(test)] mod tests { use crate::high::Part; }");
    assert_eq!(problems(&[("", ""), tests, high, part], order), [""; 0]);

    assert_eq!(
        problems(&[("", ""), low, high, part], "high"),
        ["`low` is not listed", "`high` needs `low`", "`high::part` needs `low`"]
    );
    assert_eq!(problems(&[("", ""), low], "low, lower"), ["`lower` is listed and is not there"]);
    assert_eq!(
        problems(&[("", ""), low, high, part], "low, high"),
        ["`high` needs `low`", "`high::part` needs `low`"]
    );
}
