//! Secrets, and where they must not be found: in a log.

/// Letters of a stream key: `lk_`, eight of its id, an underscore, 38 of secret and checksum.
const STREAM_KEY_LETTERS: usize = 50;
/// Letters of the signature that ends a playback token.
const SIGNATURE_LETTERS: usize = 22;

/// What of `planted`, and what that looks like a stream key, a playback token, an access token or a link that logs its
/// holder in, stands in the text. Empty is well.
#[must_use]
pub fn found_in(text: &str, planted: &[String]) -> Vec<String> {
    let planted = planted.iter().filter(|secret| secret.len() >= 6 && text.contains(&***secret));
    let planted = planted.map(|secret| format!("planted: {secret}"));
    let shaped = words(text).filter_map(|word| Some(format!("{}: {word}", shape(word)?)));
    let mut found: Vec<_> = planted.chain(shaped).collect();
    found.sort();
    found.dedup();
    found
}

/// Runs of the letters that tokens are made of.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let in_token = |letter: char| letter.is_ascii_alphanumeric() || "._-=".contains(letter);
    text.split(move |letter| !in_token(letter)).filter(|word| word.len() >= SIGNATURE_LETTERS)
}

fn shape(word: &str) -> Option<&'static str> {
    if let Some((name, value)) = word.split_once('=') {
        let lets_in = ["token", "ticket", "otp"].contains(&name) && value.len() >= 16;
        return if lets_in { Some("a link that lets in") } else { shape(value) };
    }
    let fields: Vec<_> = word.split('.').collect();
    match fields.as_slice() {
        [key] if key.starts_with("lk_") && key.len() >= STREAM_KEY_LETTERS => Some("a stream key"),
        [header, _, _] if header.starts_with("eyJ") => Some("an access token"),
        [_, _, classes, _, signature] if classes.len() <= 4 && signature.len() == SIGNATURE_LETTERS => {
            Some("a playback token")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_secret_is_found_wherever_it_stands() {
        let key = format!("lk_{}_{}", "aB3dE6gH", "x".repeat(38));
        let playback = format!("k1.t3kd3k.ld.7f.{}", "A-_b".repeat(5) + "xy");
        for (line, kind) in [
            (format!("INFO publish refused key={key} peer=127.0.0.1"), "a stream key"),
            (format!("DEBUG GET /p/{playback}/s/1/2/index.m3u8 200"), "a playback token"),
            ("TRACE authorization: \"Bearer eyJhbGciOi.eyJpc3Mi.c2ln\"".to_owned(), "an access token"),
            ("open http://127.0.0.1/setup?token=0123456789abcdef01".to_owned(), "a link that lets in"),
        ] {
            let found = found_in(&line, &[]);
            assert!(matches!(&*found, [one] if one.starts_with(kind)), "{line}: {found:?}");
        }
        assert_eq!(found_in("it said swordfish!", &["swordfish".into()]), ["planted: swordfish"]);
    }

    #[test]
    fn what_a_log_may_say_is_no_secret() {
        let log = "INFO lk_aB3dE6gH_… publishes; session 01890a5d-ac96-774b-bcce-b302099a8057, epoch 0.1.2.3.4, \
                   lectern-transcoder 0.1.0, token=… refused, http://127.0.0.1:8080/watch/01890a5d-ac96-774b";
        assert_eq!(found_in(log, &["swordfish".into()]), Vec::<String>::new());
    }
}
