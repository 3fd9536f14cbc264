//! What a component's host defines and others may be given: `carrying`, `lending` and `carrying_as`.

use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, ResourceTable};

use super::component::ComposableComponent;
use super::instance::ComposableInstance;

macro_rules! carrying {
    ($composable:ident, $mistyped:literal) => {
        /// Resources that the host defines, between stores.
        impl<T: Send + 'static> $composable<T> {
            /// Lets handles of a resource that the host defines move to other components, and come from them.
            ///
            /// `resource` is its name in the imported `interface`, whose compatible versions are meant too. In a store
            /// it is an entry of type `R` in the [`ResourceTable`] that `table` finds in the store's data. When a handle
            /// is passed to another component, the entry leaves the table, and enters that of the other component,
            /// which has to carry the resource too. On the way there is one owner: a call that is withdrawn, a trap, a
            /// deadline, and closing drop the value. What the receiver may do with it is decided by the receiver's own
            /// linker.
            ///
            /// An entry that has children (see [`ResourceTable::push_child`]) does not move: the guest that tries
            /// it traps. Borrowed handles cross only with [`lending`](Self::lending).
            ///
            /// A resource and what was derived from it move in one call if those that depend on it are passed first.
            ///
            /// Planning fails where only one of two components carries a resource that is passed between them.
            #[doc = $mistyped]
            ///
            /// # Examples
            ///
            /// A plugin opens a connection and gives it to another one:
            ///
            /// ```
            #[doc = concat!("use wasm_runtime_composer::", stringify!($composable), ";")]
            /// use wasmtime::component::ResourceTable;
            ///
            /// /// What the host's `acme:db/connections` implements, in its `bindgen!` or by hand.
            /// struct Connection;
            ///
            /// struct State {
            ///     table: ResourceTable,
            /// }
            ///
            #[doc = concat!("fn with_connections(plugin: ", stringify!($composable), "<State>) -> ", stringify!($composable), "<State> {")]
            ///     plugin.carrying::<Connection>("acme:db/connections@1.0.0", "connection", |state| {
            ///         &mut state.table
            ///     })
            /// }
            /// ```
            #[must_use]
            pub fn carrying<R: Send + 'static>(
                self,
                interface: &str,
                resource: &str,
                table: impl Fn(&mut T) -> &mut ResourceTable + Send + Sync + 'static,
            ) -> Self {
                self.with_carriers(|it| it.by_table::<R>((interface, resource), table, None))
            }

            /// As [`carrying`](Self::carrying), and lends the resource as well: where a borrowed handle is passed,
            /// the other component has a clone of the value for as long as the call lasts.
            ///
            /// What the other one changes of its clone is not changed here, except by way of what clones share. A type
            /// that is a handle itself (an `Arc`, a file, a channel) is one to lend.
            #[must_use]
            pub fn lending<R: Clone + Send + 'static>(
                self,
                interface: &str,
                resource: &str,
                table: impl Fn(&mut T) -> &mut ResourceTable + Send + Sync + 'static,
            ) -> Self {
                let copy = Some(R::clone as fn(&R) -> R);
                self.with_carriers(|it| it.by_table((interface, resource), table, copy))
            }

            /// Lets handles of a resource that the host defines move in a form of its own.
            ///
            /// `out` takes the resource out of a store and makes of it the value that is on its way, of type `V`;
            /// `back` makes a resource of it in the store that it comes to. This is for what has parts that belong to
            /// its store. Components can pass the resource to each other if they carry it in the same form.
            ///
            /// An error of `out` or `back` traps the guest that passes the handle.
            #[must_use]
            pub fn carrying_as<R: 'static, V: Send + 'static>(
                self,
                interface: &str,
                resource: &str,
                out: impl Fn(StoreContextMut<'_, T>, Resource<R>) -> wasmtime::Result<V>
                + Send
                + Sync
                + 'static,
                back: impl Fn(StoreContextMut<'_, T>, V) -> wasmtime::Result<Resource<R>>
                + Send
                + Sync
                + 'static,
            ) -> Self {
                let out = move |store: StoreContextMut<'_, T>, it, _: &_| out(store, it);
                let back = move |store: StoreContextMut<'_, T>, it, _: &_| back(store, it);
                self.with_carriers(|it| it.by_form((interface, resource), out, back))
            }
        }
    };
}

carrying!(
    ComposableComponent,
    "So it does where `R` is not the type with which the linker defines the resource."
);
carrying!(
    ComposableInstance,
    "Whether `R` is the type that the resource has in the store shows when the first handle is passed: if not, its \
     guest traps."
);
