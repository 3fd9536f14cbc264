//! The block as it was written: every node keeps its tokens, so that errors are shown where the
//! user has to change something.
//!
//! Nothing is checked here. A node that could only be read in part says so (`nameless`,
//! `incomplete`, `Value::Broken`), as later passes must not report that its missing parts are
//! unknown.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Expr, FnArg, Generics, Ident, LitStr, Stmt, Type, Visibility};

/// Everything between the braces of `compose!`.
pub(crate) struct Block {
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    /// The struct, in the item form.
    pub(crate) header: Option<Header>,
    pub(crate) components: Vec<Component>,
    pub(crate) hints: Vec<Hint>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) exports: Vec<Export>,
    /// The span of each `allow cycles;`. More than one is a mistake.
    pub(crate) allow_cycles: Vec<Span>,
    /// The expressions after `layer`.
    pub(crate) layers: Vec<Expr>,
    pub(crate) wit: Vec<Wit>,
    /// Whether a component could not even be read up to its name.
    pub(crate) nameless: bool,
}

/// `pub struct Name;`
pub(crate) struct Header {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
}

/// `wit "path"` or `wit { options }`
pub(crate) struct Wit {
    /// The span of the keyword.
    pub(crate) span: Span,
    /// `None` if they could not be read; that has been reported.
    #[cfg(feature = "wit")]
    pub(crate) options: Option<crate::wit::Options>,
}

/// `component name = value { clauses };` or `fused name in value { group and clauses };`
pub(crate) struct Component {
    pub(crate) name: Ident,
    pub(crate) value: Value,
    pub(crate) clauses: Vec<Clause>,
    pub(crate) group: Option<Group>,
}

/// The members of a fused group.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) components: Vec<Component>,
    /// The hints after `export`.
    pub(crate) hints: Vec<Hint>,
    pub(crate) chains: Vec<Chain>,
    /// Whether a component could not even be read up to its name.
    pub(crate) nameless: bool,
}

/// The value of a component, or the linker and stores of a group.
pub(crate) enum Value {
    Absent,
    Given(Box<Expr>),
    /// An interface that is implemented in Rust.
    Host(Host),
    /// An interface of WIT that a type implements.
    Implemented(Implemented),
    /// There is a value, but it could not be read.
    Broken,
}

/// `host "interface" with a, b: Type { functions }`
pub(crate) struct Host {
    /// The span of the keyword.
    pub(crate) span: Span,
    /// `None` for functions at the root.
    pub(crate) interface: Option<LitStr>,
    /// The values that each function, and each call of an async function, gets a clone of.
    pub(crate) shared: Vec<Shared>,
    pub(crate) functions: Vec<HostFunction>,
    /// Whether some functions could not be read.
    pub(crate) incomplete: bool,
}

/// `host "interface" as Type`, or `as expression` in the expression form.
pub(crate) struct Implemented {
    /// The span of the keyword.
    pub(crate) span: Span,
    pub(crate) interface: LitStr,
    pub(crate) by: TokenStream,
}

/// `name: Type`, behind `with`.
pub(crate) struct Shared {
    pub(crate) name: Ident,
    /// Required where the value is an argument of `compose`.
    pub(crate) ty: Option<Type>,
}

/// `async fn name(params) -> Output = "export" { body }`
pub(crate) struct HostFunction {
    /// The function without its body.
    pub(crate) function: Function,
    pub(crate) body: Vec<Stmt>,
}

/// One clause of a component.
pub(crate) enum Clause {
    Import(Hint),
    Filter(Filter),
    Contain(Contain),
    Layer(Layer),
    /// The span of `untrusted`.
    Untrusted(Span),
    Setting(Setting),
}

/// `layer expression`, around the component, or `layer expression on "import"`.
pub(crate) struct Layer {
    pub(crate) value: Expr,
    pub(crate) on: Option<LitStr>,
}

/// `contain "import"` or `contain "import" as "case"`.
pub(crate) struct Contain {
    pub(crate) import: LitStr,
    pub(crate) case: Option<LitStr>,
}

/// `"name" from component`, behind `import` or `export`, or `"export" as "name" from component` behind `import`.
pub(crate) struct Hint {
    pub(crate) name: LitStr,
    /// The name of the export, if it differs from the import's.
    pub(crate) export: Option<LitStr>,
    pub(crate) from: Ident,
}

/// `chain "interface": first -> second -> last`
pub(crate) struct Chain {
    pub(crate) interface: LitStr,
    /// The components up to the first that could not be read; that has been reported.
    pub(crate) links: Vec<Ident>,
}

/// `expose "a", "b"` or `hide "a"`.
pub(crate) struct Filter {
    pub(crate) kind: FilterKind,
    /// The span of the keyword.
    pub(crate) span: Span,
    pub(crate) names: Vec<LitStr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterKind {
    Expose,
    Hide,
}

/// `deadline expression`: the descriptor's `with_deadline(expression)`.
pub(crate) struct Setting {
    /// One of [`SETTINGS`].
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

/// The clauses that stand for a method `with_...` of `ComposableDescriptor` with one argument. To
/// add such a clause, add its name here.
pub(crate) const SETTINGS: &[&str] = &[
    "bytes_in_flight",
    "calls_in_flight",
    "deadline",
    "grace",
    "handle_limit",
    "inbox_capacity",
    "instances",
    "lifetime",
    "restart",
    "run_limit",
    "start_deadline",
];

/// An item that gets an accessor.
pub(crate) enum Export {
    Function(Box<Function>),
    Interface(Interface),
    /// An interface of WIT.
    Client(Client),
    /// A function of WIT.
    Named(Named),
    /// Everything that a world of WIT exports.
    World(World),
    Http(Http),
}

/// `interface "interface" as name`, or with `{ function, resource }`.
#[cfg_attr(not(feature = "wit"), expect(dead_code, reason = "of interest where there is WIT"))]
pub(crate) struct Client {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) interface: LitStr,
    pub(crate) name: Ident,
    /// The functions and resources that are meant, if not all are.
    pub(crate) only: Option<Vec<Ident>>,
    /// The world, where it is known.
    pub(crate) world: Option<LitStr>,
}

/// `fn name`, of a world.
#[cfg_attr(not(feature = "wit"), expect(dead_code, reason = "of interest where there is WIT"))]
pub(crate) struct Named {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) export: Option<LitStr>,
    /// The world, where it is known.
    pub(crate) world: Option<LitStr>,
}

/// `world "world"`
#[cfg_attr(not(feature = "wit"), expect(dead_code, reason = "of interest where there is WIT"))]
pub(crate) struct World {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) world: LitStr,
}

/// `http as name`
pub(crate) struct Http {
    pub(crate) attrs: Vec<Attribute>,
    /// The keyword.
    pub(crate) keyword: Ident,
    pub(crate) name: Ident,
}

/// `async fn name(params) -> Output = "export";`
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) is_async: bool,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) params: Vec<FnArg>,
    pub(crate) output: Option<Type>,
    pub(crate) export: Option<LitStr>,
}

/// `interface "interface" as name { functions }`
pub(crate) struct Interface {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) interface: LitStr,
    pub(crate) name: Ident,
    pub(crate) functions: Vec<Function>,
    /// Whether some functions could not be read.
    pub(crate) incomplete: bool,
}
