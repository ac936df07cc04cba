//! DATA: the message into the spool.

use wire::smtp::{DataError, Event, Mode, Reply};

use super::connection::Connection;
use super::deliver::{Incoming, Received, Taken, Unfit, deliver, refuse};
use crate::account::SpoolWriter;
use crate::mailbox::Outcome;
use crate::net::Loss;

/// # Errors
/// If the client is lost before the message is complete; nothing was sent then.
pub(super) async fn take(connection: &mut Connection, incoming: Incoming) -> Result<Taken, Loss> {
    let writer = match incoming.account.spool().await {
        Ok(writer) => writer,
        // Before 354, so that the client need not send anything.
        Err(fault) => {
            return Ok(Taken::No(refuse(&incoming, 0, &Unfit::Fault(fault))));
        }
    };
    connection.set_mode(Mode::Data);
    connection.reply(&Reply::plain(354, "Go ahead, end with a line of one dot")).await?;
    let received = receive(connection, writer, incoming.limit).await?;
    Ok(deliver(connection, &incoming, received).await)
}

/// Reads to the end of the data whatever happens, since only then a reply may follow.
async fn receive(
    connection: &mut Connection,
    mut writer: SpoolWriter,
    limit: u64,
) -> Result<Received, Loss> {
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
            Event::Command(_) | Event::Invalid(_) | Event::Auth(_) | Event::ChunkEnd => {
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
    Ok(Received { size, file })
}
