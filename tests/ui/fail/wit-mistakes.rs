//! Mistakes in WIT are shown where they are in it; options are named.

use wasm_runtime_composer::wit;

wit!({ inline: "
    package acme:kv;
    interface store {
        get: func(key: strin) -> string;
    }
" });

wit!({ inline: "package acme:kv; interface store { get: func(error: error-context); record none {} }" });

wit!({ inline: "package a:b; world app { export c: func(); }", world: "ap" });

wit!({ inline: "package a:b; interface c { d: func(); }", interfaces: ["a:b/d", "a:e/c"] });

wit!({ path: "nowhere", inlin: "" });

wit!({ inline: "", with: { "a:b/c": types::C } });

wit!({ inline: "", inline: "" });

wit!({ inline: "package a:b;", module: crate::bindings });

wit!({ world: "app" });

wit!(path);

fn main() {}
