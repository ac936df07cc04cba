//! Literals: a client's commands are made, with any octets in their literals, and come back one by one as they were
//! meant. Nothing in a literal is ever taken for a command.

use arbitrary::{Arbitrary, Result, Unstructured};
use wire::imap::{
    Body, Command, Defect, Event, FetchItem, FetchWriter, SearchKey, Stream, Trust, parse,
};

use crate::chance::splits;
use crate::commands::{LIMITS, add};
use crate::opinion;

#[derive(Arbitrary, Debug)]
struct Octets(Vec<u8>);

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Kind {
    Synchronizing,
    NonSynchronizing,
    Literal8,
}

#[derive(Arbitrary, Debug)]
enum Said {
    Noop,
    Login {
        user: Octets,
        first: Kind,
        password: Octets,
        second: Kind,
    },
    Search {
        text: Octets,
        kind: Kind,
    },
    Append {
        message: Octets,
        kind: Kind,
        answer: Meant,
        tail: Tail,
    },
    /// More octets than a command may have in its literals.
    TooLarge {
        kind: Kind,
    },
    /// More octets than a message may have.
    Huge {
        message: Octets,
        kind: Kind,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Meant {
    Accepted,
    Refused,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Tail {
    Clean,
    Words,
}

/// What the client sends and what the server should see.
#[derive(Default)]
struct Script {
    bytes: Vec<u8>,
    expected: Vec<Expected>,
    answers: Vec<Meant>,
    over: bool,
}

#[derive(Debug, PartialEq)]
enum Expected {
    Command(Vec<u8>),
    Continue,
    Message(String),
    Chunk(Vec<u8>),
    MessageEnd(Tail),
    Broken(Defect, Trust),
}

pub fn check(data: &[u8]) {
    let mut rest = Unstructured::new(data);
    let Ok(script) = script(&mut rest) else { return };
    for reads in splits(&script.bytes) {
        assert_eq!(heard(&script, reads), script.expected);
    }
    answered(data);
}

fn script(rest: &mut Unstructured<'_>) -> Result<Script> {
    let mut script = Script::default();
    while !rest.is_empty() && !script.over && script.expected.len() < 60 {
        let tag = format!("a{}", script.expected.len());
        script.say(&tag, Said::arbitrary(rest)?);
    }
    Ok(script)
}

fn heard(script: &Script, reads: Vec<&[u8]>) -> Vec<Expected> {
    let mut stream = Stream::new(LIMITS);
    stream.logged_in();
    let mut answers = script.answers.iter();
    let mut events = Vec::new();
    for read in reads {
        stream.push(read);
        while let Some(event) = stream.next() {
            if matches!(event, Event::Message(_)) {
                match answers.next() {
                    Some(Meant::Accepted) => stream.accept(),
                    _ => stream.refuse(),
                }
            }
            add(&mut events, event);
        }
    }
    events.into_iter().map(Expected::from).collect()
}

impl From<Event> for Expected {
    fn from(event: Event) -> Self {
        match event {
            Event::Command(line) => Self::Command(line.as_bytes().to_vec()),
            Event::Continue => Self::Continue,
            Event::Message(message) => Self::Message(message.tag.as_str().to_owned()),
            Event::Chunk(chunk) => Self::Chunk(chunk),
            Event::MessageEnd(Ok(())) => Self::MessageEnd(Tail::Clean),
            Event::MessageEnd(Err(_)) => Self::MessageEnd(Tail::Words),
            Event::Broken(error) => Self::Broken(error.defect, error.trust),
            other => panic!("{other:?} was not said"),
        }
    }
}

// === impl Script ===

impl Script {
    fn say(&mut self, tag: &str, said: Said) {
        match said {
            Said::Noop => self.command(format!("{tag} NOOP\r\n").into_bytes()),
            Said::Login { user, first, password, second } => {
                let (user, password) = (user.short(), password.short());
                let mut line = format!("{tag} LOGIN ").into_bytes();
                self.argument(&mut line, &user, first);
                line.push(b' ');
                self.argument(&mut line, &password, second);
                self.sent(line, |command| is_login(command, &user, &password), &[first, second]);
            }
            Said::Search { text, kind } => {
                let text = text.short();
                let mut line = format!("{tag} SEARCH SUBJECT ").into_bytes();
                self.argument(&mut line, &text, kind);
                self.sent(line, |command| is_search(command, &text), &[kind]);
            }
            Said::Append { message, kind, answer, tail } => {
                self.append(tag, &message.0, kind, answer, tail);
            }
            Said::TooLarge { kind } => {
                let size = LIMITS.literal + 1;
                self.bytes
                    .extend(format!("{tag} LOGIN {}\r\n", announced(size, kind)).into_bytes());
                let trust = if kind.waits() { Trust::Kept } else { Trust::Lost };
                self.over = trust == Trust::Lost;
                self.expected.push(Expected::Broken(Defect::LiteralTooLarge, trust));
            }
            Said::Huge { message, kind } => self.huge(tag, &message.0, kind),
        }
    }

    fn command(&mut self, line: Vec<u8>) {
        self.bytes.extend_from_slice(&line);
        self.expected.push(Expected::Command(line));
    }

    /// Into the line and, with what the server has to say first, into the script.
    fn argument(&mut self, line: &mut Vec<u8>, content: &[u8], kind: Kind) {
        line.extend(format!("{}\r\n", announced(content.len(), kind)).into_bytes());
        line.extend_from_slice(content);
        if kind.waits() {
            self.expected.push(Expected::Continue);
        }
    }

    /// A line with literals that are whole; the parser reads it as it was meant, where IMAP can say it.
    fn sent(&mut self, mut line: Vec<u8>, meant: impl Fn(&Command) -> bool, kinds: &[Kind]) {
        line.extend_from_slice(b"\r\n");
        // Only APPEND and its kin take a literal8, and NUL has no place in another (RFC 3501 section 9, CHAR8).
        if !line.contains(&0) && !kinds.contains(&Kind::Literal8) {
            let read = parse(&wire::imap::Line::new(line.clone()));
            assert!(read.as_ref().is_ok_and(meant), "{:?}", line.escape_ascii().to_string());
        }
        self.command(line);
    }

    fn append(&mut self, tag: &str, message: &[u8], kind: Kind, answer: Meant, tail: Tail) {
        let message = &message[..message.len().min(LIMITS.message as usize)];
        let announced = announced(message.len(), kind);
        self.bytes.extend(format!("{tag} APPEND INBOX (\\Seen) {announced}\r\n").into_bytes());
        self.expected.push(Expected::Message(tag.to_owned()));
        self.answers.push(answer);
        let words: &[u8] = if tail == Tail::Words { b" more\r\n" } else { b"\r\n" };
        if answer == Meant::Accepted {
            self.expected.extend(kind.waits().then_some(Expected::Continue));
            self.expected.extend((!message.is_empty()).then(|| Expected::Chunk(message.to_vec())));
            self.expected.push(Expected::MessageEnd(tail));
        } else if kind.waits() {
            return;
        }
        self.bytes.extend_from_slice(&[message, words].concat());
    }

    fn huge(&mut self, tag: &str, message: &[u8], kind: Kind) {
        let mut message = message.to_vec();
        message.resize(LIMITS.message as usize + 1, b'\n');
        let announced = announced(message.len(), kind);
        self.bytes.extend(format!("{tag} APPEND INBOX {announced}\r\n").into_bytes());
        self.expected.push(Expected::Broken(Defect::MessageTooLarge, Trust::Kept));
        if !kind.waits() {
            self.bytes.extend_from_slice(&[&message, b"\r\n".as_slice()].concat());
        }
    }
}

impl Octets {
    /// Two of them fit within the limits.
    fn short(self) -> Vec<u8> {
        let mut octets = self.0;
        octets.truncate(LIMITS.literal / 2);
        octets
    }
}

impl Kind {
    fn waits(self) -> bool {
        self != Self::NonSynchronizing
    }
}

fn announced(size: usize, kind: Kind) -> String {
    match kind {
        Kind::Synchronizing => format!("{{{size}}}"),
        Kind::NonSynchronizing => format!("{{{size}+}}"),
        Kind::Literal8 => format!("~{{{size}}}"),
    }
}

fn is_login(command: &Command, name: &[u8], word: &[u8]) -> bool {
    matches!(&command.body, Body::Login { user, password }
        if user == name && password.expose() == word)
}

fn is_search(command: &Command, wanted: &[u8]) -> bool {
    matches!(&command.body, Body::Search(search)
        if search.key == SearchKey::Subject(wanted.to_vec()).into())
}

/// The same octets as the literal of an answer.
fn answered(data: &[u8]) {
    let literal: Vec<u8> = data.iter().map(|octet| (*octet).max(1)).collect();
    let fetch = b"a FETCH 1 (BODY[1.2]<3.4> BODY[HEADER.FIELDS (From \"X Y\")])\r\n".to_vec();
    let Ok(Command { body: Body::Fetch(fetch), .. }) = parse(&wire::imap::Line::new(fetch)) else {
        panic!("it is a FETCH")
    };
    let mut out = Vec::new();
    let mut writer = FetchWriter::begin(&mut out, 1.try_into().unwrap());
    for item in &fetch.items {
        writer.literal(&mut out, item, literal.len() as u64);
        out.extend_from_slice(&literal);
    }
    writer.nil(&mut out, &FetchItem::Rfc822Text);
    writer.end(&mut out);
    opinion::response(&out);
}
