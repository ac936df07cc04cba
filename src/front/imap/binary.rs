//! FETCH BINARY (RFC 3516): a part without its transfer encoding, decoded on the way out.
//!
//! The answer begins with its length, so a part is decoded twice, piece by piece: once to be measured, before
//! anything of the response is written, and once to be sent.

use std::ops::Range;

use wire::imap::{BinaryPart, Code, FetchItem, FetchWriter};

use super::connection::Connection;
use super::ending::{Ending, Halt};
use super::render::{FILTERED_HEADER, cut, read, read_all};
use crate::account::Body;
use crate::mailbox::Outcome;
use crate::mime::{self, Decoder, Path, Transfer};

/// What an item of a FETCH will say.
#[derive(Debug)]
pub(super) enum Measured {
    /// The message has no such part.
    Missing,
    Size(u64),
    Octets(Octets),
}

#[derive(Debug)]
pub(super) struct Octets {
    source: Source,
    /// Of the decoded octets, within them.
    range: Range<u64>,
    /// Whether only a literal8 can carry them.
    has_nul: bool,
}

/// Where encoded octets lie in a message.
#[derive(Clone, Debug)]
struct Source {
    transfer: Transfer,
    body: Range<u64>,
}

/// Encoded octets on their way to be plain ones.
struct Decoding<'b> {
    body: &'b Body,
    left: Range<u64>,
    /// `None` once the end has been told.
    decoder: Option<Decoder>,
}

/// Measures those of `items` that ask for decoded octets, in order.
///
/// # Errors
/// `NO [UNKNOWN-CTE]` for an encoding that is not known; a fault if the message cannot be read.
pub(super) async fn measure(items: &[FetchItem], body: &Body) -> Result<Vec<Measured>, Halt> {
    let mut measured = Vec::new();
    for item in items {
        let (part, partial) = match item {
            FetchItem::Binary(section) => (&section.part, section.partial),
            FetchItem::BinarySize(part) => (part, None),
            _ => continue,
        };
        let Some(source) = locate(body, part).await? else {
            measured.push(match item {
                // The grammar has no other way to say that there is nothing.
                FetchItem::BinarySize(_) => Measured::Size(0),
                _ => Measured::Missing,
            });
            continue;
        };
        let all = match partial {
            Some(partial) => cut(0..u64::MAX, Some(partial)),
            None => 0..u64::MAX,
        };
        let (size, has_nul) = walk(body, &source, &all).await?;
        measured.push(match item {
            FetchItem::BinarySize(_) => Measured::Size(size),
            _ => Measured::Octets(Octets { source, range: cut(0..size, partial), has_nul }),
        });
    }
    Ok(measured)
}

/// Writes what was measured.
pub(super) async fn show(
    connection: &mut Connection,
    writer: &mut FetchWriter,
    item: &FetchItem,
    (body, measured): (&Body, &Measured),
) -> Result<(), Halt> {
    let octets = match measured {
        Measured::Missing => {
            writer.nil(connection.output(), item);
            return Ok(());
        }
        Measured::Size(size) => {
            writer.value(connection.output(), item, size.to_string().as_bytes());
            return Ok(());
        }
        Measured::Octets(octets) => octets,
    };
    let Octets { source, range, has_nul } = octets;
    let mut decoding = Decoding::new(body, source);
    // The first octets are at hand before their number is told.
    let mut piece = decoding.next().await?;
    let length = range.end - range.start;
    match has_nul {
        true => writer.literal8(connection.output(), item, length),
        false => writer.literal(connection.output(), item, length),
    }
    let mut at = 0;
    while let Some(octets) = piece.filter(|_| at < range.end) {
        connection.pass(within(&octets, at, range)).await?;
        at += octets.len() as u64;
        piece = decoding.next().await?;
    }
    Ok(())
}

async fn locate(body: &Body, part: &BinaryPart) -> Result<Option<Source>, Halt> {
    let path = Path(part.0.iter().map(|number| number.get()).collect());
    let Some(encoded) = mime::encoded(&body.outline()?, &path) else { return Ok(None) };
    let transfer = match encoded.header {
        None => Transfer::Identity,
        Some(header) => {
            let end = header.end.min(header.start + FILTERED_HEADER);
            let header = read_all(body, header.start..end).await?;
            Transfer::of(&header).ok_or_else(|| {
                Ending::no("A part has an encoding that is not known").with(Code::UnknownCte)
            })?
        }
    };
    Ok(Some(Source { transfer, body: encoded.body }))
}

/// How many octets there are, and whether NUL is among those of `range`.
async fn walk(body: &Body, source: &Source, range: &Range<u64>) -> Outcome<(u64, bool)> {
    let mut decoding = Decoding::new(body, source);
    let (mut at, mut has_nul) = (0, false);
    while let Some(octets) = decoding.next().await? {
        has_nul |= within(&octets, at, range).contains(&0);
        at += octets.len() as u64;
    }
    Ok((at, has_nul))
}

/// Those of `octets`, which begin at `at`, that lie in `range`.
fn within<'o>(octets: &'o [u8], at: u64, range: &Range<u64>) -> &'o [u8] {
    let length = octets.len() as u64;
    let index = |to: u64| usize::try_from(to.saturating_sub(at).min(length)).unwrap_or_default();
    &octets[index(range.start)..index(range.end.max(range.start))]
}

// === impl Decoding ===

impl<'b> Decoding<'b> {
    fn new(body: &'b Body, source: &Source) -> Self {
        let decoder = Some(Decoder::new(source.transfer));
        Self { body, left: source.body.clone(), decoder }
    }

    /// The next octets, possibly none; `None` at the end.
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        let mut octets = Vec::new();
        if self.left.is_empty() {
            if let Some(decoder) = self.decoder.take() {
                decoder.finish(&mut octets);
            }
            return Ok(Some(octets));
        }
        let piece = read(self.body, self.left.clone()).await?;
        self.left.start += piece.len() as u64;
        decoder.feed(&piece, &mut octets);
        Ok(Some(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_a_range_is_left_out() {
        let cut = |at, range: Range<u64>| within(b"abcdef", at, &range).to_vec();
        assert_eq!(cut(10, 0..100), b"abcdef");
        assert_eq!(cut(10, 12..14), b"cd");
        assert_eq!(cut(10, 0..12), b"ab");
        assert_eq!(cut(10, 15..99), b"f");
        assert_eq!(cut(10, 16..99), b"");
        assert_eq!(cut(10, 0..10), b"");
    }
}
