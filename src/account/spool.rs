//! A literal or a DATA on its way to disk.

use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::Account;
use crate::mailbox::{Fault, Outcome};
use crate::store::SpoolFile;

/// A file of the spool being written; it goes when this is dropped unfinished.
#[derive(Debug)]
pub struct SpoolWriter {
    file: SpoolFile,
    writer: BufWriter<File>,
}

impl Account {
    /// A new spool file to stream into.
    pub async fn spool(&self) -> Outcome<SpoolWriter> {
        let file = self.0.store.spool().await?;
        let opened = File::options().write(true).open(file.path()).await;
        let writer = BufWriter::new(opened.map_err(|error| Fault::defect(error).because("spool"))?);
        Ok(SpoolWriter { file, writer })
    }
}

impl SpoolWriter {
    /// # Errors
    /// `Defect` if the disk does not take it.
    pub async fn write(&mut self, chunk: &[u8]) -> Outcome<()> {
        let written = self.writer.write_all(chunk).await;
        written.map_err(|error| Fault::defect(error).because("writing to the spool"))
    }

    /// The complete file, at rest.
    pub async fn finish(mut self) -> Outcome<SpoolFile> {
        let flushed = self.writer.flush().await;
        flushed.map_err(|error| Fault::defect(error).because("writing to the spool"))?;
        Ok(self.file)
    }
}
