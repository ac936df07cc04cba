//! One FETCH response, streamed.

use std::ops::Range;

use wire::imap::{FetchItem, FetchWriter, Partial, SectionText};

use super::binary::{self, Measured};
use super::connection::Connection;
use super::convert;
use super::ending::{Ending, Halt};
use super::objects::Extra;
use super::plan::{Plan, is_bytes};
use super::selected::Selected;
use crate::account::{Body, Listed, READ_MAX, Summary};
use crate::mailbox::{Fault, Line, Outcome};
use crate::mime::{self, Located, Path, Section};

/// The largest header from which single fields are picked, in octets. It must be held whole, and
/// Exchange keeps headers far below a megabyte.
pub(super) const FILTERED_HEADER: u64 = 8 * 1024 * 1024;

/// What was gathered for a message, as planned.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) summary: Option<Summary>,
    pub(super) body: Option<Body>,
    pub(super) extra: Extra,
    /// Instead of both.
    pub(super) header: Option<Listed>,
}

/// Which message is shown, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) plan: &'a Plan,
    pub(super) row: Line<'a>,
    /// This command has marked it as read, so its flags are shown even if no one asked.
    pub(super) seen_now: bool,
}

/// What an item consists of.
enum Octets {
    Stored(Range<u64>),
    Picked(Vec<u8>),
    Missing,
}

/// Writes `* n FETCH (…)`.
///
/// # Errors
/// A fault if the bytes cannot be read; then nothing of the response is written. `Loss` if a part
/// of it had left by then.
pub(super) async fn message(
    connection: &mut Connection,
    selected: &mut Selected,
    shown: &Shown<'_>,
    content: &Content,
) -> Result<(), Halt> {
    let Some(seq) = selected.view.seq(shown.row.uid) else { return Ok(()) };
    let measured = match &content.body {
        Some(body) => connection.patiently(binary::measure(&shown.plan.items, body)).await??,
        None => Vec::new(),
    };
    let with_flags = shown.seen_now || shown.plan.items.contains(&FetchItem::Flags);
    if with_flags {
        selected.introduce(connection, shown.row.flags);
    }
    let flags = selected.shown(shown.row.uid, shown.row.flags);
    let mark = connection.mark();
    let writer = FetchWriter::begin(connection.output(), convert::number(seq.get()));
    match items(connection, writer, (shown, flags), (content, measured)).await {
        Ok(()) => {
            if with_flags {
                selected.tell(&shown.row);
            }
            Ok(())
        }
        Err(Halt::Loss(loss)) => Err(loss.into()),
        Err(halt) => {
            connection.rewind(mark)?;
            Err(halt)
        }
    }
}

async fn items(
    connection: &mut Connection,
    mut writer: FetchWriter,
    (shown, flags): (&Shown<'_>, impl Iterator<Item = &str> + Clone),
    (content, measured): (&Content, Vec<Measured>),
) -> Result<(), Halt> {
    let mut measured = measured.iter();
    let Shown { plan, row, seen_now } = shown;
    let after: &[FetchItem] = if *seen_now { &plan.after_reading } else { &[] };
    for item in plan.items.iter().chain(after) {
        match &content.body {
            Some(body) if matches!(item, FetchItem::Binary(_) | FetchItem::BinarySize(_)) => {
                let measured = measured.next().ok_or_else(|| Fault::defect("not measured"))?;
                binary::show(connection, &mut writer, item, (body, measured)).await?;
            }
            Some(body) if is_bytes(item) => {
                section(connection, &mut writer, item, body).await?;
            }
            None if is_bytes(item) && content.header.is_some() => {
                let header = content.header.as_ref().map(|told| &told.header[..]);
                fields(connection, &mut writer, item, header.unwrap_or_default()).await?;
            }
            _ if *item == FetchItem::Flags => {
                writer.flag_names(connection.output(), flags.clone());
            }
            _ => text(connection.output(), &mut writer, item, (row, content))?,
        }
    }
    writer.end(connection.output());
    Ok(())
}

/// An item whose answer is at hand.
fn text(
    out: &mut Vec<u8>,
    writer: &mut FetchWriter,
    item: &FetchItem,
    (row, content): (&Line<'_>, &Content),
) -> Result<(), Halt> {
    // The row may hold an estimate; beside the bytes only their own number will do.
    let counted = content.body.as_ref().map(|body| body.size);
    let told = content.summary.as_ref().map(|summary| summary.size);
    let size = counted.or(told).or(row.size);
    match (item, size, &content.summary) {
        (FetchItem::Uid, ..) => writer.uid(out, convert::number(row.uid.get())),
        (FetchItem::ModSeq, ..) => writer.mod_seq(out, convert::mod_seq(row.modseq)),
        (FetchItem::InternalDate, ..) => {
            writer.internal_date(out, convert::date_time(row.received));
        }
        (FetchItem::Rfc822Size, Some(size), _) => writer.size(out, size),
        (FetchItem::Envelope, _, Some(known)) => writer.value(out, item, &known.envelope),
        (FetchItem::Envelope, _, None) if content.header.is_some() => {
            let told = content.header.as_ref().map(|told| &told.envelope[..]);
            writer.value(out, item, told.unwrap_or_default());
        }
        (FetchItem::Body, _, Some(known)) => writer.value(out, item, &known.structure),
        (FetchItem::BodyStructure, _, Some(known)) => {
            writer.value(out, item, &known.body_structure);
        }
        _ => content.extra.show(out, writer, item)?,
    }
    Ok(())
}

async fn section(
    connection: &mut Connection,
    writer: &mut FetchWriter,
    item: &FetchItem,
    body: &Body,
) -> Result<(), Halt> {
    let partial = match item {
        FetchItem::Section(section) => section.partial,
        _ => None,
    };
    match octets(item, body).await? {
        Octets::Missing => {
            writer.nil(connection.output(), item);
            Ok(())
        }
        Octets::Picked(octets) => picked(connection, writer, item, (&octets, partial)).await,
        Octets::Stored(range) => {
            stream(connection, writer, item, (body, cut(range, partial))).await
        }
    }
}

/// Fields of a header that was told without its message.
async fn fields(
    connection: &mut Connection,
    writer: &mut FetchWriter,
    item: &FetchItem,
    header: &[u8],
) -> Result<(), Halt> {
    let FetchItem::Section(section) = item else {
        return Err(Fault::defect("a FETCH was planned without what it needs").into());
    };
    let Section::HeaderFields { fields, .. } = wanted(item) else {
        return Err(Fault::defect("a FETCH was planned without what it needs").into());
    };
    let octets = mime::filter_fields(header, &fields, mime::Keep::Named);
    picked(connection, writer, item, (&octets, section.partial)).await
}

async fn picked(
    connection: &mut Connection,
    writer: &mut FetchWriter,
    item: &FetchItem,
    (octets, partial): (&[u8], Option<Partial>),
) -> Result<(), Halt> {
    let range = cut(0..octets.len() as u64, partial);
    let octets = octets.get(index(range.start)..index(range.end)).unwrap_or_default();
    writer.literal(connection.output(), item, octets.len() as u64);
    Ok(connection.pass(octets).await?)
}

/// The literal's length goes out only when its first octets are at hand.
async fn stream(
    connection: &mut Connection,
    writer: &mut FetchWriter,
    item: &FetchItem,
    (body, range): (&Body, Range<u64>),
) -> Result<(), Halt> {
    let mut at = range.start;
    let mut piece = read(body, at..range.end).await?;
    writer.literal(connection.output(), item, range.end - range.start);
    loop {
        connection.pass(&piece).await?;
        at += piece.len() as u64;
        if at >= range.end {
            return Ok(());
        }
        piece = read(body, at..range.end).await?;
    }
}

/// The beginning of `range`: at least one octet unless it is empty.
pub(super) async fn read(body: &Body, range: Range<u64>) -> Outcome<bytes::Bytes> {
    if range.is_empty() {
        return Ok(bytes::Bytes::new());
    }
    let end = range.end.min(range.start + READ_MAX);
    let piece = body.read(range.start..end).await?;
    if piece.is_empty() || piece.len() as u64 > end - range.start {
        return Err(Fault::defect("a frozen message is shorter than its size"));
    }
    Ok(piece)
}

/// All of a range, which must be small enough to be held.
pub(super) async fn read_all(body: &Body, range: Range<u64>) -> Outcome<Vec<u8>> {
    let mut octets = Vec::with_capacity(index(range.end - range.start));
    let mut at = range.start;
    while at < range.end {
        let piece = read(body, at..range.end).await?;
        at += piece.len() as u64;
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}

async fn octets(item: &FetchItem, body: &Body) -> Result<Octets, Halt> {
    let wanted = wanted(item);
    if wanted == Section::Whole {
        return Ok(Octets::Stored(0..body.size));
    }
    Ok(match mime::locate(&body.outline()?, &wanted) {
        Located::Missing => Octets::Missing,
        Located::Range(range) => Octets::Stored(range),
        Located::Filter { header, .. } if header.end - header.start > FILTERED_HEADER => {
            return Err(Ending::no("The header is too large to pick fields from").into());
        }
        Located::Filter { header, fields, keep } => {
            let header = read_all(body, header).await?;
            Octets::Picked(mime::filter_fields(&header, &fields, keep))
        }
    })
}

fn wanted(item: &FetchItem) -> Section {
    let top = Path::default;
    let section = match item {
        FetchItem::Section(section) => &section.section,
        FetchItem::Rfc822Header => return Section::Header(top()),
        FetchItem::Rfc822Text => return Section::Text(top()),
        _ => return Section::Whole,
    };
    let path = Path(section.part.iter().map(|number| number.get()).collect());
    match &section.text {
        SectionText::Whole if section.part.is_empty() => Section::Whole,
        SectionText::Whole => Section::Part(path),
        SectionText::Header => Section::Header(path),
        SectionText::HeaderFields(fields) => {
            Section::HeaderFields { path, fields: fields.clone(), complement: false }
        }
        SectionText::HeaderFieldsNot(fields) => {
            Section::HeaderFields { path, fields: fields.clone(), complement: true }
        }
        SectionText::Text => Section::Text(path),
        SectionText::Mime => Section::Mime(path),
    }
}

/// `<offset.length>`: what lies beyond the end is left out (RFC 3501 §6.4.5).
pub(super) fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(Partial { offset, length }) = partial else { return range };
    let start = range.end.min(range.start.saturating_add(offset));
    start..range.end.min(start.saturating_add(length))
}

/// Ranges that are held in memory fit it.
fn index(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_ends_where_the_section_ends() {
        let cut = |offset, length| cut(100..150, Some(Partial { offset, length }));
        assert_eq!(cut(0, 10), 100..110);
        assert_eq!(cut(40, 100), 140..150);
        assert_eq!(cut(60, 10), 150..150);
        assert_eq!(cut(0, u64::MAX), 100..150);
        assert_eq!(cut(0, 0), 100..100);
    }
}
