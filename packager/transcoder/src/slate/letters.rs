//! Titles in the letters there are: accents are left out, and what has no letter makes the whole title one that cannot
//! be drawn. Pure.

use crate::generate::font;

/// A letter, and those that are drawn as it.
#[rustfmt::skip]
const BASES: &[(char, &str)] = &[
    ('A', "ÀÁÂÃÄÅĀĂĄẠẢẤẦẨẪẬẮẰẲẴẶ"), ('a', "àáâãäåāăąạảấầẩẫậắằẳẵặ"),
    ('C', "ÇĆĈĊČ"), ('c', "çćĉċč"),
    ('D', "ĎĐÐ"), ('d', "ďđð"),
    ('E', "ÈÉÊËĒĔĖĘĚẸẺẼẾỀỂỄỆ"), ('e', "èéêëēĕėęěẹẻẽếềểễệ"),
    ('G', "ĜĞĠĢ"), ('g', "ĝğġģ"),
    ('H', "ĤĦ"), ('h', "ĥħ"),
    ('I', "ÌÍÎÏĨĪĬĮİỈỊ"), ('i', "ìíîïĩīĭįıỉị"),
    ('J', "Ĵ"), ('j', "ĵ"),
    ('K', "Ķ"), ('k', "ķ"),
    ('L', "ĹĻĽĿŁ"), ('l', "ĺļľŀł"),
    ('N', "ÑŃŅŇ"), ('n', "ñńņň"),
    ('O', "ÒÓÔÕÖØŌŎŐƠỌỎỐỒỔỖỘỚỜỞỠỢ"), ('o', "òóôõöøōŏőơọỏốồổỗộớờởỡợ"),
    ('R', "ŔŖŘ"), ('r', "ŕŗř"),
    ('S', "ŚŜŞŠȘ"), ('s', "śŝşšș"),
    ('T', "ŢŤŦȚ"), ('t', "ţťŧț"),
    ('U', "ÙÚÛÜŨŪŬŮŰŲƯỤỦỨỪỬỮỰ"), ('u', "ùúûüũūŭůűųưụủứừửữự"),
    ('W', "Ŵ"), ('w', "ŵ"),
    ('Y', "ÝŶŸỲỴỶỸ"), ('y', "ýŷÿỳỵỷỹ"),
    ('Z', "ŹŻŽ"), ('z', "źżž"),
    ('-', "–"), ('\'', "’‘ʼ"), ('"', "“”«»"), (' ', "\u{a0}\t"),
];

/// The title as it can be drawn; none when it is empty, or in letters that we do not have.
pub(super) fn drawable(title: &str) -> Option<String> {
    // Combining accents stand behind the letter they belong to.
    let accents = '\u{300}'..='\u{36f}';
    let letters = title.trim().chars().filter(|letter| !accents.contains(letter));
    let drawn: String = letters.map(base).collect();
    (!drawn.is_empty() && drawn.chars().all(font::has)).then_some(drawn)
}

fn base(letter: char) -> char {
    BASES.iter().find(|(_, accented)| accented.contains(letter)).map_or(letter, |(base, _)| *base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_left_out() {
        assert_eq!(drawable("Giải tích 1").as_deref(), Some("Giai tich 1"));
        assert_eq!(drawable(" Đại số & Hình học ").as_deref(), Some("Dai so & Hinh hoc"));
        assert_eq!(drawable("Gia\u{309}i ti\u{301}ch").as_deref(), Some("Giai tich"));
        assert_eq!(drawable("Übungen: Maß und Integral"), None, "no letter for ß");
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out_altogether() {
        assert_eq!(drawable("微积分"), None);
        assert_eq!(drawable("  "), None);
    }
}
