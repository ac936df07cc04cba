use super::*;
use crate::mailbox::*;
impl Account {
    pub(super) async fn sent_copy(
        &self,
        _folder: &Folder,
        _message: &Spooled,
    ) -> Outcome<Option<Appended>> {
        Ok(None)
    }
}
