//! The commands that hand in a message: MAIL, RCPT, DATA and BDAT.

use wire::smtp::{Bdat, ChunkPlace, EnhancedCode, Mail, Rcpt, Reply};

use super::super::answers;
use super::{Action, Chunk, Handover, Member, Pass, Phase, Session, Transaction, bad_sequence};
use crate::mailbox::Octets;

impl<U: Clone, M> Session<U, M> {
    pub(super) fn mail(&mut self, mail: Mail) -> Action<U, M> {
        let member = match &self.phase {
            Phase::Ready(member) | Phase::Failed(member) => member.clone(),
            Phase::Mail(..) | Phase::Chunks(..) => {
                return bad_sequence("A message is begun already");
            }
            Phase::Greeted => return bad_sequence("Say EHLO first"),
            _ => {
                return Action::Reply(match &self.pass {
                    Pass::Missing(connection) => answers::not_connected(connection),
                    Pass::None | Pass::Guest(_) => answers::log_in_first(self.security),
                });
            }
        };
        match Transaction::begin(mail, self.terms) {
            Ok(transaction) => {
                let user = member.user.clone();
                let action = match &transaction.name {
                    Some(name) => Action::Name(user, name.clone()),
                    None => Action::Expect(user, transaction.envelope.clone()),
                };
                self.phase = Phase::Mail(member, transaction);
                action
            }
            Err(reply) => {
                self.phase = Phase::Failed(member);
                Action::Reply(reply)
            }
        }
    }

    pub(super) fn rcpt(&mut self, rcpt: Rcpt) -> Action<U, M> {
        let Phase::Mail(member, transaction) = &mut self.phase else {
            return bad_sequence("Say MAIL first");
        };
        match transaction.add(rcpt, &member.address, self.terms) {
            Ok(()) => Action::Reply(Reply::new(250, EnhancedCode(2, 1, 5), "Recipient OK")),
            Err(reply) => Action::Reply(reply),
        }
    }

    pub(super) fn data(&mut self) -> Action<U, M> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Mail(member, transaction) if transaction.envelope.octets == Octets::Binary => {
                self.phase = Phase::Failed(member);
                // RFC 3030 §3.
                bad_sequence("A message that may be binary can only come by BDAT")
            }
            Phase::Mail(member, transaction) if transaction.envelope.recipients.is_empty() => {
                self.phase = Phase::Mail(member, transaction);
                Action::Reply(answers::no_recipients())
            }
            Phase::Mail(member, transaction) => {
                let handover = self.handover(&member, transaction);
                self.phase = Phase::Ready(member);
                Action::Receive(handover)
            }
            Phase::Chunks(member, _) => {
                self.phase = Phase::Failed(member);
                // RFC 3030 §2: the two cannot be mixed, and only RSET mends it.
                bad_sequence("The message was begun with BDAT")
            }
            other => {
                self.phase = other;
                bad_sequence("Say MAIL and RCPT first")
            }
        }
    }

    /// The octets follow in any case, so every answer waits until they have passed.
    pub(super) fn bdat(&mut self, bdat: Bdat) -> Action<U, M> {
        let (member, chunk) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Mail(member, transaction) if transaction.envelope.recipients.is_empty() => {
                self.phase = Phase::Failed(member);
                return Action::PassOver(answers::no_recipients());
            }
            Phase::Mail(member, transaction) => {
                let handover = self.handover(&member, transaction);
                (member, Chunk::First(handover))
            }
            Phase::Chunks(member, message) => (member, Chunk::Next(message)),
            other => {
                self.phase = other;
                return Action::PassOver(answers::bad_sequence("Say MAIL and RCPT first"));
            }
        };
        self.phase = match bdat.place {
            ChunkPlace::Within => Phase::Failed(member),
            ChunkPlace::Last => Phase::Ready(member),
        };
        Action::Chunk(chunk, bdat)
    }

    fn handover(&self, member: &Member<U>, transaction: Transaction) -> Handover<U> {
        Handover { user: member.user.clone(), transaction, limit: self.terms.message }
    }
}

#[cfg(test)]
#[path = "handing_in_tests.rs"]
mod tests;
