//! How a large message comes apart.

use std::fmt;
use std::ops::Range;

use super::Flaw;

/// The parts of a message that cannot be handed over in one piece, as places in its file.
#[derive(Clone, Debug)]
pub struct Anatomy {
    /// Offsets of the header.
    pub header: Range<u64>,
    /// In the order of the message.
    pub leaves: Vec<Leaf>,
    /// Why it must not come apart, if it must not.
    pub flaw: Option<Flaw>,
}

/// A part that holds no other parts, or a message inside the message.
#[derive(Clone, Eq, PartialEq)]
pub struct Leaf {
    /// Its header as it stands in the message.
    pub fields: Vec<u8>,
    /// Offsets of its body, still encoded.
    pub body: Range<u64>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// One of several forms of the same content.
    Alternative,
    Other,
}

/// Header fields are mail.
impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({:?}, {:?})", self.body, self.place)
    }
}
