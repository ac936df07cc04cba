//! What a client does, and how often it was done.

use super::bench::{Bench, DRAFTS, SENT, TARGET, WORK};
use super::truth::{fetched, held};
use crate::imap_client::{Answer, ImapClient};
use crate::world::id;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Deed {
    SelectUnknown,
    SelectKnown,
    Noop,
    Status,
    List,
    Fetch,
    FetchAndMark,
    Store,
    StoreMany,
    StoreKeyword,
    Copy,
    CopyMany,
    Move,
    MoveMany,
    Expunge,
    ExpungeMany,
    AppendDraft,
    AppendSent,
    Append,
    Create,
    Rename,
    RenameElsewhere,
    Delete,
}

/// What it is done to.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) subjects: Vec<String>,
    pub(crate) uids: String,
    pub(crate) folder: String,
    pub(crate) message: Vec<u8>,
}

impl Stage {
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }
}

impl Deed {
    pub(super) async fn prepare(self, bench: &mut Bench) -> Stage {
        match self {
            Self::SelectUnknown | Self::Status => self.unknown_folder(bench).await,
            Self::SelectKnown | Self::Noop => {
                bench.recover().await;
                let subjects = bench.deliver(WORK, 1);
                let ada = bench.world.ada();
                let first = &ada.items(WORK)[0];
                ada.outlook().mark_read(&id(first), !first.is_read);
                bench.world.advance(std::time::Duration::from_secs(2));
                Stage { subjects, ..Stage::default() }
            }
            Self::List => {
                bench.recover().await;
                bench.world.advance(crate::world::POLL);
                Stage::default()
            }
            Self::Fetch
            | Self::FetchAndMark
            | Self::Store
            | Self::StoreKeyword
            | Self::Copy
            | Self::Move
            | Self::Expunge => self.messages(bench, 1).await,
            Self::StoreMany | Self::CopyMany | Self::MoveMany | Self::ExpungeMany => {
                self.messages(bench, 3).await
            }
            Self::AppendDraft | Self::AppendSent | Self::Append => {
                bench.recover().await;
                let (subject, message) = bench.fresh_message();
                Stage { subjects: vec![subject], message, ..Stage::default() }
            }
            Self::Create => {
                bench.recover().await;
                Stage { folder: bench.fresh_name("folder-"), ..Stage::default() }
            }
            Self::Rename | Self::RenameElsewhere | Self::Delete => {
                let folder = bench.fresh_name("folder-");
                bench.world.ada().outlook().create_folder(&folder);
                bench.recover().await;
                Stage { folder, ..Stage::default() }
            }
        }
    }

    async fn unknown_folder(self, bench: &mut Bench) -> Stage {
        let folder = bench.fresh_name("folder-");
        bench.world.ada().outlook().create_folder(&folder);
        let subjects = bench.deliver(&folder, 2);
        bench.recover().await;
        Stage { subjects, folder, ..Stage::default() }
    }

    async fn messages(self, bench: &mut Bench, messages: usize) -> Stage {
        let (subjects, uids) = bench.arrived(messages).await;
        assert_eq!(uids.len(), messages, "the client knows what arrived");
        let uids = uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        if matches!(self, Self::Expunge | Self::ExpungeMany) {
            bench.imap.command(&format!("UID STORE {uids} +FLAGS (\\Deleted)")).await.ok();
        }
        Stage { subjects, uids, ..Stage::default() }
    }

    pub(crate) async fn act(self, imap: &mut ImapClient, stage: &Stage) -> Answer {
        let Stage { uids, folder, message, .. } = stage;
        let command = match self {
            Self::SelectUnknown => format!("EXAMINE {folder}"),
            Self::SelectKnown => format!("SELECT {WORK}"),
            Self::Noop => "NOOP".to_owned(),
            Self::Status => format!("STATUS {folder} (MESSAGES UIDNEXT UNSEEN)"),
            Self::List => "LIST \"\" *".to_owned(),
            Self::Fetch => format!("UID FETCH {uids} (FLAGS BODY.PEEK[])"),
            Self::FetchAndMark => format!("UID FETCH {uids} (FLAGS BODY[])"),
            Self::Store | Self::StoreMany => format!("UID STORE {uids} +FLAGS (\\Flagged \\Seen)"),
            Self::StoreKeyword => format!("UID STORE {uids} +FLAGS (Green \\Seen)"),
            Self::Copy | Self::CopyMany => format!("UID COPY {uids} {TARGET}"),
            Self::Move | Self::MoveMany => format!("UID MOVE {uids} {TARGET}"),
            Self::Expunge | Self::ExpungeMany => format!("UID EXPUNGE {uids}"),
            Self::AppendDraft => {
                return imap.append(&format!("{DRAFTS} (\\Draft \\Flagged)"), message).await;
            }
            Self::AppendSent => return imap.append(&format!("{SENT} (\\Seen)"), message).await,
            Self::Append => return imap.append(&format!("{TARGET} (\\Flagged)"), message).await,
            Self::Create => format!("CREATE {folder}"),
            Self::Rename => format!("RENAME {folder} {folder}-new"),
            Self::RenameElsewhere => format!("RENAME {folder} {TARGET}/{folder}-new"),
            Self::Delete => format!("DELETE {folder}"),
        };
        imap.command(&command).await
    }

    /// To the folder where all the others happen.
    pub(super) async fn come_back(self, bench: &mut Bench) {
        if self == Self::SelectUnknown {
            bench.recover().await;
            bench.imap.command(&format!("SELECT {WORK}")).await.ok();
        }
    }

    /// What it left behind that the next one would stumble over.
    pub(super) async fn tidy(self, bench: &mut Bench, stage: &Stage) {
        if !stage.folder.is_empty() {
            let ada = bench.world.ada();
            let of_it = |path: &String| path.contains(stage.folder.as_str());
            if let Some(path) = ada.folders().into_iter().find(of_it)
                && !path.starts_with("Deleted")
            {
                ada.outlook().delete_folder(&path);
            }
        }
        bench.clean();
    }

    /// How often each part of it is done, by the tenant's word; `None` for what only reads.
    pub(super) fn times(self, bench: &Bench, stage: &Stage) -> Option<Vec<usize>> {
        let each = |count: &dyn Fn(&String) -> usize| stage.subjects.iter().map(count).collect();
        let flagged = |subject: &String, flag: &str| {
            let held = held(&bench.world.ada(), WORK);
            let found = held.iter().find(|(known, _)| known == subject);
            usize::from(found.is_some_and(|(_, flags)| flags.contains(flag)))
        };
        let folder = stage.folder.as_str();
        Some(match self {
            Self::SelectUnknown | Self::SelectKnown | Self::Noop | Self::Status => return None,
            Self::List | Self::Fetch | Self::FetchAndMark => return None,
            Self::Store | Self::StoreMany => each(&|subject| flagged(subject, "\\Flagged")),
            Self::StoreKeyword => each(&|subject| flagged(subject, "Green")),
            Self::Copy | Self::CopyMany => each(&|subject| {
                assert_eq!(bench.copies(WORK, subject), 1, "a copy costs the original");
                bench.copies(TARGET, subject)
            }),
            Self::Move | Self::MoveMany => each(&|subject| {
                let (here, there) = (bench.copies(WORK, subject), bench.copies(TARGET, subject));
                assert_eq!(here + there, 1, "{subject} was lost or doubled by a move");
                there
            }),
            Self::Expunge | Self::ExpungeMany => each(&|subject| 1 - bench.copies(WORK, subject)),
            Self::AppendDraft => each(&|subject| bench.copies(DRAFTS, subject)),
            Self::AppendSent => each(&|subject| bench.copies(SENT, subject)),
            Self::Append => each(&|subject| bench.copies(TARGET, subject)),
            Self::Create => vec![usize::from(bench.has_folder(folder))],
            Self::Rename => vec![usize::from(bench.has_folder(&format!("{folder}-new")))],
            Self::RenameElsewhere => {
                vec![usize::from(bench.has_folder(&format!("{TARGET}/{folder}-new")))]
            }
            Self::Delete => vec![usize::from(!bench.has_folder(folder))],
        })
    }

    /// An OK that reads must have read the truth.
    pub(super) fn check_read(self, bench: &Bench, stage: &Stage, answer: &Answer) {
        match self {
            Self::SelectUnknown => assert!(answer.has("* 2 EXISTS"), "{answer}"),
            Self::SelectKnown => {
                let there = bench.world.ada().items(WORK).len();
                assert!(answer.has(&format!("* {there} EXISTS")), "{answer}");
            }
            Self::Status => {
                let line = format!("* STATUS {} (MESSAGES 2 UIDNEXT 3 UNSEEN 2)", stage.folder);
                assert!(answer.has(&line), "{answer}");
            }
            Self::List => {
                assert!(answer.lines().iter().any(|line| line.ends_with(WORK)), "{answer}");
            }
            Self::Fetch | Self::FetchAndMark => {
                let bytes: Vec<_> =
                    fetched(answer).into_iter().filter_map(|seen| seen.bytes).collect();
                assert_eq!(bytes, [bench.ledger.original(&stage.subjects[0])], "{answer}");
            }
            _ => {}
        }
    }
}
