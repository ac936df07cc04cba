//! DATA: the message into the spool, then to the service, then the answer.

use std::pin::pin;

use wire::smtp::{DataError, EnhancedCode, Event, Mode, Reply};

use super::answers;
use super::connection::Connection;
use crate::account::{Accepted, Account, SpoolFile, SpoolWriter};
use crate::front::login::TAKEN_BACK;
use crate::mailbox::{Envelope, Fault, Outcome};
use crate::net::Loss;

/// One message on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) account: Account,
    pub(super) envelope: Envelope,
    /// Octets.
    pub(super) limit: u64,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Taken {
    /// The service has it, and the client is there to be told.
    Yes(Accepted, Reply),
    /// The service has it, but the client hung up before it could be told.
    Unheard(Accepted, Reply),
    No(Reply),
}

/// Why the bytes that came are no message to be sent.
enum Unfit {
    Data(DataError),
    Fault(Fault),
}

/// # Errors
/// If the client is lost before the message is complete; nothing was sent then.
pub(super) async fn take(connection: &mut Connection, incoming: Incoming) -> Result<Taken, Loss> {
    let writer = match incoming.account.spool().await {
        Ok(writer) => writer,
        // Before 354, so that the client need not send anything.
        Err(fault) => return Ok(Taken::No(refuse(connection, &incoming, 0, &fault))),
    };
    connection.set_mode(Mode::Data);
    connection.reply(&Reply::plain(354, "Go ahead, end with a line of one dot")).await?;
    let (size, file) = receive(connection, writer, incoming.limit).await?;
    let file = match file {
        Ok(file) => file,
        Err(Unfit::Data(error)) => {
            audit(connection, &incoming, size, &format_args!("refused: {error}"));
            return Ok(Taken::No(unfit(error, incoming.limit)));
        }
        Err(Unfit::Fault(fault)) => {
            return Ok(Taken::No(refuse(connection, &incoming, size, &fault)));
        }
    };
    // Nothing is sent yet, so a login that was taken back meanwhile is.
    if connection.is_taken_back() {
        audit(connection, &incoming, size, &"refused: the login was taken back");
        return Ok(Taken::No(Reply::new(454, EnhancedCode(4, 7, 0), TAKEN_BACK)));
    }
    let (outcome, is_heard) = submit(connection, &incoming, file).await;
    match outcome {
        Ok(accepted) => {
            audit(connection, &incoming, size, &format_args!("sent as {}", accepted.id));
            let text = format!("Ok: taken by Microsoft 365 as {}", accepted.id);
            let reply = Reply::new(250, EnhancedCode(2, 0, 0), text);
            match is_heard {
                Heard::Yes => Ok(Taken::Yes(accepted, reply)),
                Heard::No => Ok(Taken::Unheard(accepted, reply)),
            }
        }
        Err(fault) => Ok(Taken::No(refuse(connection, &incoming, size, &fault))),
    }
}

/// Whether the client still listened when the answer was known.
enum Heard {
    Yes,
    No,
}

/// Reads to the end of the data whatever happens, since only then a reply may follow.
async fn receive(
    connection: &mut Connection,
    mut writer: SpoolWriter,
    limit: u64,
) -> Result<(u64, Result<SpoolFile, Unfit>), Loss> {
    let mut size: u64 = 0;
    let mut written: Outcome<()> = Ok(());
    let end = loop {
        match connection.event().await? {
            Event::Chunk(chunk) => {
                size = size.saturating_add(chunk.len() as u64);
                if written.is_ok() && size <= limit {
                    written = writer.write(&chunk).await;
                }
            }
            Event::DataEnd(end) => break end,
            Event::Command(_) | Event::Invalid(_) | Event::Auth(_) => {
                break Err(DataError::BareLineBreak);
            }
        }
    };
    let file = match (end, written) {
        (Err(error), _) => Err(Unfit::Data(error)),
        _ if size > limit => Err(Unfit::Data(DataError::TooLarge)),
        (Ok(_), Err(fault)) => Err(Unfit::Fault(fault)),
        (Ok(_), Ok(())) => writer.finish().await.map_err(Unfit::Fault),
    };
    Ok((size, file))
}

/// Submits to the end even if the client hangs up: what is sent cannot be stopped half-way.
async fn submit(
    connection: &mut Connection,
    incoming: &Incoming,
    file: SpoolFile,
) -> (Outcome<Accepted>, Heard) {
    let mut submitting = pin!(incoming.account.submit(incoming.envelope.clone(), file));
    let gone = tokio::select! {
        biased;
        outcome = &mut submitting => return (outcome, Heard::Yes),
        () = connection.hang_up() => Heard::No,
    };
    (submitting.await, gone)
}

fn unfit(error: DataError, limit: u64) -> Reply {
    match error {
        DataError::TooLarge => answers::too_large(limit),
        DataError::BareLineBreak => {
            let text = "The message has a line that does not end in CRLF";
            Reply::new(554, EnhancedCode(5, 6, 0), text)
        }
    }
}

/// The reply to a fault, which is logged here and nowhere else.
fn refuse(connection: &Connection, incoming: &Incoming, size: u64, fault: &Fault) -> Reply {
    audit(connection, incoming, size, &format_args!("refused: {fault}"));
    answers::refusal(fault)
}

/// One line for each message, whatever became of it.
fn audit(connection: &Connection, incoming: &Incoming, size: u64, result: &dyn std::fmt::Display) {
    let sender = incoming.envelope.sender.as_ref().map_or("<>", |sender| sender.as_str());
    tracing::info!(
        event = "smtp.submission",
        login = %incoming.account.address(),
        peer = %connection.peer(),
        mail.sender = sender,
        mail.recipients = incoming.envelope.recipients.len(),
        mail.size = size,
        %result,
        "message handed in"
    );
}
