//! Rust that is made of WIT: types, clients, hosts; by `wit!` and by `compose!`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{
    call, chain, component, compose, composer, limited, run, run_placed, runtimes, until,
};
#[cfg(feature = "codec")]
use futures_util::TryStreamExt;
use wasm_runtime_composer::error::HandleError;
use wasm_runtime_composer::host::{HostBorrow, HostOwn};
#[cfg(feature = "codec")]
use wasm_runtime_composer::{ComponentFuture, ComponentStream};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, HostInterface, OwnedResource,
    wit,
};

/// What the guests speak.
mod guests {
    use wasm_runtime_composer::wit;

    wit!({
        path: "guests/wit/buckets.wit",
        interfaces: ["composer:test/buckets", "composer:test/bucket-user"],
    });

    pub(crate) use composer::test::{bucket_user, buckets};
}

use guests::{bucket_user, buckets};

async fn with_buckets() -> Composition {
    compose(composer(&["bucket-store", "broker"])).await.unwrap()
}

#[test]
fn client_calls_functions_and_methods_of_a_guest() {
    run_placed(async || {
        let composition = with_buckets().await;
        let store = buckets::Client::new(&composition).unwrap();
        let a = store.bucket("a").await.unwrap();
        a.put("one").await.unwrap();
        a.put("two").await.unwrap();
        assert_eq!(a.name().await.unwrap(), "a");
        assert_eq!(a.size().await.unwrap(), 2);
        assert_eq!(limited(a.find("two")).await.unwrap(), Some(1));
        assert_eq!(store.count(&a).await.unwrap(), 2);
        let b = store.bucket("b").await.unwrap();
        let merged = store.bucket_merge(a, &b).await.unwrap();
        assert_eq!(merged.name().await.unwrap(), "a+b");
        drop(b);
        assert_eq!(store.eat(merged).await.unwrap(), 2);
        assert_eq!(store.live().await.unwrap(), 0);
    });
}

#[test]
fn resource_in_a_value_has_its_methods() {
    run_placed(async || {
        let composition = with_buckets().await;
        let store = buckets::Client::new(&composition).unwrap();
        let holder: buckets::Holder = store.make("box").await.unwrap();
        assert_eq!(
            (holder.label.as_str(), holder.content.name().await.unwrap().as_str()),
            ("box", "in box")
        );
        assert_eq!(store.unwrap(holder).await.unwrap(), "box/in box");
        let mut names = Vec::new();
        for bucket in store.many(3).await.unwrap() {
            names.push(bucket.name().await.unwrap());
        }
        assert_eq!(names, ["0", "1", "2"]);
        let kept = store.maybe(store.many(1).await.unwrap().pop()).await.unwrap().unwrap();
        assert_eq!(kept.size().await.unwrap(), 0);
        assert_eq!(store.maybe(None).await.unwrap().unwrap_err(), "none");
    });
}

#[test]
fn resource_of_another_interface_is_the_same_type() {
    run_placed(async || {
        let composition = with_buckets().await;
        let (store, user) = (
            buckets::Client::new(&composition).unwrap(),
            bucket_user::Client::new(&composition).unwrap(),
        );
        let bucket = store.bucket("t").await.unwrap();
        assert_eq!(user.describe(&bucket).await.unwrap(), "t:0");
        let bucket: buckets::Bucket = user.relabel(bucket).await.unwrap();
        assert_eq!(bucket.size().await.unwrap(), 1);
        user.keep(bucket).await.unwrap();
        let back: bucket_user::Bucket = user.give_back().await.unwrap().unwrap();
        assert_eq!(back.name().await.unwrap(), "t");
    });
}

#[test]
fn resource_that_is_dropped_is_dropped_in_its_component() {
    run_placed(async || {
        let composition = with_buckets().await;
        let store = buckets::Client::new(&composition).unwrap();
        drop(store.bucket("a").await.unwrap());
        assert_eq!(store.history().await.unwrap(), ["new a", "drop a"]);
        let handle = OwnedResource::from(store.bucket("b").await.unwrap());
        handle.release().await.unwrap();
        assert_eq!((store.live().await.unwrap(), store.dropped().await.unwrap()), (0, 2));
    });
}

#[test]
fn handle_of_a_composition_without_a_client_says_so() {
    run(async || {
        let composition = with_buckets().await;
        let make = composition.typed::<(&str,), buckets::Bucket>(
            Some("composer:test/buckets"),
            "[constructor]bucket",
        );
        let bucket = make.unwrap().call(("a",)).await.unwrap();
        let error = bucket.size().await.unwrap_err();
        let CompositionError::Handle(HandleError::NoClient {
            interface, component, resource, ..
        }) = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!((component.as_str(), resource.as_str()), ("bucket-store", "bucket"));
        assert_eq!(interface.as_deref(), Some("composer:test/buckets"));
        buckets::Client::new(&composition).unwrap();
        assert_eq!(bucket.size().await.unwrap(), 0);
        let late = buckets::Client::new(&composition).unwrap().bucket("late").await.unwrap();
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
        let error = late.size().await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Closed)), "{error:?}");
    });
}

#[test]
fn client_does_not_keep_its_composition() {
    run(async || {
        let composition = with_buckets().await;
        let store = buckets::Client::new(&composition).unwrap();
        let bucket = store.bucket("a").await.unwrap();
        drop(composition);
        // The components end in the background.
        let ends = async {
            loop {
                match store.live().await {
                    Ok(_) => tokio::task::yield_now().await,
                    Err(error) => break error,
                }
            }
        };
        let error = limited(ends).await;
        assert!(bucket.size().await.is_err());
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
    });
}

#[test]
fn client_of_what_is_not_there_names_every_function() {
    run(async || {
        let composition = compose(composer(&["producer"])).await.unwrap();
        let error = buckets::Client::new(&composition).unwrap_err();
        let CompositionError::Typed(typed) = &error else { panic!("{error:?}") };
        assert_eq!(typed.problems().len(), 17);
        let text = chain(&error);
        assert!(text.contains("`buckets::[method]bucket.put`"), "{text}");
        assert!(text.contains("composer:test/buckets"), "{text}");
    });
}

wit!({
    inline: "
        package acme:all@1.2.0;

        /// Types that others use.
        interface types {
            /// What has a name.
            record named { name: string, %type: u8 }
            enum level { low, high-end }
            flags rights { read, write-all, execute }
            variant shape { none, circle(f64), path(list<tuple<s32, s32>>), of(named) }
            type names = list<string>;
            variant failure { missing(string), broken }
        }

        interface everything {
            use types.{named, level as grade, rights, shape, names, failure};

            /// Gives every kind of number back.
            numbers: func(a: u8, b: s8, c: u16, d: s16, e: u32, f: s32, g: u64, h: s64, i: f32, j: f64, k: char, l: bool)
                -> tuple<u8, s8, u16, s16, u32, s32, u64, s64, f32, f64, char, bool>;
            text: func(text: string, bytes: list<u8>, words: names) -> string;
            records: func(it: named, all: list<named>, maybe: option<named>) -> list<named>;
            kinds: func(level: grade, rights: rights, shape: shape) -> tuple<shape, rights, grade>;
            outcome: func(ok: bool) -> result<named, failure>;
            nothing: func(given: result<_, string>) -> result;
            counts: func(words: map<string, u32>) -> map<string, u32>;
            fixed: func(rgb: list<u8, 3>, names: list<string, 2>) -> list<u8, 3>;
            later: async func(millis: u32) -> string;
            %self: func(%async: u32, %self: u32) -> u32;
        }

        interface flows {
            pass: async func(bytes: stream<u8>) -> tuple<stream<u8>, future<string>>;
        }

        interface shelf {
            /// A pile of things.
            resource pile {
                constructor(first: string);
                add: func(thing: string) -> u32;
                take: static func(it: pile) -> list<string>;
                %self: func() -> string;
            }
            record pair { left: pile, right: pile, label: string }
            record view { of: borrow<pile>, label: string }
            variant held { one(pile), both(pair), nothing }

            make-pair: func(label: string) -> pair;
            look: func(at: view) -> string;
            hold: func(it: held) -> held;
            sum: func(of: list<borrow<pile>>) -> u32;
        }
    ",
    additional_derives: [PartialOrd],
});

#[cfg(feature = "codec")]
use acme::all::flows;
use acme::all::{everything, shelf, types};
use types::{Failure, Level, Named, Rights, Shape};

/// Everything in Rust, which is called through a client.
struct All;

impl everything::Host for All {
    fn numbers(
        &self,
        a: u8,
        b: i8,
        c: u16,
        d: i16,
        e: u32,
        f: i32,
        g: u64,
        h: i64,
        i: f32,
        j: f64,
        k: char,
        l: bool,
    ) -> (u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, char, bool) {
        (a, b, c, d, e, f, g, h, i, j, k, l)
    }

    fn text(&self, text: String, bytes: Vec<u8>, words: types::Names) -> String {
        format!("{text} {bytes:?} {}", words.join("+"))
    }

    fn records(&self, it: Named, mut all: Vec<Named>, maybe: Option<Named>) -> Vec<Named> {
        all.push(it);
        all.extend(maybe);
        all
    }

    fn kinds(
        &self,
        level: Level,
        rights: Rights,
        shape: Shape,
    ) -> (Shape, Rights, everything::Grade) {
        (shape, rights, level)
    }

    fn outcome(&self, ok: bool) -> Result<Named, Failure> {
        match ok {
            true => Ok(Named { name: "ok".into(), type_: 1 }),
            false => Err(Failure::Missing("it".into())),
        }
    }

    fn nothing(&self, given: Result<(), String>) -> Result<(), ()> {
        given.map_err(|_| ())
    }

    fn counts(&self, mut words: HashMap<String, u32>) -> HashMap<String, u32> {
        words.values_mut().for_each(|it| *it += 1);
        words
    }

    fn fixed(&self, rgb: [u8; 3], names: [String; 2]) -> [u8; 3] {
        assert_eq!(names.concat(), "xy");
        rgb
    }

    async fn later(&self, millis: u32) -> String {
        tokio::task::yield_now().await;
        format!("after {millis}")
    }

    fn self_(&self, async_: u32, self_: u32) -> u32 {
        async_ * 10 + self_
    }
}

#[cfg(feature = "codec")]
impl flows::Host for All {
    async fn pass(
        &self,
        bytes: ComponentStream<u8>,
    ) -> (ComponentStream<u8>, ComponentFuture<String>) {
        (bytes, ComponentFuture::new(async { "passed".to_owned() }))
    }
}

async fn everything() -> (Composition, everything::Client) {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("all", everything::host(All)));
    let composition = composer.compose().await.unwrap();
    let client = everything::Client::new(&composition).unwrap();
    (composition, client)
}

#[test]
fn every_type_crosses_from_a_client_to_a_host_and_back() {
    run(async || {
        let (_composition, all) = everything().await;
        let numbers = (1, -2, 3, -4, 5, -6, 7, -8, 1.5, 2.5, 'ß', true);
        let (a, b, c, d, e, f, g, h, i, j, k, l) = numbers;
        assert_eq!(all.numbers(a, b, c, d, e, f, g, h, i, j, k, l).await.unwrap(), numbers);
        let words = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(all.text("t", &[1, 2], &words).await.unwrap(), "t [1, 2] x+y");
        let named = |name: &str| Named { name: name.into(), type_: 7 };
        let records =
            all.records(&named("c"), &[named("a"), named("b")], Some(&named("d"))).await.unwrap();
        assert_eq!(records.iter().map(|it| it.name.as_str()).collect::<String>(), "abcd");
        let shapes = [
            Shape::None,
            Shape::Circle(2.0),
            Shape::Path(vec![(1, -1), (0, 5)]),
            Shape::Of(named("n")),
        ];
        for shape in shapes {
            let rights = Rights::READ | Rights::EXECUTE;
            let back = all.kinds(Level::HighEnd, rights, &shape).await.unwrap();
            assert_eq!(back, (shape, rights, Level::HighEnd));
        }
        assert_eq!(all.outcome(true).await.unwrap().unwrap().name, "ok");
        let failure = all.outcome(false).await.unwrap().unwrap_err();
        assert_eq!(failure.to_string(), r#"Missing("it")"#);
        let _: &dyn std::error::Error = &failure;
        assert_eq!(all.nothing(Ok(())).await.unwrap(), Ok(()));
        assert_eq!(all.nothing(Err("no")).await.unwrap(), Err(()));
        let counts = HashMap::from([("a".to_owned(), 1)]);
        assert_eq!(all.counts(&counts).await.unwrap()["a"], 2);
        assert_eq!(
            all.fixed([1, 2, 3], &["x".to_owned(), "y".to_owned()]).await.unwrap(),
            [1, 2, 3]
        );
        assert_eq!(limited(all.later(3)).await.unwrap(), "after 3");
        assert_eq!(all.self_(4, 2).await.unwrap(), 42);
    });
}

#[test]
#[cfg(feature = "codec")]
fn streams_and_futures_cross_too() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("flows", flows::host(All)));
        let composition = composer.compose().await.unwrap();
        let all = flows::Client::new(&composition).unwrap();
        let bytes = ComponentStream::new(futures_util::stream::iter([1_u8, 2, 3]));
        let (stream, future) = limited(all.pass(bytes)).await.unwrap();
        assert_eq!(limited(stream.try_collect::<Vec<_>>()).await.unwrap(), [1, 2, 3]);
        assert_eq!(limited(future).await.unwrap(), "passed");
    });
}

/// A resource in Rust.
#[derive(Debug)]
struct Pile(Arc<Mutex<Vec<String>>>);

struct Shelf;

impl Shelf {
    fn pile(first: &str) -> HostOwn<Pile> {
        HostOwn::new(Pile(Arc::new(Mutex::new(vec![first.to_owned()]))))
    }
}

impl shelf::Host for Shelf {
    type Pile = Pile;

    fn pile(&self, first: String) -> HostOwn<Pile> {
        Self::pile(&first)
    }

    fn pile_add(&self, this: HostBorrow<Pile>, thing: String) -> u32 {
        let mut things = this.0.lock().unwrap();
        things.push(thing);
        things.len().try_into().unwrap()
    }

    fn pile_take(&self, it: HostOwn<Pile>) -> Vec<String> {
        it.0.lock().unwrap().clone()
    }

    fn pile_self_(&self, this: HostBorrow<Pile>) -> String {
        this.0.lock().unwrap().join(",")
    }

    fn make_pair(&self, label: String) -> shelf::Pair<HostOwn<Pile>> {
        shelf::Pair { left: Self::pile("l"), right: Self::pile("r"), label }
    }

    fn look(&self, at: shelf::View<HostBorrow<Pile>>) -> String {
        format!("{}: {}", at.label, at.of.0.lock().unwrap().join(","))
    }

    fn hold(&self, it: shelf::Held<HostOwn<Pile>>) -> shelf::Held<HostOwn<Pile>> {
        it
    }

    fn sum(&self, of: Vec<HostBorrow<Pile>>) -> u32 {
        of.iter().map(|it| it.0.lock().unwrap().len()).sum::<usize>().try_into().unwrap()
    }
}

#[test]
fn resources_of_a_host_are_what_its_client_has() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("shelf", shelf::host(Shelf)));
        let composition = composer.compose().await.unwrap();
        let shelf = shelf::Client::new(&composition).unwrap();
        let pile = shelf.pile("a").await.unwrap();
        assert_eq!(pile.add("b").await.unwrap(), 2);
        assert_eq!(pile.self_().await.unwrap(), "a,b");
        let view = shelf::View { of: &pile, label: "v".to_owned() };
        assert_eq!(shelf.look(view).await.unwrap(), "v: a,b");
        let shelf::Pair { left, right, label } = shelf.make_pair("p").await.unwrap();
        assert_eq!(label, "p");
        assert_eq!(shelf.sum(&[&pile, &left, &right]).await.unwrap(), 4);
        let held = shelf.hold(shelf::Held::Both(shelf::Pair { left, right, label })).await.unwrap();
        let shelf::Held::Both(pair) = held else { panic!("{held:?}") };
        assert_eq!(shelf.pile_take(pair.left).await.unwrap(), ["l"]);
        drop(pair.right);
        let held = shelf.hold(shelf::Held::One(pile)).await.unwrap();
        assert!(matches!(held, shelf::Held::One(_)), "{held:?}");
        let nothing = shelf.hold(shelf::Held::Nothing).await.unwrap();
        assert!(matches!(nothing, shelf::Held::Nothing));
    });
}

/// Names that are something in Rust too, and types that are something else elsewhere.
mod odd {
    wasm_runtime_composer::wit!({
        inline: "
            package acme:gen;

            /// Code in documentation is no test:
            ///
            /// > ```rust
            /// > panic!()
            /// > ```
            ///
            ///     panic!()
            ///
            /// - ````
            ///   ```
            ///   ````
            interface a {
                resource item { constructor(); }
                variant bare { one, two }
                type key = string;
                type keys = list<key>;
                record page { items: stream<item>, last: future<key> }
                paged: func(it: page) -> page;
            }

            interface b {
                use a.{bare, key, keys};
                use a.{item as other};
                resource item {
                    constructor(this: u32);
                    eq: func(this: u32, host: string) -> bool;
                    gen: async func() -> u32;
                }
                record both { left: item, right: option<item> }

                gen: func(host: string, gen: u32) -> string;
                later: async func(host: string, this: u32) -> string;
                new: func(bare: bare, key: key, keys: keys, maybe: option<key>) -> bare;
                twice: func(it: both) -> both;
            }

            interface two {
                use a.{item};
                use b.{item as other};
                record pair { left: item, right: other }
                resource mine { both: func(it: pair) -> pair; }
            }

            world one {
                import cfg: interface { get: func() -> string; }
                export cfg: interface { set: func(v: string) -> string; }
                export run: func() -> u32;
            }
        ",
    });

    pub(super) use acme::gen_::one::{cfg, exports};
    pub(super) use acme::gen_::{a, b};
}

struct Odd;

#[derive(Debug)]
struct Item(u32);

impl odd::b::Host for Odd {
    type Item = Item;

    fn item(&self, this: u32) -> HostOwn<Item> {
        HostOwn::new(Item(this))
    }

    fn item_eq(&self, this_: HostBorrow<Item>, this: u32, host: String) -> bool {
        this_.0 == this && host == "host"
    }

    async fn item_gen_(&self, this: HostBorrow<Item>) -> u32 {
        this.0
    }

    fn gen_(&self, host: String, gen_: u32) -> String {
        format!("{host} {gen_}")
    }

    async fn later(&self, host: String, this: u32) -> String {
        format!("{host} {this}")
    }

    fn new_(
        &self,
        bare: odd::a::Bare,
        key: odd::a::Key,
        keys: odd::a::Keys,
        maybe: Option<odd::a::Key>,
    ) -> odd::a::Bare {
        assert_eq!(
            (key.as_str(), keys.concat(), maybe.as_deref()),
            ("k", "ab".to_owned(), Some("m"))
        );
        bare
    }

    fn twice(&self, it: odd::b::Both<HostOwn<Item>>) -> odd::b::Both<HostOwn<Item>> {
        it
    }
}

#[test]
fn odd_names_and_kinds_are_as_they_are_in_wit() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("odd", odd::b::host(Odd)));
        let composition = composer.compose().await.unwrap();
        let odd = odd::b::Client::new(&composition).unwrap();
        assert_eq!(odd.gen_("h", 1).await.unwrap(), "h 1");
        assert_eq!(limited(odd.later("h", 2)).await.unwrap(), "h 2");
        // A variant stays one when nothing is in it.
        let keys = ["a".to_owned(), "b".to_owned()];
        let bare = odd.new_(odd::a::Bare::Two, "k", &keys, Some("m")).await.unwrap();
        assert_eq!(bare, odd::a::Bare::Two);
        let new = composition.get_func(Some("acme:gen/b"), "new").unwrap();
        assert!(new.ty().to_string().contains("variant"), "{}", new.ty());
        let item = odd.item(7).await.unwrap();
        assert!(item.eq(7, "host").await.unwrap());
        assert_eq!(limited(item.gen_()).await.unwrap(), 7);
        let both = odd::b::Both { left: item, right: Some(odd.item(8).await.unwrap()) };
        let both = odd.twice(both).await.unwrap();
        assert!(both.left.eq(7, "host").await.unwrap());
        assert!(both.right.unwrap().eq(8, "host").await.unwrap());
    });
}

struct Config;

impl odd::cfg::Host for Config {
    fn get(&self) -> String {
        String::new()
    }
}

impl odd::exports::cfg::Host for Config {
    fn set(&self, v: String) -> String {
        v
    }
}

#[test]
fn interface_that_a_world_imports_and_exports_in_different_ways_is_two() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("cfg", odd::exports::cfg::host(Config)));
        let composition = composer.compose().await.unwrap();
        let set = odd::exports::cfg::Client::new(&composition).unwrap();
        assert_eq!(set.set("v").await.unwrap(), "v");
        assert!(odd::cfg::Client::new(&composition).is_err());
    });
}

/// Several sources, two of which have the same package, and two components.
mod several {
    wasm_runtime_composer::wit!({
        path: [
            "guests/components/producer.wasm",
            "guests/components/bucket-store.wasm",
            "guests/wit/greeter.wit",
        ],
        inline: "
            package acme:more;
            interface more { use composer:test/buckets.{bucket}; first: func() -> bucket; }
        ",
    });

    pub(super) use composer::test::{buckets, iproducer};
    pub(super) use root::producer::root as producer;
}

#[test]
fn sources_are_read_together() {
    run_placed(async || {
        let composition = compose(composer(&["producer", "bucket-store"])).await.unwrap();
        let producer = several::iproducer::Client::new(&composition).unwrap();
        assert_eq!(producer.add(1, 2).await.unwrap(), 3);
        let root = several::producer::Client::new(&composition).unwrap();
        assert_eq!(root.add(1, 2).await.unwrap(), 3);
        let store = several::buckets::Client::new(&composition).unwrap();
        assert_eq!(store.bucket("a").await.unwrap().size().await.unwrap(), 0);
    });
}

/// A resource with which to see what is left.
mod things {
    wasm_runtime_composer::wit!({
        inline: "package acme:res; interface things { resource thing { constructor(); } }",
    });

    pub(super) use acme::res::things;
}

#[test]
fn runtime_that_goes_first_leaves_nothing_behind() {
    struct Thing(#[expect(dead_code, reason = "it is counted")] Arc<()>);

    let counted = Arc::new(());
    for runtime in runtimes() {
        let given = counted.clone();
        let things = HostInterface::new("acme:res/things")
            .resource::<Thing>("thing")
            .func_wrap("[constructor]thing", move || HostOwn::new(Thing(given.clone())));
        let kept = runtime.block_on(async {
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("things", things));
            let composition = composer.compose().await.unwrap();
            let client = things::things::Client::new(&composition).unwrap();
            let interface = Some("acme:res/things");
            // Held by its name alone, until the composition ends.
            let thing = call(&composition, interface, "[constructor]thing", &[]).await.unwrap();
            (composition, client, thing)
        });
        drop(runtime);
        drop(kept);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}

/// A clock that somebody else sees being dropped.
struct Counted(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl clocks::clock::Host for Counted {
    async fn sleep(&self, _ms: u64) {}

    fn block(&self, _ms: u64) {}

    fn now(&self) -> u64 {
        0
    }
}

#[test]
fn composition_with_clients_lets_go_of_everything() {
    run(async || {
        let counted = Arc::new(());
        let mut composer = Composer::new();
        composer
            .add(ComposableDescriptor::new("clock", clocks::clock::host(Counted(counted.clone()))));
        let composition = composer.compose().await.unwrap();
        let clock = clocks::clock::Client::new(&composition).unwrap();
        assert_eq!(clock.now().await.unwrap(), 0);
        drop((composition, clock));
        until(|| Arc::strong_count(&counted) == 1).await;
    });
}

mod trappable {
    use wasm_runtime_composer::wit;

    wit!({
        inline: "
            package acme:env;
            interface clock { now: func() -> u64; wait: async func(); }
        ",
        trappable: true,
        async: true,
    });

    pub(crate) use acme::env::clock;
}

struct Broken;

impl trappable::clock::Host for Broken {
    async fn now(&self) -> wasmtime::Result<u64> {
        tokio::task::yield_now().await;
        Err(wasmtime::format_err!("the clock has stopped"))
    }

    async fn wait(&self) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[test]
fn host_may_wait_and_fail_where_the_options_say_so() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("clock", trappable::clock::host(Broken)));
        let composition = composer.compose().await.unwrap();
        let clock = trappable::clock::Client::new(&composition).unwrap();
        let error = limited(clock.now()).await.unwrap_err();
        assert!(matches!(error, CompositionError::Host { .. }), "{error:?}");
        assert!(chain(&error).contains("the clock has stopped"));
        limited(clock.wait()).await.unwrap();
    });
}

/// The host's clock, as the trait is made of WIT.
mod clocks {
    use wasm_runtime_composer::wit;

    wit!({ path: "guests/wit/clock.wit", interfaces: ["composer:test/clock", "composer:test/isleeper"] });

    pub(super) use composer::test::{clock, isleeper};
}

/// Time that passes as it is asked to.
struct Fast;

impl clocks::clock::Host for Fast {
    async fn sleep(&self, _ms: u64) {
        tokio::task::yield_now().await;
    }

    fn block(&self, _ms: u64) {}

    fn now(&self) -> u64 {
        7
    }
}

#[test]
fn guest_calls_a_host_that_is_made_of_wit() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("clock", clocks::clock::host(Fast)));
        composer.add(ComposableDescriptor::new("sleeper", component("sleeper")));
        let composition = composer.compose().await.unwrap();
        let sleeper = clocks::isleeper::Client::new(&composition).unwrap();
        assert_eq!(limited(sleeper.nap(1000)).await.unwrap(), 0);
        assert_eq!(limited(sleeper.doze(1000)).await.unwrap(), 0);
        assert_eq!(sleeper.nothing().await.unwrap(), 7);
    });
}

/// Several versions of a package, and types that exist already.
mod versions {
    use wasm_runtime_composer::{ComponentValue, wit};

    #[derive(ComponentValue, Debug, PartialEq)]
    pub(crate) struct Mine {
        pub(crate) name: String,
    }

    pub(crate) mod shared {
        wasm_runtime_composer::wit!({
            inline: "package acme:shared@1.0.0; interface types { enum level { low, high } }",
        });
        pub(crate) use acme::shared::types;
    }

    wit!({
        inline: "
            package acme:user;

            interface uses {
                use acme:kv/store@1.0.0.{entry as old};
                use acme:kv/store@2.0.0.{entry};
                use acme:shared/types@1.0.0.{level};
                use acme:kv/store@2.0.0.{mine};
                renew: func(it: old, level: level, by: mine) -> entry;
            }

            package acme:kv@1.0.0 { interface store { record entry { a: string } } }
            package acme:kv@2.0.0 { interface store { record entry { b: string } record mine { name: string } } }
            package acme:shared@1.0.0 { interface types { enum level { low, high } } }
        ",
        interfaces: ["acme:user/uses"],
        with: {
            "acme:shared": crate::wit::versions::shared,
            "acme:kv/store@2.0.0.mine": crate::wit::versions::Mine,
        },
    });

    pub(super) use acme::user::uses;
    pub(super) use acme::{kv1_0_0, kv2_0_0};
}

struct Renewer;

impl versions::uses::Host for Renewer {
    fn renew(
        &self,
        it: versions::kv1_0_0::store::Entry,
        level: versions::shared::types::Level,
        by: versions::Mine,
    ) -> versions::kv2_0_0::store::Entry {
        versions::kv2_0_0::store::Entry { b: format!("{} {level:?} {}", it.a, by.name) }
    }
}

#[test]
fn versions_stand_side_by_side_and_known_types_are_used() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("uses", versions::uses::host(Renewer)));
        let composition = composer.compose().await.unwrap();
        let uses = versions::uses::Client::new(&composition).unwrap();
        let old = versions::uses::Old { a: "x".to_owned() };
        let mine = versions::Mine { name: "me".to_owned() };
        let new = uses.renew(&old, &versions::uses::Level::High, &mine).await.unwrap();
        assert_eq!(new.b, "x High me");
    });
}

/// What is written by hand, for the interface that `blocks` makes.
mod by_hand {
    use wasm_runtime_composer::{ComponentValue, compose};

    #[derive(ComponentValue, Clone, Debug, PartialEq)]
    pub(super) struct Person {
        pub(super) name: String,
        pub(super) age: u32,
        pub(super) tags: Vec<String>,
    }

    #[derive(ComponentValue, Debug, PartialEq)]
    pub(super) enum Failure {
        Empty,
        NotFound(u32),
        Denied(String),
    }

    #[derive(ComponentValue, Clone, Copy, Debug, PartialEq)]
    pub(super) enum Color {
        Red,
        Green,
        Blue,
    }

    #[derive(ComponentValue, Clone, Copy, Debug, PartialEq)]
    #[component(flags)]
    pub(super) struct Permissions {
        pub(super) read: bool,
        pub(super) write: bool,
        pub(super) exec: bool,
    }

    compose! {
        pub(super) struct Both;
        wit { path: "guests/wit", additional_derives: [Eq] };
        component producer;
        export interface "composer:test/iproducer" as made;
        export interface "composer:test/iproducer" as written {
            fn birthday(p: &Person) -> Person;
            fn reverse(bytes: &[u8]) -> Vec<u8>;
            fn echo_string(text: &str) -> String;
            fn lookup(id: u32) -> Result<Person, Failure>;
            fn mix(c: Color, p: Permissions) -> (Color, Permissions);
            async fn echo_later(text: &str) -> String;
        }
    }
}

#[test]
fn made_and_written_accessors_give_the_same() {
    use by_hand::composer::test::iproducer as made;
    use by_hand::{Color, Permissions, Person};

    run_placed(async || {
        let producer = component("producer");
        let both = by_hand::BothParts { producer }.compose().await.unwrap();
        for name in ["", "ann", "größe 🦀", &"x".repeat(5000)] {
            let (tags, age) = (vec![name.to_owned(), String::new()], 41);
            let one = made::Person { name: name.to_owned(), age, tags: tags.clone() };
            let other = Person { name: name.to_owned(), age, tags };
            let one = both.made().birthday(&one).await.unwrap();
            let other = both.written().birthday(&other).await.unwrap();
            assert_eq!((one.name, one.age, one.tags), (other.name, other.age, other.tags));
            let bytes = name.as_bytes();
            assert_eq!(
                both.made().reverse(bytes).await.unwrap(),
                both.written().reverse(bytes).await.unwrap()
            );
            assert_eq!(
                both.made().echo_string(name).await.unwrap(),
                both.written().echo_string(name).await.unwrap()
            );
            let later = (
                limited(both.made().echo_later(name)).await,
                limited(both.written().echo_later(name)).await,
            );
            assert_eq!(later.0.unwrap(), later.1.unwrap());
        }
        for id in 0..5 {
            let one = both.made().lookup(id).await.unwrap();
            let other = both.written().lookup(id).await.unwrap();
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        let colors = [
            (made::Color::Red, Color::Red),
            (made::Color::Green, Color::Green),
            (made::Color::Blue, Color::Blue),
        ];
        for (one, other) in colors {
            for bits in 0..8 {
                let rights = made::Permissions::from_bits_truncate(bits);
                let has = |right| rights.contains(right);
                let (read, write, exec) =
                    (made::Permissions::READ, made::Permissions::WRITE, made::Permissions::EXEC);
                let by_hand = Permissions { read: has(read), write: has(write), exec: has(exec) };
                let (one, rights) = both.made().mix(one, rights).await.unwrap();
                let (other, by_hand) = both.written().mix(other, by_hand).await.unwrap();
                assert_eq!(format!("{one:?}"), format!("{other:?}"));
                let has = |right| rights.contains(right);
                assert_eq!(
                    by_hand,
                    Permissions { read: has(read), write: has(write), exec: has(exec) }
                );
            }
        }
    });
}

/// Types are read out of a component, where there is no WIT.
mod of_component {
    wasm_runtime_composer::wit!("guests/components/bucket-store.wasm");
    pub(super) use composer::test::buckets;
}

#[test]
fn component_is_its_own_wit() {
    run_placed(async || {
        let composition = with_buckets().await;
        let store = of_component::buckets::Client::new(&composition).unwrap();
        let bucket = store.bucket("c").await.unwrap();
        bucket.put("1").await.unwrap();
        assert_eq!(store.eat(bucket).await.unwrap(), 1);
    });
}

/// Everything that `compose!` takes from WIT.
mod blocks {
    use wasm_runtime_composer::compose;

    compose! {
        /// Buckets, clocks and a sum.
        pub struct Shop;
        wit { path: "guests/wit", additional_derives: [Eq] };
        component store;
        component broker;
        component consumer { deadline std::time::Duration::from_secs(30) };
        component producer;
        component clock = host "composer:test/clock" as super::Still;
        component sleeper;

        /// The buckets.
        export interface "composer:test/buckets" as buckets;
        export interface "composer:test/bucket-user" as users { describe, relabel };
        export interface "composer:test/isleeper" as sleeper;
        export fn add;
        export fn debug = "internal-debug";
        // By hand.
        export interface "composer:test/iproducer" as producer { fn greet(name: &str) -> String; }
    }
}

/// A clock that stands still.
struct Still;

impl blocks::composer::test::clock::Host for Still {
    async fn sleep(&self, _ms: u64) {}

    fn block(&self, _ms: u64) {}

    fn now(&self) -> u64 {
        0
    }
}

#[test]
fn block_takes_everything_from_wit() {
    run(async || {
        let parts = blocks::ShopParts {
            store: component("bucket-store"),
            broker: component("broker"),
            consumer: component("bucket-consumer"),
            producer: component("producer"),
            clock: Still,
            sleeper: component("sleeper"),
        };
        let shop = parts.compose().await.unwrap();
        let bucket: blocks::composer::test::buckets::Bucket =
            shop.buckets().bucket("carts").await.unwrap();
        bucket.put("k").await.unwrap();
        assert_eq!(shop.users().describe(&bucket).await.unwrap(), "carts:1");
        assert_eq!(shop.users().relabel(bucket).await.unwrap().size().await.unwrap(), 2);
        assert_eq!(limited(shop.sleeper().nap(5)).await.unwrap(), 0);
        assert_eq!(shop.add(1, 2).await.unwrap(), 3);
        assert_eq!(shop.debug().await.unwrap(), "debug");
        assert_eq!(shop.producer().greet("bo").await.unwrap(), "hello, bo");
        // A clone calls the same.
        assert_eq!(shop.clone().buckets().live().await.unwrap(), 0);
    });
}

#[test]
fn block_in_an_expression_uses_the_modules_of_the_crate() {
    run(async || {
        let composition = wasm_runtime_composer::compose! {
            wit { path: "guests/wit/buckets.wit", module: crate::wit::guests };
            component store = component("bucket-store");
            export interface "composer:test/buckets" as buckets;
        };
        let composition = composition.await.unwrap();
        let bucket: buckets::Bucket = composition.buckets().bucket("a").await.unwrap();
        assert_eq!(bucket.name().await.unwrap(), "a");
    });
}

#[test]
fn host_in_an_expression_is_a_value() {
    run(async || {
        let fast = Fast2;
        let composition = wasm_runtime_composer::compose! {
            wit { inline: "package acme:env; interface clock { now: func() -> u64; }", module: crate::wit::trappable };
            component clock = host "acme:env/clock" as fast;
            export interface "acme:env/clock" as clock;
        };
        let composition = composition.await.unwrap();
        assert_eq!(limited(composition.clock().now()).await.unwrap(), 2);
    });
}

#[test]
fn block_in_an_expression_makes_its_own_modules() {
    run_placed(async || {
        let composition = wasm_runtime_composer::compose! {
            wit "guests/components/producer.wasm";
            component producer = component("producer");
            export interface "composer:test/iproducer" as producer { birthday, add, lookup };
            export fn add;
        };
        let composition = composition.await.unwrap();
        assert_eq!(composition.add(1, 2).await.unwrap(), 3);
        assert_eq!(composition.producer().add(1, 2).await.unwrap(), 3);
        let one = composition.producer().lookup(1).await.unwrap().unwrap();
        assert_eq!((one.name.as_str(), one.age), ("one", 1));
        assert_eq!(composition.producer().birthday(&one).await.unwrap().age, 2);
        let error = composition.producer().lookup(7).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "NotFound(7)");
    });
}

/// A world as a whole.
mod world {
    wasm_runtime_composer::compose! {
        pub(crate) struct Producer;
        wit "guests/wit";
        component producer;
        export world "producer";
    }
}

#[test]
fn world_is_everything_that_it_exports() {
    run_placed(async || {
        let producer = component("producer");
        let producer = world::ProducerParts { producer }.compose().await.unwrap();
        assert_eq!(producer.add(1, 2).await.unwrap(), 3);
        assert_eq!(producer.internal_debug().await.unwrap(), "debug");
        assert_eq!(producer.iproducer().add(1, 2).await.unwrap(), 3);
    });
}

/// The interface of a producer, with other types.
mod other_shape {
    wasm_runtime_composer::wit!({
        inline: "
            package composer:test;
            interface iproducer {
                record person { name: string, age: u64, tags: list<string> }
                birthday: func(p: person) -> person;
                echo-later: func(text: string) -> string;
            }
        ",
    });

    pub(super) use composer::test::iproducer;
}

#[test]
fn component_of_another_shape_is_told_with_the_path() {
    run(async || {
        let composition = compose(composer(&["producer"])).await.unwrap();
        let error = other_shape::iproducer::Client::new(&composition).unwrap_err();
        let text = chain(&error);
        for part in [
            "`iproducer::birthday`",
            "parameter `p`, field `age`: expected a type for `u32`, found `u64`",
            "result, field `age`",
            "`iproducer::echo-later`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    });
}

/// Time as others ask for it.
struct Fast2;

impl trappable::clock::Host for Fast2 {
    async fn now(&self) -> wasmtime::Result<u64> {
        Ok(2)
    }

    async fn wait(&self) -> wasmtime::Result<()> {
        Ok(())
    }
}
