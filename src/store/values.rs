//! Domain values as SQL columns and back.

use rusqlite::Row as Record;
use rusqlite::types::Type;

use crate::mailbox::{
    Epoch, Fault, Flags, FolderId, Keyword, ModSeq, RemoteId, RemoteVersion, Row, Timestamp, Uid,
    UidValidity,
};

/// The columns that `row` reads; `m` is the message, `b` its body.
pub(super) const ROW: &str = "m.uid, m.remote, m.version, m.modseq, m.flags, m.keywords, \
                              m.received, b.size, m.estimate, \
                              EXISTS (SELECT 1 FROM spared s WHERE s.remote = m.remote)";

/// Where those columns come from.
pub(super) const ROW_SOURCE: &str =
    "messages m LEFT JOIN bodies b ON b.remote = m.remote AND b.content = m.content";

pub(super) fn row(record: &Record<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        uid: uid(record, 0)?,
        remote: remote(record, 1)?,
        version: version(record, 2)?,
        modseq: modseq(record, 3)?,
        flags: flags(record, 4, 5)?,
        received: Timestamp(record.get(6)?),
        size: octets(record, 7)?,
        estimate: octets(record, 8)?,
        spared: record.get(9)?,
    })
}

pub(super) fn uid(record: &Record<'_>, column: usize) -> rusqlite::Result<Uid> {
    let number: u32 = record.get(column)?;
    Uid::new(number).ok_or_else(|| senseless(column))
}

/// The UID after the last one. Beyond the end of the numbers the last one stands in: nothing more can
/// arrive, and no protocol can say 2^32.
pub(super) fn next(record: &Record<'_>, column: usize) -> rusqlite::Result<Uid> {
    let number: i64 = record.get(column)?;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    Uid::new(number).ok_or_else(|| senseless(column))
}

pub(super) fn validity(record: &Record<'_>, column: usize) -> rusqlite::Result<UidValidity> {
    UidValidity::new(record.get(column)?).ok_or_else(|| senseless(column))
}

pub(super) fn remote(record: &Record<'_>, column: usize) -> rusqlite::Result<RemoteId> {
    record.get(column).map(|id: Box<str>| RemoteId::new(id))
}

pub(super) fn version(
    record: &Record<'_>,
    column: usize,
) -> rusqlite::Result<Option<RemoteVersion>> {
    let tag: Option<Box<str>> = record.get(column)?;
    Ok(tag.map(RemoteVersion::new))
}

pub(super) fn modseq(record: &Record<'_>, column: usize) -> rusqlite::Result<ModSeq> {
    unsigned(record, column).map(ModSeq::new)
}

/// Of a folder: never 0, which no protocol allows here.
pub(super) fn highest(record: &Record<'_>, column: usize) -> rusqlite::Result<ModSeq> {
    modseq(record, column).map(|highest| highest.max(ModSeq::FIRST))
}

pub(super) fn epoch(record: &Record<'_>, column: usize) -> rusqlite::Result<Epoch> {
    unsigned(record, column).map(Epoch::new)
}

pub(super) fn flags(record: &Record<'_>, bits: usize, keywords: usize) -> rusqlite::Result<Flags> {
    let words = record.get_ref(keywords)?.as_str()?;
    let words = words.split(' ').filter_map(Keyword::new);
    Ok(Flags::from_parts(record.get(bits)?, words))
}

pub(super) fn octets(record: &Record<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = record.get(column)?;
    number.map(|number| u64::try_from(number).map_err(|_| senseless(column))).transpose()
}

fn unsigned(record: &Record<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = record.get(column)?;
    u64::try_from(number).map_err(|_| senseless(column))
}

/// A value that this program never writes.
pub(super) fn senseless(column: usize) -> rusqlite::Error {
    let cause = "out of the range of its type".into();
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, cause)
}

/// Atoms hold no space (`Keyword::allows`), so a space can part them.
pub(super) fn keywords(flags: &Flags) -> String {
    flags.keywords().map(Keyword::as_str).collect::<Vec<_>>().join(" ")
}

/// SQLite's integers are signed; counters never come near the difference.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn key(folder: FolderId) -> i64 {
    folder.get()
}

/// Codes only: SQLite's own text may quote what was stored.
impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(code) => Self::defect(format_args!("SQLite {}", code.extended_code)),
            None => Self::defect("SQLite gave an unexpected value"),
        }
    }
}
