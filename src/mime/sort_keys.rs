//! What a message is sorted and threaded by (RFC 5256, 5957), kept beside it so that SORT and THREAD need not open it.

use super::address::{self, Address};
use super::collation::folded;
use super::field;
use super::message_id::MessageId;
use super::sent::sent;
use super::subject::{BaseSubject, Standing};
use super::text::decoded_words;

/// Octets kept of one message. A longer list of references is not kept at all: then the message itself is read.
const KEPT_MAX: usize = 8 * 1024;

/// Lines before the Message-IDs.
const LINES: usize = 8;

/// The keys of one message. Texts are folded: their octets compare as i;unicode-casemap has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SortKeys<'a> {
    /// Seconds since 1970, UTC. `None`: it does not say.
    pub sent: Option<i64>,
    /// The mailbox of the first address.
    pub from: &'a str,
    pub to: &'a str,
    pub cc: &'a str,
    /// What a person sees of the first address (RFC 5957).
    pub display_from: &'a str,
    pub display_to: &'a str,
    pub base_subject: &'a str,
    pub standing: Standing,
    pub id: Option<MessageId>,
    /// Oldest first: References, or the first of In-Reply-To.
    pub references: Vec<MessageId>,
}

impl<'a> SortKeys<'a> {
    /// The keys in a header, in a form that only `read` knows.
    pub fn collect(header: &[u8]) -> Vec<u8> {
        let sent = value(header, "Date").and_then(|value| sent(&value));
        let [from, to, cc] = ["From", "To", "Cc"].map(|name| Names::of_first(header, name));
        let subject = value(header, "Subject").unwrap_or_default();
        let subject = BaseSubject::of(&decoded_words(&subject));
        let mark = match subject.standing {
            Standing::Original => "",
            Standing::Reply => "r",
        };
        let lines: [&str; LINES] = [
            &sent.map(|sent| sent.to_string()).unwrap_or_default(),
            &from.mailbox,
            &to.mailbox,
            &cc.mailbox,
            &from.display,
            &to.display,
            &folded(&subject.text),
            mark,
        ];
        let mut kept = Vec::new();
        for line in lines {
            // Folded texts hold no line end.
            kept.extend_from_slice(line.as_bytes());
            kept.push(b'\n');
        }
        let id = value(header, "Message-ID");
        let id = id.and_then(|value| MessageId::all_in(&value).first().copied());
        kept.push(u8::from(id.is_some()));
        for id in id.into_iter().chain(references(header)) {
            kept.extend_from_slice(id.octets());
        }
        kept
    }

    /// Like `collect`; `None` if that is too much to be kept.
    pub fn collect_to_keep(header: &[u8]) -> Option<Vec<u8>> {
        Some(Self::collect(header)).filter(|kept| kept.len() <= KEPT_MAX)
    }

    /// `None` for what `collect` did not make.
    pub fn read(kept: &'a [u8]) -> Option<Self> {
        let mut parts = kept.splitn(LINES + 1, |octet| *octet == b'\n');
        let mut line = || std::str::from_utf8(parts.next()?).ok();
        let sent = line()?;
        let keys = Self {
            sent: if sent.is_empty() { None } else { Some(sent.parse().ok()?) },
            from: line()?,
            to: line()?,
            cc: line()?,
            display_from: line()?,
            display_to: line()?,
            base_subject: line()?,
            standing: if line()?.is_empty() { Standing::Original } else { Standing::Reply },
            id: None,
            references: Vec::new(),
        };
        let (has_id, ids) = parts.next()?.split_first()?;
        let ids = ids.chunks(MessageId::OCTETS).map(MessageId::from_octets);
        let mut ids = ids.collect::<Option<Vec<_>>>()?.into_iter();
        let id = if *has_id == 1 { Some(ids.next()?) } else { None };
        Some(Self { id, references: ids.collect(), ..keys })
    }
}

/// The first address of a field, as it is compared.
#[derive(Default)]
struct Names {
    mailbox: String,
    display: String,
}

impl Names {
    fn of_first(header: &[u8], name: &str) -> Self {
        let value = value(header, name).unwrap_or_default();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match address::parse(&value).into_iter().next() {
            Some(Address::Mailbox(mailbox)) => {
                let name = mailbox.name.map(|name| decoded_words(&name)).unwrap_or_default();
                let display = match (name.trim().is_empty(), mailbox.host.is_empty()) {
                    (false, _) => name,
                    (true, false) => format!("{}@{}", text(&mailbox.local), text(&mailbox.host)),
                    (true, true) => text(&mailbox.local),
                };
                Self { mailbox: folded(&text(&mailbox.local)), display: folded(display.trim()) }
            }
            Some(Address::GroupStart(name)) => {
                let display = folded(decoded_words(&name).trim());
                Self { mailbox: folded(&text(&name)), display }
            }
            Some(Address::GroupEnd) | None => Self::default(),
        }
    }
}

fn references(header: &[u8]) -> Vec<MessageId> {
    let all = |name| value(header, name).map(|value| MessageId::all_in(&value)).unwrap_or_default();
    let references = all("References");
    if references.is_empty() {
        all("In-Reply-To").into_iter().take(1).collect()
    } else {
        references
    }
}

/// The first field of this name, unfolded.
fn value(header: &[u8], name: &str) -> Option<Vec<u8>> {
    field::fields(header).find(|field| field.is(name)).map(|field| field.unfolded())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(plain: &str) -> MessageId {
        MessageId::of(plain.as_bytes())
    }

    #[test]
    fn keys_are_kept_as_they_are_compared() {
        let header = b"From: =?utf-8?q?Zo=C3=AB?= Doe <Zoe@x.example>, other@x\r\n\
            To: friends: a@x, b@x;\r\nCc: bob@y.example\r\nDate: Thu, 29 Feb 2024 12:00:00 +0000\r\n\
            Subject: Re: [list] =?utf-8?q?Caf=C3=A9?=\r\nMessage-ID: <1@x>\r\n\
            References: <2@x>\r\n <3@x>\r\nIn-Reply-To: <4@x>\r\n\r\n";
        let kept = SortKeys::collect(header);
        let keys = SortKeys::read(&kept).unwrap();
        assert_eq!(keys.sent, Some(1_709_208_000));
        assert_eq!((keys.from, keys.to, keys.cc), ("ZOE", "FRIENDS", "BOB"));
        assert_eq!((keys.display_from, keys.display_to), ("ZOE\u{308} DOE", "FRIENDS"));
        assert_eq!((keys.base_subject, keys.standing), ("CAFE\u{301}", Standing::Reply));
        assert_eq!((keys.id, keys.references), (Some(id("1@x")), vec![id("2@x"), id("3@x")]));
    }

    #[test]
    fn a_message_that_says_nothing_has_empty_keys() {
        let kept = SortKeys::collect(
            b"Date: soon\r\nMessage-ID: none\r\nIn-Reply-To: x <1@x> <2@x>\r\n\r\n",
        );
        let keys = SortKeys::read(&kept).unwrap();
        assert_eq!((keys.sent, keys.id, keys.references), (None, None, vec![id("1@x")]));
        assert_eq!((keys.from, keys.display_to, keys.base_subject), ("", "", ""));
        assert_eq!(keys.standing, Standing::Original);
    }

    #[test]
    fn without_a_name_the_address_is_what_a_person_sees() {
        let kept = SortKeys::collect(b"From: b@c.example\r\nTo: alone\r\n\r\n");
        let keys = SortKeys::read(&kept).unwrap();
        assert_eq!((keys.from, keys.display_from), ("B", "B@C.EXAMPLE"));
        assert_eq!((keys.to, keys.display_to), ("ALONE", "ALONE"));
    }

    #[test]
    fn a_very_long_list_of_references_is_not_kept() {
        let many: Vec<String> = (0..600).map(|number| format!("<{number}@x>")).collect();
        let header = format!("References: {}\r\n\r\n", many.join("\r\n "));
        assert!(SortKeys::collect_to_keep(header.as_bytes()).is_none());
        let collected = SortKeys::collect(header.as_bytes());
        assert_eq!(SortKeys::read(&collected).unwrap().references.len(), 600);
        assert!(SortKeys::read(b"x\ny").is_none());
    }
}
