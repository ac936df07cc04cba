//! What the recipient's mailbox holds is what was handed in: the whole corpus of awkward mail as it is, and each of
//! it made large by a file.

use std::fs;

use footbridge::config::Config;
use m365_sim::switch::Attaching;
use m365_sim::{Switches, Tenant};
use mail_parser::MessageParser;

use super::letters::{Name, Shape, letter, told};
use super::{BOB, submit, switches};
use crate::world::{ADA, World};

/// A message of the corpus that can be handed in: its name, its bytes with Ada for an author, and whom it goes to.
struct Specimen {
    name: String,
    message: Vec<u8>,
    to: Vec<String>,
}

fn corpus() -> Vec<Specimen> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_mail = |path: &std::path::PathBuf| path.extension().is_some_and(|kind| kind == "eml");
    paths
        .into_iter()
        .filter(is_mail)
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut message = by_ada(&fs::read(&path).unwrap());
            // As whoever hands it in ends it.
            if !message.ends_with(b"\r\n") {
                message.extend_from_slice(b"\r\n");
            }
            let mut to = recipients(&message);
            to.push(BOB.to_owned());
            Specimen { name, message, to }
        })
        .collect()
}

/// A line that some mailbox formats put before the header, the fields with their continuations, and the rest.
fn parts(message: &[u8]) -> (&[u8], Vec<Vec<u8>>, &[u8]) {
    let line_end = |rest: &[u8]| rest.iter().position(|octet| *octet == b'\n').map(|at| at + 1);
    let preface = if message.starts_with(b"From ") { line_end(message).unwrap() } else { 0 };
    let (preface, mut rest) = message.split_at(preface);
    let mut fields: Vec<Vec<u8>> = Vec::new();
    loop {
        let (line, after) = rest.split_at(line_end(rest).unwrap_or(rest.len()));
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        let name =
            line.iter().position(|octet| *octet == b':').map(|at| line[..at].trim_ascii_end());
        let named =
            name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
        match fields.last_mut() {
            Some(last) if folded && line.trim_ascii() != b"" => last.extend_from_slice(line),
            _ if named && !folded => fields.push(line.to_vec()),
            _ => return (preface, fields, rest),
        }
        rest = after;
    }
}

fn is_named(field: &[u8], names: &[&str]) -> bool {
    let colon = field.iter().position(|octet| *octet == b':').unwrap_or(field.len());
    names.iter().any(|name| field[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// The author must be one who may send.
fn by_ada(message: &[u8]) -> Vec<u8> {
    let (preface, fields, rest) = parts(message);
    let ada = format!("From: Ada <{ADA}>\r\n").into_bytes();
    let mut out = preface.to_vec();
    for field in fields {
        if is_named(&field, &["From"]) {
            out.extend_from_slice(&ada);
        } else if !is_named(&field, &["Sender"]) {
            out.extend_from_slice(&field);
        }
    }
    out.extend_from_slice(rest);
    out
}

fn recipients(message: &[u8]) -> Vec<String> {
    let (_, fields, _) = parts(message);
    let mut found = Vec::new();
    for field in fields.iter().filter(|field| is_named(field, &["To", "Cc"])) {
        let alone = [field.as_slice(), b"\r\n"].concat();
        let Some(parsed) = MessageParser::default().parse_headers(&alone[..]) else { continue };
        let list = parsed.to().or_else(|| parsed.cc());
        let people = list.iter().flat_map(|list| list.iter());
        let addresses = people.filter_map(|one| Some(one.address()?.to_owned()));
        found.extend(addresses.filter(|address| address.contains('@')));
    }
    found
}

/// The fields, where the second To field (no specimen has a third, or a second Cc) has joined the first.
fn joined(mut fields: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let places: Vec<usize> =
        (0..fields.len()).filter(|place| is_named(&fields[*place], &["To"])).collect();
    if let [first, second] = places[..] {
        let second = fields.remove(second);
        let value = second.splitn(2, |byte| *byte == b':').nth(1).unwrap().trim_ascii();
        let named = fields[first].strip_suffix(b"\r\n").unwrap();
        fields[first] = [named, b",\r\n ", value, b"\r\n"].concat();
    }
    fields
}

/// What a message becomes by the rules of docs/fidelity.md, but for fields that are added at its top.
fn by_the_rules(message: &[u8]) -> Vec<u8> {
    let (_, fields, rest) = parts(message);
    let gone = ["Bcc", "Return-Path"];
    let fields = fields.into_iter().filter(|field| !is_named(field, &gone)).collect();
    let mut out: Vec<u8> = joined(fields).concat();
    if !rest.is_empty() && !rest.starts_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(rest);
    out
}

/// Why a message of the corpus is not sent.
fn is_refused(name: &str) -> bool {
    // Lines that do not end in CRLF, and a header that two readers could split in two ways.
    let lines = ["bare-line-feeds", "binary-octets", "mixed-line-ends", "nul-octets"];
    // Addresses that a client without SMTPUTF8 cannot name.
    let addresses = ["awkward-addresses", "unicode-addresses"];
    lines.contains(&name) || addresses.contains(&name)
}

/// A small message, so that nothing else of the corpus is sent on its account.
async fn handed_in(world: &World, specimen: &Specimen, message: &[u8]) -> String {
    world.tenant.forget_sent();
    let to: Vec<&str> = specimen.to.iter().map(String::as_str).collect();
    world.smtp().await.submit(ADA, &to, message).await
}

async fn world_with(change: impl FnOnce(&mut Switches)) -> World {
    let mut switches = switches();
    switches.sending.messages_per_minute = 1_000;
    switches.limits.upload_bytes = usize::MAX;
    change(&mut switches);
    let tenant = Tenant::builder().switches(switches).user(ADA);
    let often = |config: &mut Config| config.submission.messages_per_minute = 1_000;
    World::adjusted(tenant, |_| {}, often).await
}

#[tokio::test]
async fn a_small_message_arrives_byte_for_byte_but_for_the_documented_changes() {
    let world = world_with(|_| {}).await;
    let mut sent = 0;
    for specimen in corpus() {
        let Specimen { name, message, .. } = &specimen;
        let reply = handed_in(&world, &specimen, message).await;
        let got = world.tenant.sent_to(BOB);
        if is_refused(name) {
            assert!(reply.starts_with('5') && got.is_empty(), "{name}: {reply}");
            continue;
        }
        assert!(reply.starts_with("250 "), "{name}: {reply}");
        assert_eq!(got.len(), 1, "{name}");
        let expected = by_the_rules(message);
        let Some(added) = got[0].mime.strip_suffix(&expected[..]) else {
            panic!("{name}: {}", String::from_utf8_lossy(&got[0].mime));
        };
        let (_, added, rest) = parts(added);
        let may_be_added = ["Message-ID", "Date", "From"];
        assert!(
            rest.is_empty() && added.iter().all(|field| is_named(field, &may_be_added)),
            "{name}"
        );
        sent += 1;
    }
    assert!(sent > 60, "{sent}");
}

/// The message in one with a file that no request takes.
fn with_a_file(message: &[u8]) -> Vec<u8> {
    let (preface, fields, rest) = parts(message);
    let is_content =
        |field: &[u8]| field.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
    let (content, header): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| is_content(field));
    let scan = letter("unused", Shape::Scan(3_100_000), Name::None);
    let (_, file, page) = parts(&scan);
    let mut out = preface.to_vec();
    out.extend(header.into_iter().flatten());
    out.extend_from_slice(
        b"Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n--=_outer\r\n",
    );
    out.extend(content.into_iter().flatten());
    if !rest.starts_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\r\n--=_outer\r\n");
    out.extend(file.into_iter().filter(|field| is_content(field)).flatten());
    out.extend_from_slice(page);
    out.extend_from_slice(b"--=_outer--\r\n");
    out
}

#[tokio::test]
async fn a_large_message_arrives_with_every_part_and_every_header_field_it_had() {
    let world = world_with(|_| {}).await;
    let (mut sent, mut sealed) = (0, Vec::new());
    for specimen in corpus() {
        let name = &specimen.name;
        let message = with_a_file(&specimen.message);
        let reply = handed_in(&world, &specimen, &message).await;
        let got = world.tenant.sent_to(BOB);
        if reply.starts_with("554 5.6.3 ") {
            assert!(got.is_empty(), "{name}: {reply}");
            sealed.push(name.clone());
            continue;
        }
        if is_refused(name) {
            assert!(reply.starts_with('5') && got.is_empty(), "{name}: {reply}");
            continue;
        }
        assert!(reply.starts_with("250 "), "{name}: {reply}");
        assert_eq!(got.len(), 1, "{name}");
        // This test's own reader takes all that follows an empty message for that message.
        if name != "message-part-empty" {
            assert_eq!(told(&got[0].mime), told(&message), "{name}");
        }
        let kept = |mime: &[u8]| -> Vec<Vec<u8>> {
            let (_, fields, _) = parts(mime);
            let described = ["Bcc", "Return-Path", "Content-Type"];
            joined(fields.into_iter().filter(|field| !is_named(field, &described)).collect())
        };
        let (before, after) = (kept(&message), kept(&got[0].mime));
        assert!(after.ends_with(&before), "{name}: {}", String::from_utf8_lossy(&after.concat()));
        sent += 1;
    }
    assert_eq!(sealed, ["pgp-encrypted", "pgp-signed", "smime-opaque", "smime-signed"]);
    assert!(sent > 50, "{sent}");
}

/// What mail tools depend on: threads, loops that are told apart, lists that can be left.
const TELLING: &str = "X-JIRA-FingerPrint: 8f14e45fceea167a5a36dedd4bea2543\r\n\
    Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\nIn-Reply-To: <0@client.example>\r\n\
    References: <00@client.example>\r\n <0@client.example>\r\nList-Id: Builds <builds.contoso.example>\r\n\
    List-Unsubscribe: <https://contoso.example/leave>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    List-Post: NO\r\nReply-To: Desk <desk@contoso.example>\r\n";

/// The values of the fields above, unfolded.
fn telling(mime: &[u8]) -> Vec<(String, String)> {
    let (_, fields, _) = parts(mime);
    let named = |field: &Vec<u8>| {
        let text = String::from_utf8_lossy(field).replace("\r\n", "");
        let (name, value) = text.split_once(':').unwrap();
        (name.to_owned(), value.trim().to_owned())
    };
    let names: Vec<&str> =
        TELLING.lines().filter_map(|line| line.split_once(": ").map(|one| one.0)).collect();
    let mut found: Vec<_> =
        fields.iter().filter(|field| is_named(field, &names)).map(named).collect();
    found.sort();
    found
}

#[tokio::test]
async fn the_fields_that_mail_tools_depend_on_survive_in_both_size_classes() {
    for attaching in [Attaching::Kept, Attaching::Rebuilt] {
        let world = world_with(|switches| switches.messages.attaching = attaching).await;
        for shape in [Shape::Text(1_000), Shape::File(3_200_000)] {
            let text = String::from_utf8(letter("telling", shape, Name::Own)).unwrap();
            let message = text.replace("MIME-Version", &format!("{TELLING}MIME-Version"));
            world.tenant.forget_sent();
            let reply = submit(&world, message.as_bytes()).await;
            assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
            let got = telling(&world.tenant.sent_to(BOB)[0].mime);
            assert_eq!(got.len(), 10, "{shape:?}: {got:?}");
            assert_eq!(got, telling(message.as_bytes()), "{attaching:?} {shape:?}");
        }
    }
}

#[tokio::test]
async fn fields_that_exchange_drops_cost_nothing_else() {
    let lost = ["X-JIRA-FingerPrint", "Auto-Submitted"].map(str::to_owned).to_vec();
    let world = world_with(|switches| switches.sending.lost_headers = lost).await;
    for shape in [Shape::Text(1_000), Shape::File(3_200_000)] {
        let text = String::from_utf8(letter("dropped", shape, Name::Own)).unwrap();
        let message = text.replace("MIME-Version", &format!("{TELLING}MIME-Version"));
        world.tenant.forget_sent();
        let reply = submit(&world, message.as_bytes()).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        let got = world.tenant.sent_to(BOB);
        assert_eq!((got.len(), telling(&got[0].mime).len()), (1, 8), "{shape:?}");
        assert_eq!(told(&got[0].mime), told(message.as_bytes()), "{shape:?}");
    }
}
