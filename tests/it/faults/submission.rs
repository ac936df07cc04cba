//! The same troubles with everything that sending a message asks of the service: after 250 the
//! recipient has it once, after 4yz and the client's next try as well, after 5yz never.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use m365_sim::{Fault, Kind, Rule};

use super::bench::Bench;
use super::matrix::words;
use super::trouble::{self, Nature, Trouble};
use crate::world::{ADA, World};

const BOB: &str = "bob@elsewhere.example";

struct Case {
    kind: Kind,
    trouble: Trouble,
    for_ever: bool,
}

#[tokio::test]
async fn submission() {
    let world = World::new().await;
    world.ready().await;
    let mut failures = Vec::new();
    let mut number = 0;
    for kind in probe(&world).await {
        for trouble in trouble::every() {
            for for_ever in [false, true] {
                let case = Case { kind, trouble: trouble.clone(), for_ever };
                number += 1;
                let met = AssertUnwindSafe(meet(&world, &case, number)).catch_unwind().await;
                if let Err(panic) = met {
                    let lasting = if for_ever { "for ever" } else { "once" };
                    let panic = words(panic.as_ref());
                    failures.push(format!("{kind:?}, {}, {lasting}: {panic}", case.trouble.name));
                }
                recover(&world).await;
            }
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} failures:\n{}", failures.join("\n\n"));
}

/// The kinds of requests that sending makes.
async fn probe(world: &World) -> BTreeSet<Kind> {
    world.forget();
    let reply = submit(world, &message(0)).await;
    assert!(reply.starts_with("250"), "{reply}");
    let kinds = world.tenant.journal().entries().into_iter().map(|entry| entry.kind).collect();
    recover(world).await;
    kinds
}

async fn meet(world: &World, case: &Case, number: usize) {
    let message = message(number);
    let rule = Rule::on(case.kind).answer(case.trouble.fault.clone());
    world.tenant.faults().push(if case.for_ever { rule.always() } else { rule });
    let reply = match case.trouble.fault {
        Fault::Stall => Bench::patiently(world, submit(world, &message)).await,
        _ => submit(world, &message).await,
    };
    case.judge(&reply);
    let first = received(world, number);
    recover(world).await;
    if reply.starts_with('5') {
        assert_eq!(received(world, number), 0, "refused, and sent: {reply}");
        assert!(world.ada().items("Drafts").is_empty(), "a draft is left: {reply}");
        return;
    }
    if reply.starts_with('4') {
        assert!(first <= 1, "sent {first} times: {reply}");
        let again = submit(world, &message).await;
        assert!(again.starts_with("250"), "again, without trouble: {again}, after {reply}");
        recover(world).await;
    }
    assert_eq!(received(world, number), 1, "{reply}");
    assert!(world.ada().items("Drafts").is_empty(), "a draft is left: {reply}");
    assert_eq!(sent_copies(world, number), 1, "{reply}");
}

impl Case {
    fn judge(&self, reply: &str) {
        if self.trouble.nature == Nature::Passing && !self.for_ever {
            assert!(reply.starts_with("250"), "another try must succeed: {reply}");
            return;
        }
        let refused: &[&str] = match self.trouble.name {
            "403" => &["550 5.7.1"],
            "404" => &["550", "451"],
            "413" => &["552 5.3.4"],
            "507" => &["452 4.2.2"],
            "401" => &["454 4.7.0"],
            _ => &["451"],
        };
        // Of a batch as a whole most refusals make no sense.
        let senseless = self.kind == Kind::Batch && reply.starts_with("451 4.3.0");
        let allowed = refused.iter().any(|code| reply.starts_with(code)) || senseless;
        assert!(allowed || reply.starts_with("250"), "wanted 250 or {refused:?}: {reply}");
    }
}

/// One message by a client of its own.
async fn submit(world: &World, message: &[u8]) -> String {
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB], message).await;
    let alive = smtp.command("NOOP").await;
    assert!(alive.starts_with("250"), "the connection is lost after {reply}: {alive}");
    reply
}

async fn recover(world: &World) {
    world.tenant.faults().clear();
    while !world.look_later().await {}
}

fn message(number: usize) -> Vec<u8> {
    format!(
        "From: Ada <{ADA}>\r\nTo: Bob <{BOB}>\r\nSubject: outgoing {number}.\r\n\
         Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{number}@client.example>\r\n\
         \r\nHello.\r\n"
    )
    .into_bytes()
}

fn received(world: &World, number: usize) -> usize {
    let line = format!("Subject: outgoing {number}.\r\n");
    let sent = world.tenant.sent_to(BOB);
    sent.iter().filter(|sent| String::from_utf8_lossy(&sent.mime).contains(&line)).count()
}

fn sent_copies(world: &World, number: usize) -> usize {
    let subject = format!("outgoing {number}.");
    world.ada().items("Sent Items").iter().filter(|item| item.subject == subject).count()
}
