//! Everything there is in WIT (`wit/shop.wit`), as `compose!` makes Rust of it: `Counter` implements the interface, and
//! the composition's client calls it. A component could be on either side.
//!
//! Run with `cargo run --example types_from_wit`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasm_runtime_composer::host::{HostBorrow, HostOwn};
use wasm_runtime_composer::{ComponentFuture, ComponentStream, CompositionError, compose};

compose! {
    /// A shop whose counter is in Rust.
    struct Shop;
    wit { path: "wit/shop.wit", additional_derives: [PartialOrd] };

    component counter = host "acme:shop/counter" as Counter;

    export interface "acme:shop/counter" as counter;
}

use acme::shop::counter::{self, Parcel};
use acme::shop::types::{Article, Delivery, Refusal, Rights, Size};

/// The articles of a cart, with the price of each.
type Articles = Arc<Mutex<Vec<(String, u64)>>>;

/// What a handle of a `cart` stands for. Its drop is the resource's destructor.
#[derive(Debug)]
struct Cart {
    rights: Rights,
    articles: Articles,
}

#[derive(Default)]
struct Counter {
    sold: Mutex<HashMap<String, u32>>,
}

impl counter::Host for Counter {
    type Cart = Cart;

    fn cart(&self, rights: Rights) -> HostOwn<Cart> {
        HostOwn::new(Cart { rights, articles: Articles::default() })
    }

    fn cart_put(
        &self,
        this: HostBorrow<Cart>,
        article: Article,
        count: u8,
    ) -> Result<u32, Refusal> {
        if !this.rights.contains(Rights::BUY) {
            return Err(Refusal::TooDear(article.price * u64::from(count)));
        }
        let mut articles = this.articles.lock().expect("nobody panics");
        articles.extend((0..count).map(|_| (article.name.clone(), article.price)));
        Ok(articles.len() as u32)
    }

    // In WIT it is `async`: meanwhile the caller goes on, and other calls are answered.
    async fn cart_total(&self, this: HostBorrow<Cart>) -> u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        this.articles.lock().expect("nobody panics").iter().map(|(_, price)| price).sum()
    }

    fn cart_merge(&self, a: HostOwn<Cart>, b: HostBorrow<Cart>) -> HostOwn<Cart> {
        let more = b.articles.lock().expect("nobody panics").clone();
        a.articles.lock().expect("nobody panics").extend(more);
        a
    }

    // Handles in a type are its parameters: a caller has others than who implements it.
    fn pack(&self, cart: HostOwn<Cart>, to: Delivery) -> Result<Parcel<HostOwn<Cart>>, Refusal> {
        let count = cart.articles.lock().expect("nobody panics").len();
        let size = match count {
            0 => return Err(Refusal::SoldOut("everything".to_owned())),
            1 => Size::Small,
            2 | 3 => Size::Medium,
            _ => Size::Large,
        };
        Ok(Parcel { cart, to, size })
    }

    fn open(&self, parcel: Parcel<HostOwn<Cart>>) -> counter::Bill {
        let articles = parcel.cart.articles.lock().expect("nobody panics").clone();
        let mut sold = self.sold.lock().expect("nobody panics");
        for (name, _) in &articles {
            *sold.entry(name.clone()).or_default() += 1;
        }
        articles
    }

    fn filled(&self, carts: Vec<HostBorrow<Cart>>) -> Vec<bool> {
        carts.iter().map(|cart| !cart.articles.lock().expect("nobody panics").is_empty()).collect()
    }

    fn sold(&self) -> HashMap<String, u32> {
        self.sold.lock().expect("nobody panics").clone()
    }

    fn color(&self, [r, g, b]: [u8; 3], letter: char, is_dark: Option<bool>) -> String {
        format!("{letter}#{r:02x}{g:02x}{b:02x}{}", if is_dark == Some(true) { "!" } else { "" })
    }

    async fn print(
        &self,
        text: ComponentStream<u8>,
    ) -> (ComponentStream<u8>, ComponentFuture<bool>) {
        (text, ComponentFuture::new(async { true }))
    }
}

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let shop = ShopParts { counter: Counter::default() }.compose().await?;
    let counter = shop.counter();

    let tea = Article { name: "tea".to_owned(), price: 350, tags: vec!["hot".to_owned()] };
    let cart = counter.cart(Rights::BUY | Rights::REFUND).await?;
    println!("put: {:?}", cart.put(&tea, 2).await?);
    println!("total: {}", cart.total().await?);

    let window_shopper = counter.cart(Rights::empty()).await?;
    let refused = window_shopper.put(&tea, 1).await?;
    println!("put: {}", refused.map_err(|refusal| refusal.to_string()).unwrap_err());

    println!("filled: {:?}", counter.filled(&[&cart, &window_shopper]).await?);
    let cart = counter.cart_merge(cart, &window_shopper).await?;
    let parcel = counter.pack(cart, &Delivery::Drone((48.2, 16.4))).await?;
    let parcel = parcel.expect("there is something in it");
    println!("parcel: {:?}, {:?}", parcel.to, parcel.size);
    println!("bill: {:?}, sold: {:?}", counter.open(parcel).await?, counter.sold().await?);

    println!("color: {}", counter.color([255, 128, 0], 'o', Some(true)).await?);
    let (mut printed, had_paper) =
        counter.print(ComponentStream::from_reader(&b"bill"[..])).await?;
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut printed, &mut text).await.expect("it is text");
    println!("printed: {text}, had paper: {}", had_paper.await?);

    shop.close(Duration::from_secs(1)).await
}
