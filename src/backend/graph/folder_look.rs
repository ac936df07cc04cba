//! Looking single folders up: whether one that the tree's feed left out is really gone.

use super::Graph;
use super::batch;
use super::folders::is_gone;
use super::model::Folder;
use crate::backend::{RemoteFolder, Urgency};
use crate::http::Request;
use crate::mailbox::{Fault, Kind, Outcome, RemoteId};

impl Graph {
    pub(super) async fn look_up_all_folders(
        &self,
        folders: &[RemoteId],
        urgency: Urgency,
    ) -> Outcome<Vec<Outcome<RemoteFolder>>> {
        let patience = self.http.patience(urgency);
        let roles = self.known_roles(patience).await?;
        let steps: Vec<Request> = folders
            .iter()
            .map(|id| Request::get("GET folder", self.folder_query(id.as_str())))
            .collect();
        let mut found = Vec::with_capacity(folders.len());
        for answer in self.batch(&steps, patience).await {
            found.push(match batch::read::<Folder>(answer).map_err(Fault::from) {
                // Without a parent it is a root of its own; hidden, it is nothing that clients see.
                Ok(folder) => folder
                    .shown()
                    .then(|| folder.told(&roles))
                    .flatten()
                    .ok_or_else(|| Kind::NoSuchFolder.into()),
                Err(fault) if is_gone(&fault) => Err(Kind::NoSuchFolder.into()),
                Err(fault) => Err(fault),
            });
        }
        Ok(found)
    }
}
