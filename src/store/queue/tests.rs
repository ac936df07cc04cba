use std::net::Ipv4Addr;

use super::*;
use crate::mailbox::{Address, Envelope, Octets, Recipient, ReportOn, Reports, Returned, SenderBy};

struct Site {
    root: tempfile::TempDir,
    queue: QueueFolder,
}

const NOW: Timestamp = Timestamp(1_795_428_000);

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let queue = QueueFolder::of(root.path());
        Self { root, queue }
    }

    fn accept(&self, text: &str) -> Entry {
        let message = self.root.path().join("spooled");
        let file = files::make_private(&message).unwrap();
        fs::write(&message, text).unwrap();
        drop(file);
        let entry = entry(text);
        self.queue.accept(&message, &entry).unwrap();
        assert!(!message.exists(), "it went over");
        entry
    }

    fn outbox(&self) -> PathBuf {
        self.root.path().join(DIRECTORY)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.outbox()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn address(text: &str) -> Address {
    Address::new(text).unwrap()
}

fn entry(text: &str) -> Entry {
    Entry {
        id: QueueId::new(NOW),
        accepted: NOW,
        envelope: Envelope {
            sender: Some(address("ada@a.test")),
            sender_by: SenderBy::Client,
            recipients: vec![
                Recipient {
                    address: address("b@x.test"),
                    reports: Some(Reports(vec![ReportOn::Failure, ReportOn::Delay])),
                    original: Some("rfc822;first@x.test".into()),
                },
                Recipient {
                    address: address("c@x.test"),
                    reports: Some(Reports(vec![])),
                    original: None,
                },
                address("d@x.test").into(),
            ],
            id: Some("an envelope".into()),
            returned: Some(Returned::Headers),
            octets: Octets::Binary,
        },
        login: "ada@a.test".to_owned(),
        client: Ipv4Addr::LOCALHOST.into(),
        profile: Some("scanner".to_owned()),
        size: text.len() as u64,
        message_id: "<1@a.test>".to_owned(),
        naming: Naming::Client,
        key: Digest([1; 32]),
        received: Digest([0xab; 32]),
        staged: Digest([3; 32]),
        routing: Routing {
            save_to_sent: false,
            messages_per_minute: 30,
            recipients_per_day: 10_000,
            unchecked: vec!["sales@a.test".to_owned()],
            follows: Some("earlier".to_owned()),
        },
    }
}

#[test]
fn what_was_accepted_is_found_again_as_it_was() {
    let site = Site::new();
    let first = site.accept("one");
    let found = site.queue.survey(NOW).unwrap();
    let [Found::Whole(entry, state)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(**entry, first);
    assert_eq!(*state, State::default());
    assert_eq!(fs::read_to_string(site.queue.message(&first.id)).unwrap(), "one");
    let why = Words { code: 550, status: "5.7.1".into(), text: "No".into() };
    let state = State {
        course: Course::Report { why: why.clone(), begun: Some(NOW) },
        tries: 3,
        tried: Some(NOW),
        in_doubt: Some(NOW),
        last: Some(why),
        ..State::default()
    };
    site.queue.set_state(&first.id, &state).unwrap();
    assert_eq!(site.queue.state(&first.id, NOW).unwrap(), state);
}

#[test]
fn what_was_asked_is_written_down_and_earlier_releases_did_not_say() {
    let site = Site::new();
    let id = site.accept("one").id;
    let asked = Some(Asked { attempt: id.to_string(), step: Step::Dispatch });
    let mut state = State::default();
    state.set_doubt(Some(Doubt { since: NOW, asked }));
    site.queue.set_state(&id, &state).unwrap();
    assert_eq!(site.queue.state(&id, NOW).unwrap(), state);
    let text = fs::read_to_string(site.queue.path(&id, STATE)).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("asked").unwrap();
    fs::write(site.queue.path(&id, STATE), value.to_string()).unwrap();
    let doubt = site.queue.state(&id, NOW).unwrap().doubt();
    assert_eq!(doubt, Some(Doubt { since: NOW, asked: None }));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_what_is_queued() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let id = site.accept("one").id;
    site.queue.set_state(&id, &State::default()).unwrap();
    site.queue.leave_order(&id, Order::Hold).unwrap();
    let modes = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(modes(&site.outbox()), 0o700);
    assert_eq!(site.names().len(), 4);
    for name in site.names() {
        assert_eq!(modes(&site.outbox().join(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_removed_message_leaves_nothing_behind() {
    let site = Site::new();
    let id = site.accept("one").id;
    site.queue.set_state(&id, &State::default()).unwrap();
    site.queue.remove(&id).unwrap();
    assert!(site.names().is_empty());
    site.queue.remove(&id).unwrap();
}

/// A crash keeps any number of the first steps of accepting and of removing.
#[test]
fn a_crash_while_accepting_or_removing_leaves_a_message_or_nothing() {
    let whole = Site::new();
    let accepted = whole.accept("one");
    whole.queue.set_state(&accepted.id, &State::default()).unwrap();
    let json = fs::read(whole.queue.path(&accepted.id, ENTRY)).unwrap();
    let state = fs::read(whole.queue.path(&accepted.id, STATE)).unwrap();
    let half = json[..json.len() / 2].to_vec();
    let (eml, entry, drafted) = (MESSAGE, ENTRY, "json.new");
    type Left<'a> = &'a [(&'a str, &'a [u8])];
    let crashes: [(Left<'_>, usize); 6] = [
        (&[], 0),
        (&[(eml, b"one")], 0),
        (&[(eml, b"one"), (drafted, &half)], 0),
        (&[(eml, b"one"), (entry, &json)], 1),
        // Removing: the entry went first.
        (&[(eml, b"one"), (STATE, &state)], 0),
        (&[(eml, b"one"), (entry, &json), ("state.new", b"{")], 1),
    ];
    for (files, messages) in crashes {
        let site = Site::new();
        fs::create_dir(site.outbox()).unwrap();
        for (kind, content) in files {
            fs::write(site.outbox().join(format!("{}.{kind}", accepted.id)), content).unwrap();
        }
        site.queue.tidy().unwrap();
        let found = site.queue.survey(NOW).unwrap();
        assert_eq!(found.len(), messages, "{files:?}");
        assert!(found.iter().all(|found| matches!(found, Found::Whole(..))), "{found:?}");
        assert_eq!(site.names().len(), 2 * messages, "{files:?}: {:?}", site.names());
    }
}

#[test]
fn what_is_damaged_is_kept_and_told_and_the_others_are_well() {
    let site = Site::new();
    let well = site.accept("well");
    let cut = site.accept("cut short");
    fs::write(site.queue.message(&cut.id), "cut").unwrap();
    let gone = site.accept("gone");
    fs::remove_file(site.queue.message(&gone.id)).unwrap();
    let garbled = site.accept("garbled");
    fs::write(site.queue.path(&garbled.id, ENTRY), "{\"version\":1,").unwrap();
    let newer = site.accept("newer");
    fs::write(site.queue.path(&newer.id, ENTRY), "{\"version\":2,\"more\":true}").unwrap();
    site.queue.tidy().unwrap();
    let found = site.queue.survey(NOW).unwrap();
    assert_eq!(found.len(), 5);
    for found in found {
        match found {
            Found::Whole(entry, _) => assert_eq!(entry.id, well.id),
            Found::Damaged { id, reason } => {
                let expected = match &id {
                    id if *id == cut.id => "3 octets instead of 9",
                    id if *id == gone.id => "missing",
                    id if *id == garbled.id => "damaged",
                    _ => "version 2",
                };
                assert!(reason.contains(expected), "{reason}");
            }
        }
    }
}

#[test]
fn a_state_that_cannot_be_read_is_a_try_of_which_nothing_is_known() {
    let site = Site::new();
    let id = site.accept("one").id;
    for text in ["", "{", "{\"version\":7}", "\0\0\0"] {
        fs::write(site.queue.path(&id, STATE), text).unwrap();
        let state = site.queue.state(&id, NOW).unwrap();
        assert!(state.in_doubt.is_some() && state.tried.is_some(), "{text:?}");
    }
}

#[test]
fn an_order_is_carried_out_once_and_answered() {
    let site = Site::new();
    let id = site.accept("one").id;
    site.queue.leave_order(&id, Order::Hold).unwrap();
    site.queue.leave_order(&id, Order::Retry).unwrap();
    assert_eq!(site.queue.orders().unwrap(), [(id.clone(), Order::Retry)]);
    assert_eq!(site.queue.take_reply(&id).unwrap(), None);
    let reply = site.queue.carry_out(&id, Order::Retry, NOW).unwrap();
    site.queue.reply(&id, reply).unwrap();
    assert!(site.queue.orders().unwrap().is_empty());
    assert_eq!(site.queue.take_reply(&id).unwrap(), Some(Reply::Done));
    assert_eq!(site.queue.take_reply(&id).unwrap(), None);
    assert_eq!(site.queue.state(&id, NOW).unwrap().next, NOW);
    assert_eq!(site.queue.carry_out(&id, Order::Drop, NOW).unwrap(), Reply::Done);
    assert_eq!(site.queue.carry_out(&id, Order::Hold, NOW).unwrap(), Reply::Gone);
    assert!(site.names().is_empty());
}

#[test]
fn a_message_whose_report_may_be_out_is_neither_held_nor_sent() {
    let why = Words { code: 550, status: "5.7.1".into(), text: "No".into() };
    let course = Course::Report { why, begun: Some(NOW) };
    for order in [Order::Retry, Order::Hold] {
        let mut state = State { course: course.clone(), ..State::default() };
        assert_eq!(state.obey(order, NOW), Reply::Reported);
        assert_eq!(state.course, course);
    }
}

#[test]
fn an_id_is_a_file_name_and_nothing_else() {
    let id = QueueId::new(NOW);
    assert_eq!(QueueId::parse(id.as_str()), Some(id.clone()));
    assert!(id < QueueId::new(Timestamp(NOW.0 + 1)));
    for text in
        ["", "../../etc/passwd", "6A00000000000000", "6a0000000000000", "6a00000000000000.x"]
    {
        assert_eq!(QueueId::parse(text), None, "{text}");
    }
}

#[test]
fn a_digest_is_read_as_it_is_written() {
    let digest = Digest([0x0f; 32]);
    assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    assert_eq!(Digest::parse("0f"), None);
    assert_eq!(Digest::parse(&"é".repeat(32)), None);
}
