//! THREAD=ORDEREDSUBJECT (RFC 5256 §3): one thread for each subject, in the order of sending.

use wire::imap::Forest;

use super::letter::Letter;

pub(super) fn forest(letters: &[Letter]) -> Forest {
    let mut sorted: Vec<&Letter> = letters.iter().collect();
    sorted.sort_by(|one, other| {
        one.base_subject.cmp(&other.base_subject).then_with(|| one.compare(other))
    });
    let mut threads: Vec<&[&Letter]> =
        sorted.chunk_by(|one, other| one.base_subject == other.base_subject).collect();
    threads.sort_by(|one, other| one[0].compare(other[0]));
    let mut forest = Forest::default();
    for thread in threads {
        let root = forest.node(Some(thread[0].number));
        forest.root(root);
        for letter in &thread[1..] {
            let child = forest.node(Some(letter.number));
            forest.child(root, child);
        }
    }
    forest
}

#[cfg(test)]
mod tests {
    use super::super::letter_tests::letter;
    use super::*;

    #[test]
    fn messages_of_one_subject_hang_on_the_first_that_was_sent() {
        let letters = [
            letter(1, 30).subject("A"),
            letter(2, 10).subject("B"),
            letter(3, 20).subject("A"),
            letter(4, 20).subject("A"),
            letter(5, 10).subject(""),
            letter(6, 5).subject("B"),
        ];
        let letters = letters.map(|letter| letter.0);
        assert_eq!(forest(&letters).to_string(), "(6 2)(5)(3 (4)(1))");
        assert!(forest(&[]).is_empty());
    }
}
