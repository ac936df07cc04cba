//! The tenant: its people, its clock, its trouble and its record. A clone is a handle to the same tenant.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::browser::Browser;
use crate::clock::Clock;
use crate::entra::{Directory, Entra, LoginDesk};
use crate::fault::Faults;
use crate::graph::upload::Upload;
use crate::hold::{Hold, Holds, Moment};
use crate::ids::guid;
use crate::journal::Journal;
use crate::kind::Kind;
use crate::late::Late;
use crate::limit::Limits;
use crate::lock::locked;
use crate::mailbox::Store;
use crate::outlook::Person;
use crate::post::{PostOffice, Sent};
use crate::switch::Switches;

#[derive(Clone)]
pub struct Tenant(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
    pub(crate) faults: Faults,
    pub(crate) holds: Holds,
    pub(crate) journal: Journal,
    pub(crate) limits: Limits,
}

pub(crate) struct State {
    pub(crate) tenant_id: String,
    /// By lower-case address.
    pub(crate) stores: BTreeMap<String, Store>,
    pub(crate) switches: Switches,
    pub(crate) login: LoginDesk,
    pub(crate) directory: Directory,
    pub(crate) post: PostOffice,
    /// By the token in their URLs.
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) late: Vec<Late>,
}

/// Describes a tenant before it exists.
pub struct Builder {
    users: Vec<(String, String)>,
    clock: Clock,
    switches: Switches,
}

impl Tenant {
    /// A tenant with no people and a real clock.
    pub fn builder() -> Builder {
        Builder { users: Vec::new(), clock: Clock::real(), switches: Switches::default() }
    }

    /// A refresh token as after a sign-in with consent; `scopes` are separated by spaces.
    pub fn grant(&self, user: &str, client: &str, scopes: &str) -> String {
        let now = self.0.clock.now();
        let mut state = self.state();
        state.directory.consent(client, Some(user), &[scopes.to_owned()]);
        state.login.grant(user, client, scopes, now)
    }

    /// The person at this address, who does things without passing through Graph.
    ///
    /// # Panics
    /// If nobody has this address: the test named the wrong person.
    pub fn person(&self, address: &str) -> Person {
        let address = address.to_lowercase();
        assert!(self.state().stores.contains_key(&address), "nobody here is called {address}");
        Person::new(self.clone(), address)
    }

    pub fn add_user(&self, address: &str, name: &str) {
        let now = self.0.clock.now();
        let mut state = self.state();
        let store = Store::new(address, name, &state.switches.folders, now);
        state.stores.entry(address.to_lowercase()).or_insert(store);
    }

    pub fn users(&self) -> Vec<String> {
        self.state().stores.keys().cloned().collect()
    }

    /// Sign-in: roles, consents, registrations, failures.
    pub fn entra(&self) -> Entra {
        Entra::new(self.clone())
    }

    /// A person's browser, on this page. It is told the whole address, so it works with any tenant that serves.
    pub async fn browse(&self, url: &str) -> Browser {
        Browser::open(url).await
    }

    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    pub fn faults(&self) -> Faults {
        self.0.faults.clone()
    }

    pub fn journal(&self) -> Journal {
        self.0.journal.clone()
    }

    pub fn switches(&self) -> Switches {
        self.state().switches.clone()
    }

    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state().switches);
    }

    /// Requests of this kind do their work, then wait to be answered.
    pub fn hold(&self, kind: Kind) -> Hold {
        self.0.holds.hold(kind, Moment::AfterWork)
    }

    /// Requests of this kind wait before they do anything.
    pub fn hold_before(&self, kind: Kind) -> Hold {
        self.0.holds.hold(kind, Moment::BeforeWork)
    }

    /// Every message that reached this address, in or out of the tenant: the truth about "exactly once".
    pub fn sent_to(&self, address: &str) -> Vec<Sent> {
        let all = self.sent();
        all.into_iter().filter(|sent| sent.to.eq_ignore_ascii_case(address)).collect()
    }

    /// Every delivery, one per recipient.
    pub fn sent(&self) -> Vec<Sent> {
        self.settled().post.sent.clone()
    }

    /// Forgets every delivery and every upload: large ones take memory.
    pub fn forget_sent(&self) {
        let mut state = self.state();
        state.post.sent.clear();
        state.uploads.clear();
    }

    /// Access tokens die, refresh tokens live on.
    pub fn expire_access_tokens(&self) {
        self.state().login.expire_access();
    }

    /// Every refresh token of this user dies (AADSTS50173), and the access tokens with them.
    pub fn revoke(&self, user: &str) {
        self.state().login.revoke(user);
    }

    /// Every delta and next link given so far is answered 410.
    pub fn expire_cursors(&self) {
        for store in self.state().stores.values_mut() {
            store.cursor_generation += 1;
        }
    }

    /// The mailbox is not (yet) served by Graph: 404 MailboxNotEnabledForRESTAPI.
    pub fn disable_mailbox(&self, user: &str) {
        if let Some(store) = self.state().stores.get_mut(&user.to_lowercase()) {
            store.enabled = false;
        }
    }

    /// `reader` gets full access to the mailbox of `owner`.
    pub fn share(&self, owner: &str, reader: &str) {
        if let Some(store) = self.state().stores.get_mut(&owner.to_lowercase()) {
            store.shared_with.push(reader.to_lowercase());
        }
    }

    /// Another address of the same mailbox.
    pub fn alias(&self, owner: &str, alias: &str) {
        if let Some(store) = self.state().stores.get_mut(&owner.to_lowercase()) {
            store.aliases.push(alias.to_lowercase());
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    /// The state after everything that was due has happened.
    pub(crate) fn settled(&self) -> MutexGuard<'_, State> {
        let now = self.0.clock.now();
        let mut state = self.state();
        state.do_late(now);
        state.run_due(now);
        state
    }
}

impl Builder {
    /// Adds a person; the name is made from the address.
    pub fn user(self, address: &str) -> Self {
        let local = address.split('@').next().unwrap_or(address);
        let mut name: Vec<char> = local.chars().collect();
        if let Some(first) = name.first_mut() {
            *first = first.to_ascii_uppercase();
        }
        self.named_user(address, &name.into_iter().collect::<String>())
    }

    pub fn named_user(mut self, address: &str, name: &str) -> Self {
        self.users.push((address.to_owned(), name.to_owned()));
        self
    }

    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    pub fn build(self) -> Tenant {
        let state = State {
            tenant_id: guid("the tenant"),
            stores: BTreeMap::new(),
            switches: self.switches,
            login: LoginDesk::default(),
            directory: Directory::default(),
            post: PostOffice::default(),
            uploads: HashMap::new(),
            late: Vec::new(),
        };
        let tenant = Tenant(Arc::new(Inner {
            clock: self.clock,
            state: Mutex::new(state),
            faults: Faults::default(),
            holds: Holds::default(),
            journal: Journal::default(),
            limits: Limits::default(),
        }));
        for (address, name) in &self.users {
            tenant.add_user(address, name);
        }
        tenant
    }
}
