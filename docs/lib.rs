//! The programs in the README and in the chapters of the book compile and run.
//!
//! They are tests of this package, which is not published, because the packages that are do not have the files.

#![forbid(unsafe_code)]

#[cfg(doctest)]
mod programs {
    macro_rules! programs {
        ($($name:ident: $file:literal,)*) => {
            $(
                #[doc = include_str!($file)]
                struct $name;
            )*
        };
    }

    programs! {
        Readme: "../README.md",
        ReadmeOfTheLibrary: "../composer/README.md",
        GettingStarted: "src/getting-started.md",
        Composition: "src/concepts/composition.md",
        Stores: "src/concepts/stores.md",
        Placement: "src/concepts/placement.md",
        Resources: "src/concepts/resources.md",
        Streams: "src/concepts/streams.md",
        Host: "src/concepts/host.md",
        Wit: "src/concepts/wit.md",
        Layers: "src/concepts/layers.md",
        Wasi: "src/concepts/wasi.md",
        Plugins: "src/recipes/plugins.md",
        Uploads: "src/recipes/uploads.md",
        HotSwap: "src/recipes/hot-swap.md",
        Serving: "src/recipes/serving.md",
        Web: "src/recipes/web.md",
        Limits: "src/recipes/limits.md",
        Testing: "src/recipes/testing.md",
        Processes: "src/recipes/processes.md",
        Documents: "src/recipes/documents.md",
        Insight: "src/recipes/insight.md",
        Errors: "src/errors.md",
    }
}
