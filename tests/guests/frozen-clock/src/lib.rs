//! A clock that stands still.

wit_bindgen::generate!({ path: "../wit", world: "frozen-clock", generate_all });

use exports::wasi::clocks0_2_6::wall_clock::{Datetime, Guest};

struct Clock;
export!(Clock);

impl Guest for Clock {
    fn now() -> Datetime {
        Datetime { seconds: 1_000_000_000, nanoseconds: 0 }
    }

    fn resolution() -> Datetime {
        Datetime { seconds: 1, nanoseconds: 0 }
    }
}
