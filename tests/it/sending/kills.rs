//! The bridge is killed in the middle of a large message, and its client is back at once.

use std::time::Duration;

use m365_sim::switch::{SentAgain, Waiting};
use m365_sim::{Fault, Kind, Rule, Tenant};

use super::letters::{Name, Shape, letter, told};
use super::{BOB, received, switches};
use crate::world::{ADA, World};

const SHAPE: Shape = Shape::Files(3_600_000, 2_800_000);

/// Killed when that many requests of the kind have done their work.
async fn killed(world: &mut World, kind: Kind, after: usize, message: &[u8]) {
    let hold = world.tenant.hold(kind);
    let arrived = async {
        for passed in 1..after {
            hold.arrived(passed).await;
            hold.step();
        }
        hold.arrived(after).await;
    };
    let submitting = async { world.smtp().await.submit(ADA, &[BOB], message).await };
    tokio::select! {
        reply = submitting => panic!("{kind:?}: answered: {reply}"),
        () = arrived => {}
    }
    world.kill();
    drop(hold);
}

#[tokio::test]
async fn a_message_that_was_half_handed_over_is_begun_anew_by_the_clients_next_try() {
    for (kind, after) in [
        (Kind::CreateMime, 1),
        (Kind::ListAttachments, 1),
        (Kind::UploadPiece, 1),
        (Kind::UploadPiece, 2),
        (Kind::AddAttachment, 1),
        (Kind::Send, 1),
    ] {
        let builder = Tenant::builder().switches(switches()).user(ADA);
        let mut world = World::killable(builder, |_| {}).await;
        world.ready().await;
        let message = letter("killed", SHAPE, Name::Own);
        killed(&mut world, kind, after, &message).await;
        // The bridge cannot look at what was left open before the client is back.
        let looks = Rule::on(Kind::FolderDelta).or(Kind::MessageDelta).always();
        world.tenant.faults().push(looks.answer(Fault::status(503, "ServiceUnavailable")));
        world.start().await;
        let reply = world.smtp().await.submit(ADA, &[BOB], &message).await;
        assert!(reply.starts_with("250 "), "{kind:?} {after}: {reply}");
        assert_eq!(told(&received(&world)), told(&message), "{kind:?} {after}");
    }
}

#[tokio::test]
async fn what_was_half_handed_over_is_removed_though_the_client_never_comes_back() {
    for (kind, after) in [(Kind::CreateMime, 1), (Kind::UploadPiece, 1), (Kind::AddAttachment, 1)] {
        let builder = Tenant::builder().switches(switches()).user(ADA);
        let mut world = World::killable(builder, |_| {}).await;
        world.ready().await;
        killed(&mut world, kind, after, &letter("killed", SHAPE, Name::None)).await;
        assert_eq!(world.ada().items("Drafts").len(), 1, "{kind:?}");
        world.start().await;
        world.ready().await;
        super::assert_nothing(&world);
    }
}

#[tokio::test]
async fn a_message_that_was_on_its_way_when_the_bridge_was_killed_is_not_sent_by_the_clients_next_try()
 {
    for shape in [Shape::Text(2_000), SHAPE] {
        let mut switches = switches();
        switches.sending.delay_seconds = 5 * 60;
        switches.sending.waiting = Waiting::Submitted;
        switches.sending.sent_again = SentAgain::Doubled;
        let mut world =
            World::killable(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
        world.ready().await;
        let message = letter("leaving", shape, Name::Own);
        killed(&mut world, Kind::Send, 1, &message).await;
        world.start().await;
        let reply = world.smtp().await.submit(ADA, &[BOB], &message).await;
        assert!(reply.starts_with("451 4.4.2 "), "{shape:?}: {reply}");
        world.advance(Duration::from_secs(6 * 60));
        let reply = world.smtp().await.submit(ADA, &[BOB], &message).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        assert_eq!(told(&received(&world)), told(&message), "{shape:?}");
    }
}
