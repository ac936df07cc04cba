//! Single promises about trouble: how often the service is asked, and how long a client waits.

use std::time::Duration;

use m365_sim::{Fault, Kind, RetryAfter, Rule};

use super::bench::{Bench, WORK};
use super::trouble::{self, Nature};
use crate::world::{ADA, World, mail};

#[tokio::test]
async fn a_refused_token_leads_to_one_refresh_and_one_retry() {
    let mut bench = Bench::new().await;
    bench.world.tenant.expire_access_tokens();
    bench.world.forget();
    bench.imap.command("STORE 1 +FLAGS (\\Flagged)").await.ok();
    let journal = bench.world.tenant.journal();
    assert_eq!(journal.of(Kind::Token).len(), 1, "refreshes");
    let statuses: Vec<_> = journal.of(Kind::Patch).iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [Some(401), Some(200)]);
    bench.settle().await;
}

#[tokio::test]
async fn a_token_that_is_refused_for_ever_is_not_fought_for() {
    let mut bench = Bench::new().await;
    let refusal = Fault::status(401, "InvalidAuthenticationToken");
    bench.world.tenant.faults().push(Rule::on(Kind::Patch).always().answer(refusal));
    bench.world.forget();
    bench.imap.command("STORE 1 +FLAGS (\\Flagged)").await.no("CONTACTADMIN");
    let journal = bench.world.tenant.journal();
    assert_eq!(journal.of(Kind::Patch).len(), 2);
    assert!(journal.of(Kind::Token).len() <= 2, "refreshes");
    bench.settle().await;
}

#[tokio::test]
async fn a_lost_cursor_costs_a_listing_and_no_uid() {
    let mut bench = Bench::new().await;
    bench.deliver(WORK, 1);
    bench.world.tenant.expire_cursors();
    bench.world.advance(Duration::from_secs(2));
    bench.imap.command("NOOP").await.ok().expect("* 3 EXISTS");
    bench.settle().await;
}

#[tokio::test]
async fn whoever_would_wait_too_long_is_told_at_once() {
    let mut bench = Bench::new().await;
    let long = Fault::throttled(RetryAfter::Seconds(600));
    bench.world.tenant.faults().push(Rule::on(Kind::Patch).answer(long));
    let before = bench.world.clock.now();
    bench.imap.command("STORE 1 +FLAGS (\\Flagged)").await.no("UNAVAILABLE");
    bench.world.forget();
    bench.imap.command("STORE 2 +FLAGS (\\Flagged)").await.no("UNAVAILABLE");
    assert_eq!(bench.world.requests(), 0, "a mailbox that is throttled is left alone");
    assert_eq!(bench.world.clock.now(), before, "nobody waited");
    bench.settle().await;
}

#[tokio::test]
async fn a_service_that_is_silent_for_ever_is_given_up_within_a_minute() {
    let mut bench = Bench::new().await;
    bench.world.tenant.faults().push(Rule::on(Kind::Patch).always().answer(Fault::Stall));
    let Bench { world, imap, .. } = &mut bench;
    let before = world.clock.now();
    Bench::patiently(world, imap.command("STORE 1 +FLAGS (\\Flagged)")).await.no("UNAVAILABLE");
    let waited = world.clock.now().0 - before.0;
    assert!(waited <= 60, "{waited} seconds");
    bench.settle().await;
}

/// Every trouble of the token endpoint that may pass does not outlive itself.
#[tokio::test]
async fn trouble_with_the_token_endpoint_passes() {
    let mut bench = Bench::new().await;
    for trouble in trouble::every() {
        if trouble.nature != Nature::Passing || trouble.name == "401" {
            continue;
        }
        for for_ever in [false, true] {
            let rule = Rule::on(Kind::Token).answer(trouble.fault.clone());
            bench.world.tenant.faults().push(if for_ever { rule.always() } else { rule });
            bench.world.tenant.expire_access_tokens();
            let Bench { world, imap, .. } = &mut bench;
            let store = imap.command("STORE 1 +FLAGS (\\Flagged)");
            let answer = match trouble.fault {
                Fault::Stall => Bench::patiently(world, store).await,
                _ => store.await,
            };
            let answer = if for_ever { answer.no("UNAVAILABLE") } else { answer.ok() };
            bench.check_shown(&answer);
            bench.settle().await;
            bench.imap.command("STORE 1 -FLAGS (\\Flagged)").await.ok();
        }
    }
}

#[tokio::test]
async fn a_revoked_sign_in_is_told_for_what_it_is_and_the_mail_that_is_here_stays_readable() {
    let mut bench = Bench::new().await;
    bench.world.tenant.revoke(ADA);
    bench.imap.command("STORE 1 +FLAGS (\\Flagged)").await.no("CONTACTADMIN");
    let answer = bench.imap.command("FETCH 1 BODY.PEEK[]").await.ok();
    assert_eq!(answer.literal().as_deref(), Some(bench.ledger.original("message-1")));
    bench.world.forget();
    bench.imap.command("STORE 1 +FLAGS (\\Flagged)").await.no("CONTACTADMIN");
    assert_eq!(bench.world.requests(), 0, "a lapsed sign-in is not tried again and again");
}

#[tokio::test]
async fn what_was_answered_no_in_doubt_is_not_doubled_by_the_next_try() {
    let world = World::new().await;
    world.ready().await;
    let mut imap = world.imap().await;
    for (folder, kind) in [("Drafts", Kind::CreateMime), ("INBOX", Kind::CreateJson)] {
        let faults = world.tenant.faults();
        faults.push(Rule::on(kind).answer(Fault::CutAfter));
        faults.push(Rule::on(Kind::ListMessages).always().answer(Fault::CutBefore));
        let message = mail(folder);
        imap.append(folder, &message).await.no("UNAVAILABLE");
        faults.clear();
        imap.append(folder, &message).await.ok();
        assert_eq!(world.ada().items(folder).len(), 1, "{folder}");
    }
}
