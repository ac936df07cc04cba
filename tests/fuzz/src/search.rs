//! SEARCH: any line after the verb is read or refused; keys that are made and written come back as they were; sets hold
//! what their numbers say; and text is found in a message exactly where a plain comparison of the words finds it.

use arbitrary::{Result, Unstructured};
use icu_normalizer::DecomposingNormalizerBorrowed;
use wire::imap::{
    Body, Date, Formula, Keyword, Line, Numbering, SearchKey, SeqSet, Stream, UidSet, parse,
};

use crate::memory;
use crate::mime::text::{Needle, header_contains};
use crate::mime::{Place, Sought};
use crate::sections;

/// Far beyond what people write; the parser itself goes on to the end of the line.
const DEEPEST: usize = 12;
/// Of the key tree and its error, for each octet of the line.
const FOR_EACH_OCTET: usize = 256;
const AT_LEAST: usize = 64 * 1024;
const LETTERS: [&str; 16] =
    ["a", "B", "ß", "É", "é", "Σ", "ς", "İ", "語", "😀", " ", "  ", "=", "?", "_", "x-y"];
const FLAGS: [(&str, SearchKey); 15] = [
    ("ALL", SearchKey::All),
    ("answered", SearchKey::Answered),
    ("DELETED", SearchKey::Deleted),
    ("Draft", SearchKey::Draft),
    ("FLAGGED", SearchKey::Flagged),
    ("NEW", SearchKey::New),
    ("OLD", SearchKey::Old),
    ("RECENT", SearchKey::Recent),
    ("SEEN", SearchKey::Seen),
    ("UNANSWERED", SearchKey::Unanswered),
    ("UNDELETED", SearchKey::Undeleted),
    ("UNDRAFT", SearchKey::Undraft),
    ("UNFLAGGED", SearchKey::Unflagged),
    ("UNSEEN", SearchKey::Unseen),
    ("unseen", SearchKey::Unseen),
];

pub fn check(data: &[u8]) {
    for verb in ["SEARCH ", "UID SEARCH "] {
        let line = Line::new([b"a ", verb.as_bytes(), data, b"\r\n"].concat());
        drop(read(&line));
    }
    let mut rest = Unstructured::new(data);
    let _ = written(&mut rest);
    let _ = numbers(&mut rest);
    let _ = found(&mut rest);
}

fn read(line: &Line) -> std::result::Result<Body, wire::imap::Bad> {
    let most = AT_LEAST + FOR_EACH_OCTET * line.as_bytes().len();
    memory::within(most, || parse(line)).map(|command| command.body)
}

// === keys ===

fn written(rest: &mut Unstructured<'_>) -> Result<()> {
    let mut text = b"a UID SEARCH CHARSET utf-8 ".to_vec();
    let expected = key(rest, &mut text, 0)?;
    text.extend_from_slice(b"\r\n");
    let shown = text.escape_ascii().to_string();
    let through = framed(&text);
    let Ok(Body::Search(search)) = read(&through) else { panic!("refused: {shown}") };
    assert_eq!(search.key, expected, "{shown}");
    assert_eq!((search.numbering, search.charset.as_deref()), (Numbering::Uid, Some("UTF-8")));
    Ok(())
}

/// As the stream assembles it from what comes over the network.
fn framed(text: &[u8]) -> Line {
    let mut stream = Stream::new(wire::imap::Limits::default());
    stream.logged_in();
    stream.push(text);
    let events = std::iter::from_fn(|| stream.next());
    let lines = events.filter_map(|event| match event {
        wire::imap::Event::Command(line) => Some(line),
        wire::imap::Event::Continue => None,
        other => panic!("{other:?}"),
    });
    let mut lines: Vec<Line> = lines.collect();
    assert_eq!(lines.len(), 1, "{}", text.escape_ascii());
    lines.remove(0)
}

/// One key: its text is written, its value comes back.
fn key(
    rest: &mut Unstructured<'_>,
    text: &mut Vec<u8>,
    depth: usize,
) -> Result<Formula<SearchKey>> {
    let kinds = if depth < DEEPEST { 9 } else { 6 };
    match rest.int_in_range(0..=kinds)? {
        0 => {
            let (name, key) = rest.choose(&FLAGS)?;
            text.extend_from_slice(name.as_bytes());
            Ok(key.clone().into())
        }
        1 => {
            let (set, _) = set(rest)?;
            text.extend_from_slice(set.as_bytes());
            Ok(SearchKey::SeqSet(SeqSet::parse(set.as_bytes()).unwrap()).into())
        }
        2 => {
            let (set, _) = set(rest)?;
            text.extend_from_slice(format!("UID {set}").as_bytes());
            Ok(SearchKey::Uid(UidSet::parse(set.as_bytes()).unwrap()).into())
        }
        3 => with_number(rest, text).map(Formula::from),
        4 => with_date(rest, text).map(Formula::from),
        5 => with_text(rest, text).map(Formula::from),
        6 => {
            text.extend_from_slice(b"KEYWORD $Junk");
            Ok(SearchKey::Keyword(Keyword::new("$Junk").unwrap()).into())
        }
        7 => {
            text.extend_from_slice(b"NOT ");
            Ok(key(rest, text, depth + 1)?.negated())
        }
        8 => {
            text.extend_from_slice(b"OR ");
            let one = key(rest, text, depth + 1)?;
            text.push(b' ');
            Ok(Formula::either(one, key(rest, text, depth + 1)?))
        }
        _ => {
            let mut keys = Vec::new();
            for number in 0..rest.int_in_range(2..=4)? {
                text.push(if number == 0 { b'(' } else { b' ' });
                keys.push(key(rest, text, depth + 1)?);
            }
            text.push(b')');
            Ok(Formula::all(keys))
        }
    }
}

fn with_number(rest: &mut Unstructured<'_>, text: &mut Vec<u8>) -> Result<SearchKey> {
    let number: u32 = rest.arbitrary()?;
    let (name, key) = match rest.int_in_range(0..=2)? {
        0 => ("LARGER", SearchKey::Larger(number.into())),
        1 => ("smaller", SearchKey::Smaller(number.into())),
        _ => ("MODSEQ", SearchKey::ModSeq(u64::from(number))),
    };
    text.extend_from_slice(format!("{name} {number}").as_bytes());
    Ok(key)
}

fn with_date(rest: &mut Unstructured<'_>, text: &mut Vec<u8>) -> Result<SearchKey> {
    let (year, month) = (rest.int_in_range(1970..=2099)?, rest.int_in_range(1..=12)?);
    let date = Date::new(year, month, rest.int_in_range(1..=28)?).unwrap();
    let quote = if rest.arbitrary()? { "\"" } else { "" };
    let (name, key) = match rest.int_in_range(0..=5)? {
        0 => ("BEFORE", SearchKey::Before(date)),
        1 => ("ON", SearchKey::On(date)),
        2 => ("SINCE", SearchKey::Since(date)),
        3 => ("SENTBEFORE", SearchKey::SentBefore(date)),
        4 => ("SENTON", SearchKey::SentOn(date)),
        _ => ("SENTSINCE", SearchKey::SentSince(date)),
    };
    text.extend_from_slice(format!("{name} {quote}{date}{quote}").as_bytes());
    Ok(key)
}

fn with_text(rest: &mut Unstructured<'_>, text: &mut Vec<u8>) -> Result<SearchKey> {
    // NUL has no place in a string (RFC 3501 section 9, CHAR8).
    let wanted: Vec<u8> =
        rest.arbitrary::<Vec<u8>>()?.into_iter().filter(|octet| *octet > 0).collect();
    let (name, key) = match rest.int_in_range(0..=6)? {
        0 => ("BCC", SearchKey::Bcc(wanted.clone())),
        1 => ("BODY", SearchKey::Body(wanted.clone())),
        2 => ("CC", SearchKey::Cc(wanted.clone())),
        3 => ("FROM", SearchKey::From(wanted.clone())),
        4 => ("SUBJECT", SearchKey::Subject(wanted.clone())),
        5 => ("TO", SearchKey::To(wanted.clone())),
        _ => {
            let key = SearchKey::Header { name: b"X-Y".to_vec(), value: wanted.clone() };
            ("HEADER X-Y", key)
        }
    };
    text.extend_from_slice(format!("{name} ").as_bytes());
    string(rest, &wanted, text)?;
    Ok(key)
}

/// In one of the three ways to write a string.
fn string(rest: &mut Unstructured<'_>, wanted: &[u8], text: &mut Vec<u8>) -> Result<()> {
    let quotable = wanted.iter().all(|octet| (b' '..=b'~').contains(octet));
    match rest.int_in_range(0..=2)? {
        0 if quotable => {
            text.push(b'"');
            for octet in wanted {
                if b"\"\\".contains(octet) {
                    text.push(b'\\');
                }
                text.push(*octet);
            }
            text.push(b'"');
        }
        1 if !wanted.is_empty() && wanted.iter().all(u8::is_ascii_alphanumeric) => {
            text.extend_from_slice(wanted);
        }
        way => {
            let plus = if way == 2 { "+" } else { "" };
            text.extend_from_slice(format!("{{{}{plus}}}\r\n", wanted.len()).as_bytes());
            text.extend_from_slice(wanted);
        }
    }
    Ok(())
}

// === sets ===

/// A set as text and its ranges; `None` is `*`.
type Span = (Option<u32>, Option<u32>);

fn set(rest: &mut Unstructured<'_>) -> Result<(String, Vec<Span>)> {
    let (mut parts, mut spans) = (Vec::new(), Vec::new());
    for _ in 0..rest.int_in_range(1..=4)? {
        let mut bound = || Ok(Some(rest.int_in_range(0..=40)?).filter(|number| *number > 0));
        let (one, other): Span = (bound()?, bound()?);
        let shown =
            |bound: Option<u32>| bound.map_or_else(|| "*".to_owned(), |number| number.to_string());
        if rest.arbitrary()? {
            parts.push(shown(one));
            spans.push((one, one));
        } else {
            parts.push(format!("{}:{}", shown(one), shown(other)));
            spans.push((one, other));
        }
    }
    Ok((parts.join(","), spans))
}

/// RFC 3501 section 9, `sequence-set`: either order, and `*` is the largest number in use.
fn numbers(rest: &mut Unstructured<'_>) -> Result<()> {
    let (text, spans) = set(rest)?;
    let largest: u32 = rest.int_in_range(0..=45)?;
    let set = UidSet::parse(text.as_bytes()).unwrap();
    let ranges = set.ranges(largest);
    let meant = |number: u32| {
        spans.iter().any(|(one, other)| {
            let (one, other) = (one.unwrap_or(largest), other.unwrap_or(largest));
            (one.min(other)..=one.max(other)).contains(&number)
        })
    };
    // Numbers beyond the largest are in no answer, and may be left out.
    for number in 1..=largest {
        assert_eq!(ranges.contains(number), meant(number), "{number} in {text}, {largest}");
        let contained = set.contains(number.try_into().unwrap(), largest);
        assert_eq!(contained, meant(number), "{number} in {text}, {largest}");
    }
    Ok(())
}

// === text ===

/// Words for which it is known what a reader sees.
fn found(rest: &mut Unstructured<'_>) -> Result<()> {
    let (subject, body, needle) = (words(rest)?, words(rest)?, words(rest)?);
    let mut message = b"Subject: ".to_vec();
    header(rest, &subject, &mut message)?;
    message.extend_from_slice(b"\r\nX: y\r\nContent-Type: text/plain; charset=utf-8\r\n");
    encoded(rest, &body, &mut message)?;
    let needle = match rest.int_in_range(0..=2)? {
        0 => needle,
        1 => piece(rest, &subject)?,
        _ => piece(rest, &body)?,
    };
    // Blanks at the ends would ask whether something stands there, not what is written.
    let needle = needle.trim().to_owned();
    let sought = Needle::new(&needle);
    let sought =
        [Place::Body, Place::Message].map(|place| Sought { needle: sought.clone(), place });
    let found = sections::found(&message, &sought);
    let has = |text: &str| folded(text).contains(&folded(&needle));
    let shown = || format!("{needle:?} in {}", message.escape_ascii());
    assert_eq!(
        header_contains(&message, "subject", &sought[0].needle),
        has(&subject),
        "{}",
        shown()
    );
    assert_eq!(found[0], Some(has(&body)), "{}", shown());
    if has(&subject) || has(&body) {
        assert_eq!(found[1], Some(true), "{}", shown());
    }
    Ok(())
}

fn words(rest: &mut Unstructured<'_>) -> Result<String> {
    let mut words = String::new();
    for _ in 0..rest.int_in_range(0..=8)? {
        words.push_str(rest.choose(&LETTERS)?);
    }
    Ok(words.trim().to_owned())
}

fn piece(rest: &mut Unstructured<'_>, text: &str) -> Result<String> {
    let letters: Vec<char> = text.chars().collect();
    let start = rest.int_in_range(0..=letters.len())?;
    let end = rest.int_in_range(start..=letters.len())?;
    Ok(letters[start..end].iter().collect())
}

/// As it is, or as one word of RFC 2047.
fn header(rest: &mut Unstructured<'_>, text: &str, out: &mut Vec<u8>) -> Result<()> {
    match rest.int_in_range(0..=2)? {
        1 if !text.is_empty() => out.extend(format!("=?utf-8?B?{}?=", base64(text)).into_bytes()),
        2 if !text.is_empty() => {
            let hex: String = text.bytes().map(|octet| format!("={octet:02X}")).collect();
            out.extend(format!("=?UTF-8?q?{hex}?=").into_bytes());
        }
        // What only looks like a word of RFC 2047 is not to be taken for one.
        _ => out.extend_from_slice(text.as_bytes()),
    }
    Ok(())
}

fn encoded(rest: &mut Unstructured<'_>, text: &str, out: &mut Vec<u8>) -> Result<()> {
    let (name, body) = match rest.int_in_range(0..=2)? {
        0 => ("8bit", text.to_owned()),
        1 => ("base64", base64(text)),
        _ => {
            let hex = text.bytes().map(|octet| format!("={octet:02X}=\r\n"));
            ("quoted-printable", hex.collect())
        }
    };
    out.extend(format!("Content-Transfer-Encoding: {name}\r\n\r\n{body}").into_bytes());
    Ok(())
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Case, how a letter is put together, and the width of blanks make no difference (RFC 3501 section 6.4.4, RFC 5051).
fn folded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let capital = |letter: char| {
        let mut capitals = letter.to_uppercase();
        match (capitals.next(), capitals.next()) {
            (Some(one), None) => one,
            _ => letter,
        }
    };
    let capitals: String = words.join(" ").chars().map(capital).collect();
    DecomposingNormalizerBorrowed::new_nfkd().normalize(&capitals).into_owned()
}
