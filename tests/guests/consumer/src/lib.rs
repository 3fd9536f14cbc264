//! Shows a component that imports an interface and a function outside of any, and calls both.

wit_bindgen::generate!({ path: "../wit", world: "consumer" });

use composer::test::iproducer::{self, Color, Failure, Permissions, Person};
use exports::composer::test::iconsumer;
use futures::future::join_all;

struct Consumer;
export!(Consumer);

impl Guest for Consumer {
    fn run_add() -> i32 {
        add(1, 2)
    }
}

impl iconsumer::Guest for Consumer {
    fn run_add() -> i32 {
        add(1, 2)
    }

    async fn run_ping() -> i32 {
        iproducer::ping().await
    }

    fn run_greet(name: String) -> String {
        iproducer::greet(&name)
    }

    fn run_values() -> String {
        let (color, permissions) = iproducer::mix(Color::Green, Permissions::WRITE);
        let mut parts = vec![
            person(&iproducer::birthday(&ann())),
            format!("{:?}", iproducer::reverse(&[1, 2, 3])),
        ];
        parts.extend((0..4).map(|id| match iproducer::lookup(id) {
            Ok(found) => person(&found),
            Err(Failure::Empty) => "empty".to_string(),
            Err(Failure::NotFound(id)) => format!("not-found {id}"),
            Err(Failure::Denied(name)) => format!("denied {name}"),
        }));
        parts.push(format!(
            "{} [{}]",
            color_name(color),
            flag_names(permissions)
        ));
        parts.join("; ")
    }

    async fn run_concurrent(n: u32) -> u32 {
        let echoed = echo_all_later(n).await;
        echoed.iter().map(|text| text.parse::<u32>().unwrap()).sum()
    }

    async fn run_order(n: u32) -> bool {
        let echoed = echo_all_later(n).await;
        (0..n).map(|i| i.to_string()).eq(echoed)
    }

    fn run_bytes(n: u32) -> u64 {
        let reversed = iproducer::reverse(&counting_bytes(n));
        (0..)
            .zip(reversed)
            .map(|(index, byte): (u64, u8)| index * u64::from(byte))
            .fold(0, u64::wrapping_add)
    }

    fn run_text(n: u32) -> u32 {
        iproducer::echo_string(&"x".repeat(n as usize)).len() as u32
    }

    fn loop_add(n: u32) -> u64 {
        (0..n as i32).map(|i| iproducer::add(i, 1) as u64).sum()
    }

    fn loop_bytes(n: u32, len: u32) -> u64 {
        let bytes = counting_bytes(len);
        (0..n)
            .map(|_| iproducer::reverse(&bytes).len() as u64)
            .sum()
    }

    fn loop_text(n: u32, len: u32) -> u64 {
        let text = "x".repeat(len as usize);
        (0..n)
            .map(|_| iproducer::echo_string(&text).len() as u64)
            .sum()
    }

    fn loop_person(n: u32) -> u64 {
        let ann = ann();
        (0..n)
            .map(|_| u64::from(iproducer::birthday(&ann).age))
            .sum()
    }

    async fn loop_echo_later(n: u32) -> u64 {
        let mut sum = 0;
        for _ in 0..n {
            sum += iproducer::echo_later("echo".to_string()).await.len() as u64;
        }
        sum
    }
}

async fn echo_all_later(n: u32) -> Vec<String> {
    join_all((0..n).map(|i| iproducer::echo_later(i.to_string()))).await
}

fn ann() -> Person {
    Person {
        name: "ann".to_string(),
        age: 41,
        tags: vec!["x".to_string()],
    }
}

fn counting_bytes(n: u32) -> Vec<u8> {
    (0..n).map(|i| i as u8).collect()
}

fn person(p: &Person) -> String {
    format!("{} {} [{}]", p.name, p.age, p.tags.join(","))
}

fn color_name(color: Color) -> &'static str {
    match color {
        Color::Red => "red",
        Color::Green => "green",
        Color::Blue => "blue",
    }
}

fn flag_names(permissions: Permissions) -> String {
    let names = [
        (Permissions::READ, "read"),
        (Permissions::WRITE, "write"),
        (Permissions::EXEC, "exec"),
    ];
    let given = names.iter().filter(|(flag, _)| permissions.contains(*flag));
    given.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}
