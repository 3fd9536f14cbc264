//! Types as text: as WIT writes them, by name where they have one, and no longer than a line of
//! text.
//!
//! A type has no name in the component model; imports and exports have (`TypeNames`). A type is
//! written by its name if exactly one name stands for it. Where a type is too long, it is written
//! again with less detail (`DETAILS`) until it fits; `{:#}` always writes it whole.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::item::{Item, Named};
use crate::types::{FunctionType, ValueType};

/// The longest text of a type, in bytes.
const LONGEST: usize = 200;

/// How much detail of a type is written.
#[derive(Clone, Copy)]
struct Detail {
    /// How many members of a list are written: fields, cases, flags, parameters.
    members: usize,
    /// How deep the types of members are spelled out.
    depth: usize,
}

/// From all detail to the least, in which only the names of members are left.
const DETAILS: [Detail; 5] = [
    Detail { members: usize::MAX, depth: usize::MAX },
    Detail { members: 8, depth: 2 },
    Detail { members: 4, depth: 1 },
    Detail { members: 3, depth: 1 },
    Detail { members: 3, depth: 0 },
];

/// The names under which types are imported or exported. In the component model types have no names
/// of their own.
#[derive(Debug, Default)]
pub(crate) struct TypeNames<'a>(Vec<(&'a str, &'a ValueType)>);

impl<'a> TypeNames<'a> {
    pub(crate) fn of(items: impl IntoIterator<Item = &'a Named>) -> Self {
        let mut names = Self::default();
        items.into_iter().for_each(|named| names.gather(named));
        names
    }

    fn gather(&mut self, named: &'a Named) {
        match &named.item {
            Item::Type(ty) if kind(ty).is_some() => self.0.push((&named.name, ty)),
            Item::Instance(items) => items.iter().for_each(|named| self.gather(named)),
            _ => {}
        }
    }

    /// The type's name, if there is exactly one.
    fn name(&self, ty: &ValueType) -> Option<&'a str> {
        kind(ty)?;
        let mut names = self.0.iter().filter(|(_, named)| *named == ty).map(|(name, _)| *name);
        let name = names.next()?;
        names.all(|other| other == name).then_some(name)
    }

    /// A type, spelled out; types inside it by name.
    pub(crate) fn value(&self, ty: &ValueType) -> String {
        written(&|writer| writer.definition(self.name(ty), ty), self)
    }

    pub(crate) fn func(&self, ty: &FunctionType) -> String {
        written(&|writer| writer.func(ty), self)
    }
}

/// The definitions of the named types that some functions use.
pub(crate) struct Definitions<'a> {
    names: TypeNames<'a>,
    /// Indices into the names.
    used: Vec<usize>,
    /// How many types may still be visited. Spelled out, even a small component can have very many.
    left: usize,
}

/// How many types are visited in search of names before the search ends.
const MOST_LOOKED_AT: usize = 1 << 14;

impl<'a> Definitions<'a> {
    pub(crate) fn new(types: impl IntoIterator<Item = (&'a str, &'a ValueType)>) -> Self {
        let named = types.into_iter().filter(|(_, ty)| kind(ty).is_some()).collect();
        Self { names: TypeNames(named), used: Vec::new(), left: MOST_LOOKED_AT }
    }

    pub(crate) fn names(&self) -> &TypeNames<'a> {
        &self.names
    }

    /// Notes the named types that occur in a function's type, at any depth.
    pub(crate) fn uses(&mut self, ty: &FunctionType) {
        let types = ty.params.iter().map(|(_, ty)| ty).chain(&ty.result);
        types.for_each(|ty| self.uses_value(ty));
    }

    fn uses_value(&mut self, ty: &ValueType) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        if self.names.name(ty).is_some() {
            let Some(index) = self.names.0.iter().position(|(_, named)| *named == ty) else {
                return;
            };
            if self.used.contains(&index) {
                return;
            }
            self.used.push(index);
        }
        ty.children().into_iter().for_each(|ty| self.uses_value(ty));
    }

    /// The definitions that were noted, in the order of declaration.
    pub(crate) fn lines(mut self) -> Vec<String> {
        self.used.sort_unstable();
        let types = self.used.iter().filter_map(|index| self.names.0.get(*index));
        types.map(|(_, ty)| self.names.value(ty)).collect()
    }
}

/// The WIT keyword of types that are declared with a name.
fn kind(ty: &ValueType) -> Option<&'static str> {
    match ty {
        ValueType::Record(_) => Some("record"),
        ValueType::Variant(_) => Some("variant"),
        ValueType::Enum(_) => Some("enum"),
        ValueType::Flags(_) => Some("flags"),
        _ => None,
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = TypeNames::default();
        match f.alternate() {
            true => Writer { names: &names, detail: DETAILS[0], out: f }.value(self, 0),
            false => f.write_str(&names.value(self)),
        }
    }
}

impl fmt::Display for FunctionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = TypeNames::default();
        match f.alternate() {
            true => Writer { names: &names, detail: DETAILS[0], out: f }.func(self),
            false => f.write_str(&names.func(self)),
        }
    }
}

/// Writes with as much detail as fits in a line.
fn written(write: &dyn Fn(&mut Writer<'_>) -> fmt::Result, names: &TypeNames<'_>) -> String {
    for detail in DETAILS {
        let mut line = Line { text: String::new() };
        if write(&mut Writer { names, detail, out: &mut line }).is_ok() {
            return line.text;
        }
        if detail.depth == 0 {
            // Even with the least detail the names are longer than a line.
            let cut = line.text.floor_char_boundary(LONGEST - 2);
            return format!("{}..", &line.text[..cut]);
        }
    }
    String::new()
}

/// A buffer that fails to write more than a line, which ends formatting early.
struct Line {
    text: String,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        if self.text.len() > LONGEST { Err(fmt::Error) } else { Ok(()) }
    }
}

struct Writer<'a> {
    names: &'a TypeNames<'a>,
    detail: Detail,
    out: &'a mut dyn Write,
}

impl Writer<'_> {
    fn func(&mut self, ty: &FunctionType) -> fmt::Result {
        self.out.write_str(if ty.is_async { "async func(" } else { "func(" })?;
        self.members(&ty.params, &mut |writer, (name, ty)| {
            if !name.is_empty() {
                write!(writer.out, "{name}: ")?;
            }
            writer.value(ty, 1)
        })?;
        self.out.write_str(")")?;
        match &ty.result {
            Some(ty) => {
                self.out.write_str(" -> ")?;
                self.value(ty, 1)
            }
            None => Ok(()),
        }
    }

    /// Writes `a, b, .. 3 more`.
    fn members<T>(
        &mut self,
        members: &[T],
        write: &mut dyn FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        // One more member takes no more room than `.. 1 more`.
        let shown = match members.len() {
            all if all <= self.detail.members.saturating_add(1) => all,
            _ => self.detail.members,
        };
        for (index, member) in members.iter().take(shown).enumerate() {
            if index > 0 {
                self.out.write_str(", ")?;
            }
            write(self, member)?;
        }
        match members.len() - shown {
            0 => Ok(()),
            rest => write!(self.out, ", .. {rest} more"),
        }
    }

    fn body<T>(
        &mut self,
        depth: usize,
        members: &[T],
        write: &mut dyn FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        if depth > self.detail.depth {
            return self.out.write_str("{ .. }");
        }
        self.out.write_str("{ ")?;
        self.members(members, write)?;
        self.out.write_str(" }")
    }

    fn strings(&mut self, depth: usize, names: &[Arc<str>]) -> fmt::Result {
        self.body(depth, names, &mut |writer, name| writer.out.write_str(name))
    }

    /// A type as it is declared, `kind name { .. }`, if it has a name.
    fn definition(&mut self, name: Option<&str>, ty: &ValueType) -> fmt::Result {
        match (kind(ty), name) {
            (Some(kind), Some(name)) => {
                write!(self.out, "{kind} {name} ")?;
                self.content(ty, 0)
            }
            _ => self.value(ty, 0),
        }
    }

    /// The body of a declared type, in braces.
    fn content(&mut self, ty: &ValueType, depth: usize) -> fmt::Result {
        match ty {
            ValueType::Record(fields) => self.body(depth, fields, &mut |writer, (name, ty)| {
                write!(writer.out, "{name}: ")?;
                writer.value(ty, depth + 1)
            }),
            ValueType::Variant(cases) => self.body(depth, cases, &mut |writer, (name, ty)| {
                writer.out.write_str(name)?;
                let Some(ty) = ty else { return Ok(()) };
                writer.around("(", ty, ")", depth + 1)
            }),
            ValueType::Enum(names) | ValueType::Flags(names) => self.strings(depth, names),
            _ => Ok(()),
        }
    }

    fn around(&mut self, start: &str, ty: &ValueType, end: &str, depth: usize) -> fmt::Result {
        self.out.write_str(start)?;
        self.value(ty, depth)?;
        self.out.write_str(end)
    }

    fn value(&mut self, ty: &ValueType, depth: usize) -> fmt::Result {
        if let Some(kind) = kind(ty) {
            return match self.names.name(ty) {
                Some(name) if depth > 0 => self.out.write_str(name),
                _ => {
                    write!(self.out, "{kind} ")?;
                    self.content(ty, depth)
                }
            };
        }
        let word = match ty {
            ValueType::Bool => "bool",
            ValueType::S8 => "s8",
            ValueType::U8 => "u8",
            ValueType::S16 => "s16",
            ValueType::U16 => "u16",
            ValueType::S32 => "s32",
            ValueType::U32 => "u32",
            ValueType::S64 => "s64",
            ValueType::U64 => "u64",
            ValueType::F32 => "f32",
            ValueType::F64 => "f64",
            ValueType::Char => "char",
            ValueType::String => "string",
            ValueType::ErrorContext => "error-context",
            ValueType::Own(resource) => &resource.name,
            ValueType::Borrow(resource) => {
                return write!(self.out, "borrow<{}>", resource.name);
            }
            ValueType::List(ty) => return self.around("list<", ty, ">", depth),
            ValueType::Option(ty) => return self.around("option<", ty, ">", depth),
            ValueType::FixedLengthList(ty, length) => {
                return self.around("list<", ty, &format!(", {length}>"), depth);
            }
            ValueType::Map(entry) => {
                self.around("map<", &entry.0, ", ", depth)?;
                return self.around("", &entry.1, ">", depth);
            }
            ValueType::Tuple(types) => {
                self.out.write_str("tuple<")?;
                self.members(types, &mut |writer, ty| writer.value(ty, depth))?;
                ">"
            }
            ValueType::Result(sides) => match &**sides {
                (None, None) => "result",
                (Some(ok), None) => return self.around("result<", ok, ">", depth),
                (None, Some(err)) => return self.around("result<_, ", err, ">", depth),
                (Some(ok), Some(err)) => {
                    self.around("result<", ok, ", ", depth)?;
                    return self.around("", err, ">", depth);
                }
            },
            ValueType::Stream(None) => "stream",
            ValueType::Stream(Some(ty)) => return self.around("stream<", ty, ">", depth),
            ValueType::Future(None) => "future",
            ValueType::Future(Some(ty)) => return self.around("future<", ty, ">", depth),
            // Returned above.
            ValueType::Record(_)
            | ValueType::Variant(_)
            | ValueType::Enum(_)
            | ValueType::Flags(_) => "",
        };
        self.out.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Arc<[Arc<str>]> {
        (0..count).map(|n| format!("case-number-{n}").into()).collect()
    }

    #[test]
    fn short_types_are_written_whole_and_long_ones_by_their_beginning() {
        let short = ValueType::Enum(names(4));
        assert_eq!(
            short.to_string(),
            "enum { case-number-0, case-number-1, case-number-2, case-number-3 }"
        );
        let long = ValueType::Enum(names(40));
        let text = "enum { case-number-0, case-number-1, case-number-2, case-number-3, \
             case-number-4, case-number-5, case-number-6, case-number-7, .. 32 more }";
        assert_eq!(long.to_string(), text);
        assert!(format!("{long:#}").ends_with("case-number-38, case-number-39 }"));
        let field = |index: usize| (format!("f{index}").into(), long.clone());
        let record = ValueType::Record((0..9).map(field).collect());
        assert_eq!(
            record.to_string(),
            "record { f0: enum { .. }, f1: enum { .. }, f2: enum { .. }, .. 6 more }"
        );
        let tuple = ValueType::Tuple(vec![record; 20].into());
        assert!(tuple.to_string().len() <= LONGEST, "{tuple}");
        let param = |index: usize| (format!("p{index}"), long.clone());
        let func = FunctionType::new(true, (0..30).map(param), Some(ValueType::U8));
        assert_eq!(
            func.to_string(),
            "async func(p0: enum { .. }, p1: enum { .. }, p2: enum { .. }, .. 27 more) -> u8"
        );
        let endless = ValueType::Enum([Arc::from("é".repeat(4000))].into());
        assert!(endless.to_string().len() <= LONGEST, "{endless}");
    }

    #[test]
    fn type_is_written_by_its_name_unless_two_types_share_it() {
        let point = ValueType::Record([("x".into(), ValueType::U32)].into());
        let line = ValueType::List(Arc::new(point.clone()));
        let of = |names: &[&str]| {
            let named = names.iter().map(|name| Named {
                name: (*name).to_owned(),
                implements: None,
                item: Item::Type(point.clone()),
            });
            let named: Vec<_> = named.collect();
            let names = TypeNames::of(&named);
            let func = FunctionType::new(false, [("a".to_owned(), line.clone())], None);
            (names.value(&point), names.func(&func))
        };
        let (value, func) = of(&["point", "point"]);
        assert_eq!(value, "record point { x: u32 }");
        assert_eq!(func, "func(a: list<point>)");
        let (value, func) = of(&["point", "place"]);
        assert_eq!(value, "record { x: u32 }");
        assert_eq!(func, "func(a: list<record { x: u32 }>)");
    }
}
