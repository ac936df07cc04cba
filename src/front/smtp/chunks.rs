//! BDAT (RFC 3030): the message into the spool, one counted chunk after the other.

use wire::smtp::{Bdat, DataError, Event, LineBreaks, Reply};

use super::connection::Connection;
use super::deliver::{Incoming, Received, Taken, Unfit, deliver, refuse};
use crate::account::{Account, SpoolWriter};
use crate::mailbox::{Fault, Octets, Outcome};
use crate::net::Loss;

/// A message of which not all chunks are there.
#[derive(Debug)]
pub(super) struct Gathering {
    incoming: Incoming,
    writer: SpoolWriter,
    /// Octets so far.
    size: u64,
    breaks: LineBreaks,
}

/// How a chunk ended.
#[derive(Debug)]
pub(super) enum Gathered {
    Yes(Box<Gathering>),
    /// The message is refused, and its octets so far are gone.
    No(Reply),
}

impl Gathering {
    /// Takes the first chunk.
    ///
    /// # Errors
    /// If the client is lost within the chunk.
    pub(super) async fn begin(
        connection: &mut Connection,
        incoming: Incoming,
        chunk: Bdat,
    ) -> Result<Gathered, Loss> {
        match incoming.account.spool().await {
            Ok(writer) => {
                let begun = Self { incoming, writer, size: 0, breaks: LineBreaks::new() };
                Box::new(begun).take(connection, chunk).await
            }
            Err(fault) => {
                pass_over(connection).await?;
                let reply = refuse(&incoming, 0, &Unfit::Fault(fault));
                Ok(Gathered::No(reply))
            }
        }
    }

    /// Takes another chunk. Its octets are read to their end whatever happens, since only then a
    /// reply may follow.
    ///
    /// # Errors
    /// If the client is lost within the chunk.
    pub(super) async fn take(
        mut self: Box<Self>,
        connection: &mut Connection,
        chunk: Bdat,
    ) -> Result<Gathered, Loss> {
        self.size = self.size.saturating_add(chunk.octets);
        if self.size > self.incoming.limit {
            pass_over(connection).await?;
            return Ok(self.refuse(Unfit::Data(DataError::TooLarge)));
        }
        let (mut came, mut written): (u64, Outcome<()>) = (0, Ok(()));
        while let Some(octets) = next_octets(connection).await? {
            came += octets.len() as u64;
            self.check(&octets);
            if written.is_ok() && !self.breaks.is_broken() {
                written = self.writer.write(&octets).await;
            }
        }
        if came != chunk.octets {
            written = Err(Fault::defect("the octets of a chunk were cut short"));
        }
        match written {
            Ok(()) => Ok(Gathered::Yes(self)),
            Err(fault) => Ok(self.refuse(Unfit::Fault(fault))),
        }
    }

    pub(super) fn account(&self) -> &Account {
        &self.incoming.account
    }

    /// After the last chunk.
    pub(super) async fn finish(self, connection: &mut Connection) -> Taken {
        let file = match self.breaks.is_clean() {
            true => self.writer.finish().await.map_err(Unfit::Fault),
            false => Err(Unfit::Data(DataError::BareLineBreak)),
        };
        deliver(connection, &self.incoming, Received { size: self.size, file }).await
    }

    /// Only who announced binary octets may send what is not lines.
    fn check(&mut self, octets: &[u8]) {
        match self.incoming.envelope.octets {
            Octets::Lines => self.breaks.read(octets),
            Octets::Binary => {}
        }
    }

    fn refuse(self, unfit: Unfit) -> Gathered {
        Gathered::No(refuse(&self.incoming, self.size, &unfit))
    }
}

/// Reads the octets of a chunk that is refused.
///
/// # Errors
/// If the client is lost within the chunk.
pub(super) async fn pass_over(connection: &mut Connection) -> Result<(), Loss> {
    while next_octets(connection).await?.is_some() {}
    Ok(())
}

/// `None` at the end of the chunk.
async fn next_octets(connection: &mut Connection) -> Result<Option<Vec<u8>>, Loss> {
    match connection.event().await? {
        Event::Chunk(octets) => Ok(Some(octets)),
        // The framing tells nothing else before the end of the chunk.
        Event::ChunkEnd
        | Event::Command(_)
        | Event::Invalid(_)
        | Event::Auth(_)
        | Event::DataEnd(_) => Ok(None),
    }
}
