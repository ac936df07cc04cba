//! LIST, LSUB, SUBSCRIBE, STATUS: what folders there are.

use m365_sim::switch::Language;
use m365_sim::{Switches, Tenant};

use crate::imap_client::Answer;
use crate::world::{ADA, World, mail};

/// The names in LIST or LSUB responses, in order.
fn names(answer: &Answer) -> Vec<String> {
    let name = |line: &String| {
        let (_, name) = line.split_once(" \"/\" ").unwrap_or_else(|| panic!("not a list: {line}"));
        name.trim_matches('"').to_owned()
    };
    answer.lines().iter().map(name).collect()
}

fn made_with(change: impl FnOnce(&mut Switches)) -> m365_sim::Builder {
    let mut switches = Switches::default();
    change(&mut switches);
    Tenant::builder().switches(switches).user(ADA)
}

#[tokio::test]
async fn folders_are_listed_with_special_uses_and_children() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("Inbox/Projects/2026");
        tenant.person(ADA).folder("Drafts/Later");
    })
    .await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST \"\" *").await.ok();
    for line in [
        "* LIST (\\HasChildren) \"/\" INBOX",
        "* LIST (\\HasChildren) \"/\" INBOX/Projects",
        "* LIST (\\HasNoChildren) \"/\" INBOX/Projects/2026",
        "* LIST (\\HasNoChildren \\Archive) \"/\" Archive",
        "* LIST (\\HasChildren \\Drafts) \"/\" Drafts",
        "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"",
        "* LIST (\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"",
        "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk Email\"",
    ] {
        assert!(answer.has(line), "{line} in {answer}");
    }
    assert_eq!(names(&answer)[0], "INBOX");
    let special = imap.command("LIST (SPECIAL-USE) \"\" *").await.ok();
    let expected = ["Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items"];
    assert_eq!(names(&special), expected);
}

#[tokio::test]
async fn percent_stays_within_a_level_and_star_does_not() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Work/2026/May"))).await;
    let mut imap = world.imap().await;
    let mut list = async |arguments: &str| {
        let answer = imap.command(&format!("LIST {arguments}")).await.ok();
        names(&answer)
    };
    assert_eq!(list("\"\" W%").await, ["Work"]);
    assert_eq!(list("\"\" Work/%").await, ["Work/2026"]);
    assert_eq!(list("\"\" Work/*").await, ["Work/2026", "Work/2026/May"]);
    assert_eq!(list("Work/ %/%").await, ["Work/2026/May"]);
    assert_eq!(list("\"\" *May").await, ["Work/2026/May"]);
    assert_eq!(list("\"\" inbox").await, ["INBOX"]);
    assert_eq!(list("\"\" work").await, [""; 0], "names have their case");
    assert!(!list("\"\" %").await.contains(&"Work/2026".to_owned()));
    let root = imap.command("LIST \"\" \"\"").await.ok();
    root.expect("* LIST (\\Noselect) \"/\" \"\"");
}

#[tokio::test]
async fn names_in_other_scripts_travel_in_modified_utf_7() {
    let world = World::with(|tenant| drop(tenant.person(ADA).folder("Entwürfe & 日本語"))).await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST \"\" Ent*").await.ok();
    let name = "Entw&APw-rfe &- &ZeVnLIqe-";
    assert_eq!(names(&answer), [name]);
    imap.command(&format!("SELECT \"{name}\"")).await.ok();
    imap.command("CREATE \"Gel&APY-scht\"").await.ok();
    assert!(world.ada().folders().contains(&"Gelöscht".to_owned()));
    imap.command("SELECT \"Entw&APw\"").await.no("NONEXISTENT");
    // Some clients send UTF-8 whatever was agreed.
    imap.command("SELECT \"Gelöscht\"").await.ok();
}

#[tokio::test]
async fn a_slash_or_a_wildcard_in_a_name_is_spelled_out() {
    let world = World::with(|tenant| {
        tenant.person(ADA).folder("In\\/Out").deliver(mail("Slash"));
        tenant.person(ADA).folder("50%").deliver(mail("Percent"));
    })
    .await;
    let mut imap = world.imap().await;
    let answer = imap.command("LIST \"\" *Out").await.ok();
    assert_eq!(names(&answer), ["In_x002F_Out"]);
    imap.command("SELECT In_x002F_Out").await.ok().expect("* 1 EXISTS");
    let answer = imap.command("LIST \"\" 50*").await.ok();
    assert_eq!(names(&answer), ["50_x0025_"]);
    imap.command("SELECT 50_x0025_").await.ok().expect("* 1 EXISTS");
    imap.command("CREATE Up_x002F_Down").await.ok();
    assert!(world.ada().folders().contains(&"Up\\/Down".to_owned()));
}

#[tokio::test]
async fn special_folders_are_known_by_what_they_are_for_whatever_their_language() {
    let builder = made_with(|switches| switches.folders.language = Language::German);
    let world = World::made(builder, |_| {}).await;
    world.ada().inbox().deliver(mail("Hallo"));
    let mut imap = world.imap().await;
    let answer = imap.command("LIST \"\" *").await.ok();
    assert!(answer.has("* LIST (\\HasNoChildren) \"/\" INBOX"), "{answer}");
    assert!(answer.has("* LIST (\\HasNoChildren \\Drafts) \"/\" Entw&APw-rfe"), "{answer}");
    assert!(answer.has("* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendete Elemente\""), "{answer}");
    assert!(!answer.to_string().contains("Posteingang"), "{answer}");
    imap.command("SELECT INBOX").await.ok().expect("* 1 EXISTS");
}

#[tokio::test]
async fn search_folders_and_folders_of_other_classes_are_not_shown() {
    let builder = made_with(|switches| {
        switches.folders.search_folder = true;
        switches.folders.foreign_classes = true;
    });
    let world = World::made(builder, |_| {}).await;
    let before = World::new().await;
    let mut plain = before.imap().await;
    let expected = names(&plain.command("LIST \"\" *").await.ok());
    let mut imap = world.imap().await;
    assert_eq!(names(&imap.command("LIST \"\" *").await.ok()), expected);
    assert!(world.ada().folders().len() > expected.len(), "the service has more");
}

#[tokio::test]
async fn subscriptions_are_the_bridges_own_and_outlive_it() {
    let mut world = World::with(|tenant| drop(tenant.person(ADA).folder("Work/2026"))).await;
    let mut imap = world.imap().await;
    imap.command("UNSUBSCRIBE INBOX").await.ok();
    imap.command("SUBSCRIBE Work/2026").await.ok();
    imap.command("SUBSCRIBE Gone").await.ok();
    imap.command("LOGOUT").await.ok();
    world.restart().await;
    let mut imap = world.imap().await;
    let answer = imap.command("LSUB \"\" *").await.ok();
    assert!(names(&answer).contains(&"Work/2026".to_owned()), "{answer}");
    assert!(!names(&answer).contains(&"INBOX".to_owned()), "{answer}");
    assert!(answer.has("* LSUB (\\Noselect) \"/\" Gone"), "{answer}");
    imap.command("UNSUBSCRIBE Work").await.ok();
    let answer = imap.command("LSUB \"\" %").await.ok();
    assert!(answer.has("* LSUB (\\Noselect) \"/\" Work"), "{answer}");
    assert!(!names(&answer).contains(&"Work/2026".to_owned()), "{answer}");
    imap.command("UNSUBSCRIBE Gone").await.ok();
    let answer = imap.command("LSUB \"\" *").await.ok();
    assert!(!names(&answer).contains(&"Gone".to_owned()), "{answer}");
}

#[tokio::test]
async fn status_tells_counts_without_opening_anything() {
    let world = World::with(|tenant| {
        let work = tenant.person(ADA).folder("Work");
        work.deliver(mail("One"));
        let read = work.deliver(mail("Two"));
        tenant.person(ADA).outlook().mark_read(&read, true);
    })
    .await;
    let mut imap = world.selected("INBOX").await;
    let answer = imap.command("STATUS Work (MESSAGES RECENT UNSEEN UIDNEXT)").await.ok();
    let answer = answer.expect("* STATUS Work (MESSAGES 2 RECENT 2 UNSEEN 1 UIDNEXT 3)");
    assert_eq!(answer.untagged.len(), 1, "{answer}");
    let status = imap.command("STATUS Work (UIDVALIDITY)").await.ok();
    let select = imap.command("EXAMINE Work").await.ok();
    let validity = select.code("UIDVALIDITY");
    status.expect(&format!("* STATUS Work (UIDVALIDITY {validity})"));
    imap.command("STATUS Nowhere (MESSAGES)").await.no("NONEXISTENT");
    imap.command("STATUS Work ()").await.bad();
    imap.command("STATUS Work (NONSENSE)").await.bad();
}

#[tokio::test]
async fn status_sees_mail_that_came_since_the_last_poll() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.command("STATUS INBOX (MESSAGES)").await.ok().expect("* STATUS INBOX (MESSAGES 0)");
    world.ada().inbox().deliver(mail("News"));
    world.tick().await;
    imap.command("STATUS INBOX (MESSAGES)").await.ok().expect("* STATUS INBOX (MESSAGES 1)");
}
