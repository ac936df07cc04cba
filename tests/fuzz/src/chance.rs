//! Choices that follow from the input alone, so that an input can stay what it is on the wire.

/// xorshift64, begun with the input.
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(data: &[u8]) -> Self {
        let mixed = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mixed | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub(crate) fn heads(&mut self) -> bool {
        self.below(2) == 0
    }

    /// The octets as a network may bring them: now in small pieces, now in large ones.
    pub(crate) fn reads<'a>(&mut self, mut rest: &'a [u8]) -> Vec<&'a [u8]> {
        let longest = [2, 5, 30, 300][self.below(4)];
        let mut reads = Vec::new();
        while !rest.is_empty() {
            let (read, later) = rest.split_at((1 + self.below(longest)).min(rest.len()));
            reads.push(read);
            rest = later;
        }
        reads
    }
}

/// Whole, cut by chance, and octet by octet as long as that is cheap.
pub(crate) fn splits(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut splits = vec![vec![bytes], Chance::of(bytes).reads(bytes)];
    if bytes.len() <= 400 {
        splits.push(bytes.chunks(1).collect());
    }
    splits
}
