//! TLS and compression: what travels, what is refused before it, and who is let go.

mod certificates;
mod compress;
mod handshakes;
mod starttls;

use footbridge::config::{Config, TlsMode};

use crate::authority::{self, Trust};
use crate::world::{ADA, World, mail};

/// The first listener of each protocol wants STARTTLS, the second TLS at once.
fn with_tls(config: &mut Config) {
    authority::settle(&config.state_dir);
    let any = "127.0.0.1:0".parse().unwrap();
    for listener in [&mut config.imap, &mut config.smtp] {
        listener.tls = TlsMode::StartTls;
        listener.listen_tls = vec![any];
    }
}

async fn world() -> World {
    world_of(with_tls).await
}

async fn world_of(adjust: fn(&mut Config)) -> World {
    let one = |tenant: &m365_sim::Tenant| drop(tenant.person(ADA).inbox().deliver(mail("One")));
    World::adjusted(m365_sim::Tenant::builder().user(ADA), one, adjust).await
}

fn trust(world: &World) -> Trust {
    Trust::in_state(world.state.path())
}
