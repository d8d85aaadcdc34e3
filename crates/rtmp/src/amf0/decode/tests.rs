use proptest::prelude::*;

use super::super::encode;
use super::*;

fn read(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let mut decoder = Decoder::new(bytes, Limits::default());
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value()? {
        values.push(value);
    }
    Ok(values)
}

#[track_caller]
fn check(bytes: &[u8], expected: &[Value]) {
    assert_eq!(read(bytes).as_deref(), Ok(expected));
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn pairs(pairs: &[(&str, Value)]) -> Pairs {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

#[test]
fn every_marker_is_read() {
    let one = 1.0_f64.to_be_bytes();
    let cases: [(&[&[u8]], Value); 14] = [
        (&[&[0], &one], Value::Number(1.0)),
        (&[&[1, 1]], Value::Boolean(true)),
        (&[&[2, 0, 2], b"hi"], text("hi")),
        (
            &[&[3, 0, 1, b'a', 5, 0, 0, 9]],
            Value::Object(pairs(&[("a", Value::Null)])),
        ),
        (&[&[5]], Value::Null),
        (&[&[6]], Value::Undefined),
        (&[&[7, 1, 2]], Value::Reference(258)),
        (
            &[&[8, 0, 0, 0, 1, 0, 1, b'a', 6, 0, 0, 9]],
            Value::EcmaArray(pairs(&[("a", Value::Undefined)])),
        ),
        (
            &[&[10, 0, 0, 0, 2, 5, 1, 0]],
            Value::StrictArray(vec![Value::Null, Value::Boolean(false)]),
        ),
        (
            &[&[11], &one, &[0xff, 0xff]],
            Value::Date {
                milliseconds: 1.0,
                time_zone: -1,
            },
        ),
        (&[&[12, 0, 0, 0, 2], b"hi"], text("hi")),
        (&[&[13]], Value::Unsupported),
        (&[&[15, 0, 0, 0, 4], b"<a/>"], Value::Xml("<a/>".to_owned())),
        (
            &[&[16, 0, 1, b'C', 0, 1, b'a', 5, 0, 0, 9]],
            Value::TypedObject {
                class: "C".to_owned(),
                fields: pairs(&[("a", Value::Null)]),
            },
        ),
    ];
    for (bytes, value) in cases {
        check(&[&bytes.concat()[..], &[5]].concat(), &[value, Value::Null]);
    }
}

#[test]
fn avm_plus_ends_the_reading() {
    check(&[5, 17, 1, 2, 3], &[Value::Null, Value::AvmPlus]);
    check(
        &[3, 0, 1, b'a', 17, 9, 9],
        &[Value::Object(pairs(&[("a", Value::AvmPlus)]))],
    );
    check(&[10, 0, 0, 0, 9, 17, 9, 9], &[Value::StrictArray(vec![Value::AvmPlus])]);
}

#[test]
fn markers_without_meaning_are_errors() {
    for marker in [4, 9, 14, 18, 0xff] {
        assert_eq!(read(&[5, marker]), Err(Error::Marker { marker, at: 1 }));
    }
}

#[test]
fn an_ecma_array_may_have_a_wrong_count_or_no_end() {
    let entries = [0, 1, b'a', 5, 0, 1, b'b', 6];
    let array = Value::EcmaArray(pairs(&[("a", Value::Null), ("b", Value::Undefined)]));
    for count in [0, 1, 2, 3, 255] {
        let bytes = [&[8, 0, 0, 0, count][..], &entries, &[0, 0, 9]].concat();
        check(&[&bytes[..], &[2, 0, 1, b'x']].concat(), &[array.clone(), text("x")]);
        check(&bytes[..bytes.len() - 3], std::slice::from_ref(&array));
    }
    let follower: [(&[u8], Value); 5] = [
        (&[5], Value::Null),
        (&[2, 0, 1, b'x'], text("x")),
        (&[0, 0x40, 0, 0, 0, 0, 0, 0, 0], Value::Number(2.0)),
        (&[1, 1], Value::Boolean(true)),
        (
            &[3, 0, 1, b'c', 5, 0, 0, 9],
            Value::Object(pairs(&[("c", Value::Null)])),
        ),
    ];
    for (bytes, value) in follower {
        let bytes = [&[8, 0, 0, 0, 2][..], &entries, bytes].concat();
        check(&bytes, &[array.clone(), value]);
    }
}

#[test]
fn rereading_is_limited() {
    // Each array of one entry lacks its end, and what follows makes no sense as an entry.
    let nested = |depth: usize| [[8, 0, 0, 0, 1, 0, 1, b'a'].repeat(depth), vec![5, 2, 0, 1, b'x']].concat();
    assert!(read(&nested(REREADINGS_MAX)).is_ok());
    assert!(read(&nested(REREADINGS_MAX + 1)).is_err());
}

#[test]
fn an_object_may_be_cut_off_after_a_whole_entry_only() {
    let bytes = [3, 0, 1, b'a', 2, 0, 1, b'x'];
    check(&bytes, &[Value::Object(pairs(&[("a", text("x"))]))]);
    for length in 2..bytes.len() {
        if length > 1 {
            assert!(
                matches!(read(&bytes[..length]), Err(Error::Truncated { .. })),
                "{length}"
            );
        }
    }
}

#[test]
fn an_empty_key_is_a_key() {
    check(&[3, 0, 0, 5, 0, 0, 9], &[Value::Object(pairs(&[("", Value::Null)]))]);
}

#[test]
fn text_that_is_no_utf_8_is_repaired() {
    check(&[2, 0, 2, 0xff, b'a'], &[text("\u{fffd}a")]);
}

#[test]
fn nesting_is_limited() {
    for container in [
        &[3, 0, 1, b'a'][..],
        &[8, 0, 0, 0, 1, 0, 1, b'a'],
        &[10, 0, 0, 0, 1],
        &[16, 0, 0, 0, 1, b'a'],
    ] {
        let nested = |depth: usize| [container.repeat(depth), vec![5]].concat();
        assert!(read(&nested(16)).is_ok());
        let at = 16 * container.len();
        assert_eq!(read(&nested(17)), Err(Error::Nesting { limit: 16, at }));
    }
}

#[test]
fn entries_are_limited_over_the_whole_message() {
    let array = |count: u32| [&[10][..], &count.to_be_bytes(), &vec![5; count as usize]].concat();
    assert!(read(&array(1024)).is_ok());
    assert!(read(&[array(1000), array(24)].concat()).is_ok());
    assert_eq!(
        read(&array(1025)),
        Err(Error::Entries {
            limit: 1024,
            at: 5 + 1024
        })
    );
    assert!(matches!(
        read(&[array(1000), array(25)].concat()),
        Err(Error::Entries { .. })
    ));
    check(
        &[10, 0xff, 0xff, 0xff, 0xff, 5],
        &[Value::StrictArray(vec![Value::Null])],
    );
}

#[test]
fn strings_are_limited() {
    let long = |length: u32| [&[12][..], &length.to_be_bytes(), &vec![b'a'; length as usize]].concat();
    check(&long(65_536), &[Value::String("a".repeat(65_536))]);
    assert_eq!(
        read(&long(65_537)),
        Err(Error::String {
            length: 65_537,
            limit: 65_536,
            at: 5
        })
    );
    assert!(matches!(read(&[15, 0xff, 0xff, 0xff, 0xff]), Err(Error::String { .. })));
}

#[test]
fn nothing_can_be_read_after_an_error() {
    let mut decoder = Decoder::new(&[4, 5], Limits::default());
    assert!(decoder.next_value().is_err());
    assert_eq!(decoder.next_value(), Ok(None));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>()
            .prop_filter("NaN differs from itself", |number| !number.is_nan())
            .prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        any::<String>().prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        any::<u16>().prop_map(Value::Reference),
        (0.0..4e12_f64, any::<i16>()).prop_map(|(milliseconds, time_zone)| Value::Date {
            milliseconds,
            time_zone
        }),
        Just(Value::Unsupported),
        any::<String>().prop_map(Value::Xml),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let pairs = proptest::collection::vec((any::<String>(), inner.clone()), 0..6);
        prop_oneof![
            pairs.clone().prop_map(Value::Object),
            pairs.clone().prop_map(Value::EcmaArray),
            proptest::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
            (any::<String>(), pairs).prop_map(|(class, fields)| Value::TypedObject { class, fields }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(values in proptest::collection::vec(value(), 0..4)) {
        let mut bytes = Vec::new();
        for value in &values {
            encode(value, &mut bytes);
        }
        prop_assert_eq!(read(&bytes), Ok(values));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(prop_oneof![0..18_u8, any::<u8>()], 0..200)) {
        let _ = read(&bytes);
    }
}
