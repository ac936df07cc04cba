//! Mailbox patterns of LIST and LSUB (RFC 3501 §6.3.8).

use crate::mailbox::FolderPath;

/// `*` stands for anything, `%` for anything within one level of the hierarchy.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub(super) fn new(reference: &str, pattern: &str) -> Self {
        Self(reference.chars().chain(pattern.chars()).collect())
    }

    /// INBOX is found in any case (RFC 3501 §5.1), everything else as it is spelled.
    pub(super) fn matches(&self, path: &FolderPath) -> bool {
        let inbox = FolderPath::INBOX.len();
        let begins_with_inbox = path.is_inbox() || path.is_below(&FolderPath::inbox());
        let literal = |index: usize, wanted: char, found: char| {
            wanted == found
                || (begins_with_inbox && index < inbox && wanted.eq_ignore_ascii_case(&found))
        };
        // reached[i]: the pattern up to i can stand for the path up to here. Linear in memory and
        // quadratic in time at worst, whatever the number of wildcards.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.pass_wildcards(&mut reached);
        for (index, found) in path.as_str().chars().enumerate() {
            let mut next = vec![false; self.0.len() + 1];
            for (at, wanted) in self.0.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match wanted {
                    '*' => next[at] = true,
                    '%' => next[at] |= found != FolderPath::SEPARATOR,
                    wanted => next[at + 1] |= literal(index, *wanted, found),
                }
            }
            self.pass_wildcards(&mut next);
            reached = next;
        }
        reached[self.0.len()]
    }

    /// A wildcard may stand for nothing.
    fn pass_wildcards(&self, reached: &mut [bool]) {
        for (at, wanted) in self.0.iter().enumerate() {
            if reached[at] && matches!(wanted, '*' | '%') {
                reached[at + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(reference: &str, pattern: &str, path: &str) -> bool {
        Pattern::new(reference, pattern).matches(&FolderPath::parse(path).unwrap())
    }

    #[test]
    fn a_percent_stays_within_its_level_and_a_star_does_not() {
        assert!(matches("", "%", "Archive"));
        assert!(!matches("", "%", "Archive/2024"));
        assert!(matches("", "*", "Archive/2024"));
        assert!(matches("", "Archive/%", "Archive/2024"));
        assert!(!matches("", "Archive/%", "Archive"));
        assert!(matches("", "%/%", "Archive/2024"));
        assert!(matches("Archive/", "20*", "Archive/2024"));
        assert!(matches("", "*24", "Archive/2024"));
        assert!(!matches("", "", "Archive"));
    }

    #[test]
    fn the_inbox_is_found_in_any_case_and_no_other_folder_is() {
        assert!(matches("", "inbox", "INBOX"));
        assert!(matches("", "inb%", "INBOX"));
        assert!(matches("", "Inbox/Done", "INBOX/Done"));
        assert!(!matches("", "inbox/done", "INBOX/Done"));
        assert!(!matches("", "archive", "Archive"));
    }

    #[test]
    fn many_wildcards_cost_no_more_than_their_number() {
        let pattern = "*%".repeat(200) + "x";
        assert!(!matches("", &pattern, &"a".repeat(250)));
    }
}
