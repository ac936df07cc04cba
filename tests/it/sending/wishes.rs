//! What a client or an administrator wishes beside the message: reports on its way, no copy of it.

use footbridge::config::Config;
use m365_sim::{Fault, Kind, Rule, Tenant};

use super::letters::{Name, Shape, letter};
use super::{BOB, switches};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World, id};

const SHAPES: [Shape; 2] = [Shape::Text(2_000), Shape::File(3_200_000)];

/// Subjects of the reports in Ada's inbox.
fn reports(world: &World) -> Vec<String> {
    world.ada().items("Inbox").into_iter().map(|item| item.subject).collect()
}

async fn wished(smtp: &mut SmtpClient, notify: &str, message: &[u8]) -> String {
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = smtp.command(&format!("RCPT TO:<{BOB}> NOTIFY={notify}")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    smtp.data(message).await
}

async fn world() -> World {
    World::made(Tenant::builder().switches(switches()).user(ADA), |_| {}).await
}

#[tokio::test]
async fn who_asks_for_a_report_of_success_gets_one_and_others_get_none() {
    for shape in SHAPES {
        let world = world().await;
        let mut smtp = world.smtp().await;
        let reply = wished(&mut smtp, "FAILURE", &letter("quiet", shape, Name::Own)).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        assert_eq!(reports(&world).len(), 0, "{shape:?}");
        let reply = wished(&mut smtp, "SUCCESS,FAILURE", &letter("loud", shape, Name::Own)).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        let reports = reports(&world);
        assert!(reports.len() == 1 && reports[0].starts_with("Delivered: "), "{reports:?}");
        assert_eq!(world.tenant.sent_to(BOB).len(), 2, "{shape:?}");
    }
}

/// A draft that was not told the wish is not sent in its stead.
#[tokio::test]
async fn a_wish_outlives_every_lost_answer() {
    for kind in [Kind::CreateMime, Kind::Patch, Kind::Send] {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, "ServiceUnavailable")] {
            let world = world().await;
            world.tenant.faults().push(Rule::on(kind).answer(fault.clone()));
            let message = letter("loud", SHAPES[0], Name::Own);
            let mut reply = String::new();
            for _ in 0..2 {
                reply = wished(&mut world.smtp().await, "SUCCESS", &message).await;
                if reply.starts_with("250 ") {
                    break;
                }
            }
            assert!(reply.starts_with("250 "), "{kind:?} {fault:?}: {reply}");
            assert_eq!(world.tenant.sent_to(BOB).len(), 1, "{kind:?} {fault:?}");
            assert_eq!(reports(&world).len(), 1, "{kind:?} {fault:?}");
        }
    }
}

async fn without_copies(change: impl FnOnce(&mut m365_sim::Switches)) -> World {
    let mut switches = switches();
    change(&mut switches);
    let tenant = Tenant::builder().switches(switches).user(ADA);
    let adjust = |config: &mut Config| config.submission.save_to_sent = false;
    World::adjusted(tenant, |_| {}, adjust).await
}

#[tokio::test]
async fn a_copy_that_is_not_wanted_is_gone_after_the_next_look() {
    for survives in [true, false] {
        for shape in SHAPES {
            let world =
                without_copies(|switches| switches.sending.id_survives_send = survives).await;
            world.ready().await;
            let reply = super::submit(&world, &letter("uncopied", shape, Name::Own)).await;
            assert!(reply.starts_with("250 "), "{survives} {shape:?}: {reply}");
            world.tick().await;
            assert!(world.ada().items("Sent Items").is_empty(), "{survives} {shape:?}");
            assert_eq!(world.tenant.sent_to(BOB).len(), 1, "{survives} {shape:?}");
            world.forget();
            world.tick().await;
            assert_eq!(world.requests(), 1, "there is nothing left to look for");
        }
    }
}

#[tokio::test]
async fn a_copy_is_not_removed_before_the_message_has_left() {
    let world = without_copies(|switches| switches.sending.delay_seconds = 40).await;
    world.ready().await;
    let reply = super::submit(&world, &letter("late", SHAPES[0], Name::Own)).await;
    assert!(reply.starts_with("250 "), "{reply}");
    for _ in 0..4 {
        world.tick().await;
    }
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    assert!(world.ada().items("Sent Items").is_empty());
}

#[tokio::test]
async fn a_copy_that_someone_has_put_elsewhere_stays() {
    let world = without_copies(|_| {}).await;
    world.ready().await;
    let reply = super::submit(&world, &letter("moved", SHAPES[0], Name::Own)).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let copy = id(&world.ada().items("Sent Items")[0]);
    world.ada().outlook().relocate(&copy, "Inbox");
    // Until nobody looks for it any more.
    for _ in 0..5 {
        world.look_later().await;
    }
    assert_eq!(world.ada().items("Inbox").len(), 1);
}

#[tokio::test]
async fn a_copy_that_a_client_takes_for_its_own_stays() {
    let world = without_copies(|_| {}).await;
    world.ready().await;
    let message = letter("kept", SHAPES[0], Name::Own);
    let reply = super::submit(&world, &message).await;
    assert!(reply.starts_with("250 "), "{reply}");
    // A mail client files what it has sent, and the copy that is there becomes its own.
    let mut imap = world.imap().await;
    imap.append("\"Sent Items\" (\\Seen)", &message).await.ok();
    world.tick().await;
    world.tick().await;
    assert_eq!(world.ada().items("Sent Items").len(), 1);
}
