//! Uses WASI 0.3, which is asynchronous.

wit_bindgen::generate!({ path: "../wit", world: "later-prober", generate_all });

use exports::composer::test::later_probe::Guest;
use wasi::cli::{environment, stdin, stdout};
use wasi::clocks0_3_0::monotonic_clock;

struct Prober;
export!(Prober);

impl Guest for Prober {
    fn variable(name: String) -> Option<String> {
        let mut variables = environment::get_environment().into_iter();
        variables.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    async fn echo(ms: u32) {
        monotonic_clock::wait_for(u64::from(ms) * 1_000_000).await;
        let (input, end) = stdin::read_via_stream();
        let bytes = input.collect().await;
        end.await.expect("standard input can be read");
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        let left = writer.write_all(bytes).await;
        assert!(left.is_empty(), "standard output takes everything");
        drop(writer);
        written.await.expect("standard output can be written");
    }
}
