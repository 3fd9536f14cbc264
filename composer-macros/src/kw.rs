//! The words of `compose!` that are not keywords of Rust.

syn::custom_keyword!(allow);
syn::custom_keyword!(chain);
syn::custom_keyword!(component);
syn::custom_keyword!(contain);
syn::custom_keyword!(cycles);
syn::custom_keyword!(export);
syn::custom_keyword!(expose);
syn::custom_keyword!(from);
syn::custom_keyword!(fused);
syn::custom_keyword!(hide);
syn::custom_keyword!(host);
syn::custom_keyword!(http);
syn::custom_keyword!(import);
syn::custom_keyword!(interface);
syn::custom_keyword!(layer);
syn::custom_keyword!(on);
syn::custom_keyword!(untrusted);
syn::custom_keyword!(with);
syn::custom_keyword!(wit);
syn::custom_keyword!(world);
