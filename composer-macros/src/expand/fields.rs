//! The names of what is declared: fields, variables, types.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::local;
use crate::check::PARTS;
use crate::model::{Client, Function, Service};

pub(super) fn angled(params: TokenStream) -> TokenStream {
    quote!(<#params>)
}

/// The name of the parts' struct of the type `name`.
pub(super) fn parts_of(name: &Ident) -> Ident {
    format_ident!("{name}{PARTS}")
}

pub(super) fn field(function: &Function) -> Ident {
    format_ident!("__accessor_{}", function.index)
}

pub(super) fn service_field(service: &Service) -> Ident {
    format_ident!("__service_{}", service.index)
}

pub(super) fn client_field(client: &Client) -> Ident {
    format_ident!("__client_{}", client.index)
}

pub(super) fn client_local(client: &Client) -> Ident {
    local(&format!("client_{}", client.index))
}

pub(super) fn service_local(service: &Service) -> Ident {
    local(&format!("service_{}", service.index))
}

pub(super) fn lookup_local(function: &Function) -> Ident {
    local(&format!("accessor_{}", function.index))
}
