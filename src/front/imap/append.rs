//! APPEND (RFC 3501 §6.3.11): the message goes straight into a file.

use wire::imap::{Code, Event, LiteralKind, MessageLiteral};

use super::connection::Connection;
use super::convert;
use super::ending::{self, Ending, Halt, Handled};
use crate::account::{Account, SpoolFile, SpoolWriter, Upload};
use crate::mailbox::{Fault, Flags, FolderPath, Kind, Timestamp};

/// A message that may come.
struct Expected {
    path: FolderPath,
    flags: Flags,
    received: Option<Timestamp>,
    spool: SpoolWriter,
}

pub(super) async fn run(
    connection: &mut Connection,
    account: &Account,
    message: MessageLiteral,
) -> Handled {
    let expected = match prepare(connection, account, &message).await {
        Ok(expected) => expected,
        Err(halt) => {
            connection.refuse();
            return Err(halt);
        }
    };
    connection.accept();
    let Expected { path, flags, received, spool } = expected;
    let message = receive(connection, spool).await?;
    let upload = Upload { message, flags, received };
    let appended = connection.patiently(account.append(&path, upload)).await?;
    let appended = appended.map_err(ending::as_target)?;
    Ok(Ending::ok("Appended").with(Code::AppendUid {
        validity: convert::number(appended.validity.get()),
        uid: convert::number(appended.uid.get()),
    }))
}

/// Everything that can be refused before the client has sent a single octet.
async fn prepare(
    connection: &mut Connection,
    account: &Account,
    message: &MessageLiteral,
) -> Result<Expected, Halt> {
    let append = &message.append;
    let limit = account.limits().append;
    if u64::from(message.size) > limit {
        return Err(Fault::from(Kind::TooLarge { limit }).because("announced by APPEND").into());
    }
    if message.size == 0 {
        return Err(Ending::no("An empty message cannot be stored").with(Code::Cannot).into());
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
    Ok(Expected { path, flags, received, spool })
}

/// Reads the whole message, whatever becomes of it: the next command stands behind it.
async fn receive(connection: &mut Connection, spool: SpoolWriter) -> Result<SpoolFile, Halt> {
    let mut keeping: Result<SpoolWriter, Halt> = Ok(spool);
    loop {
        match connection.event().await? {
            Event::Continue => {
                connection.continuation("Ready for the message");
                connection.flush().await?;
            }
            Event::Chunk(chunk) => keeping = keep(keeping, &chunk).await,
            Event::MessageEnd(Ok(())) => break,
            Event::MessageEnd(Err(bad)) => return Err(Ending::bad(bad.text).into()),
            _ => return Err(Halt::Farewell("Lost the end of the message")),
        }
    }
    Ok(keeping?.finish().await?)
}

/// Adds a chunk, unless something went wrong before; then the rest is let go by.
async fn keep(keeping: Result<SpoolWriter, Halt>, chunk: &[u8]) -> Result<SpoolWriter, Halt> {
    let mut spool = keeping?;
    if chunk.contains(&0) {
        // RFC 3501 §9 CHAR8; and no mail system behind us keeps it.
        return Err(Ending::no("A message cannot hold NUL").with(Code::Cannot).into());
    }
    spool.write(chunk).await?;
    Ok(spool)
}
