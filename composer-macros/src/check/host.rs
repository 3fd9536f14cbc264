//! Checks interfaces that are implemented in Rust in the block.
//!
//! A function with a mistake is left out. So are all functions of an interface that names a wrong
//! shared value, as their bodies would refer to something that does not exist.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Error, FnArg, Ident, Pat, Type};

use super::{Checker, key};
use crate::ast::{self, Shared};
use crate::model::{Host, HostFunction};
use crate::names;

impl Checker<'_> {
    pub(super) fn host(&mut self, host: ast::Host) -> Host {
        let ast::Host { span, interface, shared, functions, incomplete } = host;
        let interface = interface.map(|literal| {
            let name = literal.value();
            if !names::is_interface(&name) {
                let message = format!(
                    "`{name}` is no name of an interface; expected \
                     `namespace:package/interface@1.0.0` or a name in kebab case"
                );
                self.report.error(&literal, message);
            }
            name
        });
        if functions.is_empty() && !incomplete {
            let message = "an interface without functions; declare one: `fn name() { .. }`";
            self.report.error_at(span, message);
        }
        let mut seen = BTreeSet::new();
        for Shared { name, .. } in &shared {
            if !seen.insert(key(name)) {
                self.report.error(name, format!("`{name}` stands here twice; keep one"));
            }
        }
        let wrong = shared.iter().filter(|it| self.is_item && !self.shared_argument(it)).count();
        let mut exports = BTreeSet::new();
        let functions = functions.into_iter().filter_map(|it| {
            let function = self.host_function(it)?;
            if !exports.insert(function.export.clone()) {
                let message = format!(
                    "function `{}` is there twice; give one another name, or add `= \"other-name\"` \
                     before its body",
                    function.export
                );
                self.report.error(&function.name, message);
            }
            Some(function)
        });
        let mut functions: Vec<_> = functions.collect();
        if wrong > 0 {
            // The functions may use the shared values that were refused.
            functions.clear();
        }
        Host { span, interface, shared, functions }
    }

    /// Whether `shared` can be an argument of `compose`.
    fn shared_argument(&mut self, shared: &Shared) -> bool {
        let Shared { name, ty } = shared;
        let message = if self.ids.contains_key(&key(name)) {
            format!("`{name}` is a component, and both are arguments of `compose`; rename one")
        } else if let Some(ty) = ty {
            let text = ty.to_token_stream().to_string();
            match self.shared.insert(key(name), text.clone()) {
                Some(first) if first != text => format!(
                    "`{name}` is an argument of `compose`, and has another type above; give it one, or \
                     leave this out"
                ),
                _ => return true,
            }
        } else if self.shared.contains_key(&key(name)) {
            return true;
        } else {
            format!(
                "`{name}` is an argument of `compose` in a block that declares a struct; say of which \
                 type: `with {name}: Type`"
            )
        };
        self.report.loss(Error::new_spanned(name, message));
        false
    }

    fn host_function(&mut self, function: ast::HostFunction) -> Option<HostFunction> {
        let ast::HostFunction { function, body } = function;
        let ast::Function { is_async, name, generics, params, output, export, .. } = function;
        if !generics.params.is_empty() {
            let message = "a function of an interface has no generics";
            self.report.loss(Error::new_spanned(&generics, message));
            return None;
        }
        let export = match &export {
            Some(literal) => literal.value(),
            None => names::kebab(&name),
        };
        if !names::is_kebab(&export) {
            let message = format!(
                "`{export}` is no name in kebab case; for functions of resources make a `HostInterface` \
                 and write `component name = expression`"
            );
            self.report.error(&name, message);
        }
        let count = params.len();
        let params: Vec<_> = params.into_iter().filter_map(|it| self.host_param(it)).collect();
        // The body may use the parameters that were refused.
        if params.len() < count {
            return None;
        }
        let param_names = params.iter().map(|(name, _)| names::kebab(name)).collect();
        Some(HostFunction { name, is_async, params, param_names, output, export, body })
    }

    fn host_param(&mut self, param: FnArg) -> Option<(Ident, Type)> {
        let typed = match param {
            FnArg::Receiver(receiver) => {
                let message =
                    "a function of an interface has no `self`; name what it needs behind `with`";
                self.report.loss(Error::new_spanned(receiver, message));
                return None;
            }
            FnArg::Typed(typed) => typed,
        };
        if let Some(attr) = typed.attrs.first() {
            self.report.error(attr, "parameters of an interface's functions take no attributes");
        }
        let name = match *typed.pat {
            Pat::Ident(pat)
                if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() =>
            {
                pat.ident
            }
            pat => {
                let message = "a parameter of an interface's function is a name, which components see, not \
                               a pattern";
                self.report.loss(Error::new_spanned(&pat, message));
                return None;
            }
        };
        Some((name, *typed.ty))
    }
}
