//! Types of WIT as Rust types, and the definitions of those that have names.
//!
//! A type with handles of resources in it has a type parameter for each resource, since a handle is another Rust type
//! for who calls than for who implements: the resource's own type here, `HostOwn` there. Owned ones have the caller's
//! type as their default, so that callers write nothing.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use wit_parser::{Docs, FlagsRepr, Handle, Type, TypeDefKind, TypeId};

use super::scope::{Scope, Unit, parts};
use crate::names;

/// How a type is written.
#[derive(Clone, Copy)]
pub(crate) struct Style<'s> {
    handles: Handles<'s>,
    /// Whether values are lent: `&str` for a string.
    by_ref: bool,
}

#[derive(Clone, Copy)]
enum Handles<'s> {
    /// As callers have them.
    Client,
    /// As type parameters of a definition, which has these handles.
    Params(&'s [Held]),
    /// As functions of a host have them, whose type this is: `Self`, or a type parameter.
    Host(&'s TokenStream),
}

impl<'s> Style<'s> {
    /// What a call returns.
    pub(crate) const RESULT: Self = Self { handles: Handles::Client, by_ref: false };
    /// What a call takes.
    pub(crate) const PARAM: Self = Self { handles: Handles::Client, by_ref: true };
    /// A part of a definition, which has these handles in it.
    const fn part(of: &'s [Held]) -> Self {
        Self { handles: Handles::Params(of), by_ref: false }
    }

    /// What a function of a host takes and returns.
    pub(crate) const fn host(this: &'s TokenStream) -> Self {
        Self { handles: Handles::Host(this), by_ref: false }
    }

    fn owned(self) -> Self {
        Self { by_ref: false, ..self }
    }
}

/// A resource in a type, and how it is held.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    resource: TypeId,
    is_borrowed: bool,
}

/// What values of a type have in them.
#[derive(Default)]
struct Contents {
    handles: Vec<Held>,
    /// Streams or futures, which only move.
    streams: bool,
    /// Anything that is more than its bytes.
    allocated: bool,
    /// What no Rust type stands for.
    untyped: Option<&'static str>,
    /// A type that exists already, of which nothing more is known.
    mapped: bool,
    /// The types that were looked at: a few can use each other very often.
    seen: BTreeSet<TypeId>,
}

impl Scope<'_> {
    fn contents(&self, ty: &Type) -> Contents {
        let mut contents = Contents::default();
        self.gather(ty, &mut contents);
        contents
    }

    fn gather(&self, ty: &Type, into: &mut Contents) {
        match ty {
            Type::String => into.allocated = true,
            Type::ErrorContext => into.untyped = Some("an `error-context`"),
            Type::Id(id) if into.seen.insert(*id) => {
                into.mapped |= self.is_mapped_type(*id)
                    || self.owner(*id).is_some_and(|unit| self.is_mapped(unit));
                match &self.resolve.types[*id].kind {
                    TypeDefKind::Handle(handle) => {
                        let (resource, is_borrowed) = match handle {
                            Handle::Own(it) => (*it, false),
                            Handle::Borrow(it) => (*it, true),
                        };
                        let held = Held { resource: self.target(resource), is_borrowed };
                        if !into.handles.contains(&held) {
                            into.handles.push(held);
                        }
                    }
                    TypeDefKind::Future(_) | TypeDefKind::Stream(_) => into.streams = true,
                    TypeDefKind::List(_) | TypeDefKind::Map(..) => into.allocated = true,
                    TypeDefKind::Record(record) if record.fields.is_empty() => {
                        into.untyped = Some("a record without fields");
                    }
                    TypeDefKind::Tuple(tuple) if tuple.types.is_empty() => {
                        into.untyped = Some("a tuple without elements");
                    }
                    TypeDefKind::Tuple(tuple) if tuple.types.len() > 12 => {
                        into.untyped = Some("a tuple of more than 12 elements");
                    }
                    TypeDefKind::Flags(flags) if !(1..=32).contains(&flags.flags.len()) => {
                        into.untyped = Some("flags that are none, or more than 32");
                    }
                    _ => {}
                }
                for part in parts(self.resolve, *id) {
                    self.gather(&part, into);
                }
            }
            _ => {}
        }
    }

    /// What in the type no Rust type stands for.
    pub(crate) fn untyped(&self, ty: &Type) -> Option<&'static str> {
        self.contents(ty).untyped
    }

    /// Whether all resources in the type are of the interface itself.
    pub(crate) fn has_only_resources_of(&self, unit: Unit, ty: &Type) -> bool {
        let is_own = |it: &Held| {
            let is_resource = matches!(self.resolve.types[it.resource].kind, TypeDefKind::Resource);
            let is_its = self.owner(it.resource) == Some(unit);
            is_resource && is_its && matches!(unit, Unit::Interface(_))
        };
        self.contents(ty).handles.iter().all(is_own)
    }

    /// Whether values are passed as they are, as numbers are.
    fn is_copy(contents: &Contents) -> bool {
        contents.handles.is_empty() && !contents.streams && !contents.allocated && !contents.mapped
    }

    /// Handles and streams move.
    fn moves(contents: &Contents) -> bool {
        !contents.handles.is_empty() || contents.streams
    }

    /// The type, as it is written in the module `here`.
    pub(crate) fn ty(&self, here: &[String], ty: &Type, style: Style<'_>) -> TokenStream {
        match ty {
            Type::Bool => quote!(::core::primitive::bool),
            Type::U8 => quote!(::core::primitive::u8),
            Type::U16 => quote!(::core::primitive::u16),
            Type::U32 => quote!(::core::primitive::u32),
            Type::U64 => quote!(::core::primitive::u64),
            Type::S8 => quote!(::core::primitive::i8),
            Type::S16 => quote!(::core::primitive::i16),
            Type::S32 => quote!(::core::primitive::i32),
            Type::S64 => quote!(::core::primitive::i64),
            Type::F32 => quote!(::core::primitive::f32),
            Type::F64 => quote!(::core::primitive::f64),
            Type::Char => quote!(::core::primitive::char),
            Type::String if style.by_ref => quote!(&::core::primitive::str),
            Type::String => quote!(::std::string::String),
            // Functions with it are refused.
            Type::ErrorContext => quote!(::core::convert::Infallible),
            Type::Id(id) if self.resolve.types[*id].name.is_some() => self.named(here, *id, style),
            Type::Id(id) => self.unnamed(here, *id, style),
        }
    }

    /// What may be absent is `()`.
    pub(crate) fn optional(
        &self,
        here: &[String],
        ty: Option<&Type>,
        style: Style<'_>,
    ) -> TokenStream {
        ty.map_or_else(|| quote!(()), |ty| self.ty(here, ty, style))
    }

    fn named(&self, here: &[String], id: TypeId, style: Style<'_>) -> TokenStream {
        let contents = self.contents(&Type::Id(id));
        // A name for text or a list is lent as what it stands for.
        if style.by_ref && !contents.mapped {
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(ty) => return self.ty(here, ty, style),
                TypeDefKind::List(_) => return self.unnamed(here, id, style),
                _ => {}
            }
        }
        let path = self.type_path(here, id);
        let args = self.arguments(here, &contents, style);
        match style.by_ref && !Self::is_copy(&contents) && !Self::moves(&contents) {
            true => quote!(&#path #args),
            false => quote!(#path #args),
        }
    }

    /// The arguments of a type that has handles in it.
    fn arguments(
        &self,
        here: &[String],
        contents: &Contents,
        style: Style<'_>,
    ) -> Option<TokenStream> {
        let args = ordered(&contents.handles).filter_map(|held| match style.handles {
            // The defaults.
            Handles::Client if !held.is_borrowed => None,
            // The parameters of the definition around.
            Handles::Params(around) => {
                let param = self.parameter(around, *held);
                Some(quote!(#param))
            }
            _ => Some(self.handle(here, *held, style)),
        });
        let args: Vec<_> = args.collect();
        (!args.is_empty()).then(|| quote!(<#(#args),*>))
    }

    fn handle(&self, here: &[String], held: Held, style: Style<'_>) -> TokenStream {
        let krate = self.krate;
        let Held { resource, is_borrowed } = held;
        match style.handles {
            Handles::Client => {
                let path = self.type_path(here, resource);
                match is_borrowed {
                    true => quote!(&#path),
                    false => path,
                }
            }
            Handles::Params(around) => {
                let param = self.parameter(around, held);
                quote!(#param)
            }
            Handles::Host(this) => {
                let name = self.type_ident(resource);
                match is_borrowed {
                    true => quote!(#krate::host::HostBorrow<#this::#name>),
                    false => quote!(#krate::host::HostOwn<#this::#name>),
                }
            }
        }
    }

    /// The type parameter for a resource. Several resources of one name are numbered.
    fn parameter(&self, around: &[Held], held: Held) -> Ident {
        let name = self.type_ident(held.resource);
        let named = ordered(around).filter(|it| {
            it.is_borrowed == held.is_borrowed && self.type_ident(it.resource) == name
        });
        let number = named.take_while(|it| **it != held).count();
        let number = if number == 0 { String::new() } else { (number + 1).to_string() };
        match held.is_borrowed {
            true => format_ident!("Borrow{name}{number}"),
            false => format_ident!("Own{name}{number}"),
        }
    }

    fn unnamed(&self, here: &[String], id: TypeId, style: Style<'_>) -> TokenStream {
        let krate = self.krate;
        let part = |ty: &Type| self.ty(here, ty, style);
        let whole = |ty: &Type| self.ty(here, ty, style.owned());
        let contents = self.contents(&Type::Id(id));
        let is_lent =
            style.by_ref && !contents.streams && contents.handles.iter().all(|it| it.is_borrowed);
        // What is within a thing that moves, moves with it.
        let style = Style { by_ref: is_lent, ..style };
        match &self.resolve.types[id].kind {
            TypeDefKind::Option(ty) => {
                let ty = self.ty(here, ty, style);
                quote!(::core::option::Option<#ty>)
            }
            TypeDefKind::Result(result) => {
                let ok = self.optional(here, result.ok.as_ref(), style);
                let err = self.optional(here, result.err.as_ref(), style);
                quote!(::core::result::Result<#ok, #err>)
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter().map(|ty| self.ty(here, ty, style));
                quote!((#(#parts,)*))
            }
            TypeDefKind::List(ty) => {
                let ty = whole(ty);
                match is_lent {
                    true => quote!(&[#ty]),
                    false => quote!(::std::vec::Vec<#ty>),
                }
            }
            TypeDefKind::FixedLengthList(ty, length) => {
                let (ty, length) = (whole(ty), *length as usize);
                match is_lent && !Self::is_copy(&contents) {
                    true => quote!(&[#ty; #length]),
                    false => quote!([#ty; #length]),
                }
            }
            TypeDefKind::Map(key, value) => {
                let (key, value) = (whole(key), whole(value));
                let map = quote!(::std::collections::HashMap<#key, #value>);
                match is_lent {
                    true => quote!(&#map),
                    false => map,
                }
            }
            TypeDefKind::Future(ty) => {
                let ty = self.optional(here, ty.as_ref(), style.owned());
                quote!(#krate::typed::ComponentFuture<#ty>)
            }
            TypeDefKind::Stream(ty) => {
                let ty = self.optional(here, ty.as_ref(), style.owned());
                quote!(#krate::typed::ComponentStream<#ty>)
            }
            TypeDefKind::Handle(Handle::Own(it)) => {
                self.handle(here, Held { resource: self.target(*it), is_borrowed: false }, style)
            }
            TypeDefKind::Handle(Handle::Borrow(it)) => {
                self.handle(here, Held { resource: self.target(*it), is_borrowed: true }, style)
            }
            TypeDefKind::Type(ty) => part(ty),
            // These have names.
            TypeDefKind::Record(_)
            | TypeDefKind::Resource
            | TypeDefKind::Flags(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Unknown => quote!(::core::convert::Infallible),
        }
    }

    /// The definitions of a unit's types, except resources.
    pub(crate) fn definitions(&self, unit: Unit) -> TokenStream {
        let here = self.module(unit);
        let errors = self.error_types();
        let is_made =
            |id: TypeId| !self.is_mapped_type(id) && self.untyped(&Type::Id(id)).is_none();
        let types = self.types(unit).into_iter().filter(|(_, id)| is_made(*id));
        let definitions = types.map(|(_, id)| self.definition(&here, id, errors.contains(&id)));
        quote!(#(#definitions)*)
    }

    fn definition(&self, here: &[String], id: TypeId, is_error: bool) -> TokenStream {
        let krate = self.krate;
        let def = &self.resolve.types[id];
        let name = self.type_ident(id);
        let docs = docs(&def.docs);
        let contents = self.contents(&Type::Id(id));
        let params = self.parameters(here, &contents);
        let part = Style::part(&contents.handles);
        let derives = self.derives(&contents, &def.kind);
        let kind = matches!(def.kind, TypeDefKind::Variant(_)).then(|| quote!(, variant));
        let header = quote! {
            #docs
            #[derive(#krate::ComponentValue, #(#derives),*)]
            #[component(crate = #krate #kind)]
        };
        let definition = match &def.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let (docs, name, ident) =
                        (self::docs(&field.docs), &field.name, names::ident_of_wit(&field.name));
                    let ty = self.ty(here, &field.ty, part);
                    quote!(#docs #[component(name = #name)] pub #ident: #ty)
                });
                quote!(#header pub struct #name #params { #(#fields),* })
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    let (docs, name) = (self::docs(&case.docs), &case.name);
                    let ident = camel_ident(name);
                    let payload = case.ty.as_ref().map(|ty| {
                        let ty = self.ty(here, ty, part);
                        quote!((#ty))
                    });
                    quote!(#docs #[component(name = #name)] #ident #payload)
                });
                quote!(#header pub enum #name #params { #(#cases),* })
            }
            TypeDefKind::Enum(it) => {
                let cases = it.cases.iter().map(|case| {
                    let (docs, name, ident) =
                        (self::docs(&case.docs), &case.name, camel_ident(&case.name));
                    quote!(#docs #[component(name = #name)] #ident)
                });
                quote!(#header pub enum #name { #(#cases),* })
            }
            TypeDefKind::Flags(flags) => {
                let bits = match flags.repr() {
                    FlagsRepr::U8 => quote!(u8),
                    FlagsRepr::U16 => quote!(u16),
                    FlagsRepr::U32(_) => quote!(u32),
                };
                let consts = flags.flags.iter().zip(0_u32..).map(|(flag, bit)| {
                    let ident = Ident::new(&names::shouted_of_wit(&flag.name), Span::call_site());
                    let docs = self::docs(&flag.docs);
                    quote!(#docs const #ident = 1 << #bit;)
                });
                let names = flags.flags.iter().map(|it| &it.name);
                quote! {
                    #krate::__private::wit::bitflags! {
                        #docs
                        #[derive(#(#derives),*)]
                        pub struct #name: #bits { #(#consts)* }
                    }
                    #krate::__private::wit::flags!(#name, #bits, [#(#names),*]);
                }
            }
            TypeDefKind::Resource => return TokenStream::new(),
            TypeDefKind::Type(Type::Id(next)) if self.resolve.types[*next].name.is_some() => {
                // Not `use`: what exists already may be less public.
                let path = self.type_path(here, *next);
                let args = self.arguments(here, &contents, part);
                return quote!(#docs pub type #name #params = #path #args;);
            }
            _ => {
                // An alias for a type without a name.
                let ty = match &def.kind {
                    TypeDefKind::Type(ty) => self.ty(here, ty, part),
                    _ => self.unnamed(here, id, part),
                };
                return quote!(#docs pub type #name #params = #ty;);
            }
        };
        let display = is_error.then(|| self.error(&name, &contents));
        quote!(#definition #display)
    }

    /// Types that results have as their errors are errors.
    fn error(&self, name: &Ident, contents: &Contents) -> TokenStream {
        if !contents.handles.is_empty() {
            return TokenStream::new();
        }
        quote! {
            impl ::core::fmt::Display for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(self, f)
                }
            }

            impl ::core::error::Error for #name {}
        }
    }

    /// The named types that functions of any unit have as errors.
    fn error_types(&self) -> BTreeSet<TypeId> {
        let functions = self.units.keys().flat_map(|unit| self.functions(*unit));
        let results = functions.filter_map(|(function, _)| match function.result {
            Some(Type::Id(id)) => Some(self.target(id)),
            _ => None,
        });
        let errors = results.filter_map(|id| match &self.resolve.types[id].kind {
            TypeDefKind::Result(result) => match result.err {
                Some(Type::Id(error)) => Some(self.target(error)),
                _ => None,
            },
            _ => None,
        });
        let is_it = |id: &TypeId| {
            let kind = &self.resolve.types[*id].kind;
            matches!(kind, TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_))
        };
        errors.filter(is_it).collect()
    }

    /// The parameters of a definition: borrowed handles first, as they have no defaults.
    fn parameters(&self, here: &[String], contents: &Contents) -> Option<TokenStream> {
        let params = ordered(&contents.handles).map(|held| {
            let param = self.parameter(&contents.handles, *held);
            match held.is_borrowed {
                true => quote!(#param),
                false => {
                    let path = self.type_path(here, held.resource);
                    // The elements of streams live as long as they like.
                    let bound = contents.streams.then(|| quote!(: 'static));
                    quote!(#param #bound = #path)
                }
            }
        });
        let params: Vec<_> = params.collect();
        (!params.is_empty()).then(|| quote!(<#(#params),*>))
    }

    fn derives(&self, contents: &Contents, kind: &TypeDefKind) -> Vec<TokenStream> {
        let is_flags = matches!(kind, TypeDefKind::Flags(_));
        let is_plain = is_flags || matches!(kind, TypeDefKind::Enum(_));
        let mut derives = vec![quote!(::core::fmt::Debug)];
        if !contents.streams && !contents.mapped {
            derives.extend([quote!(::core::clone::Clone), quote!(::core::cmp::PartialEq)]);
        }
        if Self::is_copy(contents) && is_plain {
            derives.extend([
                quote!(::core::marker::Copy),
                quote!(::core::cmp::Eq),
                quote!(::core::cmp::PartialOrd),
                quote!(::core::cmp::Ord),
                quote!(::core::hash::Hash),
            ]);
        } else if Self::is_copy(contents) {
            derives.push(quote!(::core::marker::Copy));
        }
        let has = |derives: &[TokenStream], path: &syn::Path| {
            let last =
                |text: String| text.rsplit("::").next().unwrap_or_default().trim().to_owned();
            let name =
                path.segments.last().map(|it| it.ident.unraw().to_string()).unwrap_or_default();
            derives.iter().any(|it| last(it.to_string()) == name)
        };
        // Bit sets have what they have, and handles and streams are of no such use.
        let may_derive = !is_flags && !Self::moves(contents);
        for path in self.options.additional_derives.iter().filter(|_| may_derive) {
            if !has(&derives, path) {
                derives.push(quote!(#path));
            }
        }
        derives
    }
}

fn ordered(handles: &[Held]) -> impl Iterator<Item = &Held> {
    let of = |is_borrowed: bool| handles.iter().filter(move |it| it.is_borrowed == is_borrowed);
    of(true).chain(of(false))
}

pub(crate) fn camel_ident(name: &str) -> Ident {
    let camel = names::camel_of_wit(name);
    match camel.as_str() {
        "Self" => Ident::new("Self_", Span::call_site()),
        camel => Ident::new(camel, Span::call_site()),
    }
}

/// Documentation as WIT has it. Code in it is WIT or prose and never Rust, so that it is no test of the user's.
pub(crate) fn docs(docs: &Docs) -> TokenStream {
    let Some(contents) = &docs.contents else { return TokenStream::new() };
    // The fence of the code that the line is in.
    let mut open: Option<String> = None;
    let lines = contents.trim().lines().map(|line| {
        let line = line.trim_end();
        // Code may stand in quotes and lists.
        let start = line.len()
            - line.trim_start_matches(|c: char| " \t>-*+.".contains(c) || c.is_ascii_digit()).len();
        let (before, rest) = line.split_at(start);
        let fence: String = match rest.chars().next() {
            Some(c @ ('`' | '~')) => rest.chars().take_while(|it| *it == c).collect(),
            _ => String::new(),
        };
        let language = rest[fence.len()..].trim();
        let is_fence = fence.len() >= 3 && !language.contains('`');
        let line = match &open {
            Some(opened)
                if is_fence && language.is_empty() && fence.starts_with(opened.as_str()) =>
            {
                open = None;
                line.to_owned()
            }
            None if is_fence => {
                open = Some(fence.clone());
                match language {
                    "" => format!("{before}{fence}text"),
                    language => format!("{before}{fence}{language},ignore"),
                }
            }
            // Four spaces, or a tab, would be code.
            None if line.starts_with("    ") || line.starts_with('\t') => {
                line.trim_start().to_owned()
            }
            _ => line.to_owned(),
        };
        let line = if line.is_empty() { line } else { format!(" {line}") };
        quote!(#[doc = #line])
    });
    let lines: Vec<_> = lines.collect();
    // What is not closed would go on in what follows.
    let end = open.map(|fence| quote!(#[doc = #fence]));
    quote!(#(#lines)* #end)
}
