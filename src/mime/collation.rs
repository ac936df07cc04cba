//! i;unicode-casemap (RFC 5051): the one collation in which text is searched, sorted and grouped (RFC 5255 §4.4).

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Letters of two in one, each with its capital, its capitalised and its small form.
const DIGRAPHS: [[char; 3]; 4] =
    [['Ǆ', 'ǅ', 'ǆ'], ['Ǉ', 'ǈ', 'ǉ'], ['Ǌ', 'ǋ', 'ǌ'], ['Ǳ', 'ǲ', 'ǳ']];

/// The text with its letters capitalised and everything taken apart that can be. Octets of two such texts
/// compare as the collation has it.
pub(super) fn casemapped(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let capitalised: String = text.chars().map(titlecase).collect();
    DecomposingNormalizerBorrowed::new_nfkd().normalize(&capitalised).into_owned()
}

/// Casemapped, with any run of blanks and line ends taken for one blank: a phrase is then found across a folded or
/// wrapped line.
pub(super) fn folded(text: &str) -> String {
    let mapped = casemapped(text);
    let mut folded = String::with_capacity(mapped.len());
    let mut after_blank = false;
    for c in mapped.chars() {
        // Most text is US-ASCII, and there the question is cheap.
        let blank = if c.is_ascii() { matches!(c, ' ' | '\t'..='\r') } else { c.is_whitespace() };
        match (blank, after_blank) {
            (true, true) => {}
            (true, false) => folded.push(' '),
            (false, _) => folded.push(c),
        }
        after_blank = blank;
    }
    folded
}

/// The simple titlecase of one character (UnicodeData.txt field 14): never more than one, so that `ß` stays.
fn titlecase(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    if let Some(forms) = DIGRAPHS.iter().find(|forms| forms.contains(&c)) {
        return forms[1];
    }
    match c {
        // Georgian has capitals, but no text is capitalised with them.
        '\u{10d0}'..='\u{10ff}' => c,
        // Greek letters with an iota below have it beside the capital, which std tells as two letters.
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(c) | 8).unwrap_or(c),
        'ᾳ' => 'ᾼ',
        'ῃ' => 'ῌ',
        'ῳ' => 'ῼ',
        _ => {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_equal_whatever_their_case_and_composition() {
        for (one, other) in [
            ("Grüße", "gru\u{308}ße"),
            ("ПРИВЕТ", "привет"),
            ("ǆ", "Ǆ"),
            ("ᾳ", "ᾼ"),
            ("Ｒｅ", "re"),
            ("ñ", "N\u{303}"),
        ] {
            assert_eq!(casemapped(one), casemapped(other), "{one}");
        }
        assert_ne!(casemapped("ß"), casemapped("ss"));
        assert_ne!(casemapped("e"), casemapped("é"));
    }

    #[test]
    fn letters_come_before_the_underscore() {
        assert!(casemapped("zebra") < casemapped("_"));
    }

    #[test]
    fn blanks_are_taken_together() {
        assert_eq!(folded(" a\t\r\n b\u{a0}\u{2003}c "), " A B C ");
    }
}
