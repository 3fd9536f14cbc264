//! The book in `docs`: every error has an entry, every chapter is listed, compiled and linked, and the sections of
//! the contract that sources cite are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use composer_tests::folder;

/// How pages that are read outside of the repository link to its files.
const PUBLISHED: &str = "https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/";

fn repository() -> PathBuf {
    folder().join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder of the repository whose names end with `ending`, by their path in that folder.
fn files(folder: &str, ending: &str) -> BTreeSet<String> {
    fn gather(folder: &Path, prefix: &str, ending: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let entry = entry.expect("folders can be read");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                gather(&entry.path(), &format!("{name}/"), ending, found);
            } else if name.ends_with(ending) {
                found.insert(name);
            }
        }
    }
    let mut found = BTreeSet::new();
    gather(&repository().join(folder), "", ending, &mut found);
    found
}

/// The chapters of the book, by their path in `docs/src`.
fn chapters() -> BTreeSet<String> {
    files("docs/src", ".md")
}

/// The folders of the packages, this one's among them.
fn packages() -> BTreeSet<String> {
    let folders = std::fs::read_dir(repository()).expect("the repository is there");
    let folders = folders.map(|entry| entry.expect("it can be read"));
    let folders = folders.filter(|entry| entry.path().join("Cargo.toml").is_file());
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// What is written beside the book, by its path.
fn pages() -> BTreeSet<String> {
    let files = std::fs::read_dir(repository()).expect("the repository is there");
    let files = files.map(|entry| entry.expect("it can be read").file_name());
    let files = files.map(|name| name.to_string_lossy().into_owned());
    let mut found: BTreeSet<_> = files.filter(|name| name.ends_with(".md")).collect();
    found.extend(packages().iter().map(|package| format!("{package}/README.md")));
    found.insert("tests/guests/README.md".to_owned());
    found
}

/// The targets of the links of a text, code apart.
fn links(markdown: &str) -> Vec<&str> {
    let mut code = false;
    let lines = markdown.lines().filter(|line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    });
    lines.flat_map(|line| line.split("](").skip(1).filter_map(|it| it.split(')').next())).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

/// The variants of an enum in a source file, in their order.
fn variants(source: &str, name: &str) -> Vec<String> {
    let start =
        source.find(&format!("pub enum {name} {{\n")).unwrap_or_else(|| panic!("no {name}"));
    let lines = source[start..].lines().skip(1).take_while(|line| *line != "}");
    let variant = |line: &str| {
        let name: String =
            line.strip_prefix("    ")?.chars().take_while(|it| it.is_alphanumeric()).collect();
        name.starts_with(|it: char| it.is_ascii_uppercase()).then_some(name)
    };
    lines.filter_map(variant).collect()
}

/// The first column of the table under the heading of an enum.
fn entries(index: &str, name: &str) -> Vec<String> {
    let heading = format!("## `{name}`\n");
    let start = index.find(&heading).unwrap_or_else(|| panic!("errors.md has no {heading}"));
    let section =
        index[start + heading.len()..].lines().take_while(|line| !line.starts_with("## "));
    section
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect()
}

#[test]
fn every_error_has_an_entry_in_the_index() {
    let index = read("docs/src/errors.md");
    let mut enums = 0;
    let folders = ["composer/src/error", "composer/src/error/plan"];
    let entries_of = |folder| std::fs::read_dir(repository().join(folder)).expect("it is there");
    let files = folders.into_iter().flat_map(entries_of);
    let files = files.map(|entry| entry.expect("it can be read").path()).filter(|it| it.is_file());
    for file in files.chain([PathBuf::from("composer-remote/src/error.rs")]) {
        let source = read(file);
        let names =
            source.lines().filter_map(|line| line.strip_prefix("pub enum ")?.split(' ').next());
        for name in names {
            assert_eq!(
                entries(&index, name),
                variants(&source, name),
                "docs/src/errors.md: the table of `{name}` has a row for each variant, in its order"
            );
            enums += 1;
        }
    }
    assert!(enums >= 9, "the errors are read wrongly: {enums} enums");
}

#[test]
fn every_chapter_is_in_the_summary_and_compiled() {
    let chapters = chapters();
    let summary = read("docs/src/SUMMARY.md");
    let listed: BTreeSet<String> = links(&summary).into_iter().map(str::to_owned).collect();
    let written = chapters.iter().filter(|it| *it != "SUMMARY.md").cloned().collect();
    assert_eq!(listed, written, "docs/src/SUMMARY.md lists every file of the book");

    let library = read("docs/lib.rs");
    for chapter in &chapters {
        if read(Path::new("docs/src").join(chapter)).contains("\n```rust\n") {
            let included = format!(": \"src/{chapter}\",\n");
            assert!(library.contains(&included), "{chapter} has code; docs/lib.rs tests it");
        }
    }
}

#[test]
fn every_package_says_what_it_is_and_how_it_is_licensed() {
    let packages = packages();
    assert!(packages.len() >= 8, "the packages are not found: {packages:?}");
    let licence = read("LICENSE");
    for package in packages {
        assert!(read(format!("{package}/README.md")).starts_with("# "), "{package}");
        if !read(format!("{package}/Cargo.toml")).contains("\npublish = false\n") {
            assert_eq!(read(format!("{package}/LICENSE")), licence, "{package} is published");
        }
    }
}

/// The blocks of code of a text that begin with a fence.
fn blocks<'a>(markdown: &'a str, fence: &str) -> Vec<&'a str> {
    let start = format!("\n```{fence}\n");
    let blocks = markdown.split(&start).skip(1);
    blocks.filter_map(|block| block.split("\n```\n").next()).collect()
}

#[test]
fn first_program_of_the_readme_is_an_example() {
    let readme = read("README.md");
    let example = read("examples/greeting.rs");
    let (_, program) = example.split_once("\n\n").expect("its first lines say what it shows");
    assert_eq!(blocks(&readme, "rust,no_run"), [program.trim_end()]);

    // What it is made of is shown in parts.
    let world = read("tests/guests/wit/greeter.wit");
    let [shown] = blocks(&readme, "wit")[..] else { panic!("one piece of WIT") };
    for part in shown.split("\n\n") {
        assert!(world.contains(part), "greeter.wit has no {part}");
    }
    let guest = read("tests/guests/polite/src/lib.rs");
    let guest: Vec<&str> = guest.lines().map(str::trim).collect();
    for line in blocks(&readme, "rust,ignore")[0].lines() {
        assert!(guest.contains(&line.trim()), "polite has no {line}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let chapters = chapters().into_iter().map(|chapter| format!("docs/src/{chapter}"));
    for chapter in chapters.chain(pages()) {
        let path = PathBuf::from(&chapter);
        for link in links(&read(&path)) {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = match (file, file.strip_prefix(PUBLISHED)) {
                ("", _) => path.clone(),
                (_, Some(file)) => PathBuf::from(file),
                (file, None) if file.starts_with("http") => continue,
                (file, None) => path.parent().expect("it is a file").join(file),
            };
            if part.is_empty() {
                assert!(repository().join(&target).is_file(), "{chapter}: {link}");
                continue;
            }
            let text = read(&target);
            let headings = text.lines().filter(|line| line.starts_with('#'));
            let mut headings = headings.map(|it| anchor(it.trim_start_matches('#')));
            let known = headings.any(|it| it == part);
            assert!(known, "{chapter}: {link}");
        }
    }
}

#[test]
fn links_of_the_crates_documentation_lead_somewhere() {
    let library = read("composer/src/lib.rs");
    let links = library.split(PUBLISHED).skip(1).filter_map(|it| it.split_whitespace().next());
    let links: Vec<&str> = links.collect();
    assert!(links.len() > 10, "the links are read wrongly: {links:?}");
    for link in links {
        assert!(repository().join(link).is_file(), "composer/src/lib.rs: {link}");
    }
}

/// Whether each feature of the library is on by default, from its manifest.
fn features(manifest: &str) -> Vec<(&str, bool)> {
    let (_, after) = manifest.split_once("\n[features]\n").expect("there are features");
    let section = after.split("\n[").next().expect("it ends");
    let entries = section.lines().filter_map(|line| line.split_once(" = "));
    let (on, names): (Vec<_>, Vec<_>) = entries
        .filter(|(name, _)| name.chars().all(|it| it.is_ascii_lowercase() || it == '-'))
        .partition(|(name, _)| *name == "default");
    let [(_, on)] = on[..] else { panic!("one list of defaults, on one line") };
    names.into_iter().map(|(name, _)| (name, on.contains(&format!("\"{name}\"")))).collect()
}

#[test]
fn every_feature_is_documented() {
    let manifest = read("composer/Cargo.toml");
    let features = features(&manifest);
    assert!(features.len() > 8, "the features are read wrongly: {features:?}");
    for page in ["composer/src/lib.rs", "docs/src/reference/features.md"] {
        let text = read(page);
        let rows = text.lines().map(|line| line.trim_start_matches("//! "));
        let rows: Vec<&str> = rows.filter(|line| line.starts_with("| `")).collect();
        for (name, on) in &features {
            let row = format!("| `{name}` | {} |", if *on { "yes" } else { "no" });
            assert!(rows.iter().any(|it| it.starts_with(&row)), "{page} has no row {row}");
        }
    }
}

/// The numbers of the sections of the contract: `5` of `## 5. Calls`, `5.3` of `### 5.3 Inboxes`.
fn sections(contract: &str) -> Vec<&str> {
    let headings = contract.lines().filter_map(|line| {
        line.strip_prefix("## ").or_else(|| line.strip_prefix("### "))?.split(' ').next()
    });
    headings.map(|number| number.trim_end_matches('.')).collect()
}

/// The sections that a line cites: the number after each `Contract`, and what else looks like `5.3` after the first.
fn citations(line: &str) -> Vec<&str> {
    let Some((_, after)) = line.split_once("Contract ") else { return Vec::new() };
    let mut words = after.split([' ', ',', '(', ')', ';', ':']).map(|it| it.trim_end_matches('.'));
    let is_section =
        |it: &&str| it.split('.').all(|part| part.parse::<u32>().is_ok()) && !it.is_empty();
    let first = words.next().filter(is_section);
    let more = words.filter(|it| first.is_some() && it.contains('.') && is_section(it));
    first.into_iter().chain(more).collect()
}

#[test]
fn sections_of_the_contract_that_are_cited_exist() {
    let contract = read("docs/src/reference/contract.md");
    let sections = sections(&contract);
    let numbers: BTreeSet<&str> = sections.iter().copied().collect();
    assert_eq!(numbers.len(), sections.len(), "contract.md: each number has one section");

    let crates = [
        "composer",
        "composer-cli",
        "composer-macros",
        "composer-remote",
        "composer-serve",
        "composer-values",
    ];
    let mut cited = 0;
    for folder in crates.into_iter().chain(["tests/all", "tests/benches", "tests/src"]) {
        for file in files(folder, ".rs") {
            // What this file has of citations is examples.
            if file == "book.rs" {
                continue;
            }
            let path = format!("{folder}/{file}");
            for line in read(&path).lines() {
                for number in citations(line) {
                    assert!(numbers.contains(number), "{path} cites section {number}: {line}");
                    cited += 1;
                }
            }
        }
    }
    assert!(cited >= 15, "the citations are read wrongly: {cited}");
}

#[test]
fn sections_and_citations_are_read_as_they_are_written() {
    assert_eq!(sections("# C\n## 5. Calls\n5.1 is\n### 5.3 Inboxes\n"), ["5", "5.3"]);
    assert_eq!(
        citations("//! Bounds: inboxes (Contract 5.3) and deadlines (5.7)."),
        ["5.3", "5.7"]
    );
    assert_eq!(citations("//! Handles: Contract 4.2 to 4.4."), ["4.2", "4.4"]);
    assert_eq!(citations("//! Guests: Contract 7."), ["7"]);
    assert!(citations("//! The Contract of 5.3").is_empty());
}

#[test]
fn links_and_tables_are_read_as_they_are_written() {
    assert_eq!(links("a [b](c.md#d) [e](f)\n```text\n[g](h)\n```\n"), ["c.md#d", "f"]);
    assert_eq!(anchor(" Run it within `bounds`"), "run-it-within-bounds");
    let source = "pub enum E {\n    /// Doc.\n    #[error(\"x\")]\n    First(u8),\n\n    Second {\n        Field: u8,\n    },\n    Third,\n}\n";
    assert_eq!(variants(source, "E"), ["First", "Second", "Third"]);
}
