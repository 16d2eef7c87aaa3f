//! Parameters: the few types that both databases store alike.

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

/// One parameter of a statement. Each kind keeps its type when it is NULL, which PostgreSQL wants.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the kinds are their own meaning")]
pub enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Float(Option<f64>),
    Bool(Option<bool>),
    Uuid(Option<Uuid>),
    Time(Option<DateTime<Utc>>),
    Bytes(Option<Vec<u8>>),
}

/// A time as both databases keep it: PostgreSQL drops what is finer than a microsecond, so we do it
/// ourselves before a time is compared with one that was read back.
#[must_use]
pub fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

macro_rules! value {
    ($($type:ty => $kind:ident $make:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$kind(Some($make(value)))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$kind(value.map($make))
            }
        }
    )*};
}

value! {
    String => Text std::convert::identity,
    &str => Text str::to_owned,
    i64 => Int std::convert::identity,
    i32 => Int i64::from,
    u32 => Int i64::from,
    f64 => Float std::convert::identity,
    bool => Bool std::convert::identity,
    Uuid => Uuid std::convert::identity,
    DateTime<Utc> => Time to_micros,
    Vec<u8> => Bytes std::convert::identity,
    &[u8] => Bytes <[u8]>::to_vec,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_loses_its_nanoseconds_before_it_is_stored() {
        let time = DateTime::from_timestamp(1, 123_456_789).unwrap();
        assert_eq!(Value::from(time), Value::Time(DateTime::from_timestamp(1, 123_456_000)));
    }
}
