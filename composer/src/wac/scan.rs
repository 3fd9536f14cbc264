//! The packages that a document names, found before the document is parsed.

use std::collections::HashMap;

use semver::Version;
use wac_parser::lexer::{Lexer, Token};

use crate::error::{CompositionError, DocumentError, DocumentPosition};

/// How deep brackets may stand in each other. The parser calls itself for each, on the stack of its thread.
const DEEPEST: usize = 64;

/// A package that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackageRef {
    /// Its name, such as `acme:store`.
    pub name: String,
    /// The version that the document wants, if it says one.
    pub version: Option<String>,
    /// Whether the document instantiates it; otherwise it needs its types alone.
    pub is_instantiated: bool,
    /// Where the document names it first.
    pub position: DocumentPosition,
}

/// The packages that a WAC document names, each once: those that have to be given for it.
///
/// # Errors
///
/// [`CompositionError::Document`] if the document has something in it that stands in no document. Most mistakes are
/// only found by [`Composer::from_wac`](crate::Composer::from_wac).
///
/// # Examples
///
/// ```
/// let document = "package acme:app; let store = new acme:store@1.2.0 {}; export store...;";
/// let packages = wasm_runtime_composer::wac::packages(document)?;
/// assert_eq!((&*packages[0].name, packages[0].version.as_deref()), ("acme:store", Some("1.2.0")));
/// # Ok::<_, wasm_runtime_composer::CompositionError>(())
/// ```
pub fn packages(source: &str) -> Result<Vec<PackageRef>, CompositionError> {
    let mut packages: Vec<PackageRef> = Vec::new();
    let mut known = HashMap::new();
    for named in scan(source)?.packages {
        let index = *known.entry((named.name, named.version.clone())).or_insert_with(|| {
            packages.push(PackageRef {
                name: named.name.to_owned(),
                version: named.version.as_ref().map(Version::to_string),
                is_instantiated: false,
                position: named.at,
            });
            packages.len() - 1
        });
        packages[index].is_instantiated |= named.is_instantiated;
    }
    Ok(packages)
}

pub(super) struct Scanned<'a> {
    /// In the order of the document.
    pub(super) packages: Vec<Named<'a>>,
}

/// A package where the document names it.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<Version>,
    pub(super) is_instantiated: bool,
    pub(super) at: DocumentPosition,
}

impl Named<'_> {
    pub(super) fn is_same(&self, other: &Named<'_>) -> bool {
        self.name == other.name && self.version == other.version
    }
}

/// Counts lines and columns in one way through a document: documents are long, and name many packages.
struct Cursor<'a> {
    rest: &'a str,
    offset: usize,
    at: DocumentPosition,
}

impl<'a> Cursor<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source, offset: 0, at: DocumentPosition::of(source, 0) }
    }

    /// The place of a byte, which is none before that of the last time.
    fn position(&mut self, offset: usize) -> DocumentPosition {
        let passed = offset.saturating_sub(self.offset);
        let Some((passed, rest)) = self.rest.split_at_checked(passed) else { return self.at };
        for letter in passed.chars() {
            match letter {
                '\n' => (self.at.line, self.at.column) = (self.at.line + 1, 1),
                _ => self.at.column += 1,
            }
        }
        (self.rest, self.offset) = (rest, offset);
        self.at
    }
}

/// Finds the packages that a document names, but for the one that it is itself.
pub(super) fn scan(source: &str) -> Result<Scanned<'_>, DocumentError> {
    let mut cursor = Cursor::new(source);
    let mut lexer = Lexer::new(source).map_err(|(error, span)| DocumentError::Syntax {
        at: DocumentPosition::of(source, span.offset()),
        problem: error.to_string(),
    })?;
    let mut scanned = Scanned { packages: Vec::new() };
    let mut own = None;
    let (mut depth, mut before) = (0_usize, None);
    while let Some((token, span)) = lexer.next() {
        // What is no token the parser tells of, which knows what was expected.
        let Ok(token) = token else { break };
        match token {
            Token::OpenBrace | Token::OpenParen | Token::OpenAngle | Token::OpenBracket => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(DocumentError::Syntax {
                        at: cursor.position(span.offset()),
                        problem: format!(
                            "more than {DEEPEST} brackets stand in each other; give what is inside a name with `let`"
                        ),
                    });
                }
            }
            Token::CloseBrace | Token::CloseParen | Token::CloseAngle | Token::CloseBracket => {
                depth = depth.saturating_sub(1);
            }
            Token::PackageName | Token::PackagePath => {
                let text = lexer.source(span);
                let (path, version) = match text.split_once('@') {
                    Some((path, version)) => (path, Some(version)),
                    None => (text, None),
                };
                let name = path.split_once('/').map_or(path, |(name, _)| name);
                // One that is invalid the parser tells of.
                let version = version.and_then(|version| version.parse().ok());
                match before {
                    Some(Token::PackageKeyword) if own.is_none() => own = Some(name),
                    before => scanned.packages.push(Named {
                        name,
                        version,
                        is_instantiated: before == Some(Token::NewKeyword),
                        at: cursor.position(span.offset()),
                    }),
                }
            }
            _ => {}
        }
        before = Some(token);
    }
    // Its own package is the document; that it cannot instantiate itself, the parser tells.
    scanned.packages.retain(|named| Some(named.name) != own);
    Ok(scanned)
}
