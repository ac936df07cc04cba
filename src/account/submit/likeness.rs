//! What stays the same in a message when the service writes its bytes anew (reference F.5): whom it is from and
//! to, when it was written, what it says, how many files it has.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use mail_parser::{Address, MessageParser};

use super::parcel;
use crate::account::body::scan;
use crate::mailbox::Outcome;
use crate::mime::{Content, Outline, PREVIEW_READ, Part, preview, preview_parts};
use crate::store::Digest;

/// The digest of all that. `None` for a message whose header cannot be read: no other is like it.
///
/// # Errors
/// `Defect` if the file cannot be read.
pub(super) fn likeness(path: &Path) -> Outcome<Option<Digest>> {
    let file = File::open(path).map_err(parcel::broken)?;
    let outline = scan(&file).map_err(parcel::broken)?;
    let Some(header) = MessageParser::default().parse_headers(&outline.root().fields) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        // A length before each, so that the list cannot be cut in two ways.
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    add(header.message_id().unwrap_or_default());
    add(&header.date().map_or_else(String::new, |date| date.to_timestamp().to_string()));
    add(&squeezed(header.subject().unwrap_or_default()));
    for people in [header.from(), header.to(), header.cc(), header.bcc()] {
        add(&addresses(people));
    }
    add(&words(&file, &outline)?);
    add(&files(&outline).to_string());
    Ok(Some(Digest(*hasher.finalize().as_bytes())))
}

fn addresses(people: Option<&Address<'_>>) -> String {
    let listed = people.iter().flat_map(|people| people.iter());
    let mut listed: Vec<_> =
        listed.filter_map(|one| Some(one.address()?.to_ascii_lowercase())).collect();
    listed.sort_unstable();
    listed.dedup();
    listed.join(" ")
}

/// The first words of the text, as a person would see them.
fn words(file: &File, outline: &Outline) -> Outcome<String> {
    for index in preview_parts(outline) {
        let part = outline.part(index);
        let length = (part.body.end - part.body.start).min(PREVIEW_READ);
        let mut body = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut body, part.body.start).map_err(parcel::broken)?;
        let words = squeezed(&preview(part, &body));
        if !words.is_empty() {
            return Ok(words);
        }
    }
    Ok(String::new())
}

/// How many parts are no text that is shown. The parts of a message inside are not counted.
fn files(outline: &Outline) -> usize {
    let mut open = vec![outline.root()];
    let mut files = 0;
    while let Some(part) = open.pop() {
        match &part.content {
            Content::Multipart(children) => {
                open.extend(children.iter().map(|child| outline.part(*child)));
            }
            _ => files += usize::from(!is_shown(part)),
        }
    }
    files
}

fn is_shown(part: &Part) -> bool {
    let attached = part
        .value("Content-Disposition")
        .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"attachment"));
    !attached && matches!(part.media_type().as_str(), "" | "text/plain" | "text/html")
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Digest> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        likeness(file.path()).unwrap()
    }

    const MESSAGE: &str = "Message-ID: <1@a.test>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nSubject: =?utf-8?Q?Gr=C3=B6=C3=9Fe?=\r\n\
        From: Ada <ada@a.test>\r\nTo: b@x.test, Cy <c@x.test>\r\nBcc: d@x.test\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\nthere\r\n";

    #[test]
    fn other_spellings_of_the_same_message_are_like_it() {
        let anew = "MIME-Version: 1.0\r\nTo: \"Cy\" <C@x.test>,\r\n\t<b@x.test>\r\nFrom: \"Ada\" <ada@a.test>\r\nBcc: <d@x.test>\r\n\
            X-MS-Has-Attach: no\r\nSubject: =?utf-8?B?R3LDtsOfZQ==?=\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@a.test>\r\n\
            Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            SGVsbG8sIHRoZXJl\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello, there\r\n--b--\r\n";
        assert_eq!(of(anew), of(MESSAGE));
    }

    #[test]
    fn another_text_time_person_or_file_makes_another_message() {
        for (old, new) in [
            ("there", "then"),
            ("09:00:00", "09:00:01"),
            ("Bcc: d@x.test\r\n", ""),
            ("Cy <c@x.test>", "Cy <cc@x.test>"),
            ("Gr=C3=B6=C3=9Fe", "Gr"),
            ("<1@a.test>", "<2@a.test>"),
            ("Content-Type: text/plain", "Content-Type: application/pdf"),
        ] {
            assert_ne!(of(&MESSAGE.replace(old, new)), of(MESSAGE), "{old}");
        }
    }
}
