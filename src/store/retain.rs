//! What may be forgotten, and when.

use super::Store;
use crate::mailbox::Outcome;

impl Store {
    /// Forgets tombstones and bodies that nothing needs any more. For a daily run in the background.
    pub async fn prune(&self) -> Outcome<()> {
        todo!()
    }
}
