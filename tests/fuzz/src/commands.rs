//! The command stream: whatever octets come, and however the network cuts them, the same events come out, within the
//! limits, and every answer to them is IMAP.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::command::{Command, CommandBody, SelectParameter};
use imap_codec::imap_types::fetch::MacroOrMessageDataItemNames::MessageDataItemNames;
use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use wire::imap::{
    BadKind, Body, Event, Limits, Line, MailboxName, Mode, NameEncoding, Stream, Trust,
    continuation, parse,
};

use crate::chance::{Chance, splits};
use crate::{memory, opinion};

/// Small, so that small inputs reach them.
pub(crate) const LIMITS: Limits = Limits {
    line_before_login: 64,
    line: 256,
    literal_before_login: 32,
    literal: 128,
    message: 512,
};

/// What is held of a command between two reads: its line and its literals so far, and what a growing `Vec` sets aside.
const HELD: usize = 16 * 1024;
/// Of a command and its error, for each octet of its line.
const PARSED: usize = 256;
/// Every octet may be an event, in a list that doubles as it grows, and a line is parsed meanwhile.
const FOR_EACH_OCTET: usize = 3 * size_of::<Event>() + PARSED;

/// How the server meets the client.
#[derive(Clone, Copy)]
struct Manner {
    logged_in: bool,
    accepts: bool,
}

pub fn check(data: &[u8]) {
    let mut chance = Chance::of(data);
    let manner = Manner { logged_in: chance.heads(), accepts: chance.heads() };
    let mut splits = splits(data).into_iter();
    let whole = drive(manner, splits.next().unwrap());
    for reads in splits {
        assert_eq!(drive(manner, reads), whole, "the cut of the stream shows");
    }
    whole.iter().for_each(inspect);
    text_of_answers(data);
}

/// A session's part: it takes all events of each read, and changes the mode when a command asks for more.
fn drive(manner: Manner, reads: Vec<&[u8]>) -> Vec<Event> {
    let mut stream = Stream::new(LIMITS);
    if manner.logged_in {
        stream.logged_in();
    }
    let mut events = Vec::new();
    for read in reads {
        let met = memory::within(HELD + FOR_EACH_OCTET * read.len(), || {
            stream.push(read);
            let mut met = Vec::new();
            while let Some(event) = stream.next() {
                react(&mut stream, manner, &event);
                met.push(event);
            }
            met
        });
        assert!(stream.buffered() <= LIMITS.line + 1, "{} octets wait", stream.buffered());
        met.into_iter().for_each(|event| add(&mut events, event));
    }
    events
}

fn react(stream: &mut Stream, manner: Manner, event: &Event) {
    match event {
        Event::Message(_) if manner.accepts => stream.accept(),
        Event::Message(_) => stream.refuse(),
        Event::Data(_) => stream.set_mode(Mode::Command),
        Event::Command(line) => match parse(line).map(|command| command.body) {
            Ok(Body::Idle | Body::Authenticate { initial: None, .. }) => {
                stream.set_mode(Mode::Data);
            }
            Ok(Body::Login { .. }) => stream.logged_in(),
            _ => {}
        },
        _ => {}
    }
}

/// Pieces of a message are cut as the reads are.
pub(crate) fn add(events: &mut Vec<Event>, event: Event) {
    match (events.last_mut(), event) {
        (Some(Event::Chunk(last)), Event::Chunk(more)) => last.extend(more),
        (Some(Event::Broken(error)), event) if error.trust == Trust::Lost => {
            panic!("{event:?} after trust was lost")
        }
        (_, event) => events.push(event),
    }
}

fn inspect(event: &Event) {
    let bad = match event {
        Event::Command(line) => {
            assert!(line.as_bytes().ends_with(b"\r\n"));
            let read = memory::within(HELD + PARSED * line.as_bytes().len(), || parse(line));
            agree(line, read.as_ref().map_err(|bad| bad.kind));
            read.err()
        }
        Event::Message(message) => {
            assert!(message.size <= LIMITS.message);
            None
        }
        Event::MessageEnd(end) => end.clone().err(),
        Event::Bad(bad) => Some(bad.clone()),
        Event::Broken(error) => {
            let mut answer = Vec::new();
            error.reply().write(&mut answer);
            opinion::response(&answer);
            None
        }
        Event::Continue | Event::Chunk(_) | Event::Data(_) => None,
    };
    if let Some(bad) = bad {
        assert!(
            bad.text.len() < 100 && bad.text.bytes().all(|octet| (b' '..=b'~').contains(&octet))
        );
        let mut answer = Vec::new();
        bad.reply().write(&mut answer);
        opinion::response(&answer);
    }
}

/// What another codec reads of a verb that we know, we read as well.
fn agree(line: &Line, ours: Result<&wire::imap::Command, BadKind>) {
    if ours != Err(BadKind::Arguments) {
        return;
    }
    if let Ok(([], theirs)) = CommandCodec::default().decode(line.as_bytes()) {
        let text = line.as_bytes().escape_ascii();
        assert!(is_no_imap(&theirs), "only the other codec takes {text}: {theirs:?}");
    }
}

/// What the other codec takes, and no RFC does.
fn is_no_imap(command: &Command<'_>) -> bool {
    let is_no_name = |name: &&[u8]| MailboxName::from_wire(name, NameEncoding::Utf7).is_err();
    match &command.body {
        // `FETCH 1 ()`: a list holds one item at least (RFC 3501 section 9, `fetch`).
        CommandBody::Fetch { macro_or_item_names: MessageDataItemNames(items), .. } => {
            items.is_empty()
        }
        // `STATUS INBOX ()`: the same (`status`).
        CommandBody::Status { item_names, .. } if item_names.is_empty() => true,
        CommandBody::Select { parameters, .. } | CommandBody::Examine { parameters, .. }
            if is_no_resync(parameters) =>
        {
            true
        }
        // A literal holds any octets, and a name does not: it is 7-bit, and UTF-8 where that is taken, without control
        // characters (RFC 3501 section 5.1, RFC 9051 section 5.1).
        body => names(body).iter().any(is_no_name),
    }
}

/// Known UIDs hold no `*`; what is told of messages ascends, as many numbers as UIDs (RFC 7162 section 3.2.5); each
/// parameter comes once (RFC 4466 section 2.1).
fn is_no_resync(parameters: &[SelectParameter]) -> bool {
    let is_no_set = |parameter: &SelectParameter| match parameter {
        SelectParameter::QResync { known_uids, seq_match_data, .. } => {
            let unmatched = seq_match_data.as_ref().is_some_and(|(numbers, uids)| {
                let counts = (ascending(numbers), ascending(uids));
                counts.0.is_none() || counts.0 != counts.1
            });
            unmatched || known_uids.as_ref().is_some_and(is_open)
        }
        _ => false,
    };
    let kinds = parameters.iter().map(std::mem::discriminant);
    let distinct: std::collections::HashSet<_> = kinds.collect();
    distinct.len() < parameters.len() || parameters.iter().any(is_no_set)
}

fn is_open(set: &SequenceSet) -> bool {
    let is_star = |number: &SeqOrUid| *number == SeqOrUid::Asterisk;
    set.0.as_ref().iter().any(|part| match part {
        Sequence::Single(one) => is_star(one),
        Sequence::Range(from, to) => is_star(from) || is_star(to),
    })
}

/// How many numbers there are, if each is above the one before.
fn ascending(set: &SequenceSet) -> Option<u64> {
    let number = |one: &SeqOrUid| match one {
        SeqOrUid::Value(value) => Some(u64::from(value.get())),
        SeqOrUid::Asterisk => None,
    };
    let (mut last, mut count) = (0, 0);
    for part in set.0.as_ref() {
        let (from, to) = match part {
            Sequence::Single(one) => (number(one)?, number(one)?),
            Sequence::Range(from, to) => (number(from)?, number(to)?),
        };
        if from <= last || to < from {
            return None;
        }
        (last, count) = (to, count + (to - from + 1));
    }
    Some(count)
}

/// The names and patterns of a command.
fn names<'a>(body: &'a CommandBody<'_>) -> Vec<&'a [u8]> {
    match body {
        CommandBody::Select { mailbox, .. }
        | CommandBody::Examine { mailbox, .. }
        | CommandBody::Create { mailbox }
        | CommandBody::Delete { mailbox }
        | CommandBody::Subscribe { mailbox }
        | CommandBody::Unsubscribe { mailbox }
        | CommandBody::Status { mailbox, .. }
        | CommandBody::Append { mailbox, .. }
        | CommandBody::Copy { mailbox, .. }
        | CommandBody::Move { mailbox, .. } => vec![octets(mailbox)],
        CommandBody::Rename { from, to } => vec![octets(from), octets(to)],
        CommandBody::List { reference, mailbox_wildcard }
        | CommandBody::Lsub { reference, mailbox_wildcard } => {
            let pattern = match mailbox_wildcard {
                ListMailbox::Token(token) => token.as_ref(),
                ListMailbox::String(string) => string.as_ref(),
            };
            vec![octets(reference), pattern]
        }
        _ => Vec::new(),
    }
}

fn octets<'a>(mailbox: &'a Mailbox<'_>) -> &'a [u8] {
    match mailbox {
        Mailbox::Inbox => b"INBOX",
        Mailbox::Other(other) => other.as_ref(),
    }
}

/// Text for people goes out whatever it holds.
fn text_of_answers(data: &[u8]) {
    let mut answer = Vec::new();
    let text = String::from_utf8_lossy(data).into_owned();
    continuation(&mut answer, &text);
    opinion::response(&answer);
    answer.clear();
    wire::imap::Reply::untagged(wire::imap::Status::No, text).write(&mut answer);
    opinion::response(&answer);
}
