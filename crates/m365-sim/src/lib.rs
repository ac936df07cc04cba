//! A simulated Microsoft 365 tenant: sign-in as Entra does it, Graph mail v1.0, another person at work in Outlook,
//! scripted faults, a request journal and a virtual clock. It knows nothing of any particular client.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use m365_sim::{Clock, Fault, Kind, RetryAfter, Rule, Tenant};
//!
//! let start = "2026-11-01T08:00:00Z".parse().expect("a timestamp");
//! let tenant = Tenant::builder().user("ada@contoso.example").clock(Clock::manual(start)).build();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let running = tenant.serve(listener).await;
//! let refresh_token = tenant.grant("ada@contoso.example", "my-client", "Mail.ReadWrite Mail.Send offline_access");
//!
//! let id = tenant.person("ada@contoso.example").inbox().deliver("Subject: hello\r\n\r\nhi\r\n");
//! tenant.person("ada@contoso.example").outlook().relocate(&id, "Archive");
//! tenant.faults().push(Rule::on(Kind::Patch).times(2).answer(Fault::throttled(RetryAfter::Seconds(3))));
//! assert_eq!(tenant.journal().requests(), 0);
//! running.shutdown().await;
//! # let _ = refresh_token;
//! # Ok(())
//! # }
//! ```
//!
//! The modules, lowest first: `clock`, `ids`, `switch`; `view` and `mime` (reading and writing messages); `folder`,
//! `item`, `mailbox` (the one truth); `post`, `entra`, `limit`; `outlook` (the other person); `graph` (the dialect);
//! `perform` (one request's way through limits, holds, faults and work); `server`, `control`; `browser`, which sees only HTTP.

mod browser;
mod call;
mod clock;
mod control;
mod entra;
mod fault;
mod folder;
mod generated;
mod graph;
mod grown;
mod hold;
mod ids;
mod item;
mod journal;
mod kind;
mod late;
mod limit;
mod lock;
mod mailbox;
mod mime;
mod outlook;
mod perform;
mod post;
pub mod seed;
mod server;
pub mod switch;
mod tenant;
mod view;

pub use browser::Browser;
pub use clock::Clock;
pub use entra::{
    ApprovalRequest, Audience, ClientType, Entra, EntraDeed, Home, Publisher, Registration, Role,
    Stage, Standing,
};
pub use fault::{Fault, Faults, RetryAfter, Rule};
pub use hold::Hold;
pub use journal::{Entry, Journal};
pub use kind::Kind;
pub use outlook::{Deed, ItemId, Outlook, Person, Place, Refused, Snapshot};
pub use post::Sent;
pub use server::Running;
pub use switch::Switches;
pub use tenant::{Builder, Tenant};
