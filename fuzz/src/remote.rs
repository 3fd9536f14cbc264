//! Bytes that come over a network, taken for values of any type, and for a connection of wRPC.

use std::cell::RefCell;
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use tokio::runtime::{Builder, Runtime};
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer_remote::__fuzz::{connection, decode, encode};

/// How much memory values may take, in bytes.
const MEMORY: usize = 1 << 20;

/// How deep types are.
const DEPTH: u32 = 4;

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().build().expect("the system has threads"),
    );
}

/// Reads the input in both ways.
///
/// # Panics
///
/// If a value is another one after having been sent.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(types) = types(&mut input) else { return };
    let bytes = input.take_rest();
    if let Some(ty) = types.first()
        && let Ok((value, used)) = decode(ty, bytes, MEMORY)
    {
        assert!(used <= bytes.len());
        let first = format!("{value:?}");
        let sent = encode(ty, value).expect("what was decoded can be encoded");
        let (again, used) = decode(ty, &sent, usize::MAX).expect("what was encoded can be decoded");
        assert_eq!(used, sent.len());
        assert_eq!(format!("{again:?}"), first);
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(connection(bytes, &types, 1 << 16)));
}

fn types(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<ValueType>> {
    let count = input.int_in_range(1..=3)?;
    (0..count).map(|_| ty(input, DEPTH)).collect()
}

fn ty(input: &mut Unstructured<'_>, depth: u32) -> arbitrary::Result<ValueType> {
    let most = if depth == 0 { 14 } else { 23 };
    let one = |input: &mut _| ty(input, depth - 1);
    Ok(match input.int_in_range(0..=most)? {
        0 => ValueType::Bool,
        1 => ValueType::S8,
        2 => ValueType::U8,
        3 => ValueType::S16,
        4 => ValueType::U16,
        5 => ValueType::S32,
        6 => ValueType::U32,
        7 => ValueType::S64,
        8 => ValueType::U64,
        9 => ValueType::F32,
        10 => ValueType::F64,
        11 => ValueType::Char,
        12 => ValueType::String,
        13 => ValueType::Enum(["a", "b"].map(Arc::from).into()),
        14 => {
            let flags = input.int_in_range(1..=32)?;
            ValueType::Flags((0..flags).map(|n| Arc::from(format!("f{n}"))).collect())
        }
        15 => ValueType::List(Arc::new(one(input)?)),
        16 => {
            let length = input.int_in_range(1..=9)?;
            ValueType::FixedLengthList(Arc::new(one(input)?), length)
        }
        17 => ValueType::Option(Arc::new(one(input)?)),
        18 => ValueType::Tuple([one(input)?, one(input)?].into()),
        19 => ValueType::Record([(Arc::from("f"), one(input)?)].into()),
        20 => {
            let cases = [(Arc::from("a"), Some(one(input)?)), (Arc::from("b"), None)];
            ValueType::Variant(cases.into())
        }
        21 => ValueType::Result(Arc::new((Some(one(input)?), None))),
        22 => ValueType::Map(Arc::new((one(input)?, one(input)?))),
        _ => match bool::arbitrary(input)? {
            true => ValueType::Stream(Some(Arc::new(one(input)?))),
            false => ValueType::Future(Some(Arc::new(one(input)?))),
        },
    })
}
