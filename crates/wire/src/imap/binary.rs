//! Parts without their transfer encoding (RFC 3516).

use std::fmt;
use std::num::NonZeroU32;

use super::{Partial, Peek};

/// `BINARY[part]<partial>` and `BINARY.PEEK[part]<partial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinarySection {
    pub peek: Peek,
    pub part: BinaryPart,
    /// Of the decoded octets (RFC 3516 section 4.2).
    pub partial: Option<Partial>,
}

/// A part number, all that may stand between the brackets; empty for the whole message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BinaryPart(pub Vec<NonZeroU32>);

/// As the answer names it: without `.PEEK`, and of a partial only the offset.
impl fmt::Display for BinarySection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BINARY[{}]", self.part)?;
        self.partial.map_or(Ok(()), |Partial { offset, .. }| write!(formatter, "<{offset}>"))
    }
}

impl fmt::Display for BinaryPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.0.iter().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            write!(formatter, "{dot}{number}")?;
        }
        Ok(())
    }
}
