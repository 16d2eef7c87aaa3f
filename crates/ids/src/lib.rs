//! Newtypes for every identifier: a `SessionId` can never stand where a `CourseId` is meant.
//!
//! All are UUIDv7 (RFC 9562 section 5.7), so they sort by the time they were made. Nothing here reads
//! a clock or a random generator: both are handed in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from the wall clock (milliseconds since 1970) and ten random bytes.
            #[must_use]
            pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }

            /// Takes over a UUID that was read from a table or a request.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for a table or a wire.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self::from_uuid(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Accepts the hyphenated lower-case form alone, so that one thing has one spelling in URIs.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let uuid = Uuid::try_parse(text)?;
                if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != text {
                    return Err(Uuid::try_parse("-").expect_err("a lone dash is no UUID"));
                }
                Ok(Self(uuid))
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId
);
id!(
    /// A course: what a teacher teaches, students enrol in, and a stream key belongs to.
    CourseId
);
id!(
    /// One planned or ad hoc meeting of a course.
    SessionId
);
id!(
    /// One published timeline of a session or preview; it stands in every media URI.
    EpochId
);
id!(
    /// One connection of one publisher, from `publish` to its end.
    PublicationId
);
id!(
    /// A student's place in a course.
    EnrolmentId
);
id!(
    /// A place in the tree that courses are found by.
    CategoryId
);
id!(
    /// A class that takes a course together.
    BatchId
);
id!(
    /// A link that lets in who holds it (its secret is not the id).
    InviteId
);
id!(
    /// A course's stream key (its public half is the key's own short id).
    StreamKeyId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later_and_read_back() {
        let early = SessionId::from_parts(1_000, [9; 10]);
        let late = SessionId::from_parts(2_000, [0; 10]);
        assert!(early < late);
        assert_eq!(late.to_string().parse(), Ok(late));
    }

    #[test]
    fn only_the_one_spelling_is_read() {
        let id = EpochId::from_parts(1_700_000_000_000, [0xab; 10]);
        assert!(id.to_string().to_uppercase().parse::<EpochId>().is_err());
        assert!(id.as_uuid().simple().to_string().parse::<EpochId>().is_err());
    }
}
