//! A message that is there as a whole: to the service, then the answer. DATA and BDAT end here.

use std::pin::pin;
use std::sync::Arc;

use wire::smtp::{DataError, EnhancedCode, Reply};

use super::answers;
use super::connection::Connection;
use crate::account::{Accepted, Account, Handed, Order, SpoolFile, Standing};
use crate::config::Submission;
use crate::front::login::TAKEN_BACK;
use crate::mailbox::{Envelope, Fault, Origin, Outcome};
use crate::metrics::Submission as Outcomes;

/// One message on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) account: Account,
    pub(super) envelope: Envelope,
    /// Octets.
    pub(super) limit: u64,
    pub(super) rules: Arc<Submission>,
    pub(super) origin: Origin,
}

/// The octets that came.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) size: u64,
    pub(super) file: Result<SpoolFile, Unfit>,
}

/// Why the octets that came are no message to be sent.
#[derive(Debug)]
pub(super) enum Unfit {
    Data(DataError),
    Fault(Fault),
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Taken {
    /// The service or the queue has it, and the client is there to be told.
    Yes(Accepted, Reply),
    /// The service or the queue has it, but the client hung up before it could be told.
    Unheard(Accepted, Reply),
    No(Reply),
}

/// Whether the client still listened when the answer was known.
enum Heard {
    Yes,
    No,
}

pub(super) async fn deliver(
    connection: &mut Connection,
    incoming: &Incoming,
    received: Received,
) -> Taken {
    let Received { size, file } = received;
    let file = match file {
        Ok(file) => file,
        Err(unfit) => return Taken::No(refuse(incoming, size, &unfit)),
    };
    // Nothing is sent yet, so a login that was taken back meanwhile is.
    if connection.is_taken_back() {
        note(incoming, size, Outcomes::Deferred, &"refused: the login was taken back");
        return Taken::No(Reply::new(454, EnhancedCode(4, 7, 0), TAKEN_BACK));
    }
    let (outcome, is_heard) = submit(connection, incoming, file).await;
    match outcome {
        Ok(accepted) => {
            let text = match accepted.standing {
                Standing::Sent => format!("Ok: taken by Microsoft 365 as {}", accepted.id),
                Standing::Queued => format!("Ok: queued as {}", accepted.id),
            };
            let reply = Reply::new(250, EnhancedCode(2, 0, 0), text);
            match is_heard {
                Heard::Yes => Taken::Yes(accepted, reply),
                Heard::No => Taken::Unheard(accepted, reply),
            }
        }
        // It was logged where it was submitted.
        Err(fault) => Taken::No(answers::fault(&fault)),
    }
}

/// Submits to the end even if the client hangs up: what is sent cannot be stopped half-way.
async fn submit(
    connection: &mut Connection,
    incoming: &Incoming,
    file: SpoolFile,
) -> (Outcome<Accepted>, Heard) {
    let order = Order {
        envelope: incoming.envelope.clone(),
        message: file,
        rules: Arc::clone(&incoming.rules),
        origin: incoming.origin.clone(),
    };
    let mut submitting = pin!(incoming.account.submit(order));
    let gone = tokio::select! {
        biased;
        outcome = &mut submitting => return (outcome, Heard::Yes),
        () = connection.hang_up() => Heard::No,
    };
    (submitting.await, gone)
}

/// The reply to what cannot be submitted.
pub(super) fn refuse(incoming: &Incoming, size: u64, unfit: &Unfit) -> Reply {
    match unfit {
        Unfit::Data(error) => {
            note(incoming, size, Outcomes::Refused, &format_args!("refused: {error}"));
            match error {
                DataError::TooLarge => answers::too_large(incoming.limit),
                DataError::BareLineBreak => answers::bare_line_break(),
            }
        }
        Unfit::Fault(fault) => {
            let outcome = match fault.may_pass() {
                true => Outcomes::Deferred,
                false => Outcomes::Refused,
            };
            note(incoming, size, outcome, &format_args!("refused: {fault}"));
            answers::fault(fault)
        }
    }
}

/// What never became a submission is logged and counted all the same.
fn note(incoming: &Incoming, size: u64, outcome: Outcomes, result: &dyn std::fmt::Display) {
    let handed = Handed::new(&incoming.origin, &incoming.envelope, size);
    incoming.account.note_refused(&handed, outcome, result);
}
