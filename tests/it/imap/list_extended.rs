//! LIST with options, STATUS in LIST, and what STATUS tells beyond RFC 3501.

use m365_sim::{Fault, Kind, Rule};

use crate::imap_client::Answer;
use crate::world::{ADA, World, mail};

async fn with_subscriptions() -> World {
    let world = World::with(|tenant| {
        for folder in ["Work/2026/May", "Work/2026/June", "Play"] {
            tenant.person(ADA).folder(folder);
        }
    })
    .await;
    let mut imap = world.imap().await;
    for folder in imap.command("LSUB \"\" *").await.ok().lines() {
        let (_, name) = folder.split_once(" \"/\" ").unwrap();
        imap.command(&format!("UNSUBSCRIBE {name}")).await.ok();
    }
    for folder in ["Work/2026/May", "Play", "Gone/Deep", "Drafts"] {
        imap.command(&format!("SUBSCRIBE {folder}")).await.ok();
    }
    world
}

/// The lines of an answer, in order.
#[track_caller]
fn says(answer: &Answer, lines: &[&str]) {
    assert_eq!(answer.lines(), lines, "{answer}");
}

#[tokio::test]
async fn subscribed_names_are_listed_with_what_is_true_of_them() {
    let world = with_subscriptions().await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST (SUBSCRIBED) \"\" *").await.ok();
    let lines = [
        "* LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" Drafts",
        "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" Gone/Deep",
        "* LIST (\\HasNoChildren \\Subscribed) \"/\" Play",
        "* LIST (\\HasNoChildren \\Subscribed) \"/\" Work/2026/May",
    ];
    says(&answer, &lines);
    let lsub = imap.command("LSUB \"\" *").await.ok();
    assert_eq!(lsub.untagged.len(), lines.len(), "both tell of the same: {lsub}");
    let answer = imap.command("LIST \"\" (Work Play) RETURN (SUBSCRIBED CHILDREN)").await.ok();
    let play = "* LIST (\\HasNoChildren \\Subscribed) \"/\" Play";
    says(&answer, &[play, "* LIST (\\HasChildren) \"/\" Work"]);
    let answer = imap.command("LIST \"\" Play RETURN ()").await.ok();
    says(&answer, &["* LIST (\\HasNoChildren) \"/\" Play"]);
}

#[tokio::test]
async fn a_recursive_match_tells_of_parents_whose_children_are_not_shown() {
    let world = with_subscriptions().await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %").await.ok();
    let below = "(\"CHILDINFO\" (\"SUBSCRIBED\"))";
    let lines = [
        "* LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" Drafts",
        &format!("* LIST (\\NonExistent \\HasNoChildren) \"/\" Gone {below}"),
        "* LIST (\\HasNoChildren \\Subscribed) \"/\" Play",
        &format!("* LIST (\\HasChildren) \"/\" Work {below}"),
    ];
    says(&answer, &lines);
    let answer = imap.command("LIST (RECURSIVEMATCH SUBSCRIBED) \"\" Work*").await.ok();
    says(&answer, &["* LIST (\\HasNoChildren \\Subscribed) \"/\" Work/2026/May"]);
    let answer = imap.command("LIST (RECURSIVEMATCH SPECIAL-USE SUBSCRIBED) \"\" %").await.ok();
    says(&answer, &["* LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" Drafts"]);
    imap.command("LIST (RECURSIVEMATCH) \"\" *").await.bad();
    imap.command("LIST (REMOTE RECURSIVEMATCH) \"\" *").await.bad();
    imap.command("LIST (NONSENSE) \"\" *").await.bad();
    imap.command("LIST \"\" * RETURN (NONSENSE)").await.bad();
    imap.command("LIST \"\" * RETURN (STATUS (NONSENSE))").await.bad();
}

#[tokio::test]
async fn several_patterns_show_each_folder_once() {
    let world = with_subscriptions().await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST (REMOTE) Work/ (2026 %/May *May)").await.ok();
    let may = "* LIST (\\HasNoChildren) \"/\" Work/2026/May";
    says(&answer, &["* LIST (\\HasChildren) \"/\" Work/2026", may]);
    let answer = imap.command("LIST (SPECIAL-USE) \"\" (D% Play)").await.ok();
    let trash = "* LIST (\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"";
    says(&answer, &[trash, "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts"]);
}

#[tokio::test]
async fn list_tells_the_status_of_every_folder_there_is() {
    let world = World::with(|tenant| {
        tenant.person(ADA).inbox().deliver(mail("One"));
        tenant.person(ADA).folder("Work/Deep").deliver(mail("Two"));
    })
    .await;
    let mut imap = world.imap().await;
    imap.command("SUBSCRIBE Workless").await.ok();
    let answer = imap.command(
        "LIST (SUBSCRIBED) \"\" (INBOX W*) RETURN (STATUS (MESSAGES UIDNEXT UNSEEN DELETED))",
    );
    let answer = answer.await.ok();
    for folder in ["INBOX", "Work/Deep"] {
        let line = format!("* STATUS {folder} (MESSAGES 1 UIDNEXT 2 UNSEEN 1 DELETED 0)");
        assert!(answer.has(&line), "{answer}");
    }
    assert!(answer.has("* STATUS Work (MESSAGES 0 UIDNEXT 1 UNSEEN 0 DELETED 0)"), "{answer}");
    assert_eq!(answer.untagged.len(), 4 + 3, "{answer}");
    assert!(!answer.to_string().contains("STATUS Workless"), "{answer}");
    for items in ["MESSAGES RECENT UIDVALIDITY HIGHESTMODSEQ", "SIZE MAILBOXID APPENDLIMIT"] {
        let status = imap.command(&format!("STATUS Work/Deep ({items})")).await.ok().lines();
        let listed = imap.command(&format!("LIST \"\" Work/Deep RETURN (STATUS ({items}))")).await;
        assert_eq!(listed.ok().lines()[1..], status);
    }
}

#[tokio::test]
async fn a_parent_shown_for_what_lies_below_it_has_no_status_told() {
    let world = with_subscriptions().await;
    let mut imap = world.imap().await;
    let list = "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (MESSAGES))";
    let answer = imap.command(list).await.ok();
    let below = "(\"CHILDINFO\" (\"SUBSCRIBED\"))";
    let answer = answer.expect(&format!("* LIST (\\HasChildren) \"/\" Work {below}"));
    let statuses = answer.lines().into_iter().filter(|line| line.starts_with("* STATUS"));
    let statuses: Vec<String> = statuses.collect();
    assert_eq!(statuses, ["* STATUS Drafts (MESSAGES 0)", "* STATUS Play (MESSAGES 0)"]);
}

#[tokio::test]
async fn the_status_of_forty_folders_is_free_and_news_cost_a_request_for_twenty() {
    let world = World::with(|tenant| {
        for number in 0..40 {
            tenant.person(ADA).folder(&format!("Work/{number:02}")).deliver(mail("One"));
        }
    })
    .await;
    let mut imap = world.imap().await;
    let list = "LIST \"\" Work/* RETURN (STATUS (MESSAGES UNSEEN))";
    assert_eq!(imap.command(list).await.ok().untagged.len(), 80);
    world.tick().await;
    world.ada().folder("Work/07").deliver(mail("Two"));
    world.forget();
    let answer = imap.command(list).await.ok();
    assert!(answer.has("* STATUS Work/07 (MESSAGES 2 UNSEEN 2)"), "{answer}");
    // Two for the folders, and what the news themselves cost: a look-up and a count.
    assert!(world.requests() <= 4, "{} requests", world.requests());
    world.forget();
    imap.command(list).await.ok();
    assert_eq!(world.requests(), 0);
    // No folder is watched for it: those that someone has open are not kept waiting.
    world.forget();
    world.tick().await;
    assert_eq!(world.tenant.journal().of(Kind::MessageDelta).len(), 1, "the inbox alone");
}

#[tokio::test]
async fn a_folder_that_cannot_be_looked_into_is_listed_without_its_status() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Work").deliver(mail("One"));
        tenant.person(ADA).folder("Play").deliver(mail("One"));
    })
    .await;
    world.ready().await;
    let mut imap = world.imap().await;
    let refused = Fault::status(403, "ErrorAccessDenied");
    let rule = Rule::on(Kind::MessageDelta).always().answer(refused);
    world.tenant.faults().push(rule);
    let list = "LIST \"\" (Work Play) RETURN (STATUS (MESSAGES))";
    let answer = imap.command(list).await.ok();
    let lines = ["* LIST (\\HasNoChildren) \"/\" Play", "* LIST (\\HasNoChildren) \"/\" Work"];
    says(&answer, &lines);
    world.tenant.faults().clear();
    let answer = imap.command(list).await.ok();
    assert!(answer.has("* STATUS Work (MESSAGES 1)"), "{answer}");
    assert!(answer.has("* STATUS Play (MESSAGES 1)"), "{answer}");
}

fn size_in(answer: &Answer) -> u64 {
    let line = answer.lines().remove(0);
    let (_, size) = line.split_once("(SIZE ").unwrap();
    size.trim_end_matches(')').parse().unwrap()
}

#[tokio::test]
async fn size_is_never_too_low_and_exact_once_every_message_was_read() {
    let world = World::with(|tenant| tenant.person(ADA).inbox().seed(5)).await;
    let mut imap = world.imap().await;
    world.forget();
    let guess = size_in(&imap.command("STATUS INBOX (SIZE)").await.ok());
    imap.command("EXAMINE INBOX").await.ok();
    let answer = imap.command("FETCH 1:* RFC822.SIZE").await.ok();
    let of = |line: &String| {
        let (_, size) = line.split_once("RFC822.SIZE ").unwrap();
        size.trim_end_matches(')').parse::<u64>().unwrap()
    };
    let sum: u64 = answer.lines().iter().map(of).sum();
    assert!(guess > sum, "{guess} for {sum}");
    assert_eq!(size_in(&imap.command("STATUS INBOX (SIZE)").await.ok()), sum);
    assert_eq!(size_in(&imap.command("STATUS Drafts (SIZE)").await.ok()), 0);
}

#[tokio::test]
async fn a_folder_has_a_name_of_its_own_that_outlives_rename_and_restart() {
    let mut world = World::with(|tenant| drop(tenant.person(ADA).folder("Work/Deep"))).await;
    let mut imap = world.imap().await;
    let fresh = imap.command("CREATE Fresh").await.ok().code("MAILBOXID");
    let deep = imap.command("SELECT Work/Deep").await.ok().code("MAILBOXID");
    assert_ne!(fresh, deep);
    let within = deep.trim_start_matches('(').trim_end_matches(')');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(!within.is_empty() && within.bytes().all(allowed), "{deep}");
    assert_eq!(imap.command("EXAMINE Fresh").await.ok().code("MAILBOXID"), fresh);
    imap.command("RENAME Work Job").await.ok();
    let status = format!("* STATUS Job/Deep (MAILBOXID {deep})");
    imap.command("STATUS Job/Deep (MAILBOXID)").await.ok().expect(&status);
    world.restart().await;
    let mut imap = world.imap().await;
    imap.command("STATUS Job/Deep (MAILBOXID)").await.ok().expect(&status);
    imap.command("DELETE Fresh").await.ok();
    let again = imap.command("CREATE Fresh").await.ok().code("MAILBOXID");
    assert_ne!(again, fresh, "another folder of the same name");
}

#[tokio::test]
async fn the_largest_message_that_append_takes_is_told() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    let line = imap.command("STATUS INBOX (APPENDLIMIT)").await.ok().lines().remove(0);
    let (_, limit) = line.split_once("(APPENDLIMIT ").unwrap();
    let limit: u64 = limit.trim_end_matches(')').parse().unwrap();
    let tag = imap.begin(format!("APPEND INBOX {{{}}}", limit + 1).as_bytes()).await;
    imap.answer(&tag).await.no("TOOBIG");
    let tag = imap.begin(format!("APPEND INBOX {{{limit}}}").as_bytes()).await;
    assert!(imap.text().await.starts_with('+'), "{tag} is wanted");
}
