//! Mail of any amount that costs nothing until it is read. The same number is always the same message.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::clock::mail_date;
use crate::ids::scramble;
use crate::view::{Mailbox, View};

const PEOPLE: [(&str, &str); 6] = [
    ("Grace Hopper", "grace@fabrikam.example"),
    ("Linus Pauling", "linus@northwind.example"),
    ("Márta Szabó", "marta@adatum.example"),
    ("Build Server", "builds@contoso.example"),
    ("山田 太郎", "taro@tailspin.example"),
    ("Newsletter", "news@wingtip.example"),
];
const TOPICS: [&str; 8] = [
    "Minutes of the meeting",
    "Invoice",
    "Re: delivery date",
    "Build finished",
    "Question about the contract",
    "Fwd: travel plans",
    "Weekly figures",
    "Lunch on Thursday?",
];
/// Generated mail is dated from here, a quarter of an hour apart.
const FIRST_SECOND: i64 = 1_735_689_600;

/// When message `number` was sent.
pub(crate) fn date(number: u32) -> Timestamp {
    let first = Timestamp::from_second(FIRST_SECOND).unwrap_or(Timestamp::UNIX_EPOCH);
    let after = SignedDuration::from_secs(i64::from(number) * 900);
    first.checked_add(after).unwrap_or(Timestamp::MAX)
}

pub(crate) fn view(number: u32) -> View {
    let sender = sender(number);
    View {
        subject: Some(subject(number)),
        from: Some(sender.clone()),
        sender: Some(sender),
        to: vec![recipient()],
        message_id: Some(message_id(number)),
        date: Some(date(number)),
        preview: first_line(number),
        ..View::default()
    }
}

pub(crate) fn mime(number: u32) -> Bytes {
    let from = sender(number);
    let name = crate::mime::word(from.name.as_deref().unwrap_or_default());
    let mut text = format!(
        "Date: {}\r\nFrom: {name} <{}>\r\nTo: Ada <{}>\r\nSubject: {}\r\nMessage-ID: {}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{}\r\n",
        mail_date(date(number)),
        from.address,
        recipient().address,
        subject(number),
        message_id(number),
        first_line(number),
    );
    for line in 0..scramble(u64::from(number)) % 20 {
        text.push_str(&format!(
            "Line {line} of a message made for tests; nothing here is real.\r\n"
        ));
    }
    Bytes::from(text)
}

fn sender(number: u32) -> Mailbox {
    let (name, address) = PEOPLE[pick(number, 1, PEOPLE.len())];
    Mailbox { name: Some(name.into()), address: address.into() }
}

fn recipient() -> Mailbox {
    Mailbox { name: Some("Ada".into()), address: "ada@contoso.example".into() }
}

fn subject(number: u32) -> String {
    format!("{} ({number})", TOPICS[pick(number, 2, TOPICS.len())])
}

fn message_id(number: u32) -> String {
    format!("<generated.{number}@mail.contoso.example>")
}

fn first_line(number: u32) -> String {
    format!("This is generated message number {number}.")
}

fn pick(number: u32, salt: u64, of: usize) -> usize {
    let mixed = scramble(u64::from(number) ^ (salt << 40));
    usize::try_from(mixed % of as u64).unwrap_or_default()
}
