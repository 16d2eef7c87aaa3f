//! What a viewer asks with.

use access::{playback::Token, stream_key::StreamKey};
use origin_core::{condition, directives, encoding, range, request};

pub(crate) fn playlist_query(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let _ = directives::parse(Some(query));
}

pub(crate) fn token_path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let _ = request::parse(path);
    if let Ok(token) = Token::parse(path) {
        assert_eq!(token.expose(), path, "a token has one spelling");
    }
    if let Ok(key) = StreamKey::parse(path) {
        assert_eq!(*key.expose(), *path, "a key has one spelling");
    }
}

pub(crate) fn request_headers(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let _ = range::wanted(Some(header), 1_000_000);
    let _ = encoding::accepted(Some(header));
    let _ = condition::none_match_names(header, "\"1-2\"");
    let _ = condition::range_still_holds(Some(header), "\"1-2\"");
}
