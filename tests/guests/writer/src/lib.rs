//! Writes streams and futures of every kind, and reads those that it is given.

wit_bindgen::generate!({ path: "../wit", world: "writer" });

use std::cell::Cell;

use exports::composer::test::istreams::{Guest, GuestToken, Item, Parcel, Token};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local as spawn};

struct Writer;
export!(Writer);

struct Number(u32);

thread_local! {
    static TOKENS: Cell<u32> = const { Cell::new(0) };
    static TAKEN: Cell<u32> = const { Cell::new(0) };
    static GONE: Cell<bool> = const { Cell::new(false) };
}

impl GuestToken for Number {
    fn new(n: u32) -> Self {
        TOKENS.set(TOKENS.get() + 1);
        Self(n)
    }

    fn n(&self) -> u32 {
        self.0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        TOKENS.set(TOKENS.get() - 1);
    }
}

fn token(n: u32) -> Token {
    Token::new(Number::new(n))
}

/// Writes what `element` gives for 0, 1, 2 and so on, in writes of `chunk`, until the reader is gone.
macro_rules! write {
    ($n:expr, $chunk:expr, $element:expr) => {{
        let (mut writer, reader) = wit_stream::new();
        let (n, chunk) = ($n as u64, $chunk as u64);
        spawn(async move {
            let mut next = 0;
            while next < n {
                let end = n.min(next + chunk.max(1));
                let rest = writer.write_all((next..end).map($element).collect()).await;
                if !rest.is_empty() {
                    break;
                }
                next = end;
            }
        });
        reader
    }};
}

impl Guest for Writer {
    type Token = Number;

    async fn bytes(total: u64, chunk: u32) -> StreamReader<u8> {
        write!(total, chunk, |n| n as u8)
    }

    async fn zeros(total: u64, chunk: u32) -> StreamReader<u8> {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            let mut left = total;
            while left > 0 {
                let len = left.min(u64::from(chunk.max(1)));
                if !writer.write_all(vec![0; len as usize]).await.is_empty() {
                    break;
                }
                left -= len;
            }
        });
        reader
    }

    async fn numbers(n: u32, chunk: u32) -> StreamReader<u32> {
        write!(n, chunk, |n| n as u32)
    }

    async fn texts(n: u32, chunk: u32) -> StreamReader<String> {
        write!(n, chunk, |n| n.to_string())
    }

    async fn items(n: u32, chunk: u32) -> StreamReader<Item> {
        write!(n, chunk, item)
    }

    async fn units(n: u32) -> StreamReader<()> {
        write!(n, 3, |_| ())
    }

    async fn tokens(n: u32) -> StreamReader<Token> {
        write!(n, 2, |n| token(n as u32))
    }

    async fn named_tokens(n: u32) -> StreamReader<(String, Token)> {
        write!(n, 2, |n| (n.to_string(), token(n as u32)))
    }

    async fn nested(n: u32) -> StreamReader<StreamReader<u8>> {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            for i in 0..n {
                let inner = write!(i, 2, |n| n as u8);
                if writer.write_one(inner).await.is_some() {
                    break;
                }
            }
        });
        reader
    }

    async fn later(text: String) -> FutureReader<String> {
        let (writer, reader) = wit_future::new(String::new);
        spawn(async move { drop(writer.write(text).await) });
        reader
    }

    async fn soon() -> FutureReader<()> {
        let (writer, reader) = wit_future::new(|| ());
        spawn(async move { drop(writer.write(()).await) });
        reader
    }

    async fn later_token(n: u32) -> FutureReader<Token> {
        let (writer, reader) = wit_future::new(|| unreachable!());
        spawn(async move { drop(writer.write(token(n)).await) });
        reader
    }

    async fn wrap(text: String) -> Parcel {
        let (mut body_writer, body) = wit_stream::new();
        let (done_writer, done) = wit_future::new(|| Err("not written".to_string()));
        let (name, bytes) = (text.clone(), text.into_bytes());
        spawn(async move {
            let len = bytes.len() as u64;
            let rest = body_writer.write_all(bytes).await;
            drop(body_writer);
            let _ = done_writer.write(Ok(len - rest.len() as u64)).await;
        });
        Parcel { name, body: Some(body), done }
    }

    fn nothing() -> StreamReader<u8> {
        wit_stream::new().1
    }

    async fn sum(mut s: StreamReader<u8>) -> u64 {
        let mut sum = 0;
        let mut buffer = Vec::with_capacity(65536);
        loop {
            let (result, read) = s.read(buffer).await;
            sum += read.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            if !matches!(result, StreamResult::Complete(_)) {
                return sum;
            }
            buffer = read;
            buffer.clear();
        }
    }

    async fn join(s: StreamReader<String>) -> String {
        s.collect().await.join(",")
    }

    async fn describe(s: StreamReader<Item>) -> String {
        let items = s.collect().await;
        let items = items.iter().map(|it| format!("{} {} {}", it.name, it.tags.len(), it.n));
        items.collect::<Vec<_>>().join(",")
    }

    async fn count(mut s: StreamReader<Token>) -> u64 {
        let mut sum = 0;
        while let Some(token) = s.next().await {
            sum += u64::from(token.get::<Number>().0);
        }
        sum
    }

    async fn await_text(f: FutureReader<String>) -> String {
        f.await
    }

    async fn unwrap(p: Parcel) -> (Vec<u8>, Result<u64, String>) {
        let bytes = match p.body {
            Some(body) => body.collect().await,
            None => Vec::new(),
        };
        (bytes, p.done.await)
    }

    async fn take(mut s: StreamReader<String>, n: u32) -> Vec<String> {
        let mut taken = Vec::new();
        for _ in 0..n {
            taken.extend(s.next().await);
        }
        taken
    }

    async fn upper(mut s: StreamReader<String>) -> StreamReader<String> {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            while let Some(text) = s.next().await {
                if writer.write_one(text.to_uppercase()).await.is_some() {
                    break;
                }
            }
        });
        reader
    }

    async fn pass(s: StreamReader<String>) -> StreamReader<String> {
        s
    }

    async fn endless() -> StreamReader<u32> {
        let (mut writer, reader) = wit_stream::new();
        TAKEN.set(0);
        GONE.set(false);
        spawn(async move {
            while writer.write_one(TAKEN.get()).await.is_none() {
                TAKEN.set(TAKEN.get() + 1);
            }
            GONE.set(true);
        });
        reader
    }

    fn endless_state() -> (u32, bool) {
        (TAKEN.get(), GONE.get())
    }

    async fn broken(n: u32) -> StreamReader<String> {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            let _ = writer.write_all((0..n).map(|n| n.to_string()).collect()).await;
            panic!("broken");
        });
        reader
    }

    async fn never() -> FutureReader<String> {
        let (writer, reader) = wit_future::new(|| unreachable!());
        spawn(async move {
            wit_bindgen::yield_async().await;
            let _writer = writer;
            panic!("never");
        });
        reader
    }

    fn live_tokens() -> u32 {
        TOKENS.get()
    }
}

fn item(n: u64) -> Item {
    let tags = (0..n % 4).map(|tag| format!("tag {tag}")).collect();
    Item { name: format!("item {n}"), tags, n: n as u32 }
}
