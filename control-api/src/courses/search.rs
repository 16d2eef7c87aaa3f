//! Finding courses: words folded, so that `dai so` finds `Đại số`. Pure.

/// No search has more words.
pub(crate) const WORDS_MAX: usize = 4;
const WORD_CHARS_MAX: usize = 40;

/// Small letters without accents, for comparing. Vietnamese, Indonesian and most of Europe.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| !is_mark(*c)).map(plain).collect()
}

/// Patterns for `like … escape '!'`, one for each word; a text that has all of them is found.
pub(crate) fn patterns(query: &str) -> Vec<String> {
    let pattern = |word: &str| {
        let mut pattern = String::from("%");
        for c in word.chars().take(WORD_CHARS_MAX) {
            if matches!(c, '%' | '_' | '!') {
                pattern.push('!');
            }
            pattern.push(c);
        }
        pattern.push('%');
        pattern
    };
    fold(query).split_whitespace().take(WORDS_MAX).map(pattern).collect()
}

/// An accent that stands by itself, as decomposed text has them.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The letter under the accents.
const fn plain(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ'..='ặ' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ę' | 'ě' | 'ẹ'..='ệ' => 'e',
        'ì'..='ï' | 'ī' | 'ĩ' | 'ı' | 'ỉ' | 'ị' => 'i',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ơ' | 'ọ'..='ợ' => 'o',
        'ś' | 'š' | 'ß' => 's',
        'ù'..='ü' | 'ū' | 'ũ' | 'ű' | 'ư' | 'ụ'..='ự' => 'u',
        'ý' | 'ÿ' | 'ỳ'..='ỹ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ł' => 'l',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_folded_composed_or_not() {
        for (text, expected) in [
            ("Lập trình Đại cương", "lap trinh dai cuong"),
            ("ỨNG DỤNG", "ung dung"),
            ("Toa\u{301}n cao ca\u{302}\u{301}p", "toan cao cap"),
            ("Ilmu komputer: résumé", "ilmu komputer: resume"),
            ("日本語", "日本語"),
        ] {
            assert_eq!(fold(text), expected);
        }
    }

    #[test]
    fn a_query_is_its_words_and_no_wildcards() {
        assert_eq!(patterns("  Đại   SỐ "), ["%dai%", "%so%"]);
        assert_eq!(patterns("100%_!"), ["%100!%!_!!%"]);
        assert!(patterns(" \t").is_empty());
        assert_eq!(patterns("a b c d e f").len(), WORDS_MAX);
        assert_eq!(patterns(&"x".repeat(500))[0].len(), WORD_CHARS_MAX + 2);
    }
}
