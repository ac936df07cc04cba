//! Filing a client's message (RFC 3501 §6.3.11), its bytes kept as they are.

use super::body::describe;
use super::folders::reference;
use super::{Account, Appended, Upload};
use crate::backend::{self, RemoteMessage};
use crate::mailbox::{Fault, FolderPath, Kind, Outcome, Role};
use crate::store::{Applied, Incoming};

impl Account {
    /// # Errors
    /// `NoSuchTarget`, `TooLarge`, `OverQuota`, `Unacceptable`.
    pub async fn append(&self, path: &FolderPath, upload: Upload) -> Outcome<Appended> {
        let folder = self.ready_target(path).await?;
        let message = upload.message.spooled().await?;
        let limit = self.limits().append;
        if message.size > limit {
            return Err(Kind::TooLarge { limit }.into());
        }
        let texts = describe(&message.path).await?;
        if folder.role == Some(Role::Sent)
            && let Some(known) = self.sent_copy(&folder, &message).await?
        {
            return Ok(known);
        }
        let desk = self.desk(folder.id);
        let _arriving = desk.arrivals.begin(self.0.store.counts(folder.id).await?.next);
        let asked = self.0.store.epoch();
        let request = backend::Upload { message, flags: upload.flags, received: upload.received };
        let made: RemoteMessage = self.0.backend.append(&reference(&folder), &request).await?;
        let incoming = Incoming::from(made);
        // Frozen before the row is announced: nobody may see other bytes under this UID.
        self.0.store.adopt(&incoming, upload.message, texts).await?;
        let remote = incoming.remote.clone();
        let added = Applied::Added { rows: vec![incoming], asked };
        let receipt = self.0.store.apply(folder.id, added).await?;
        desk.note_ahead([remote.clone()], self.0.store.epoch());
        let uid = receipt.uids.iter().find(|(known, _)| *known == remote).map(|(_, uid)| *uid);
        let uid = uid.ok_or_else(|| Fault::defect("an appended message got no UID"))?;
        Ok(Appended { validity: folder.validity, uid })
    }
}
