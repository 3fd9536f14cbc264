//! Reads the streams and futures of another component, and writes some for it.

wit_bindgen::generate!({ path: "../wit", world: "reader" });

use std::cell::RefCell;

use composer::test::istreams::{self, Item, Parcel, Token};
use exports::composer::test::ireader::Guest;
use futures::future::join;
use wit_bindgen::{StreamReader, StreamResult, spawn_local as spawn};

struct Reader;
export!(Reader);

thread_local! {
    static HELD: RefCell<Option<StreamReader<u32>>> = const { RefCell::new(None) };
}

/// Reads a stream to its end, up to `most` elements at a time.
macro_rules! read {
    ($stream:expr, $most:expr, $each:expr) => {{
        let mut stream = $stream;
        let mut buffer = Vec::with_capacity($most as usize);
        loop {
            let (result, mut read) = stream.read(buffer).await;
            read.drain(..).for_each($each);
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            buffer = read;
        }
    }};
}

fn texts(texts: Vec<String>) -> StreamReader<String> {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move { drop(writer.write_all(texts).await) });
    reader
}

impl Guest for Reader {
    async fn sum_bytes(total: u64, chunk: u32, most: u32) -> u64 {
        let mut sum = 0;
        let stream = istreams::bytes(total, chunk).await;
        read!(stream, most, |byte| sum += u64::from(byte));
        sum
    }

    async fn count_bytes(total: u64, chunk: u32, most: u32) -> u64 {
        let mut count = 0;
        let mut stream = istreams::zeros(total, chunk).await;
        let mut buffer = Vec::with_capacity(most as usize);
        loop {
            let (result, mut read) = stream.read(buffer).await;
            count += read.len() as u64;
            if !matches!(result, StreamResult::Complete(_)) {
                return count;
            }
            read.clear();
            buffer = read;
        }
    }

    async fn sum_nothing() -> u64 {
        let mut sum = 0;
        read!(istreams::nothing(), 64, |byte| sum += u64::from(byte));
        sum
    }

    async fn sum_numbers(n: u32, chunk: u32) -> u64 {
        let mut sum = 0;
        let stream = istreams::numbers(n, chunk).await;
        read!(stream, 100, |n| sum += u64::from(n));
        sum
    }

    async fn join_texts(n: u32, chunk: u32) -> String {
        istreams::texts(n, chunk).await.collect().await.join(",")
    }

    async fn count_texts(n: u32, chunk: u32, most: u32) -> (u32, u64) {
        let mut counted = (0, 0);
        let stream = istreams::texts(n, chunk).await;
        read!(stream, most, |text: String| {
            counted.0 += 1;
            counted.1 += text.len() as u64;
        });
        counted
    }

    async fn describe_items(n: u32, chunk: u32) -> String {
        let items = istreams::items(n, chunk).await.collect().await;
        let items = items.iter().map(|it| format!("{} {} {}", it.name, it.tags.len(), it.n));
        items.collect::<Vec<_>>().join(",")
    }

    async fn count_items(n: u32, chunk: u32, most: u32) -> (u32, u64) {
        let mut counted = (0, 0);
        let stream = istreams::items(n, chunk).await;
        read!(stream, most, |item: Item| {
            counted.0 += 1;
            counted.1 += item.tags.len() as u64;
        });
        counted
    }

    async fn count_units(n: u32) -> u32 {
        istreams::units(n).await.collect().await.len() as u32
    }

    async fn sum_tokens(n: u32) -> u64 {
        let tokens = istreams::tokens(n).await.collect().await;
        tokens.iter().map(|token| u64::from(token.n())).sum()
    }

    async fn sum_named_tokens(n: u32) -> u64 {
        let tokens = istreams::named_tokens(n).await.collect().await;
        tokens
            .iter()
            .map(|(name, token)| {
                assert_eq!(*name, token.n().to_string());
                u64::from(token.n())
            })
            .sum()
    }

    async fn sum_nested(n: u32) -> u64 {
        let mut sum = 0;
        let mut outer = istreams::nested(n).await;
        while let Some(inner) = outer.next().await {
            sum += inner.collect().await.into_iter().map(u64::from).sum::<u64>();
        }
        sum
    }

    async fn get_later(text: String) -> String {
        istreams::later(text).await.await
    }

    async fn get_soon() -> u32 {
        istreams::soon().await.await;
        1
    }

    async fn get_later_token(n: u32) -> u32 {
        istreams::later_token(n).await.await.n()
    }

    async fn get_parcel(text: String) -> (Vec<u8>, Result<u64, String>) {
        let parcel = istreams::wrap(text.clone()).await;
        assert_eq!(parcel.name, text);
        let body = parcel.body.unwrap().collect().await;
        (body, parcel.done.await)
    }

    async fn have_summed(total: u64, chunk: u32) -> u64 {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            let mut next = 0;
            while next < total {
                let end = total.min(next + u64::from(chunk.max(1)));
                let rest = writer.write_all((next..end).map(|n| n as u8).collect()).await;
                if !rest.is_empty() {
                    break;
                }
                next = end;
            }
        });
        istreams::sum(reader).await
    }

    async fn have_joined(list: Vec<String>) -> String {
        istreams::join(texts(list)).await
    }

    async fn have_described(n: u32) -> String {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move {
            let items = (0..n).map(|n| Item { name: "x".to_string(), tags: Vec::new(), n });
            let _ = writer.write_all(items.collect()).await;
        });
        istreams::describe(reader).await
    }

    async fn have_counted(n: u32) -> u64 {
        let (mut writer, reader) = wit_stream::new();
        spawn(async move { drop(writer.write_all((0..n).map(Token::new).collect()).await) });
        istreams::count(reader).await
    }

    async fn have_awaited(text: String) -> String {
        let (writer, reader) = wit_future::new(String::new);
        spawn(async move { drop(writer.write(text).await) });
        istreams::await_text(reader).await
    }

    async fn have_unwrapped(text: String) -> (Vec<u8>, Result<u64, String>) {
        let (mut body_writer, body) = wit_stream::new();
        let (done_writer, done) = wit_future::new(|| Err("not written".to_string()));
        let (name, bytes) = (text.clone(), text.into_bytes());
        spawn(async move {
            let len = bytes.len() as u64;
            let _ = body_writer.write_all(bytes).await;
            drop(body_writer);
            let _ = done_writer.write(Ok(len)).await;
        });
        istreams::unwrap(Parcel { name, body: Some(body), done }).await
    }

    async fn have_taken(list: Vec<String>, n: u32) -> (Vec<String>, u32) {
        let (mut writer, reader) = wit_stream::new();
        let (rest, taken) = join(writer.write_all(list), istreams::take(reader, n)).await;
        (taken, rest.len() as u32)
    }

    async fn have_uppered(list: Vec<String>) -> Vec<String> {
        istreams::upper(texts(list)).await.collect().await
    }

    async fn have_passed(list: Vec<String>) -> Vec<String> {
        istreams::pass(texts(list)).await.collect().await
    }

    async fn have_passed_on(n: u32, times: u32) -> String {
        let mut stream = texts((0..n).map(|n| n.to_string()).collect());
        for _ in 0..times {
            stream = istreams::pass(stream).await;
        }
        stream.collect().await.join(",")
    }

    async fn sip(n: u32) -> u64 {
        let mut sum = 0;
        let mut stream = istreams::endless().await;
        for _ in 0..n {
            sum += u64::from(stream.next().await.unwrap());
        }
        sum
    }

    async fn hold() {
        let stream = istreams::endless().await;
        HELD.set(Some(stream));
    }

    fn leave() {
        HELD.take();
    }

    async fn read_broken(n: u32) -> u32 {
        istreams::broken(n).await.collect().await.len() as u32
    }

    async fn ignore_broken(n: u32) -> u32 {
        drop(istreams::broken(n).await);
        n
    }

    async fn await_never() -> String {
        istreams::never().await.await
    }

    async fn drop_tokens(n: u32, some: u32) -> u32 {
        let mut stream = istreams::tokens(n).await;
        let mut sum = 0;
        for _ in 0..some {
            sum += stream.next().await.unwrap().n();
        }
        sum
    }
}
