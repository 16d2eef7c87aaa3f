use proptest::prelude::*;

use super::{super::amf0, *};

/// `onMetaData`'s properties as Flash Media Live Encoder's successors write them: a dynamic object without
/// a class name.
fn metadata() -> Vec<u8> {
    let mut bytes = vec![marker::OBJECT, 0x0b, 0x01];
    bytes.extend(text("framerate"));
    bytes.extend([marker::INTEGER, 30]);
    bytes.extend(text("encoder"));
    bytes.push(marker::STRING);
    bytes.extend(text("framerate"));
    bytes.extend([0x00, marker::DOUBLE]);
    bytes.extend(2500.5f64.to_be_bytes());
    bytes.push(0x01);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u29((text.len() as u32) << 1 | 1);
    bytes.extend(text.as_bytes());
    bytes
}

fn u29(number: u32) -> Vec<u8> {
    match number {
        0..0x80 => vec![number as u8],
        0x80..0x4000 => vec![(number >> 7) as u8 | 0x80, number as u8 & 0x7f],
        0x4000..0x20_0000 => {
            vec![(number >> 14) as u8 | 0x80, (number >> 7) as u8 | 0x80, number as u8 & 0x7f]
        }
        _ => vec![
            (number >> 22) as u8 | 0x80,
            (number >> 15) as u8 | 0x80,
            (number >> 8) as u8 | 0x80,
            number as u8,
        ],
    }
}

fn read(bytes: &[u8]) -> Result<Value, Error> {
    let mut values = read_all(bytes)?;
    assert_eq!(values.len(), 1, "{values:?}");
    Ok(values.remove(0))
}

#[test]
fn numbers_have_up_to_29_bits_and_a_sign() {
    for (bytes, number) in [
        (vec![0x00], 0.0),
        (vec![0x35], 53.0),
        (vec![0x81, 0x54], 212.0),
        (vec![0x86, 0xca, 0x3f], 107_839.0),
        (vec![0xbf, 0xff, 0xff, 0xff], 268_435_455.0),
        (vec![0xc0, 0x80, 0x80, 0x00], -268_435_456.0),
        (vec![0xff, 0xff, 0xff, 0xff], -1.0),
    ] {
        let bytes = [vec![marker::INTEGER], bytes].concat();
        assert_eq!(read(&bytes), Ok(Value::Number(number)), "{bytes:02x?}");
    }
}

#[test]
fn plain_values_are_read() {
    let date = [vec![marker::DATE, 1], 1e12f64.to_be_bytes().to_vec()].concat();
    for (bytes, value) in [
        (vec![0x00], Value::Undefined),
        (vec![0x01], Value::Null),
        (vec![0x02], Value::Boolean(false)),
        (vec![0x03], Value::Boolean(true)),
        ([vec![marker::STRING], text("lk_é")].concat(), "lk_é".into()),
        ([vec![marker::XML], text("<a/>")].concat(), "<a/>".into()),
        ([vec![marker::XML_DOCUMENT], text("<b/>")].concat(), "<b/>".into()),
        ([vec![marker::BYTE_ARRAY], text("\0\x01")].concat(), Value::Undefined),
        (date, Value::Date(1e12)),
        (vec![marker::OBJECT, 0x04], Value::Undefined),
    ] {
        assert_eq!(read(&bytes), Ok(value), "{bytes:02x?}");
    }
}

#[test]
fn a_dynamic_object_is_read_and_its_texts_are_found_again() {
    let read = read(&metadata()).unwrap();
    assert_eq!(
        read,
        Value::object([
            ("framerate", 30.0.into()),
            ("encoder", "framerate".into()),
            ("framerate", 2500.5.into())
        ])
    );
}

#[test]
fn a_class_is_sent_once_and_pointed_at_afterwards() {
    // Array of two objects of a sealed class `P` with the members x and y.
    let mut bytes = vec![marker::ARRAY, 0x05, 0x01, marker::OBJECT, 0x23];
    bytes.extend([text("P"), text("x"), text("y")].concat());
    bytes.extend([marker::INTEGER, 1, marker::INTEGER, 2]);
    bytes.extend([marker::OBJECT, 0x01, marker::INTEGER, 3, marker::INTEGER, 4]);
    let point = |x: f64, y: f64| Value::object([("x", x.into()), ("y", y.into())]);
    assert_eq!(read(&bytes), Ok(Value::Array(vec![point(1.0, 2.0), point(3.0, 4.0)])));
}

#[test]
fn arrays_with_names_dictionaries_and_vectors_are_read() {
    let named = [vec![marker::ARRAY, 0x03], text("a"), vec![0x03, 0x01, 0x01]].concat();
    assert_eq!(read(&named), Ok(Value::object([("a", Value::Boolean(true)), ("0", Value::Null)])));
    let dictionary = [
        vec![marker::DICTIONARY, 0x05, 0x00, marker::STRING],
        text("k"),
        vec![marker::INTEGER, 7, marker::INTEGER, 1, marker::NULL],
    ]
    .concat();
    assert_eq!(read(&dictionary), Ok(Value::object([("k", 7.0.into())])));
    let ints = [marker::VECTOR_INT, 0x05, 0x00, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9];
    assert_eq!(read(&ints), Ok(Value::Array(vec![(-1.0).into(), 9.0.into()])));
    let uints = [marker::VECTOR_UINT, 0x03, 0x01, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(read(&uints), Ok(Value::Array(vec![f64::from(u32::MAX).into()])));
    let doubles = [vec![marker::VECTOR_DOUBLE, 0x03, 0x00], 0.5f64.to_be_bytes().to_vec()].concat();
    assert_eq!(read(&doubles), Ok(Value::Array(vec![0.5.into()])));
    let objects = [vec![marker::VECTOR_OBJECT, 0x03, 0x00], text("P"), vec![marker::TRUE]].concat();
    assert_eq!(read(&objects), Ok(Value::Array(vec![Value::Boolean(true)])));
}

#[test]
fn flex_wrappers_are_unwrapped_and_other_forms_of_their_own_refused() {
    let wrapped = |class: &str| {
        [vec![marker::OBJECT, 0x07], text(class), vec![marker::ARRAY, 0x03, 0x01, marker::TRUE]].concat()
    };
    let array = Value::Array(vec![Value::Boolean(true)]);
    assert_eq!(read(&wrapped("flex.messaging.io.ArrayCollection")), Ok(array));
    assert_eq!(read(&wrapped("com.example.Own")), Err(Error::Externalizable));
}

#[test]
fn amf_0_changes_over_for_one_value_with_texts_kept_across_values() {
    let mut bytes = vec![0x11];
    bytes.extend(metadata());
    // A text by reference, then AMF 0 again.
    bytes.extend([0x11, marker::STRING, 0x02, 0x05]);
    let values = amf0::read_all(&bytes).unwrap();
    assert_eq!(values[0].property("encoder"), Some(&"framerate".into()));
    assert_eq!(values[1..], ["encoder".into(), Value::Null]);
}

#[test]
fn bombs_are_refused_before_they_cost_anything() {
    // Arrays inside each other, directly and through AMF 0.
    assert_eq!(read_all(&[marker::ARRAY, 0x03, 0x01].repeat(40_000 / 3)), Err(Error::TooDeep));
    let mixed = [0x0a, 0, 0, 0, 1].repeat(10);
    let mixed = [mixed, vec![0x11], [marker::ARRAY, 0x03, 0x01].repeat(10)].concat();
    assert_eq!(amf0::read_all(&mixed), Err(Error::TooDeep));
    // Wrappers inside each other.
    let class = text("flex.messaging.io.ObjectProxy");
    let wrappers = [vec![marker::OBJECT, 0x07], class, [marker::OBJECT, 0x01].repeat(1000)].concat();
    assert_eq!(read_all(&wrappers), Err(Error::TooDeep));
    // Counts of 2^28 and what little stands behind them.
    for kind in [marker::ARRAY, marker::VECTOR_OBJECT, marker::DICTIONARY, marker::VECTOR_INT] {
        let error = read_all(&[kind, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{kind}: {error}");
    }
    assert!(matches!(read_all(&[marker::STRING, 0xff, 0xff, 0xff, 0xff]), Err(Error::Truncated { .. })));
    assert_eq!(read_all(&[marker::NULL; 1001]), Err(Error::TooManyNodes));
    assert_eq!(read_all(&vec![1; BYTES_MAX + 1]), Err(Error::TooLong(BYTES_MAX + 1)));
    let wide = [vec![marker::VECTOR_INT, 0xff, 0xff, 0xff, 0xff, 0], vec![0; 8000]].concat();
    assert_eq!(read_all(&wide), Err(Error::TooManyNodes));
    // A class with a member for each byte.
    let members = [vec![marker::OBJECT], u29(60_000 << 4 | 3), vec![0x01; 60_000]].concat();
    assert_eq!(read_all(&members), Err(Error::TooManyNodes));
}

#[test]
fn a_long_text_cannot_be_repeated_by_reference_without_end() {
    let long = [vec![marker::STRING], text(&"x".repeat(30_000)), [marker::STRING, 0x00].repeat(500)].concat();
    assert!(matches!(read_all(&long), Err(Error::TooLong(_))));
    // Nor by a class whose member has a long name.
    let class = [vec![marker::OBJECT, 0x13, 0x01], text(&"m".repeat(30_000)), vec![marker::NULL]].concat();
    let objects = [class, [marker::OBJECT, 0x01, marker::NULL].repeat(300)].concat();
    assert!(matches!(read_all(&objects), Err(Error::TooLong(_))));
}

#[test]
fn references_to_nothing_and_unknown_types_are_named() {
    assert_eq!(read_all(&[marker::STRING, 0x0a]), Err(Error::Reference(5)));
    assert_eq!(read_all(&[marker::OBJECT, 0x05]), Err(Error::Reference(1)));
    assert_eq!(read_all(&[0x12]), Err(Error::Amf3Type(0x12)));
    // The empty text takes no place.
    assert_eq!(read_all(&[marker::STRING, 0x01, marker::STRING, 0x00]), Err(Error::Reference(0)));
}

proptest! {
    #[test]
    fn no_bytes_whatever_reach_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_all(&bytes);
    }

    #[test]
    fn nor_do_bytes_that_look_like_values(
        bytes in proptest::collection::vec(prop_oneof![0u8..0x12, Just(0x23), any::<u8>()], 0..400),
    ) {
        let _ = read_all(&bytes);
        let _ = amf0::read_all(&[&[0x11], bytes.as_slice()].concat());
    }

    #[test]
    fn damaged_metadata_reaches_no_panic(at in 0usize..40, value in any::<u8>()) {
        let mut bytes = metadata();
        bytes[at] = value;
        let _ = read_all(&bytes);
    }
}
