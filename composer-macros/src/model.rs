//! The block after checking: every name is resolved and unique, and every function has a number.
//!
//! A model can only be made by `check`, so `expand` need not handle mistakes. After errors, it
//! holds what was right.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Expr, Ident, Stmt, Type};

pub(crate) use crate::ast::{FilterKind, Header, Setting, Shared};

/// The input of `expand`.
pub(crate) struct Model {
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    pub(crate) form: Form,
    pub(crate) components: Vec<Component>,
    /// The arguments of `compose`, in the item form.
    pub(crate) arguments: Vec<Argument>,
    pub(crate) allow_cycles: bool,
    pub(crate) layers: Vec<Expr>,
    pub(crate) export_hints: Vec<Hint>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) functions: Vec<Function>,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) services: Vec<Service>,
    pub(crate) clients: Vec<Client>,
    /// The modules that are made of WIT.
    pub(crate) modules: TokenStream,
}

/// How the block is used.
pub(crate) enum Form {
    /// As an expression, in which every component has a value.
    Expression,
    /// As a type, whose components are the arguments of its `compose`.
    Item(Header),
    /// The form is not known: there is no struct, and no component has a value.
    Unknown,
}

/// An argument of `compose`.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) kind: ArgumentKind,
}

pub(crate) enum ArgumentKind {
    Component,
    /// The linker and the stores of a group.
    Place,
    /// A value that functions in Rust share.
    Shared(Box<Type>),
    /// What implements an interface of WIT.
    Implementation(Box<Type>),
}

pub(crate) struct Component {
    pub(crate) name: Ident,
    /// The name in kebab case.
    pub(crate) id: String,
    /// Always there in the expression form, and for components implemented in Rust.
    pub(crate) value: Option<Value>,
    /// The members, if the component is a fused group. The value is then its linker and stores.
    pub(crate) group: Option<Fused>,
    pub(crate) import_hints: Vec<Hint>,
    pub(crate) filter: Option<Filter>,
    pub(crate) contained: Vec<Contain>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) is_untrusted: bool,
    pub(crate) settings: Vec<Setting>,
}

/// The value of a component.
pub(crate) enum Value {
    Given(Expr),
    Host(Host),
    /// An interface of WIT.
    Implemented(Implemented),
}

/// An interface of WIT that a value implements.
pub(crate) struct Implemented {
    /// The function that makes the interface of it.
    pub(crate) host: TokenStream,
    pub(crate) by: By,
}

#[cfg_attr(not(feature = "wit"), expect(dead_code, reason = "of interest where there is WIT"))]
pub(crate) enum By {
    /// In the expression form.
    Value(Box<Expr>),
    /// In the item form, where the component is an argument of that type.
    Type(Box<Type>),
}

/// An interface that is implemented in Rust.
pub(crate) struct Host {
    /// The span of the keyword.
    pub(crate) span: Span,
    /// `None` for functions at the root.
    pub(crate) interface: Option<String>,
    pub(crate) shared: Vec<Shared>,
    pub(crate) functions: Vec<HostFunction>,
}

pub(crate) struct HostFunction {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    pub(crate) params: Vec<(Ident, Type)>,
    /// The parameters' names in kebab case.
    pub(crate) param_names: Vec<String>,
    pub(crate) output: Option<Type>,
    /// The export's name.
    pub(crate) export: String,
    pub(crate) body: Vec<Stmt>,
}

pub(crate) struct Layer {
    pub(crate) value: Expr,
    /// The name of the import, or `import#function`, for a layer on an import.
    pub(crate) on: Option<String>,
}

/// The members of a fused group.
pub(crate) struct Fused {
    pub(crate) components: Vec<Component>,
    pub(crate) export_hints: Vec<Hint>,
    pub(crate) chains: Vec<Chain>,
}

pub(crate) struct Hint {
    pub(crate) name: String,
    /// The name of the export, if it differs from the import's.
    pub(crate) export: Option<String>,
    /// A component's id or, for an import, `host`.
    pub(crate) target: String,
}

pub(crate) struct Chain {
    pub(crate) interface: String,
    /// The components' ids, of which there is one at least.
    pub(crate) ids: Vec<String>,
}

pub(crate) struct Contain {
    /// The import's name, or `import#function`.
    pub(crate) import: String,
    /// The case that stands for a failure. Without one, the failure's text does.
    pub(crate) case: Option<String>,
}

pub(crate) struct Filter {
    pub(crate) kind: FilterKind,
    pub(crate) names: Vec<String>,
}

pub(crate) struct Function {
    /// The `cfg` attributes of the accessor and of its interface.
    pub(crate) cfgs: Vec<Attribute>,
    /// All other attributes.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    /// Number among all functions of the block.
    pub(crate) index: usize,
    pub(crate) is_async: bool,
    pub(crate) params: Vec<(Ident, Type)>,
    pub(crate) output: Option<Type>,
    /// The export's name.
    pub(crate) export: String,
}

pub(crate) struct Interface {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    /// The interface's full name.
    pub(crate) interface: String,
    /// The name of the handle's type, without the name of the composition's type in front.
    pub(crate) suffix: String,
    pub(crate) functions: Vec<Function>,
}

/// The composition as an HTTP service.
pub(crate) struct Service {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) attrs: Vec<Attribute>,
    /// The span of the keyword.
    pub(crate) span: Span,
    pub(crate) name: Ident,
    /// Number among all services of the block.
    pub(crate) index: usize,
}

/// A client made of WIT.
pub(crate) struct Client {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    /// The interface's full name.
    pub(crate) interface: String,
    pub(crate) ty: TokenStream,
    /// Number among all clients of the block.
    pub(crate) index: usize,
}

impl Model {
    /// The model of a block of which not even the form is known.
    pub(crate) fn unknown(krate: TokenStream) -> Self {
        Self {
            krate,
            form: Form::Unknown,
            components: Vec::new(),
            arguments: Vec::new(),
            allow_cycles: false,
            layers: Vec::new(),
            export_hints: Vec::new(),
            chains: Vec::new(),
            functions: Vec::new(),
            interfaces: Vec::new(),
            services: Vec::new(),
            clients: Vec::new(),
            modules: TokenStream::new(),
        }
    }

    /// Every function, each with the interface that it is in.
    pub(crate) fn all_functions(&self) -> impl Iterator<Item = (Option<&Interface>, &Function)> {
        let root = self.functions.iter().map(|function| (None, function));
        let within = |it| Interface::functions(it).map(move |function| (Some(it), function));
        root.chain(self.interfaces.iter().flat_map(within))
    }
}

impl Interface {
    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter()
    }
}
