//! Stands for `wit.rs` without the feature: what needs WIT is told that it needs the feature.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Ident};

use super::Checker;
use crate::ast::{self, Export};
use crate::model::{Client, Function, Implemented};

/// What was made of WIT: nothing.
#[derive(Default)]
pub(super) struct Made {
    pub(super) modules: TokenStream,
}

const NEEDS: &str = "needs the feature `wit` of `wasm-runtime-composer`";

impl Checker<'_> {
    pub(super) fn read_wit(
        &mut self,
        wit: &[ast::Wit],
        _: &TokenStream,
        _: &[ast::Component],
        exports: Vec<Export>,
    ) -> Vec<Export> {
        for again in wit.iter().skip(1) {
            self.report.error_at(again.span, "there is WIT already");
        }
        exports
    }

    pub(super) fn client(&mut self, client: ast::Client, _: usize) -> Option<Client> {
        let name = &client.name;
        let message = format!(
            "`{name}` has no functions here: write `{{ fn name(); }}`; to take them from WIT {NEEDS}"
        );
        self.report.loss(Error::new_spanned(name, message));
        None
    }

    pub(super) fn named(&mut self, function: ast::Named) -> Option<Function> {
        let name = &function.name;
        let message =
            format!("expected `(..)` after `{name}`; to take a signature from WIT {NEEDS}");
        self.report.loss(Error::new_spanned(name, message));
        None
    }

    pub(super) fn world(&mut self, world: &ast::World) {
        let message = format!("to export a world {NEEDS}");
        self.report.loss(Error::new_spanned(&world.world, message));
    }

    pub(super) fn implemented(&mut self, _: &Ident, it: ast::Implemented) -> Option<Implemented> {
        let ast::Implemented { interface, by, .. } = it;
        let message = format!("expected functions in braces; `host .. as` {NEEDS}");
        self.report.loss(Error::new_spanned(quote!(#interface as #by), message));
        None
    }
}
