//! Messages of any octets, and what becomes of them.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::mailbox::Timestamp;
use crate::mime::{Decoder, Scanner, Transfer};
use crate::store::Store;

struct World {
    runtime: tokio::runtime::Runtime,
    store: Store,
    _directory: TempDir,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp(0));
        let store = runtime.block_on(Store::open(directory.path(), clock)).unwrap();
        Self { runtime, store, _directory: directory }
    }

    fn encoded(&self, message: &[u8]) -> Outcome<Vec<u8>> {
        let spool = || self.runtime.block_on(self.store.spool()).unwrap();
        let file = spool();
        std::fs::write(file.path(), message).unwrap();
        let encoded = in_lines(file, spool())?;
        Ok(std::fs::read(encoded.path()).unwrap())
    }
}

fn encoded(message: impl AsRef<[u8]>) -> Outcome<Vec<u8>> {
    World::new().encoded(message.as_ref())
}

fn refusal(message: &str) -> Kind {
    encoded(message).unwrap_err().kind().clone()
}

fn outline(message: &[u8]) -> Outline {
    let mut scanner = Scanner::new();
    scanner.feed(message);
    scanner.finish()
}

/// The decoded bodies of all parts that hold no others.
fn contents(message: &[u8]) -> Vec<Vec<u8>> {
    let outline = outline(message);
    let leaves = outline.parts.iter().filter(|part| part.content == Content::Single);
    leaves
        .map(|part| {
            let at = |offset: u64| usize::try_from(offset).unwrap();
            let mut decoder = Decoder::new(Transfer::of(&part.fields).unwrap());
            let mut decoded = Vec::new();
            decoder.feed(&message[at(part.body.start)..at(part.body.end)], &mut decoded);
            decoder.finish(&mut decoded);
            decoded
        })
        .collect()
}

#[test]
fn a_binary_part_becomes_base64_and_nothing_else_changes() {
    let image: Vec<u8> = (0..=255).collect();
    let before = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\n\
                  Grüße\r\n--b\r\nContent-Type: image/png\r\n";
    let mark = "content-transfer-ENCODING: (any) Binary\r\n";
    let after = "\r\n--b--\r\nepilogue\r\n";
    let message = [before.as_bytes(), mark.as_bytes(), b"X: y\r\n\r\n", &image, after.as_bytes()];
    let encoded = encoded(message.concat()).unwrap();
    let text = String::from_utf8(encoded).unwrap();
    let encoded_part = text.strip_prefix(before).unwrap().strip_suffix(after).unwrap();
    let base64 =
        encoded_part.strip_prefix("Content-Transfer-Encoding: base64\r\nX: y\r\n\r\n").unwrap();
    assert!(base64.split("\r\n").all(|line| line.len() <= 76 && !line.is_empty()), "{base64}");
    assert_eq!(BASE64_STANDARD.decode(base64.replace("\r\n", "")).unwrap(), image);
}

#[test]
fn a_message_that_is_one_binary_part_ends_with_a_line_end() {
    let header = "Content-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let message = format!("{header}%PDF\n\0\r");
    let expected = "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERgoADQ==\r\n";
    assert_eq!(String::from_utf8(encoded(message).unwrap()).unwrap(), expected);
    let empty = String::from_utf8(encoded(header).unwrap()).unwrap();
    assert_eq!(empty, header.replace("binary", "base64"));
}

#[test]
fn what_holds_binary_parts_is_marked_as_what_it_is_afterwards() {
    let of = |word: &str, text: &str, inner: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=a\r\nContent-Transfer-Encoding: {word}\r\n\r\n\
             --a\r\n\r\n{text}\r\n--a\r\nContent-Type: message/rfc822\r\n\
             Content-Transfer-Encoding: {inner}\r\n\r\nSubject: inside\r\n"
        )
    };
    let leaf = "Content-Transfer-Encoding: binary\r\n\r\n\r\n\n\u{fc}\r\n--a--\r\n";
    let base64 = "Content-Transfer-Encoding: base64\r\n\r\nDQoKw7w=\r\n--a--\r\n";
    for (text, word) in [("plain", "7bit"), ("Grüße", "8bit")] {
        let message = of("binary", text, "binary") + leaf;
        let expected = of(word, text, "7bit") + base64;
        assert_eq!(String::from_utf8(encoded(message).unwrap()).unwrap(), expected);
    }
}

#[test]
fn a_message_without_binary_parts_stays_the_same_file() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nGrüße\0\r\n--b--";
    assert_eq!(encoded(message).unwrap(), message.as_bytes());
}

#[test]
fn what_is_signed_or_encrypted_is_refused_instead_of_changed() {
    for kind in ["signed", "encrypted"] {
        let message = |mark: &str, inner: &str| {
            format!(
                "Content-Type: multipart/{kind}; boundary=b\r\n{mark}\r\n--b\r\n\
                 Content-Type: application/octet-stream\r\n{inner}\r\nx\r\n--b--\r\n"
            )
        };
        let mark = "Content-Transfer-Encoding: binary\r\n";
        assert_eq!(refusal(&message("", mark)), Kind::Unacceptable(Flaw::Sealed), "{kind}");
        let nested = format!(
            "Content-Type: multipart/{kind}; boundary=b\r\n\r\n--b\r\n\
             Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n{mark}\r\nx\r\n--c--\r\n--b--\r\n"
        );
        assert_eq!(refusal(&nested), Kind::Unacceptable(Flaw::Sealed), "{kind}");
        // Its own mark is outside of what was signed.
        let expected = message(&mark.replace("binary", "7bit"), "");
        assert_eq!(encoded(message(mark, "")).unwrap(), expected.as_bytes());
    }
}

#[test]
fn what_is_neither_lines_nor_marked_is_refused() {
    let parts = |text: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\n\
             Content-Transfer-Encoding: binary\r\n\r\n\n\r\n--b--\r\n"
        )
    };
    assert!(encoded(parts("x")).is_ok());
    for message in [
        parts("a\nb"),
        parts("a\rb"),
        parts("x") + "\n",
        parts("x") + "\r",
        // A mark that another reader may pass over.
        parts("x").replace("binary\r\n", "binary\r\nContent-Transfer-Encoding: 7bit\r\n"),
        // Only CRLF ends a line of the header, and begins a delimiter.
        parts("x").replace("binary\r\n", "binary\n"),
        parts("x").replace("\r\n--b--", "\n--b--"),
        // It must not be encoded.
        "Content-Type: message/partial\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\r\n".into(),
        "Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb\r\n".into(),
    ] {
        assert_eq!(refusal(&message), Kind::Unacceptable(Flaw::Binary), "{message:?}");
    }
}

#[test]
fn large_parts_are_encoded_piece_by_piece() {
    let content: Vec<u8> = (0..=250_u8).cycle().take(BLOCK * 3 + 11).collect();
    let header = b"Content-Transfer-Encoding: binary\r\n\r\n";
    let encoded = encoded([header.as_slice(), &content].concat()).unwrap();
    assert!(encoded.ends_with(b"\r\n") && !encoded.ends_with(b"\r\n\r\n"));
    assert!(contents(&encoded) == [content], "the content is another one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_content_comes_out_as_it_was_and_the_message_is_lines(
        parts in prop::collection::vec((prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'-')], 0..200), any::<bool>()), 1..5),
    ) {
        let world = World::new();
        let mut message = b"Content-Type: multipart/mixed; boundary=in-no-content\r\n\
            Content-Transfer-Encoding: binary\r\n\r\n".to_vec();
        for (content, is_message) in &parts {
            message.extend_from_slice(b"--in-no-content\r\n");
            if *is_message {
                message.extend_from_slice(b"Content-Type: message/rfc822\r\n\
                    Content-Transfer-Encoding: binary\r\n\r\nSubject: inside\r\n");
            }
            message.extend_from_slice(b"Content-Transfer-Encoding: binary\r\n\r\n");
            message.extend_from_slice(content);
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(b"--in-no-content--\r\n");
        let encoded = world.encoded(&message).unwrap();
        let before: Vec<Vec<u8>> = parts.iter().map(|(content, _)| content.clone()).collect();
        prop_assert_eq!(contents(&encoded), before);
        let text = String::from_utf8(encoded).unwrap();
        prop_assert!(text.is_ascii() && !text.contains("binary"));
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }
}
