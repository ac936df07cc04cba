//! THREAD and UID THREAD (RFC 5256).

mod letter;
mod links;
mod ordered;
mod references;

use wire::imap::{Data, Forest, Numbering, Thread, Threading};

use self::letter::Letter;
use super::connection::Connection;
use super::ending::{Ending, Handled};
use super::found::number;
use super::keyed::{self, Keyed, Needs};
use super::search::{self, Asked};
use super::selected::Selected;
use crate::mailbox::Fault;

pub(super) async fn run(
    connection: &mut Connection,
    selected: &Selected,
    thread: &Thread,
) -> Handled {
    let asked = Asked { charset: Some(&thread.charset), key: &thread.key };
    let found = search::find(connection, selected, asked).await?;
    let keyed = keyed::gather(connection, &selected.folder, &found, Needs::Keys).await?;
    let (numbering, algorithm) = (thread.numbering, thread.algorithm);
    let threading = tokio::task::spawn_blocking(move || forest(&keyed, numbering, algorithm));
    let forest = connection.patiently(threading).await?.map_err(Fault::defect)?;
    connection.data(&Data::Thread(forest));
    Ok(Ending::ok("THREAD done"))
}

fn forest(messages: &[Keyed], numbering: Numbering, algorithm: Threading) -> Forest {
    let letters: Vec<Letter> =
        messages.iter().filter_map(|message| letter(message, numbering)).collect();
    match algorithm {
        Threading::OrderedSubject => ordered::forest(&letters),
        Threading::References => references::forest(&letters),
    }
}

fn letter(message: &Keyed, numbering: Numbering) -> Option<Letter> {
    let keys = message.keys()?;
    Some(Letter {
        number: number(numbering, message.hit),
        sent: message.sent(&keys),
        id: keys.id,
        base_subject: keys.base_subject.into(),
        standing: keys.standing,
        references: keys.references,
    })
}

#[cfg(test)]
mod letter_tests;
