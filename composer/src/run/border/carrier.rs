//! How resources that the host defines leave a store and enter another one.
//!
//! A host's resource is an entry in a table of the store's data, and its handle has the entry's index. A carrier knows
//! the table and the entry's type: it takes the value out, and puts it into the table of another store, where it gets
//! a handle of its own. What the thing may do there is decided by the linker of that store.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use wasmtime::component::{
    Resource as HostResource, ResourceAny, ResourceTable, ResourceTableError, ResourceType,
};
use wasmtime::{AsContextMut, StoreContextMut, bail};

use super::side::Border;
use crate::plan::carried::CarriedResource;
use crate::plan::item::Surface;
use crate::sync::lock;
use crate::types::{Form, Resource};
use crate::value::handle::Moved;

/// Moves the resources of one type of the host's, in stores with data of type `T`.
pub(crate) trait Carrier<T: 'static>: Send + Sync {
    /// The type of the resources in a linker.
    fn ty(&self) -> ResourceType;

    /// Takes a resource out of the store, whose border is `from`.
    fn out(
        &self,
        store: StoreContextMut<'_, T>,
        handle: ResourceAny,
        from: &Arc<Border>,
    ) -> wasmtime::Result<Moved>;

    /// Puts it into the store, whose border is `to`, and which owns it then.
    fn back(
        &self,
        store: StoreContextMut<'_, T>,
        value: Moved,
        to: &Arc<Border>,
    ) -> wasmtime::Result<ResourceAny>;

    /// A copy of a resource of which the store has lent a handle.
    fn lend(&self, store: StoreContextMut<'_, T>, handle: ResourceAny) -> wasmtime::Result<Moved>;

    /// A copy of a resource that is lent.
    fn copy(&self, value: &(dyn Any + Send)) -> Option<Moved>;

    /// Drops a copy that was put into the store. Where it is still in use, as the guest has derived something from it, its
    /// number is returned, to [try](Self::drop_later) later.
    fn end_loan(&self, store: StoreContextMut<'_, T>, copy: ResourceAny) -> Option<u32>;

    /// Drops a copy that was still in use; `false` if it is still.
    fn drop_later(&self, store: StoreContextMut<'_, T>, number: u32) -> bool;
}

/// The carriers of a component, each with what it carries.
pub(crate) struct CarrierSet<T: 'static> {
    carried: Vec<Arc<CarriedResource>>,
    carriers: Vec<Arc<dyn Carrier<T>>>,
    /// Tells the data of a new store what border it has.
    #[cfg(feature = "http")]
    attach: Option<fn(&mut T, &Arc<Border>)>,
}

impl<T: 'static> CarrierSet<T> {
    /// Carries values of type `R` as they are, out of the table that `table` finds and into it; and lends them, if
    /// there is a `copy`.
    pub(crate) fn by_table<R: Send + 'static>(
        &mut self,
        (interface, resource): (&str, &str),
        table: impl Fn(&mut T) -> &mut ResourceTable + Send + Sync + 'static,
        copy: Option<fn(&R) -> R>,
    ) {
        let form = Form::of::<R>();
        let carrier = ByTable { table: Arc::new(table), copy };
        self.add((interface, resource), form, copy.is_some(), carrier);
    }

    /// Carries resources of type `R` as values of type `V`. What is taken out, or writes into the store later,
    /// may have to keep it in use: [`StoreInUse`](super::StoreInUse).
    pub(crate) fn by_form<R: 'static, V: Send + 'static>(
        &mut self,
        (interface, resource): (&str, &str),
        out: impl Fn(StoreContextMut<'_, T>, HostResource<R>, &Arc<Border>) -> wasmtime::Result<V>
        + Send
        + Sync
        + 'static,
        back: impl Fn(StoreContextMut<'_, T>, V, &Arc<Border>) -> wasmtime::Result<HostResource<R>>
        + Send
        + Sync
        + 'static,
    ) {
        let carrier = ByForm { out, back, types: PhantomData };
        self.add((interface, resource), Form::of::<V>(), false, carrier);
    }

    fn add(
        &mut self,
        (interface, resource): (&str, &str),
        form: Form,
        lends: bool,
        carrier: impl Carrier<T> + 'static,
    ) {
        let (interface, name) = (interface.into(), resource.into());
        self.carried.push(Arc::new(CarriedResource { interface, name, form, lends }));
        self.carriers.push(Arc::new(carrier));
    }

    /// Has the data of each new store be told what border it has: for what leaves a store by itself, without a call of
    /// another component.
    #[cfg(feature = "http")]
    pub(crate) fn attach_by(&mut self, attach: fn(&mut T, &Arc<Border>)) {
        self.attach = Some(attach);
    }

    #[cfg(feature = "http")]
    pub(crate) fn attach(&self, data: &mut T, border: &Arc<Border>) {
        if let Some(attach) = self.attach {
            attach(data, border);
        }
    }

    /// What they carry.
    pub(crate) fn carried(&self) -> &[Arc<CarriedResource>] {
        &self.carried
    }

    /// The type that one of these resources has to have in the linker.
    pub(crate) fn ty(&self, carried: &Arc<CarriedResource>) -> Option<ResourceType> {
        self.find(carried).map(|carrier| carrier.ty())
    }

    fn find(&self, carried: &Arc<CarriedResource>) -> Option<&Arc<dyn Carrier<T>>> {
        let place = self.carried.iter().position(|it| Arc::ptr_eq(it, carried))?;
        self.carriers.get(place)
    }

    /// The carriers of a surface's resources.
    pub(crate) fn of(&self, surface: &Surface) -> Carriers {
        let carrier = |carried: &Arc<CarriedResource>| {
            Some(Arc::new(self.find(carried)?.clone()) as Arc<dyn Any + Send + Sync>)
        };
        let carriers = surface.resources.iter().map(|def| def.carried.as_ref().and_then(carrier));
        Carriers(carriers.collect())
    }
}

impl<T: 'static> Default for CarrierSet<T> {
    fn default() -> Self {
        Self {
            carried: Vec::new(),
            carriers: Vec::new(),
            #[cfg(feature = "http")]
            attach: None,
        }
    }
}

impl<T: 'static> Clone for CarrierSet<T> {
    fn clone(&self) -> Self {
        Self {
            carried: self.carried.clone(),
            carriers: self.carriers.clone(),
            #[cfg(feature = "http")]
            attach: self.attach,
        }
    }
}

/// The carriers of a component's resources, by the component's numbers of these, with the type of the store's data
/// forgotten: each is an `Arc<dyn Carrier<T>>`.
#[derive(Clone, Default)]
pub(crate) struct Carriers(Arc<[Option<Arc<dyn Any + Send + Sync>>]>);

impl Carriers {
    pub(super) fn get<T: 'static>(&self, resource: u32) -> Option<&dyn Carrier<T>> {
        let carrier = self.0.get(resource as usize)?.as_ref()?;
        carrier.downcast_ref::<Arc<dyn Carrier<T>>>().map(|carrier| &**carrier)
    }
}

/// Copies that were lent to a store, and whose guest still holds what it has derived from them: the resource, and the
/// copy's number. They are dropped when a later loan ends, or with the store.
#[derive(Clone, Default)]
pub(crate) struct OverdueLoans(Arc<Mutex<Vec<(Resource, u32)>>>);

impl OverdueLoans {
    pub(super) fn add(&self, resource: Resource, copy: u32) {
        lock(&self.0).push((resource, copy));
    }

    /// Drops those that are in use no more: `drops` tries it with one.
    pub(super) fn end(&self, mut drops: impl FnMut(&Resource, u32) -> bool) {
        // Dropping runs code of the application, which must not happen under the lock.
        let mut overdue = std::mem::take(&mut *lock(&self.0));
        overdue.retain(|(resource, copy)| !drops(resource, *copy));
        lock(&self.0).append(&mut overdue);
    }

    /// Forgets those of a store that has ended.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// Finds the table of a store's data.
type TableOf<T> = Arc<dyn Fn(&mut T) -> &mut ResourceTable + Send + Sync>;

/// Moves values of type `R` from table to table, as they are.
struct ByTable<T: 'static, R> {
    table: TableOf<T>,
    /// How a value is lent, if it is.
    copy: Option<fn(&R) -> R>,
}

impl<T: 'static, R: Send + 'static> Carrier<T> for ByTable<T, R> {
    fn ty(&self) -> ResourceType {
        ResourceType::host::<R>()
    }

    fn out(
        &self,
        mut store: StoreContextMut<'_, T>,
        handle: ResourceAny,
        _: &Arc<Border>,
    ) -> wasmtime::Result<Moved> {
        let resource = handle.try_into_resource::<R>(&mut store)?;
        let value = (self.table)(store.data_mut()).delete(resource)?;
        Ok(Box::new(value))
    }

    fn back(
        &self,
        mut store: StoreContextMut<'_, T>,
        value: Moved,
        _: &Arc<Border>,
    ) -> wasmtime::Result<ResourceAny> {
        let value = downcast::<R>(value)?;
        let resource = (self.table)(store.data_mut()).push(value)?;
        resource.try_into_resource_any(store)
    }

    fn lend(
        &self,
        mut store: StoreContextMut<'_, T>,
        handle: ResourceAny,
    ) -> wasmtime::Result<Moved> {
        let resource = handle.try_into_resource::<R>(&mut store)?;
        let Some(copy) = self.copy else { bail!("its carrier does not lend it") };
        Ok(Box::new(copy((self.table)(store.data_mut()).get(&resource)?)))
    }

    fn copy(&self, value: &(dyn Any + Send)) -> Option<Moved> {
        let (copy, value) = (self.copy?, value.downcast_ref::<R>()?);
        Some(Box::new(copy(value)))
    }

    fn end_loan(&self, mut store: StoreContextMut<'_, T>, copy: ResourceAny) -> Option<u32> {
        // Fails only in a store that has trapped, and then the table ends with it.
        let number = copy.try_into_resource::<R>(&mut store).ok()?.rep();
        (!self.drop_later(store, number)).then_some(number)
    }

    fn drop_later(&self, mut store: StoreContextMut<'_, T>, number: u32) -> bool {
        let dropped = (self.table)(store.data_mut()).delete(HostResource::<R>::new_own(number));
        !matches!(dropped, Err(ResourceTableError::HasChildren))
    }
}

/// Moves resources of type `R` as values of type `V`, which two functions convert.
struct ByForm<T: 'static, R, V, Out, Back> {
    out: Out,
    back: Back,
    types: PhantomData<fn(&mut T, R) -> V>,
}

impl<T, R, V, Out, Back> Carrier<T> for ByForm<T, R, V, Out, Back>
where
    T: 'static,
    R: 'static,
    V: Send + 'static,
    Out: Fn(StoreContextMut<'_, T>, HostResource<R>, &Arc<Border>) -> wasmtime::Result<V>
        + Send
        + Sync,
    Back: Fn(StoreContextMut<'_, T>, V, &Arc<Border>) -> wasmtime::Result<HostResource<R>>
        + Send
        + Sync,
{
    fn ty(&self) -> ResourceType {
        ResourceType::host::<R>()
    }

    fn out(
        &self,
        mut store: StoreContextMut<'_, T>,
        handle: ResourceAny,
        from: &Arc<Border>,
    ) -> wasmtime::Result<Moved> {
        let resource = handle.try_into_resource::<R>(&mut store)?;
        Ok(Box::new((self.out)(store, resource, from)?))
    }

    fn back(
        &self,
        mut store: StoreContextMut<'_, T>,
        value: Moved,
        to: &Arc<Border>,
    ) -> wasmtime::Result<ResourceAny> {
        let value = downcast::<V>(value)?;
        let resource = (self.back)(store.as_context_mut(), value, to)?;
        resource.try_into_resource_any(store)
    }

    fn lend(&self, _: StoreContextMut<'_, T>, _: ResourceAny) -> wasmtime::Result<Moved> {
        bail!("its carrier does not lend it")
    }

    fn copy(&self, _: &(dyn Any + Send)) -> Option<Moved> {
        None
    }

    fn end_loan(&self, _: StoreContextMut<'_, T>, _: ResourceAny) -> Option<u32> {
        None
    }

    fn drop_later(&self, _: StoreContextMut<'_, T>, _: u32) -> bool {
        true
    }
}

/// The plan has compared the forms, so that only a value of this one comes.
fn downcast<V: 'static>(value: Moved) -> wasmtime::Result<V> {
    match value.downcast::<V>() {
        Ok(value) => Ok(*value),
        Err(_) => bail!("what was moved is no `{}`", std::any::type_name::<V>()),
    }
}
