//! `iproducer`, the same in both producers but for their greeting.

use wit_bindgen::yield_async;

use crate::exports::composer::test::iproducer::{Color, Failure, Guest, Permissions, Person};
use crate::{GREETING, Producer};

impl Guest for Producer {
    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    fn greet(name: String) -> String {
        format!("{GREETING}, {name}")
    }

    fn birthday(mut p: Person) -> Person {
        p.age += 1;
        p.tags.push("older".to_string());
        p
    }

    fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }

    fn echo_string(text: String) -> String {
        text
    }

    fn lookup(id: u32) -> Result<Person, Failure> {
        match id {
            0 => Err(Failure::Empty),
            1 => Ok(Person {
                name: "one".to_string(),
                age: 1,
                tags: Vec::new(),
            }),
            2 => Err(Failure::Denied("two".to_string())),
            _ => Err(Failure::NotFound(id)),
        }
    }

    fn mix(c: Color, p: Permissions) -> (Color, Permissions) {
        let next = match c {
            Color::Red => Color::Green,
            Color::Green => Color::Blue,
            Color::Blue => Color::Red,
        };
        (next, !p)
    }

    async fn ping() -> i32 {
        yield_thrice().await;
        42
    }

    async fn echo_later(text: String) -> String {
        yield_thrice().await;
        text
    }
}

async fn yield_thrice() {
    for _ in 0..3 {
        yield_async().await;
    }
}
