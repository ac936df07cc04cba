//! Delivering a report: into the inbox of the mailbox that the message was to be sent from, once.
//!
//! The item that is filed carries a mark made of the message's id in the queue, so it is found again
//! even if nothing else is known. The journal of filing keeps the report's exact bytes for clients.

use std::io::Write as _;
use std::time::Duration;

use super::report::{Report, of_interest};
use super::{Account, blocking};
use crate::account::body::describe;
use crate::account::folders::reference;
use crate::account::submit::{Extent, returned};
use crate::backend::{Mark, Sending, Upload, Writing};
use crate::mailbox::{Fault, Flags, Folder, FolderPath, Kind, Outcome, Returned, Timestamp};
use crate::store::queue::{Course, State, Words};
use crate::store::{Entry, FilingStage, SpoolFile};

/// How long a request that was cut off may still be at work at the service.
const LATEST: Duration = Duration::from_secs(10 * 60);

/// What became of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Filed {
    Yes,
    /// Nobody wants one.
    Unwanted,
}

impl Account {
    /// Delivers the report on a message, unless that was done before.
    ///
    /// # Errors
    /// If it is not there, or that is not certain: then another call finds out.
    pub(super) async fn file_report(
        &self,
        entry: &Entry,
        state: &State,
        (why, begun): (Words, Option<Timestamp>),
    ) -> Outcome<Filed> {
        if entry.envelope.sender.is_none() || of_interest(&entry.envelope).is_empty() {
            return Ok(Filed::Unwanted);
        }
        let made = begun.unwrap_or_else(|| self.0.clock.now());
        let course = Course::Report { why: why.clone(), begun: Some(made) };
        let report = self.spool_report(entry, state, (&why, made)).await?;
        let rights = self.0.backend.rights();
        if rights.writing == Writing::Refused || rights.sending == Sending::AtOnce {
            self.0.backend.send_at_once(&report.spooled().await?).await?;
            return Ok(Filed::Yes);
        }
        let inbox = self.ready_target(&FolderPath::inbox()).await?;
        if let Some(begun) = begun
            && self.is_filed(entry, (&inbox, &report), begun).await?
        {
            return Ok(Filed::Yes);
        }
        self.begin_report(entry, state, course).await?;
        self.make_report(entry, &inbox, report).await?;
        Ok(Filed::Yes)
    }

    /// Whether an earlier try has filed it. What it has begun and not done is forgotten.
    async fn is_filed(
        &self,
        entry: &Entry,
        (inbox, report): (&Folder, &SpoolFile),
        begun: Timestamp,
    ) -> Outcome<bool> {
        let known = self.0.store.filing(&tag(entry)).await?;
        if known.is_some_and(|known| matches!(known.stage, FilingStage::Made { .. })) {
            return Ok(true);
        }
        let upload = Upload {
            message: report.spooled().await?,
            flags: Flags::none(),
            received: None,
            mark: Mark { tag: tag(entry), since: begun },
            anatomy: None,
        };
        if self.0.backend.recover(&reference(inbox), &upload, &[]).await?.is_some() {
            return Ok(true);
        }
        let age = self.0.clock.now().0.saturating_sub(begun.0);
        if u64::try_from(age).is_ok_and(|age| age <= LATEST.as_secs()) {
            let cause = "a report may still be on its way into the inbox";
            return Err(Fault::from(Kind::InDoubt).because(cause));
        }
        self.0.store.abandon_filings(vec![tag(entry)]).await?;
        Ok(false)
    }

    /// Written down before anything is asked of the service.
    async fn begin_report(&self, entry: &Entry, state: &State, course: Course) -> Outcome<()> {
        let outbox = &self.0.outbox;
        let state = State { course: course.clone(), ..state.clone() };
        let (queue, id) = (outbox.queue.clone(), entry.id.clone());
        blocking(move || queue.set_state(&id, &state)).await?;
        if let Some(slot) = outbox.board().slot(&entry.id) {
            slot.state.course = course;
        }
        Ok(())
    }

    async fn make_report(&self, entry: &Entry, inbox: &Folder, report: SpoolFile) -> Outcome<()> {
        let texts = describe(report.path()).await?;
        let wish = (Flags::none(), None);
        let held = self.hold_as(tag(entry), inbox, (report, texts), wish).await?;
        match self.make_filed(inbox, &held.filing).await {
            Ok(_) => Ok(()),
            Err(fault) => {
                if *fault.kind() != Kind::InDoubt {
                    self.0.store.abandon_filings(vec![held.filing.id.clone()]).await?;
                }
                Err(fault)
            }
        }
    }

    async fn spool_report(
        &self,
        entry: &Entry,
        state: &State,
        (why, made): (&Words, Timestamp),
    ) -> Outcome<SpoolFile> {
        let file = self.0.store.spool().await?;
        let (entry, why) = (entry.clone(), why.clone());
        let (mailbox, tried) = (self.0.address.clone(), state.tried);
        let in_doubt =
            state.in_doubt.is_some() && self.0.backend.rights().sending == Sending::AtOnce;
        let path = self.0.outbox.queue.message(&entry.id);
        let largest = self.0.outbox.limits.report_bytes;
        blocking(move || {
            let is_whole = entry.envelope.returned != Some(Returned::Headers);
            let extent = match is_whole && entry.size <= largest {
                true => Extent::Whole,
                false => Extent::Headers,
            };
            let returned = returned(&path, extent)?;
            let mailbox = &mailbox;
            let report = Report { entry: &entry, mailbox, why: &why, tried, made, in_doubt };
            let bytes = report.write((&returned, extent))?;
            let mut out =
                std::fs::File::options().write(true).open(file.path()).map_err(Fault::defect)?;
            out.write_all(&bytes).map_err(Fault::defect)?;
            Ok(file)
        })
        .await
    }
}

/// By which the service and the journal know a report.
fn tag(entry: &Entry) -> String {
    format!("report-{}", entry.id)
}
