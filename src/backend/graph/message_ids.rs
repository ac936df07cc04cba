//! Asking for messages by their Message-ID.
//!
//! What the service makes of a Message-ID that RFC 5322 §3.6.4 would not allow is written nowhere, so it is asked
//! for in every spelling that may be left of it: a message that is not found would be sent again.

use super::path::literal;

/// A `$filter` that finds messages of this Message-ID.
pub(super) fn named(message_id: &str) -> String {
    let terms = spellings(message_id);
    let terms: Vec<String> =
        terms.iter().map(|id| format!("internetMessageId eq {}", literal(id))).collect();
    match terms.as_slice() {
        [term] => term.clone(),
        terms => format!("({})", terms.join(" or ")),
    }
}

/// As it stands first. What is well-formed has no other.
fn spellings(message_id: &str) -> Vec<String> {
    let mut spellings = vec![message_id.to_owned()];
    if is_plain(message_id) {
        return spellings;
    }
    let word = message_id.split_ascii_whitespace().next().unwrap_or(message_id);
    let opened = message_id.split('<').skip(1);
    let inside = opened.filter_map(|rest| rest.split_once('>')).map(|(inside, _)| inside);
    let squeezed = |text: &str| text.split_ascii_whitespace().collect::<String>();
    let candidates = [message_id, word].into_iter().chain(inside).flat_map(|text| {
        let bare = text.trim_matches(|c| matches!(c, '<' | '>'));
        [text.to_owned(), bare.to_owned(), format!("<{bare}>"), format!("<{}>", squeezed(bare))]
    });
    for candidate in candidates {
        let says_something = !candidate.chars().all(|c| matches!(c, '<' | '>'));
        if says_something && !spellings.contains(&candidate) {
            spellings.push(candidate);
        }
    }
    spellings
}

/// `<…>`, and nothing that a reader could end it at.
fn is_plain(message_id: &str) -> bool {
    let inside = message_id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '<' | '>' | '(' | ')');
    inside.is_some_and(|inside| !inside.is_empty() && !inside.contains(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_is_asked_for_once() {
        assert_eq!(named("<a'b@c>"), "internetMessageId eq '<a''b@c>'");
        assert_eq!(spellings("<\"a,b\"@[10.0.0.1]>"), ["<\"a,b\"@[10.0.0.1]>"]);
    }

    #[test]
    fn what_is_not_is_asked_for_in_every_spelling_that_may_be_left_of_it() {
        for (given, left) in [
            ("bare", ["bare", "<bare>"].as_slice()),
            ("<a b@c>", &["<a b@c>", "a b@c", "<ab@c>", "<a", "<a>"]),
            ("(comment) <x@c>", &["(comment) <x@c>", "<x@c>", "x@c"]),
            ("<x@c> <y@c>", &["<x@c> <y@c>", "<x@c>", "<y@c>"]),
            ("<x@c", &["<x@c", "<x@c>"]),
        ] {
            let spellings = spellings(given);
            for one in left {
                assert!(spellings.iter().any(|known| known == one), "{given}: {one} {spellings:?}");
            }
        }
        assert!(named("bare").starts_with("(internetMessageId eq 'bare' or "));
    }
}
