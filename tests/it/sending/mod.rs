//! Sending, of messages of every size.

mod awkward;
mod bytes;
mod costs;
mod kills;
pub(crate) mod letters;
mod parts;
mod twice;
mod wishes;

use m365_sim::switch::Attaching;
use m365_sim::{Switches, Tenant};

use self::letters::BOB;
use crate::world::{ADA, World};

/// A tenant that takes all that Exchange can, and keeps the MIME of what it gets.
fn switches() -> Switches {
    let mut switches = Switches::default();
    switches.sending.message_bytes = 150 * 1024 * 1024;
    switches.messages.attaching = Attaching::Kept;
    switches
}

async fn world() -> World {
    World::made(Tenant::builder().switches(switches()).user(ADA), |_| {}).await
}

/// Hands a message in, and answers the reply.
async fn submit(world: &World, message: &[u8]) -> String {
    world.smtp().await.submit(ADA, &[BOB], message).await
}

/// What Bob got, which is one message.
fn received(world: &World) -> Vec<u8> {
    let sent = world.tenant.sent_to(BOB);
    assert_eq!(sent.len(), 1, "sent {} times", sent.len());
    assert!(world.ada().items("Drafts").is_empty(), "a draft is left");
    assert_eq!(world.ada().items("Sent Items").len(), 1);
    sent[0].mime.to_vec()
}

/// Nothing went out, and nothing of it is anywhere.
fn assert_nothing(world: &World) {
    assert!(world.tenant.sent().is_empty());
    for folder in ["Drafts", "Sent Items"] {
        assert!(world.ada().items(folder).is_empty(), "{folder}");
    }
}
