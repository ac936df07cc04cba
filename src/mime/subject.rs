//! The base subject (RFC 5256 §2.1): what is left of a subject without the marks of replies, forwards and lists.

/// A subject by which messages are sorted and brought together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BaseSubject {
    pub(super) text: String,
    pub(super) standing: Standing,
}

/// Whether a subject says that its message answers or passes on another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    Original,
    Reply,
}

impl BaseSubject {
    /// Of a subject that is decoded already.
    pub(super) fn of(subject: &str) -> Self {
        let words: Vec<&str> = subject.split_ascii_whitespace().collect();
        let joined = words.join(" ");
        let (mut text, mut standing) = (joined.as_str(), Standing::Original);
        loop {
            text = without_trailers(text, &mut standing);
            text = without_leaders(text, &mut standing);
            match within_forward(text) {
                Some(inside) => (text, standing) = (inside, Standing::Reply),
                None => return Self { text: text.to_owned(), standing },
            }
        }
    }
}

/// `(fwd)`, any number of times.
fn without_trailers<'s>(mut text: &'s str, standing: &mut Standing) -> &'s str {
    loop {
        text = text.trim_end_matches(' ');
        let Some(rest) = without_suffix(text, "(fwd)") else { return text };
        (text, *standing) = (rest, Standing::Reply);
    }
}

/// `[list] Re: [list] Fwd[2]: `, and then what blobs remain in front of something.
fn without_leaders<'s>(mut text: &'s str, standing: &mut Standing) -> &'s str {
    loop {
        text = text.trim_start_matches(' ');
        let (mut last, mut rest) = (text, text);
        while let Some(after) = without_blob(rest) {
            (last, rest) = (rest, after);
        }
        match without_mark(rest) {
            Some(after) => (text, *standing) = (after, Standing::Reply),
            // A subject of nothing but blobs is the last of them.
            None => return if rest.is_empty() { last } else { rest },
        }
    }
}

/// `[anything without brackets]` and the blanks after it.
fn without_blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(['[', ']'])?;
    Some(inside[end..].strip_prefix(']')?.trim_start_matches(' '))
}

/// `re`, `fw` or `fwd`, perhaps a blob, and a colon.
fn without_mark(text: &str) -> Option<&str> {
    let rest = without_prefix(text, "re")
        .or_else(|| without_prefix(text, "fwd"))
        .or_else(|| without_prefix(text, "fw"))?;
    let rest = rest.trim_start_matches(' ');
    without_blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// What stands in `[fwd: …]`.
fn within_forward(text: &str) -> Option<&str> {
    without_prefix(text, "[fwd:")?.strip_suffix(']')
}

fn without_prefix<'s>(text: &'s str, prefix: &str) -> Option<&'s str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn without_suffix<'s>(text: &'s str, suffix: &str) -> Option<&'s str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_marks_of_replies_forwards_and_lists_are_taken_off() {
        use Standing::{Original, Reply};
        for (subject, text, standing) in [
            ("Lunch", "Lunch", Original),
            ("", "", Original),
            ("  a \t b ", "a b", Original),
            ("Re: Lunch", "Lunch", Reply),
            ("RE : re:FW:fwd: Lunch", "Lunch", Reply),
            ("Lunch (fwd) (FWD) ", "Lunch", Reply),
            ("[list] Lunch", "Lunch", Original),
            ("[list] Re: [other] [third] Lunch", "Lunch", Reply),
            ("Re [2]: Lunch", "Lunch", Reply),
            ("[fwd: Re: Lunch]", "Lunch", Reply),
            ("[Fwd: [fwd: x (fwd)]]", "x", Reply),
            ("[only]", "[only]", Original),
            ("[one] [two]", "[two]", Original),
            ("Re: [only]", "[only]", Reply),
            ("Re:", "", Reply),
            ("Regarding: x", "Regarding: x", Original),
            ("[a[b]] x", "[a[b]] x", Original),
            ("AW: x", "AW: x", Original),
            ("Ré: x", "Ré: x", Original),
            ("[fwd: x", "[fwd: x", Original),
        ] {
            let expected = BaseSubject { text: text.into(), standing };
            assert_eq!(BaseSubject::of(subject), expected, "{subject:?}");
        }
    }

    #[test]
    fn a_long_subject_of_marks_takes_one_walk() {
        let blobs = "[]".repeat(400_000);
        assert_eq!(BaseSubject::of(&blobs).text, "[]");
        assert_eq!(BaseSubject::of(&"re:".repeat(300_000)).text, "");
        let deep = ["[fwd:".repeat(200_000), "]".repeat(200_000)].concat();
        assert_eq!(BaseSubject::of(&deep).text, "");
    }

    /// Step by step as the RFC tells it.
    fn by_the_letter(subject: &str) -> String {
        let mut text = subject.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        loop {
            while text.ends_with(' ') || text.to_lowercase().ends_with("(fwd)") {
                let cut = if text.ends_with(' ') { 1 } else { 5 };
                text.truncate(text.len() - cut);
            }
            loop {
                let before = text.clone();
                if let Some(rest) = text.strip_prefix(' ') {
                    text = rest.to_owned();
                }
                let mut after_blobs = text.as_str();
                while let Some(rest) = without_blob(after_blobs) {
                    after_blobs = rest;
                }
                if let Some(rest) = without_mark(after_blobs) {
                    text = rest.to_owned();
                }
                if let Some(rest) = without_blob(&text).filter(|rest| !rest.is_empty()) {
                    text = rest.to_owned();
                }
                if text == before {
                    break;
                }
            }
            let lower = text.to_lowercase();
            if !(lower.starts_with("[fwd:") && lower.ends_with(']')) {
                return text;
            }
            text = text[5..text.len() - 1].to_owned();
        }
    }

    proptest! {
        #[test]
        fn a_subject_has_the_base_that_the_letter_of_the_rfc_gives(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["re", "Fwd", "fw", ":", " ", "[", "]", "[x]", "(fwd)", "[fwd:", "a", "é"]), 0..12)
        ) {
            let subject = pieces.concat();
            prop_assert_eq!(BaseSubject::of(&subject).text, by_the_letter(&subject));
        }
    }
}
