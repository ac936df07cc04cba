//! One connection, from its record to a mailbox that can be used.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::{SignedIn, cloud, pace};
use crate::account::{Account, LocalPassword, Use};
use crate::auth::password::HashedPassword;
use crate::auth::{Keeper, KeeperLimits, Owner, TokenSource};
use crate::backend::graph::Graph;
use crate::config::Config;
use crate::config::connections::{AccountId, Connection, ConnectionUse};
use crate::http::{HttpClient, MailboxHttp};
use crate::mailbox::Address;
use crate::metrics::Requests;
use crate::net::Drain;
use crate::store::Store;

/// What every connection shares while it is set up.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) config: Config,
    pub(super) http: HttpClient,
    pub(super) drain: Drain,
}

/// A mailbox that can be used, and what is known of its way to the service.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub(super) account: Account,
    pub(super) tokens: TokenSource,
    pub(super) requests: Arc<Requests>,
}

impl Connecting {
    pub(super) async fn connect(&self, signed_in: &SignedIn) -> anyhow::Result<Connected> {
        let connection = &signed_in.connection;
        let user = user_name(connection)?;
        let address = match &connection.mailbox {
            Some(shared) => {
                Address::new(shared).ok_or_else(|| anyhow!("{shared:?} is not a mail address"))?
            }
            None => user.clone(),
        };
        let directory = store_directory(&self.config.state_dir, &user);
        check_owner(&directory, connection.account.as_ref())?;
        let clock = self.http.clock().clone();
        let store = Store::open(&directory, clock.clone()).await?;
        let cloud = cloud(&self.config.cloud);
        let root = cloud.graph_root();
        // After all that may fail: nothing renews the token of a connection that is not taken over.
        let keeper = Keeper {
            address: user.to_string(),
            owner: Owner::of(tenant_id(connection)),
            http: self.http.clone(),
            cloud,
            vault: Arc::clone(&signed_in.vault),
            limits: KeeperLimits::default(),
            shutdown: self.drain.token(),
        };
        let tokens = keeper.start(self.drain.tracker());
        let mailbox = MailboxHttp::new(self.http.clone(), &root, Arc::new(tokens.clone()))?;
        let requests = mailbox.requests();
        let backend = match &connection.mailbox {
            Some(shared) => Graph::shared(mailbox, shared),
            None => Graph::own(mailbox),
        };
        let backend = Arc::new(backend.granted_by(tokens.status()));
        let pace = pace(&self.config);
        let queue = self.config.queue.clone();
        let parts = crate::account::Parts { address, backend, store, clock, pace, queue };
        Ok(Connected { account: Account::new(parts), tokens, requests })
    }
}

fn tenant_id(connection: &Connection) -> Option<&str> {
    connection.account.as_ref().map(|account| account.tenant_id.as_str())
}

/// The local user name; a shared mailbox's has a slash before the mailbox's address.
pub(super) fn user_name(connection: &Connection) -> anyhow::Result<Address> {
    let user = connection.user();
    Address::new(&user).ok_or_else(|| anyhow!("{user:?} is not a mail address"))
}

/// `state/mail/<user name>`, spelled so that no name can name another place.
fn store_directory(state_dir: &Path, user: &Address) -> PathBuf {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_' | '+');
    let spelled = |c: char| if keep(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) };
    let lower = user.as_str().to_ascii_lowercase();
    let dots_kept = lower.chars().map(|c| if c == '.' { ".".to_owned() } else { spelled(c) });
    state_dir.join("mail").join(dots_kept.collect::<String>())
}

/// An address can be given to another person; what is kept of the first one's mail is not theirs.
fn check_owner(directory: &Path, account: Option<&AccountId>) -> anyhow::Result<()> {
    let Some(account) = account else { return Ok(()) };
    let owner = format!("{}/{}", account.tenant_id, account.object_id);
    let path = directory.join("owner");
    match fs::read_to_string(&path) {
        Ok(known) if known == owner => Ok(()),
        Ok(_) => Err(anyhow!(
            "{} holds the mail of another account of the same name; move it away first",
            directory.display()
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory)?;
            // Half a name would be another owner's.
            let draft = path.with_extension("new");
            let mut file = fs::File::create(&draft)?;
            file.write_all(owner.as_bytes())?;
            file.sync_all()?;
            Ok(fs::rename(draft, path)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// One that is damaged opens nothing, and keeps no other from being taken back.
pub(super) fn passwords(connection: &Connection) -> Vec<LocalPassword> {
    let mut usable = Vec::new();
    for stored in &connection.passwords {
        let Some(hash) = HashedPassword::parse(&stored.hash) else {
            let (connection, password) = (connection.user(), stored.id());
            tracing::warn!(connection, password, "a local password's hash is damaged; revoke it");
            continue;
        };
        if let Some(purpose) = common(connection.purpose, stored.purpose) {
            let device = stored.device.as_deref().map(Into::into);
            usable.push(LocalPassword { hash, purpose, device });
        }
    }
    usable
}

/// In whose name the connection may send, beside its mailbox's own; what is no address stands for nobody.
pub(super) fn senders(connection: &Connection) -> Vec<Address> {
    connection.senders.iter().filter_map(|sender| Address::new(sender)).collect()
}

/// What the connection is for.
pub(super) fn purpose(connection: &Connection) -> Use {
    match connection.purpose {
        ConnectionUse::Source => Use::Source,
        ConnectionUse::Outbound => Use::Outbound,
        ConnectionUse::Both => Use::Both,
    }
}

/// What both the connection and the password are for.
fn common(connection: ConnectionUse, password: ConnectionUse) -> Option<Use> {
    use ConnectionUse::{Both, Outbound, Source};
    match (connection, password) {
        (Both, Both) => Some(Use::Both),
        (Source, Source | Both) | (Both, Source) => Some(Use::Source),
        (Outbound, Outbound | Both) | (Both, Outbound) => Some(Use::Outbound),
        (Source, Outbound) | (Outbound, Source) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_of_one_account_is_never_taken_for_anothers() {
        let directory = tempfile::tempdir().unwrap();
        let account = |object_id: &str| AccountId {
            tenant_id: "t".to_owned(),
            object_id: object_id.to_owned(),
        };
        check_owner(directory.path(), Some(&account("ada"))).unwrap();
        check_owner(directory.path(), Some(&account("ada"))).unwrap();
        check_owner(directory.path(), None).unwrap();
        assert!(check_owner(directory.path(), Some(&account("eve"))).is_err());
    }
}
