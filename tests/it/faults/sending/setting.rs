//! What is sent, and how the tenant behaves.

use m365_sim::Switches;
use m365_sim::switch::{Attaching, MimeFidelity, SentAgain, Waiting};

use super::Chance;
use crate::sending::letters::{Name, SIXTY, Shape};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Size {
    TwoKilobytes,
    TwoMegabytes,
    TenMegabytes,
    SixtyMegabytes,
}

impl Size {
    pub(super) fn shape(self, chance: &mut Chance) -> Shape {
        let shapes: &[Shape] = match self {
            Self::TwoKilobytes => &[Shape::Text(2_000), Shape::File(1_000), Shape::Image(1_000)],
            Self::TwoMegabytes => &[Shape::File(1_450_000), Shape::Scan(1_450_000)],
            Self::TenMegabytes => &[
                Shape::File(7_300_000),
                Shape::Files(4_000_000, 2_500_000),
                Shape::Files(2_900_000, 2_900_000),
                Shape::Image(7_300_000),
                Shape::Scan(7_300_000),
                Shape::Forwarded(5_400_000),
            ],
            Self::SixtyMegabytes => &[Shape::File(SIXTY)],
        };
        chance.pick(shapes)
    }
}

/// Whether the client gives its message a name of its own. What has none cannot be told from another one like
/// it once it was sent.
pub(super) fn name(chance: &mut Chance) -> Name {
    if chance.one_in(3) { Name::None } else { Name::Own }
}

/// All that nobody knows of the service for certain.
pub(super) fn by_chance(switches: &mut Switches, chance: &mut Chance) {
    switches.sending.message_bytes = 150 * 1024 * 1024;
    switches.sending.id_survives_send = !chance.one_in(3);
    switches.sending.delay_seconds = chance.pick(&[0, 0, 8, 60]);
    switches.sending.waiting = chance.pick(&[Waiting::NoDraft, Waiting::Submitted, Waiting::Draft]);
    switches.sending.sent_again = match switches.sending.waiting {
        Waiting::Draft => SentAgain::Refused,
        _ => SentAgain::Doubled,
    };
    switches.messages.mime = chance.pick(&[
        MimeFidelity::ByteExact,
        MimeFidelity::Regenerated,
        MimeFidelity::RegeneratedEachTime,
    ]);
    switches.messages.attaching = chance.pick(&[Attaching::Kept, Attaching::Rebuilt]);
    switches.messages.filter_by_one = chance.one_in(4);
    switches.messages.attachment_overhead = chance.pick(&[0, 300]);
}
