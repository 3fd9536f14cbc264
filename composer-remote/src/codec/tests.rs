//! Any value is decoded to what was encoded, and no input makes the decoder panic or exceed its
//! memory.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use super::{DecodeError, Decoder, EncodeError, Encoder};

/// A type, with one of its values.
fn typed() -> impl Strategy<Value = (ValueType, Text)> {
    ty().prop_flat_map(|ty| {
        let values = value(&ty);
        (Just(ty), values)
    })
}

/// A value that is compared by what it prints, since values with handles can be neither compared
/// nor cloned.
#[derive(Clone)]
struct Text(Arc<dyn Fn() -> Value + Send + Sync>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", (self.0)())
    }
}

fn ty() -> impl Strategy<Value = ValueType> {
    let leaf = prop::sample::select(vec![
        ValueType::Bool,
        ValueType::S8,
        ValueType::U8,
        ValueType::S16,
        ValueType::U16,
        ValueType::S32,
        ValueType::U32,
        ValueType::S64,
        ValueType::U64,
        ValueType::F32,
        ValueType::F64,
        ValueType::Char,
        ValueType::String,
        ValueType::Enum(["a", "b", "c"].map(Arc::from).into()),
        ValueType::Flags((0..9).map(|n| Arc::from(format!("f{n}"))).collect()),
    ]);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| ValueType::List(Arc::new(ty))),
            (inner.clone(), 1..4_u32)
                .prop_map(|(ty, n)| ValueType::FixedLengthList(Arc::new(ty), n)),
            inner.clone().prop_map(|ty| ValueType::Option(Arc::new(ty))),
            vec(inner.clone(), 1..4).prop_map(|types| ValueType::Tuple(types.into())),
            vec(inner.clone(), 1..4).prop_map(|types| {
                let named = types.into_iter().enumerate();
                ValueType::Record(named.map(|(n, ty)| (format!("f{n}").into(), ty)).collect())
            }),
            vec(prop::option::of(inner.clone()), 1..4).prop_map(|types| {
                let named = types.into_iter().enumerate();
                ValueType::Variant(named.map(|(n, ty)| (format!("c{n}").into(), ty)).collect())
            }),
            (prop::option::of(inner.clone()), prop::option::of(inner.clone()))
                .prop_map(|sides| ValueType::Result(Arc::new(sides))),
            (inner.clone(), inner).prop_map(|types| ValueType::Map(Arc::new(types))),
        ]
    })
}

fn of(make: impl Fn() -> Value + Send + Sync + 'static) -> Text {
    Text(Arc::new(make))
}

fn value(ty: &ValueType) -> BoxedStrategy<Text> {
    macro_rules! primitive {
        ($($prim:ident $list:ident $rust:ident),*) => {
            match ty {
                $(ValueType::$prim => {
                    any::<$rust>().prop_map(|it| of(move || Value::$prim(it))).boxed()
                })*
                $(ValueType::List(element) if **element == ValueType::$prim => {
                    let lists = vec(any::<$rust>(), 0..5);
                    lists.prop_map(|it| of(move || Value::$list(it.clone()))).boxed()
                })*
                $(ValueType::FixedLengthList(element, n) if **element == ValueType::$prim => {
                    let lists = vec(any::<$rust>(), *n as usize);
                    lists.prop_map(|it| of(move || Value::$list(it.clone()))).boxed()
                })*
                _ => compound(ty),
            }
        };
    }
    super::for_primitives!(primitive)
}

fn compound(ty: &ValueType) -> BoxedStrategy<Text> {
    let list = |texts: Vec<Text>| of(move || Value::List(texts.iter().map(|it| it.0()).collect()));
    let fields =
        |texts: Vec<Text>| of(move || Value::Fields(texts.iter().map(|it| it.0()).collect()));
    let case = |case: u32, ty: Option<&ValueType>| match ty {
        None => Just(of(move || Value::Case(case, None))).boxed(),
        Some(ty) => {
            let payload = value(ty);
            payload
                .prop_map(move |it| of(move || Value::Case(case, Some(Box::new(it.0())))))
                .boxed()
        }
    };
    match ty {
        ValueType::String => {
            any::<String>().prop_map(|it| of(move || Value::String(it.clone()))).boxed()
        }
        ValueType::List(ty) => vec(value(ty), 0..4).prop_map(list).boxed(),
        ValueType::FixedLengthList(ty, n) => vec(value(ty), *n as usize).prop_map(list).boxed(),
        ValueType::Map(types) => {
            let entries = vec((value(&types.0), value(&types.1)), 0..4);
            let entry = |(key, value): &(Text, Text)| (key.0(), value.0());
            entries
                .prop_map(move |it| of(move || Value::Map(it.iter().map(entry).collect())))
                .boxed()
        }
        ValueType::Tuple(types) => {
            types.iter().map(value).collect::<Vec<_>>().prop_map(fields).boxed()
        }
        ValueType::Record(types) => {
            let values: Vec<_> = types.iter().map(|(_, ty)| value(ty)).collect();
            values.prop_map(fields).boxed()
        }
        ValueType::Variant(cases) => {
            let cases = (0..).zip(cases.iter()).map(|(n, (_, ty))| case(n, ty.as_ref()));
            prop::strategy::Union::new(cases).boxed()
        }
        ValueType::Enum(names) => {
            (0..names.len() as u32).prop_map(|n| of(move || Value::Case(n, None))).boxed()
        }
        ValueType::Option(ty) => prop_oneof![case(0, None), case(1, Some(ty))].boxed(),
        ValueType::Result(sides) => {
            prop_oneof![case(0, sides.0.as_ref()), case(1, sides.1.as_ref())].boxed()
        }
        ValueType::Flags(names) => {
            (0..1_u32 << names.len()).prop_map(|bits| of(move || Value::Flags(bits))).boxed()
        }
        other => unreachable!("{other} is not among the types"),
    }
}

fn encode(ty: &ValueType, value: Value) -> Vec<u8> {
    let mut encoder = Encoder::new(usize::MAX);
    encoder.value(0, ty, value).unwrap();
    encoder.finish().0
}

/// Decodes a value that uses all of the bytes.
fn decode(ty: &ValueType, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut decoder = Decoder::new(bytes, 1 << 20);
    let value = decoder.plain(ty)?;
    decoder.finish()?;
    Ok(value)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back_as_they_went((ty, text) in typed()) {
        let bytes = encode(&ty, text.0());
        let back = decode(&ty, &bytes).unwrap();
        // All NaNs are equal here.
        let plain = |text: String| text.replace("-NaN", "NaN");
        prop_assert_eq!(plain(format!("{back:?}")), plain(format!("{text:?}")));
        prop_assert_eq!(encode(&ty, back), bytes);
    }

    #[test]
    fn values_that_are_cut_off_are_incomplete((ty, text) in typed(), cut: prop::sample::Index) {
        let bytes = encode(&ty, text.0());
        let cut = cut.index(bytes.len());
        prop_assert_eq!(decode(&ty, &bytes[..cut]).unwrap_err(), DecodeError::Incomplete);
    }

    #[test]
    fn no_bytes_do_harm(ty in ty(), bytes in vec(any::<u8>(), 0..64)) {
        let mut decoder = Decoder::new(&bytes, 4096);
        // The result is a value of the type, or an error.
        if let Ok(value) = decoder.plain(&ty) {
            encode(&ty, value);
        }
    }
}

fn list_of(ty: ValueType) -> ValueType {
    ValueType::List(Arc::new(ty))
}

#[test]
fn bytes_are_those_of_the_specification() {
    let cases: Vec<(ValueType, Value, &[u8])> = vec![
        (ValueType::S64, Value::S64(i64::MIN), &[128, 128, 128, 128, 128, 128, 128, 128, 128, 127]),
        (ValueType::S32, Value::S32(-65), &[0xbf, 0x7f]),
        (ValueType::U32, Value::U32(300), &[0xac, 2]),
        (ValueType::S8, Value::S8(-1), &[0xff]),
        (ValueType::F32, Value::F32(f32::NAN), &[0, 0, 0xc0, 0x7f]),
        (ValueType::Char, Value::Char('ß'), &[0xc3, 0x9f]),
        (ValueType::String, Value::String("ab".into()), b"\x02ab"),
        (list_of(ValueType::U16), Value::U16s(vec![1, 128]), &[2, 1, 0x80, 1]),
        (
            ValueType::Option(Arc::new(ValueType::U8)),
            Value::Case(1, Some(Box::new(Value::U8(7)))),
            &[1, 7],
        ),
    ];
    for (ty, value, bytes) in cases {
        assert_eq!(encode(&ty, value), bytes, "{ty}");
    }
}

#[test]
fn a_length_is_only_a_claim() {
    let hostile = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for ty in [ValueType::U8, ValueType::U64, ValueType::String] {
        assert_eq!(decode(&list_of(ty), &hostile).unwrap_err(), DecodeError::Incomplete);
    }
    // Numbers of one byte each take 8 bytes in memory, which the limit must consider.
    let many = [&[0x80, 0x80, 0x80, 1][..], &[1; 2 << 20]].concat();
    let error = decode(&list_of(ValueType::U64), &many).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { limit: 1 << 20 });
}

#[test]
fn values_beyond_the_limit_are_not_encoded() {
    let mut encoder = Encoder::new(10);
    let error = encoder.value(0, &list_of(ValueType::U8), Value::Bytes(vec![0; 11])).unwrap_err();
    assert_eq!(error, EncodeError::TooLarge { limit: 10 });
    let error = Encoder::new(10).value(0, &ValueType::Bool, Value::U8(1)).unwrap_err();
    assert_eq!(error, EncodeError::Type { expected: "bool".to_owned() });
}
