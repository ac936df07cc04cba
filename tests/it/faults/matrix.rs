//! Each command, each kind of request it makes, each trouble, once and for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use m365_sim::{Fault, Kind, Rule};

use super::bench::Bench;
use super::deed::{Deed, Stage};
use super::trouble::{self, Nature, Trouble};
use crate::imap_client::Answer;

/// How long the trouble lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Span {
    /// It strikes one request, after so many that were spared.
    Once(usize),
    ForEver,
}

struct Case {
    deed: Deed,
    kind: Kind,
    trouble: Trouble,
    span: Span,
}

/// Requests of one kind by one command that are struck one after the other: more are alike.
const OCCURRENCES: usize = 2;

async fn every_trouble_with(deed: Deed) {
    let mut bench = Bench::new().await;
    let requests = probe(&mut bench, deed).await;
    assert!(!requests.is_empty(), "{deed:?} asks the tenant for something");
    let mut failures = Vec::new();
    for case in cases(deed, &requests) {
        let outcome = AssertUnwindSafe(meet(&mut bench, &case)).catch_unwind().await;
        if let Err(panic) = outcome {
            failures.push(format!("{case}: {}", words(panic.as_ref())));
            bench = Bench::new().await;
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} failures:\n{}", failures.join("\n\n"));
}

/// How many requests of each kind it makes when all goes well.
async fn probe(bench: &mut Bench, deed: Deed) -> BTreeMap<Kind, usize> {
    let stage = deed.prepare(bench).await;
    bench.world.forget();
    let answer = deed.act(&mut bench.imap, &stage).await.ok();
    let mut requests = BTreeMap::new();
    for entry in bench.world.tenant.journal().entries() {
        *requests.entry(entry.kind).or_insert(0) += 1;
    }
    verify(bench, deed, &stage, &answer);
    deed.come_back(bench).await;
    bench.settle().await;
    deed.tidy(bench, &stage).await;
    requests
}

fn cases(deed: Deed, requests: &BTreeMap<Kind, usize>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (&kind, &count) in requests {
        for trouble in trouble::every() {
            // Who looks for a message and does not find it has met no trouble, but news.
            if kind == Kind::GetMessage && trouble.name == "404" {
                continue;
            }
            let spans = (0..count.min(OCCURRENCES)).map(Span::Once).chain([Span::ForEver]);
            cases.extend(spans.map(|span| Case { deed, kind, trouble: trouble.clone(), span }));
        }
    }
    cases
}

async fn meet(bench: &mut Bench, case: &Case) {
    let deed = case.deed;
    let stage = deed.prepare(bench).await;
    bench.world.tenant.faults().push(case.rule());
    let answer = act(bench, case, &stage).await;
    case.judge(&answer);
    bench.check_shown(&answer);
    let done = deed.times(bench, &stage);
    if answer.tagged.starts_with("OK") {
        verify(bench, deed, &stage, &answer);
    }
    bench.imap.command("CAPABILITY").await.ok();
    deed.come_back(bench).await;
    bench.settle().await;
    retry(bench, case, &stage, (&answer, done)).await;
    deed.tidy(bench, &stage).await;
}

async fn act(bench: &mut Bench, case: &Case, stage: &Stage) -> Answer {
    let Bench { world, imap, .. } = bench;
    match case.trouble.fault {
        Fault::Stall => Bench::patiently(world, case.deed.act(imap, stage)).await,
        _ => case.deed.act(imap, stage).await,
    }
}

/// A client that was told NO tries again when the trouble is over. Nothing comes twice by that.
async fn retry(
    bench: &mut Bench,
    case: &Case,
    stage: &Stage,
    first: (&Answer, Option<Vec<usize>>),
) {
    let (answer, Some(before)) = first else { return };
    assert!(before.iter().all(|times| *times <= 1), "done more than once: {before:?} {answer}");
    // A part of many that was done is told by the answer: the client knows not to repeat it.
    if answer.tagged.starts_with("OK") || (case.deed == Deed::CopyMany && before.contains(&1)) {
        return;
    }
    let again = case.deed.act(&mut bench.imap, stage).await;
    // Of two steps the first may have been done, and could not be taken back: the tree says so.
    if case.deed == Deed::RenameElsewhere && again.tagged.starts_with("NO [NONEXISTENT]") {
        let renamed = bench.has_folder(&format!("{}-new", stage.folder()));
        assert!(renamed, "the folder is lost: {answer}, {again}");
        return;
    }
    let done_before = before.iter().all(|times| *times == 1);
    assert!(again.tagged.starts_with("OK") || done_before, "again, without trouble: {again}");
    let times = case.deed.times(bench, stage).unwrap_or_default();
    assert!(times.iter().all(|times| *times == 1), "{before:?}, then {times:?}: {answer}, {again}");
    bench.settle().await;
}

fn verify(bench: &Bench, deed: Deed, stage: &Stage, answer: &Answer) {
    let times = deed.times(bench, stage).unwrap_or_default();
    assert!(times.iter().all(|times| *times == 1), "OK, but done {times:?} times: {answer}");
    deed.check_read(bench, stage, answer);
}

impl Case {
    fn rule(&self) -> Rule {
        let rule = Rule::on(self.kind).answer(self.trouble.fault.clone());
        match self.span {
            Span::Once(spared) => rule.skip(spared),
            Span::ForEver => rule.always(),
        }
    }

    fn judge(&self, answer: &Answer) {
        let must_succeed = self.trouble.nature == Nature::Passing && self.span != Span::ForEver;
        // News that cannot be had now come later.
        if must_succeed || self.deed == Deed::Noop {
            assert!(answer.tagged.starts_with("OK"), "another try must succeed: {answer}");
            return;
        }
        let allowed = |code: &&str| answer.tagged.starts_with(&format!("NO [{code}]"));
        // Of a batch as a whole most refusals make no sense.
        let senseless = self.kind == Kind::Batch && allowed(&"SERVERBUG");
        let told =
            answer.tagged.starts_with("OK") || self.trouble.codes.iter().any(allowed) || senseless;
        assert!(told, "wanted OK or NO with one of {:?}: {answer}", self.trouble.codes);
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deed, kind, trouble, span } = self;
        write!(f, "{deed:?}, {kind:?}, {}, {span:?}", trouble.name)
    }
}

pub(super) fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

macro_rules! matrix {
    ($($name:ident: $deed:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                every_trouble_with(Deed::$deed).await;
            }
        )*
    };
}

matrix! {
    select_of_a_folder_never_seen_before: SelectUnknown,
    select_of_a_folder_with_news: SelectKnown,
    noop_never_fails: Noop,
    status: Status,
    list: List,
    fetch_of_a_body: Fetch,
    fetch_of_a_body_that_marks_it_read: FetchAndMark,
    store: Store,
    store_of_many: StoreMany,
    store_of_a_keyword: StoreKeyword,
    copy: Copy,
    copy_of_many: CopyMany,
    r#move: Move,
    move_of_many: MoveMany,
    expunge: Expunge,
    expunge_of_many: ExpungeMany,
    append_to_drafts: AppendDraft,
    append_to_sent_items: AppendSent,
    append_to_another_folder: Append,
    create: Create,
    rename: Rename,
    rename_to_elsewhere: RenameElsewhere,
    delete: Delete,
}
