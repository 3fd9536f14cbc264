//! What one would write by hand to connect two stores: a task for the provider's, and a channel.

use composer_tests::{engine, guest};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Accessor, AccessorTask, ComponentNamedList, ComponentType, Func, Instance, Lift, Linker,
    LinkerInstance, Lower, TypedFunc, Val,
};
use wasmtime::{Store, format_err};

const PRODUCER: &str = "composer:test/iproducer";

type Reply<R> = oneshot::Sender<R>;
type Vals = (Func, Vec<Val>, Reply<Vec<Val>>);

/// The consumer, whose imports send their `Val`s to the producer's store.
pub(crate) async fn val_channel() -> (Store<()>, Instance) {
    let (sender, inbox) = mpsc::unbounded_channel::<Vals>();
    let (mut producer, instance) = producer().await;
    let mut linker = Linker::new(engine());
    let consumer = guest("consumer");
    for (name, item) in consumer.component_type().imports(engine()) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => {
                let func = exported(&mut producer, &instance, None, name);
                forward(&mut linker.root(), name, ty.async_(), func, &sender);
            }
            ComponentItem::ComponentInstance(interface) => {
                for (function, item) in interface.exports(engine()) {
                    let ComponentItem::ComponentFunc(ty) = item.ty else { continue };
                    let func = exported(&mut producer, &instance, Some(name), function);
                    let mut linker = linker.instance(name).expect("the name is free");
                    forward(&mut linker, function, ty.async_(), func, &sender);
                }
            }
            _ => {}
        }
    }
    serve_vals(producer, inbox);
    started(&linker).await
}

/// Calls a function of the producer from Rust, by the same channel.
pub(crate) struct ValCaller {
    sender: mpsc::UnboundedSender<Vals>,
    func: Func,
}

impl ValCaller {
    pub(crate) async fn new(function: &str) -> Self {
        let (sender, inbox) = mpsc::unbounded_channel();
        let (mut producer, instance) = producer().await;
        let func = exported(&mut producer, &instance, Some(PRODUCER), function);
        serve_vals(producer, inbox);
        Self { sender, func }
    }

    pub(crate) async fn call(&self, params: &[Val]) -> Vec<Val> {
        let (reply, answer) = oneshot::channel();
        let _ = self.sender.send((self.func, params.to_vec(), reply));
        answer.await.expect("no guest traps")
    }
}

fn serve_vals(mut producer: Store<()>, mut inbox: mpsc::UnboundedReceiver<Vals>) {
    tokio::spawn(async move {
        let served = producer.run_concurrent(async move |accessor| {
            while let Some((func, params, reply)) = inbox.recv().await {
                let results = vec![Val::Bool(false)];
                accessor.spawn(ValCall { func, params, results, reply }).expect("it is alive");
            }
        });
        served.await.expect("no guest traps");
    });
}

struct ValCall {
    func: Func,
    params: Vec<Val>,
    results: Vec<Val>,
    reply: Reply<Vec<Val>>,
}

impl AccessorTask<()> for ValCall {
    async fn run(self, accessor: &Accessor<()>) -> wasmtime::Result<()> {
        let Self { func, params, mut results, reply } = self;
        func.call_concurrent(accessor, &params, &mut results).await?;
        let _ = reply.send(results);
        Ok(())
    }
}

/// Defines a function that sends its `Val`s. Every function here has one result.
fn forward(
    linker: &mut LinkerInstance<'_, ()>,
    name: &str,
    is_async: bool,
    func: Func,
    sender: &mpsc::UnboundedSender<Vals>,
) {
    let sender = sender.clone();
    let call = move |params: &[Val]| {
        let (reply, answer) = oneshot::channel();
        let sent = sender.send((func, params.to_vec(), reply)).is_ok();
        async move { if sent { answer.await.ok() } else { None } }
    };
    let put = |answer: Option<Vec<Val>>, results: &mut [Val]| {
        results.clone_from_slice(&answer.ok_or_else(|| format_err!("the producer is gone"))?);
        Ok(())
    };
    let defined = if is_async {
        linker.func_new_concurrent(name, move |_, _, params, results| {
            let answer = call(params);
            Box::pin(async move { put(answer.await, results) })
        })
    } else {
        linker.func_new_async(name, move |_, _, params, results| {
            let answer = call(params);
            Box::new(async move { put(answer.await, results) })
        })
    };
    defined.expect("the name is free");
}

/// As the guests have it.
#[derive(Clone, ComponentType, Lift, Lower)]
#[component(record)]
struct Person {
    name: String,
    age: u32,
    tags: Vec<String>,
}

/// A call with Rust types.
enum Typed {
    Add((i32, i32), Reply<i32>),
    Reverse(Vec<u8>, Reply<Vec<u8>>),
    Birthday(Person, Reply<Person>),
    EchoString(String, Reply<String>),
    EchoLater(String, Reply<String>),
}

/// The exports that are called so.
#[derive(Clone, Copy)]
struct Exports {
    add: TypedFunc<(i32, i32), (i32,)>,
    reverse: TypedFunc<(Vec<u8>,), (Vec<u8>,)>,
    birthday: TypedFunc<(Person,), (Person,)>,
    echo_string: TypedFunc<(String,), (String,)>,
    echo_later: TypedFunc<(String,), (String,)>,
}

/// The consumer, five of whose imports send Rust values to the producer's store.
pub(crate) async fn typed_channel() -> (Store<()>, Instance) {
    let (sender, mut inbox) = mpsc::unbounded_channel::<Typed>();
    let (mut producer, instance) = producer().await;
    let mut export = |name| exported(&mut producer, &instance, Some(PRODUCER), name);
    let [add, reverse, birthday, echo_string, echo_later] =
        ["add", "reverse", "birthday", "echo-string", "echo-later"].map(&mut export);
    let exports = Exports {
        add: add.typed(&producer).expect("it adds `s32`"),
        reverse: reverse.typed(&producer).expect("it reverses bytes"),
        birthday: birthday.typed(&producer).expect("it is of a person"),
        echo_string: echo_string.typed(&producer).expect("it echoes text"),
        echo_later: echo_later.typed(&producer).expect("it echoes text"),
    };
    tokio::spawn(async move {
        let served = producer.run_concurrent(async move |accessor| {
            while let Some(call) = inbox.recv().await {
                accessor.spawn(TypedCall { call, exports }).expect("it is alive");
            }
        });
        served.await.expect("no guest traps");
    });

    let mut linker = Linker::new(engine());
    let consumer = guest("consumer");
    // What the loops do not call is there and not more.
    linker.define_unknown_imports_as_traps(&consumer).expect("nothing is defined yet");
    linker.allow_shadowing(true);
    let mut interface = linker.instance(PRODUCER).expect("it is an instance");
    send(&mut interface, "add", &sender, Typed::Add);
    send(&mut interface, "reverse", &sender, |(bytes,), reply| Typed::Reverse(bytes, reply));
    send(&mut interface, "birthday", &sender, |(person,), reply| Typed::Birthday(person, reply));
    send(&mut interface, "echo-string", &sender, |(text,), reply| Typed::EchoString(text, reply));
    interface
        .func_wrap_concurrent("echo-later", move |_, (text,): (String,)| {
            let (reply, answer) = oneshot::channel();
            let _ = sender.send(Typed::EchoLater(text, reply));
            Box::pin(async move { Ok((answered(answer).await?,)) })
        })
        .expect("shadowing is allowed");
    started(&linker).await
}

/// Defines a function that sends its parameters, and waits for the result.
fn send<P, R>(
    interface: &mut LinkerInstance<'_, ()>,
    name: &str,
    sender: &mpsc::UnboundedSender<Typed>,
    call: fn(P, Reply<R>) -> Typed,
) where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    R: Send + 'static,
    (R,): ComponentNamedList + Lower,
{
    let sender = sender.clone();
    let defined = interface.func_wrap_async(name, move |_, params: P| {
        let (reply, answer) = oneshot::channel();
        let _ = sender.send(call(params, reply));
        Box::new(async move { Ok((answered(answer).await?,)) })
    });
    defined.expect("shadowing is allowed");
}

async fn answered<R>(answer: oneshot::Receiver<R>) -> wasmtime::Result<R> {
    answer.await.map_err(|_| format_err!("the producer is gone"))
}

struct TypedCall {
    call: Typed,
    exports: Exports,
}

impl AccessorTask<()> for TypedCall {
    async fn run(self, accessor: &Accessor<()>) -> wasmtime::Result<()> {
        let Exports { add, reverse, birthday, echo_string, echo_later } = self.exports;
        match self.call {
            Typed::Add(params, reply) => {
                let _ = reply.send(add.call_concurrent(accessor, params).await?.0);
            }
            Typed::Reverse(bytes, reply) => {
                let _ = reply.send(reverse.call_concurrent(accessor, (bytes,)).await?.0);
            }
            Typed::Birthday(person, reply) => {
                let _ = reply.send(birthday.call_concurrent(accessor, (person,)).await?.0);
            }
            Typed::EchoString(text, reply) => {
                let _ = reply.send(echo_string.call_concurrent(accessor, (text,)).await?.0);
            }
            Typed::EchoLater(text, reply) => {
                let _ = reply.send(echo_later.call_concurrent(accessor, (text,)).await?.0);
            }
        }
        Ok(())
    }
}

async fn producer() -> (Store<()>, Instance) {
    let mut store = Store::new(engine(), ());
    let instance = Linker::new(engine()).instantiate_async(&mut store, &guest("producer")).await;
    (store, instance.expect("it imports nothing"))
}

async fn started(linker: &Linker<()>) -> (Store<()>, Instance) {
    let mut store = Store::new(engine(), ());
    let instance = linker.instantiate_async(&mut store, &guest("consumer")).await;
    (store, instance.expect("the linker defines its imports"))
}

fn exported(
    store: &mut Store<()>,
    instance: &Instance,
    interface: Option<&str>,
    function: &str,
) -> Func {
    let interface = interface.map(|name| {
        let found = instance.get_export_index(&mut *store, None, name);
        found.expect("the producer exports the interface")
    });
    let func = instance.get_export_index(&mut *store, interface.as_ref(), function);
    let func = func.and_then(|func| instance.get_func(&mut *store, func));
    func.expect("the producer exports the function")
}
