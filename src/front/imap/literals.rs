//! The messages of an APPEND or REPLACE on their way into files: each is checked before it is asked
//! for, and nothing is filed before all of them are in (RFC 3502).

use wire::imap::{Code, Event, LiteralKind, MessageLiteral, Octets, Wrapping};

use super::connection::Connection;
use super::convert;
use super::enabled::Enabled;
use super::ending::{Ending, Halt};
use crate::account::{Account, SpoolFile, SpoolWriter, Upload};
use crate::mailbox::{Fault, Flags, FolderPath, Kind, Outcome, Timestamp};

/// Messages in one APPEND: each waits in a file of its own until the last one is in.
const MESSAGES_MAX: usize = 1_000;
/// Octets in one APPEND, in multiples of the largest message: they wait on the disk beside the cache.
const OCTETS_MAX: u64 = 4;

/// Everything that one command files.
pub(super) struct Received {
    pub(super) path: FolderPath,
    pub(super) uploads: Vec<Upload>,
}

/// A message that may come.
struct Expected {
    flags: Flags,
    received: Option<Timestamp>,
    spool: SpoolWriter,
    octets: Octets,
    account: Account,
}

/// What has come of a message.
struct Kept {
    spool: SpoolWriter,
    nul: Nul,
}

#[derive(Clone, Copy, PartialEq)]
enum Nul {
    Absent,
    Present,
}

/// What came behind a message.
enum Behind {
    Next(MessageLiteral),
    End,
}

/// Takes the first message, and those that follow it.
pub(super) async fn receive(
    connection: &mut Connection,
    (account, enabled): (&Account, Enabled),
    mut message: MessageLiteral,
) -> Result<Received, Halt> {
    let mut received: Option<Received> = None;
    let mut total = 0;
    loop {
        total += u64::from(message.size);
        let so_far = received.as_ref().map_or(0, |received| received.uploads.len());
        let checked = match within(account, &message, (so_far, total)) {
            Ok(()) => prepare(connection, (account, enabled), &message).await,
            Err(halt) => Err(halt),
        };
        let (path, expected) = match checked {
            Ok(checked) => checked,
            Err(halt) => {
                connection.refuse();
                return Err(halt);
            }
        };
        connection.accept();
        let (upload, behind) = stream_in(connection, expected).await?;
        let received = received.get_or_insert(Received { path, uploads: Vec::new() });
        match (upload, behind) {
            (Ok(upload), Behind::Next(next)) => {
                received.uploads.push(upload);
                message = next;
            }
            (Ok(upload), Behind::End) => {
                received.uploads.push(upload);
                break;
            }
            (Err(halt), Behind::Next(_)) => {
                connection.refuse();
                return Err(halt);
            }
            (Err(halt), Behind::End) => return Err(halt),
        }
    }
    received.ok_or(Halt::Farewell("Lost the end of the message"))
}

/// What the sizes alone forbid.
fn within(
    account: &Account,
    message: &MessageLiteral,
    (so_far, total): (usize, u64),
) -> Result<(), Halt> {
    let limit = account.limits().append;
    if u64::from(message.size) > limit {
        return Err(Fault::from(Kind::TooLarge { limit }).because("announced by APPEND").into());
    }
    if message.size == 0 {
        // A client may cancel an APPEND that way.
        return Err(Ending::no("An empty message cannot be stored").with(Code::Cannot).into());
    }
    if so_far >= MESSAGES_MAX || total > limit.saturating_mul(OCTETS_MAX) {
        let refusal = "Too much for one APPEND; send the messages in several";
        return Err(Ending::no(refusal).with(Code::Limit).into());
    }
    Ok(())
}

/// Everything that can be refused before the client has sent a single octet of the message.
async fn prepare(
    connection: &mut Connection,
    (account, enabled): (&Account, Enabled),
    message: &MessageLiteral,
) -> Result<(FolderPath, Expected), Halt> {
    let append = &message.append;
    if message.wrapping == Wrapping::Utf8 && !enabled.takes_utf8() {
        return Err(Ending::bad("UTF8 () needs ENABLE UTF8=ACCEPT first").into());
    }
    let flags = convert::from_wire(&append.flags)?;
    let received = match append.date {
        Some(date) => Some(convert::timestamp(date).ok_or_else(|| Ending::bad("No such date"))?),
        None => None,
    };
    let path = convert::path(&append.mailbox)?;
    // Octets that are on their way already are no reason to look first.
    if message.kind == LiteralKind::Synchronizing
        && !connection.patiently(account.has_folder(&path)).await??
    {
        return Err(Fault::from(Kind::NoSuchTarget).into());
    }
    let spool = account.spool().await?;
    let (octets, account) = (message.octets, account.clone());
    Ok((path, Expected { flags, received, spool, octets, account }))
}

/// Reads a whole message, whatever becomes of it: more of the command, or the next one, stands
/// behind it.
async fn stream_in(
    connection: &mut Connection,
    expected: Expected,
) -> Result<(Result<Upload, Halt>, Behind), Halt> {
    let Expected { flags, received, spool, octets, account } = expected;
    let mut keeping: Result<Kept, Halt> = Ok(Kept { spool, nul: Nul::Absent });
    let behind = loop {
        match connection.event().await? {
            Event::Continue => {
                connection.continuation("Ready for the message");
                connection.flush().await?;
            }
            Event::Chunk(chunk) => keeping = keep(keeping, &chunk, octets).await,
            Event::Message(next) => break Behind::Next(next),
            Event::MessageEnd(Ok(())) => break Behind::End,
            Event::MessageEnd(Err(bad)) => return Err(Ending::bad(bad.text).into()),
            _ => return Err(Halt::Farewell("Lost the end of the message")),
        }
    };
    let upload = match keeping {
        Ok(Kept { spool, nul: Nul::Absent }) => spool.finish().await.map_err(Halt::from),
        Ok(Kept { spool, nul: Nul::Present }) => without_nul(&account, spool.finish().await).await,
        Err(halt) => Err(halt),
    };
    let upload = upload.map(|message| Upload { message, flags, received });
    Ok((upload, behind))
}

/// Adds a chunk, unless something went wrong before; then the rest is let go by.
async fn keep(keeping: Result<Kept, Halt>, chunk: &[u8], octets: Octets) -> Result<Kept, Halt> {
    let Kept { mut spool, mut nul } = keeping?;
    if chunk.contains(&0) {
        nul = Nul::Present;
        // No mail system behind us keeps it (RFC 3501 §9 CHAR8).
        if octets == Octets::Text {
            return Err(with_nul(Code::Cannot));
        }
    }
    spool.write(chunk).await?;
    Ok(Kept { spool, nul })
}

/// Parts that are marked as binary are encoded, since the mailbox holds lines only (RFC 3516 §4.4).
async fn without_nul(account: &Account, message: Outcome<SpoolFile>) -> Result<SpoolFile, Halt> {
    match account.in_lines(message?).await {
        Err(fault) if matches!(fault.kind(), Kind::Unacceptable(_)) => {
            Err(with_nul(Code::UnknownCte))
        }
        encoded => Ok(encoded?),
    }
}

fn with_nul(code: Code) -> Halt {
    Ending::no("Microsoft 365 cannot hold a message with NUL").with(code).into()
}
