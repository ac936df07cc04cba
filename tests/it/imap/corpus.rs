//! Awkward mail through IMAP: every octet and every number against the file and against what
//! Python's `email` says of it (tests/corpus/oracle.json).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World};

/// Where Python's `email` finds other parts than we do; tests/mime_corpus.rs says why ours stand.
const NOT_AS_PYTHON: [&str; 2] = ["boundary-reused-inside.eml", "empty-parts.eml"];

/// Part number to the offsets of header, body and end.
type Parts = BTreeMap<String, [usize; 3]>;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn corpus() -> Vec<(String, Vec<u8>, Parts)> {
    let oracle = std::fs::read(directory().join("oracle.json")).unwrap();
    let oracle: BTreeMap<String, Parts> = serde_json::from_slice(&oracle).unwrap();
    let read = |(name, parts): (String, Parts)| {
        let message = std::fs::read(directory().join(&name)).unwrap();
        (name, message, parts)
    };
    // Exchange has no message without octets: an answer without a body is a fault there.
    let filled = |(_, message, _): &(String, Vec<u8>, Parts)| !message.is_empty();
    oracle.into_iter().map(read).filter(filled).collect()
}

/// The corpus as an inbox, in the order of the names.
async fn world(corpus: &[(String, Vec<u8>, Parts)]) -> World {
    World::with(|tenant| {
        for (number, (_, message, _)) in corpus.iter().enumerate() {
            let second = jiff::SignedDuration::from_secs(i64::try_from(number).unwrap());
            let received = "2026-10-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap() + second;
            tenant.person(ADA).inbox().deliver_at(message.clone(), received);
        }
    })
    .await
}

async fn section(imap: &mut ImapClient, uid: usize, section: &str) -> Vec<u8> {
    let command = format!("UID FETCH {uid} BODY.PEEK{section}");
    let answer = imap.command(&command).await.ok();
    octets(&answer.untagged[0], section).unwrap_or_else(|| panic!("{command}: {answer}"))
}

/// The string after the section's name, whichever of its two forms it has.
fn octets(line: &[u8], section: &str) -> Option<Vec<u8>> {
    let name = section.split('<').next()?;
    let at = line.windows(name.len()).position(|window| window == name.as_bytes())?;
    let rest = &line[at + name.len()..];
    let rest = &rest[rest.iter().position(|byte| *byte == b' ')? + 1..];
    match rest.first()? {
        b'{' => {
            let end = rest.windows(3).position(|three| three == b"}\r\n")?;
            let length: usize = std::str::from_utf8(&rest[1..end]).ok()?.parse().ok()?;
            Some(rest[end + 3..end + 3 + length].to_vec())
        }
        b'"' => Some(unquoted(&rest[1..])),
        _ => None,
    }
}

fn unquoted(rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = rest.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => out.extend(bytes.next()),
            byte => out.push(*byte),
        }
    }
    out
}

#[tokio::test]
async fn whole_messages_and_their_sizes_are_those_of_the_files() {
    let corpus = corpus();
    assert!(corpus.len() >= 40, "{}", corpus.len());
    let world = world(&corpus).await;
    let mut imap = world.selected("INBOX").await;
    for (number, (name, message, parts)) in corpus.iter().enumerate() {
        let uid = number + 1;
        assert!(section(&mut imap, uid, "[]").await == *message, "BODY[] of {name}");
        let answer = imap.command(&format!("UID FETCH {uid} RFC822.SIZE")).await.ok();
        let size = format!("RFC822.SIZE {})", message.len());
        assert!(answer.lines()[0].ends_with(&size), "{name}: {answer}");
        let body = parts[""][1];
        let header = section(&mut imap, uid, "[HEADER]").await;
        assert!(header == message[..body], "HEADER of {name}");
        assert!(section(&mut imap, uid, "[TEXT]").await == message[body..], "TEXT of {name}");
    }
}

#[tokio::test]
async fn every_part_is_where_python_finds_it() {
    let corpus = corpus();
    let world = world(&corpus).await;
    let mut imap = world.selected("INBOX").await;
    for (number, (name, message, parts)) in corpus.iter().enumerate() {
        if NOT_AS_PYTHON.contains(&name.as_str()) {
            continue;
        }
        let uid = number + 1;
        for (part, [header, body, end]) in parts.iter().filter(|(part, _)| !part.is_empty()) {
            match part.strip_suffix('.') {
                Some(outer) => {
                    let inner = section(&mut imap, uid, &format!("[{outer}.HEADER]")).await;
                    assert!(inner == message[*header..*body], "{outer}.HEADER of {name}");
                    let inner = section(&mut imap, uid, &format!("[{outer}.TEXT]")).await;
                    assert!(inner == message[*body..*end], "{outer}.TEXT of {name}");
                }
                None => {
                    let octets = section(&mut imap, uid, &format!("[{part}]")).await;
                    assert!(octets == message[*body..*end], "part {part} of {name}");
                    let mime = section(&mut imap, uid, &format!("[{part}.MIME]")).await;
                    assert!(mime == message[*header..*body], "{part}.MIME of {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn pieces_put_together_are_the_message() {
    let corpus = corpus();
    let world = world(&corpus).await;
    let mut imap = world.selected("INBOX").await;
    for (number, (name, message, _)) in corpus.iter().enumerate() {
        let (uid, step) = (number + 1, message.len() / 3 + 1);
        let mut whole = Vec::new();
        while whole.len() < message.len() {
            let piece = section(&mut imap, uid, &format!("[]<{}.{step}>", whole.len())).await;
            assert!(!piece.is_empty(), "{name} at {}", whole.len());
            whole.extend(piece);
        }
        assert!(whole == *message, "{name}");
        let beyond = section(&mut imap, uid, &format!("[]<{}.5>", message.len())).await;
        assert!(beyond.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn the_whole_corpus_is_described_in_one_answer_that_others_can_read() {
    let corpus = corpus();
    let world = world(&corpus).await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("FETCH 1:* (ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE)").await.ok();
    assert_eq!(answer.untagged.len(), corpus.len());
    let answer = imap.command("FETCH 1:* (RFC822 FLAGS)").await.ok();
    let shown = answer.untagged.iter().filter(|line| octets(line, "RFC822").is_some()).count();
    assert_eq!(shown, corpus.len());
    let unread = world.ada().items("Inbox").iter().filter(|item| !item.is_read).count();
    assert_eq!(unread, 0);
}

#[tokio::test]
async fn a_corpus_that_a_client_files_comes_back_byte_for_byte() {
    let corpus = corpus();
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Kept"))).await;
    let mut imap = world.selected("Kept").await;
    for (name, message, _) in &corpus {
        let answer = imap.append("Kept", message).await;
        if !answer.tagged.starts_with("OK") {
            // NUL has no place in IMAP.
            assert!(message.contains(&0), "{name}: {answer}");
            continue;
        }
        let uid = answer.code("APPENDUID").split_once(' ').unwrap().1.parse().unwrap();
        assert!(imap.message(uid).await == *message, "{name}");
    }
    let before = imap.uids().await;
    world.tick().await;
    imap.command("NOOP").await.ok();
    assert_eq!(imap.uids().await, before);
}
