//! SORT and UID SORT (RFC 5256, 5267, 5957).

use std::cmp::Ordering;

use wire::imap::{Direction, Sort, SortCriterion, SortKey, Tag};

use super::connection::Connection;
use super::ending::{Ending, Halt, Handled};
use super::found::{Hit, Telling, Verb};
use super::keyed::{self, Keyed, Needs};
use super::search::{self, Asked};
use super::selected::Selected;
use crate::mailbox::Fault;
use crate::mime::SortKeys;

pub(super) async fn run(
    connection: &mut Connection,
    selected: &mut Selected,
    (tag, sort): (&Tag, &Sort),
) -> Handled {
    let sorted = sorted(connection, selected, sort).await;
    let (hits, snapshot) = search::or_empty_saved(selected, sort.returns.as_ref(), sorted)?;
    let telling = Telling {
        tag,
        numbering: sort.numbering,
        returns: sort.returns.as_ref(),
        verb: Verb::Sort,
        mod_seq: sort.key.names_mod_seq().into(),
    };
    telling.tell(connection, selected, (&hits, &snapshot));
    Ok(Ending::ok("SORT done"))
}

async fn sorted(
    connection: &mut Connection,
    selected: &Selected,
    sort: &Sort,
) -> Result<(Vec<Hit>, std::sync::Arc<crate::mailbox::Snapshot>), Halt> {
    let asked = Asked { charset: Some(&sort.charset), key: &sort.key };
    let found = search::find(connection, selected, asked).await?;
    let needs = needs(&sort.criteria);
    let keyed = keyed::gather(connection, &selected.folder, &found, needs).await?;
    let criteria = sort.criteria.clone();
    let ordering = tokio::task::spawn_blocking(move || ordered(&keyed, &criteria));
    let hits = connection.patiently(ordering).await?.map_err(Fault::defect)?;
    Ok((hits, found.snapshot))
}

fn needs(criteria: &[SortCriterion]) -> Needs {
    let has_size = criteria.iter().any(|criterion| criterion.key == SortKey::Size);
    let has_keys =
        criteria.iter().any(|criterion| !matches!(criterion.key, SortKey::Size | SortKey::Arrival));
    match (has_size, has_keys) {
        (false, false) => Needs::Columns,
        (true, false) => Needs::Size,
        (false, true) => Needs::Keys,
        (true, true) => Needs::SizeAndKeys,
    }
}

/// `messages` come by sequence number, and so stay where all criteria find them equal.
fn ordered(messages: &[Keyed], criteria: &[SortCriterion]) -> Vec<Hit> {
    let mut entries: Vec<(&Keyed, Option<SortKeys<'_>>)> =
        messages.iter().map(|message| (message, message.keys())).collect();
    entries.sort_by(|one, other| compare(one, other, criteria));
    entries.into_iter().map(|(message, _)| message.hit).collect()
}

type Entry<'m> = (&'m Keyed, Option<SortKeys<'m>>);

fn compare(one: &Entry<'_>, other: &Entry<'_>, criteria: &[SortCriterion]) -> Ordering {
    let compared = criteria.iter().map(|criterion| {
        let ordering = by_key(one, other, criterion.key);
        match criterion.direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    });
    compared.fold(Ordering::Equal, Ordering::then)
}

fn by_key((one, keys): &Entry<'_>, (other, others): &Entry<'_>, key: SortKey) -> Ordering {
    match key {
        SortKey::Arrival => return one.received.cmp(&other.received),
        SortKey::Size => return one.size.cmp(&other.size),
        _ => {}
    }
    // All have their keys if any criterion needs them.
    let (Some(keys), Some(others)) = (keys, others) else { return Ordering::Equal };
    match key {
        SortKey::Arrival | SortKey::Size => Ordering::Equal,
        SortKey::Cc => keys.cc.cmp(others.cc),
        SortKey::Date => one.sent(keys).cmp(&other.sent(others)),
        SortKey::DisplayFrom => keys.display_from.cmp(others.display_from),
        SortKey::DisplayTo => keys.display_to.cmp(others.display_to),
        SortKey::From => keys.from.cmp(others.from),
        SortKey::Subject => keys.base_subject.cmp(others.base_subject),
        SortKey::To => keys.to.cmp(others.to),
    }
}

#[cfg(test)]
#[path = "sort_tests.rs"]
mod tests;
