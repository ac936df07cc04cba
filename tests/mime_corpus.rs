//! Awkward mail (tests/corpus) put through `mime`, with three second opinions: Python's `email`
//! (tests/clients/mime_oracle.py, its findings kept in tests/corpus/oracle.json), mail-parser and imap-codec.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, stop at the first surprise")]

use std::{
    collections::BTreeMap, convert::Infallible, fs, iter, ops::Range, path::Path as FilePath,
};

use footbridge::mime::{
    Content, Edition, Form, Keep, Located, Outline, Part, Path, Place, Scanner, Section, Sought,
    envelope, filter_fields, locate, look, structure,
    text::{Needle, header_contains},
};
use imap_codec::{ResponseCodec, decode::Decoder};
use mail_parser::{MessageParser, MessagePart, PartType};
use proptest::prelude::*;

/// Where Python's `email` reads a message differently, and why ours stands.
const NOT_AS_PYTHON: &[(&str, &str)] = &[
    (
        "empty-parts",
        "two delimiters in a row are an empty part here, for Python they are one delimiter",
    ),
    (
        "boundary-reused-inside",
        "a boundary of two levels is first the inner one's; Python loses the last part",
    ),
];

/// Where mail-parser 0.11.9 reads a message differently, and why ours stands.
const NOT_AS_MAIL_PARSER: &[(&str, &str)] = &[
    (
        "body-follows-header-without-blank-line",
        "it takes text lines for header; text must stay readable",
    ),
    ("no-headers-at-all", "the same"),
    ("boundary-very-long", "it takes a longer line for the delimiter it begins like"),
    ("close-delimiter-missing", "it sees no outer delimiter while an inner multipart is open"),
    ("delimiter-within-a-line", "it cuts the body at a boundary in the middle of a line"),
    ("empty-message", "it returns nothing; a message of no octets still has a part 1"),
    ("empty-parts", "it skips the part between two delimiters in a row"),
    ("folded-parameters", "it loses a parameter folded after the equals sign, here the boundary"),
    (
        "message-encoded-base64",
        "it decodes the message, so its offsets are not those of the octets served",
    ),
    ("message-part-empty", "it takes the delimiter after an empty message for text"),
    ("preamble-and-epilogue", "it opens a part in the epilogue of a closed multipart"),
];

fn corpus() -> BTreeMap<String, Vec<u8>> {
    let directory = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut messages = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            messages.insert(
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                fs::read(path).unwrap(),
            );
        }
    }
    messages
}

fn scanned<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outline {
    let mut scanner = Scanner::new();
    chunks.into_iter().for_each(|chunk| scanner.feed(chunk));
    scanner.finish()
}

fn slice<'a>(message: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn range_of(outline: &Outline, section: &Section) -> Option<Range<u64>> {
    match locate(outline, section) {
        Located::Range(range) => Some(range),
        Located::Filter { .. } | Located::Missing => None,
    }
}

/// Part number -> start, start of body, end, as the oracle writes it.
fn numbered(outline: &Outline) -> BTreeMap<String, [u64; 3]> {
    let mut found = BTreeMap::new();
    let span = |header: Range<u64>, body: Range<u64>| [header.start, body.start, body.end];
    let root = outline.root();
    found.insert(String::new(), span(root.header.clone(), root.body.clone()));
    let mut open = vec![Vec::new()];
    while let Some(prefix) = open.pop() {
        for number in 1.. {
            let numbers: Vec<u32> = prefix.iter().copied().chain([number]).collect();
            let name = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let path = Path(numbers.clone());
            let Some(body) = range_of(outline, &Section::Part(path.clone())) else { break };
            let header = range_of(outline, &Section::Mime(path.clone())).unwrap();
            found.insert(name.clone(), span(header, body));
            if let Some(header) = range_of(outline, &Section::Header(path.clone())) {
                let text = range_of(outline, &Section::Text(path.clone())).unwrap();
                found.insert(format!("{name}."), span(header, text));
            }
            open.push(numbers);
        }
    }
    found
}

#[test]
fn the_corpus_is_all_there_and_speaks_crlf() {
    let corpus = corpus();
    assert!(corpus.len() >= 44, "{} messages", corpus.len());
    for (name, message) in corpus {
        let bare = message.windows(2).filter(|pair| pair[1] == b'\n' && pair[0] != b'\r').count();
        let meant =
            ["bare-line-feeds", "mixed-line-ends", "binary-octets"].contains(&name.as_str());
        assert_eq!(bare > 0, meant, "{name}: {bare} bare line feeds");
    }
}

#[test]
fn chunks_of_any_size_give_the_same_outline() {
    for (name, message) in corpus() {
        let whole = scanned([message.as_slice()]);
        assert_eq!(whole.size, message.len() as u64, "{name}");
        let step = if message.len() < 4_000 { 1 } else { message.len() / 13 };
        for at in (0..message.len()).step_by(step) {
            let (before, after) = message.split_at(at);
            assert!(scanned([before, after]) == whole, "{name} split at {at}");
        }
        for size in [1, 2, 3, 7, 64, 1_000] {
            assert!(scanned(message.chunks(size)) == whole, "{name} in chunks of {size}");
        }
    }
}

#[test]
fn header_and_text_together_are_the_message() {
    for (name, message) in corpus() {
        let outline = scanned([message.as_slice()]);
        let header = range_of(&outline, &Section::Header(Path::default())).unwrap();
        let text = range_of(&outline, &Section::Text(Path::default())).unwrap();
        assert_eq!((header.start, header.end, text.end), (0, text.start, outline.size), "{name}");
        assert_eq!(outline.root().fields, slice(&message, &header), "{name}");
    }
}

#[test]
fn every_part_lies_where_python_finds_it() {
    let file = include_str!("corpus/oracle.json");
    let oracle: BTreeMap<String, BTreeMap<String, [u64; 3]>> = serde_json::from_str(file).unwrap();
    let corpus = corpus();
    assert_eq!(
        oracle.len(),
        corpus.len(),
        "run tests/clients/mime_oracle.py --ranges tests/corpus"
    );
    let mut different = Vec::new();
    for (name, message) in corpus {
        let ours = numbered(&scanned([message.as_slice()]));
        let theirs = &oracle[&format!("{name}.eml")];
        if ours != *theirs {
            different.push((name, format!("ours {ours:?}\ntheirs {theirs:?}")));
        }
    }
    assert_known("Python", &different, NOT_AS_PYTHON);
}

#[test]
fn every_leaf_lies_where_mail_parser_finds_it() {
    let mut different = Vec::new();
    for (name, message) in corpus() {
        let ours = leaves(&scanned([message.as_slice()]));
        let theirs: Vec<_> = match MessageParser::new().parse(&message) {
            Some(parsed) => parsed.parts.iter().flat_map(|part| their_leaves(part)).collect(),
            None => Vec::new(),
        };
        if ours != theirs {
            different.push((name, format!("ours {ours:?}\ntheirs {theirs:?}")));
        }
    }
    assert_known("mail-parser", &different, NOT_AS_MAIL_PARSER);
}

fn leaves(outline: &Outline) -> Vec<Range<u64>> {
    let single = |part: &&Part| matches!(part.content, Content::Single | Content::Opaque);
    outline.parts.iter().filter(single).map(|part| part.body.clone()).collect()
}

fn their_leaves(part: &MessagePart<'_>) -> Vec<Range<u64>> {
    match &part.body {
        PartType::Multipart(_) => Vec::new(),
        PartType::Message(inner) => {
            inner.parts.iter().flat_map(|part| their_leaves(part)).collect()
        }
        _ => iter::once(u64::from(part.offset_body)..u64::from(part.offset_end)).collect(),
    }
}

/// The differences are exactly the listed ones: a new one is looked at, an old one that is gone is struck off.
fn assert_known(who: &str, different: &[(String, String)], known: &[(&str, &str)]) {
    let listed = |name: &str| known.iter().any(|(one, _)| *one == name);
    let new: Vec<_> = different.iter().filter(|(name, _)| !listed(name)).collect();
    let gone: Vec<_> =
        known.iter().filter(|(one, _)| different.iter().all(|(name, _)| name != one)).collect();
    assert!(new.is_empty(), "not as {who} has it: {new:#?}");
    assert!(gone.is_empty(), "no longer different: {gone:?}");
}

#[test]
fn imap_codec_understands_what_we_say_of_every_message() {
    for (name, message) in corpus() {
        let outline = scanned([message.as_slice()]);
        for (item, text) in [
            ("ENVELOPE", envelope(&outline)),
            ("BODY", structure(&outline, Form::Body, Edition::Rev1)),
            ("BODYSTRUCTURE", structure(&outline, Form::BodyStructure, Edition::Rev1)),
        ] {
            assert!(!text.contains(&0), "{name}: NUL in {item}");
            let line = [format!("* 1 FETCH ({item} ").as_bytes(), &text, b")\r\n"].concat();
            let shown = String::from_utf8_lossy(&line).into_owned();
            match ResponseCodec::default().decode(&line) {
                Ok((rest, _)) => assert!(rest.is_empty(), "{name}: {shown}"),
                Err(error) => panic!("{name}: {error:?}\n{shown}"),
            }
        }
    }
}

#[test]
fn filtering_by_no_name_gives_the_header_back() {
    for (name, message) in corpus() {
        let header = scanned([message.as_slice()]).root().header.clone();
        let header = slice(&message, &header);
        let kept = filter_fields(header, &[], Keep::Others);
        let blank = header.ends_with(b"\r\n\r\n") || header.ends_with(b"\n\n") || header == b"\r\n";
        assert!(if blank { kept == header } else { kept.starts_with(header) }, "{name}");
        assert_eq!(filter_fields(header, &[], Keep::Named).trim_ascii(), b"", "{name}");
    }
}

#[test]
fn mail_in_old_charsets_is_found_by_its_words() {
    let corpus = corpus();
    for (name, subject, body) in [
        ("iso-2022-jp", "会議のお知らせ", "午後三時"),
        ("gb18030", "会议通知", "开会。𠀀"),
        ("shift-jis", "こんにちは", "表示と能力とソース"),
        ("koi8-r", "привет", "ПИСЬМО в кодировке"),
        ("utf8-8bit", "grüsse".replace("ss", "ß").as_str(), "ПРИВЕТ — 🎉"),
        ("latin1-raw-header", "DÉJÀ vu", "raw octets"),
        ("latin1-8bit", "latin1 octets", "CAFÉ © naïve"),
        ("rfc2047-names", "grüße und mehr", ""),
        ("folded-subject", "a subject that goes on and on", ""),
        ("mixed-alternative-related", "usual shape", "grüße"),
        ("quoted-printable-soft-breaks", "soft breaks", "schöner tag"),
        ("base64-with-junk", "junk", "hello world"),
        ("message-with-multipart-inside", "fwd", "Rich original."),
    ] {
        let message = &corpus[name];
        let header = slice(message, &scanned([message.as_slice()]).root().header);
        assert!(header_contains(header, "Subject", &Needle::new(subject)), "{name}: subject");
        assert_eq!(found(message, body, Place::Body), Some(true), "{name}: body");
        assert_eq!(found(message, "not in any of them", Place::Message), Some(false), "{name}");
    }
}

/// The same however the message is read.
fn found(message: &[u8], words: &str, place: Place) -> Option<bool> {
    let outline = scanned([message]).without_headers();
    let sought = [Sought { needle: Needle::new(words), place }];
    let [at_once, bit_by_bit] = [message.len(), 3].map(|most| {
        let Ok(found) = look(&outline, &sought, |range| {
            let end = range.end.min(range.start + most as u64);
            Ok::<_, Infallible>(slice(message, &(range.start..end)))
        });
        found[0]
    });
    assert_eq!(at_once, bit_by_bit, "{words}");
    at_once
}

/// Text made of the pieces that MIME is made of.
fn mime_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "--a",
        "--b",
        "--a--",
        "--b--",
        " ",
        "\t",
        ":",
        "Content-Type: ",
        "x: y\r\n",
        "multipart/mixed; boundary=a\r\n",
        "multipart/digest; boundary=\"b\"\r\n",
        "message/rfc822\r\n",
        "text\0",
        "\r\n--a\r\n",
        "\r\n--b\r\n",
        "\r\n\r\n",
        "From: ",
        "a@b",
        "<",
        ">",
        "(",
        ")",
        "\"",
        ",",
        ";",
        "\\",
        "\u{e9}",
        "Content-Disposition: ",
        "=?utf-8?q?",
        "?=",
        "Content-Language: ",
        "To: ",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

fn check_any(message: &[u8], cut: usize) -> Result<(), TestCaseError> {
    let outline = scanned([message]);
    let (before, after) = message.split_at(cut.min(message.len()));
    prop_assert_eq!(&scanned([before, after]), &outline);
    prop_assert_eq!(&scanned(message.chunks(1)), &outline);
    for part in &outline.parts {
        prop_assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
        prop_assert!(part.body.start <= part.body.end && part.body.end <= outline.size);
        prop_assert_eq!(slice(message, &part.header), part.fields.as_slice());
        let body = slice(message, &part.body);
        let lines = body.split_inclusive(|octet| *octet == b'\n').count();
        prop_assert_eq!(part.lines, lines as u64);
    }
    let stored = serde_json::to_string(&outline).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Outline>(&stored).unwrap(), &outline);
    numbered(&outline);
    for (item, text) in [
        ("ENVELOPE", envelope(&outline)),
        ("BODY", structure(&outline, Form::Body, Edition::Rev1)),
        ("BODYSTRUCTURE", structure(&outline, Form::BodyStructure, Edition::Rev1)),
    ] {
        let line = [format!("* 1 FETCH ({item} ").as_bytes(), &text, b")\r\n"].concat();
        let codec = ResponseCodec::default();
        let understood = codec.decode(&line).is_ok_and(|(rest, _)| rest.is_empty());
        prop_assert!(understood, "{}", String::from_utf8_lossy(&line));
    }
    prop_assert!(found(message, "x", Place::Message).is_some());
    Ok(())
}

proptest! {
    #[test]
    fn any_octets_are_a_message(message in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
        check_any(&message, cut)?;
    }

    #[test]
    fn anything_like_mime_is_a_message(message in mime_like(), cut in 0_usize..600) {
        check_any(&message, cut)?;
    }
}
