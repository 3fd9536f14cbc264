//! Says what Rust's standard library finds of its host.

wit_bindgen::generate!({ path: "../wit", world: "prober", generate_all });

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, SystemTime};

use exports::composer::test::probe::Guest;
use wasi::config::store;

struct Prober;
export!(Prober);

impl Guest for Prober {
    fn variable(name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    fn arguments() -> Vec<String> {
        std::env::args().collect()
    }

    fn read_file(path: String) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn write_file(path: String, text: String) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| error.to_string())
    }

    fn read_line() -> String {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("standard input can be read");
        line.trim_end().to_owned()
    }

    fn print(text: String) {
        print!("{text}");
        std::io::stdout().flush().expect("standard output can be written");
    }

    fn print_error(text: String) {
        eprint!("{text}");
    }

    fn seconds() -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or(Duration::ZERO).as_secs()
    }

    fn connect(address: String) -> Result<(), String> {
        TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
    }

    fn bind(address: String) -> Result<(), String> {
        UdpSocket::bind(address).map(drop).map_err(|error| error.to_string())
    }

    fn has_room(bytes: u32) -> bool {
        let mut room = Vec::<u8>::new();
        let has = room.try_reserve(bytes as usize).is_ok();
        std::hint::black_box(&room);
        has
    }

    fn configured(key: String) -> Option<String> {
        store::get(&key).expect("the configuration is there")
    }

    fn exit(code: u8) {
        std::process::exit(code.into());
    }
}
