//! Random values: equal seeds give equal ones.

pub struct Random {
    state: u64,
    /// Whether to use what the tool cannot read back from its own text: pointers to anything, and
    /// numbers that it rounds.
    pub opaque: bool,
}

impl Random {
    pub fn new(seed: u64, opaque: bool) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            opaque,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u32) -> u32 {
        ((self.next() >> 32) % u64::from(end)) as u32
    }

    pub fn one_in(&mut self, chances: u32) -> bool {
        self.below(chances) == 0
    }

    pub fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// Often zero, often small.
    pub fn sparse(&mut self) -> u64 {
        let shift = self.below(64);
        if self.one_in(3) {
            0
        } else {
            self.next() >> shift
        }
    }

    pub fn float32(&mut self) -> f32 {
        let bits = self.next() as u32;
        if self.opaque {
            f32::from_bits(bits)
        } else {
            f32::from(bits as i16) / 8.0
        }
    }

    pub fn float64(&mut self) -> f64 {
        let bits = self.next();
        if self.opaque {
            f64::from_bits(bits)
        } else {
            f64::from(bits as i32) / 1024.0
        }
    }

    pub fn text(&mut self) -> String {
        const CHARACTERS: [char; 12] = [
            'a', 'Z', '0', ' ', '"', '\'', '\\', '\n', '\t', 'é', '漢', '🦀',
        ];
        let length = self.below(12);
        (0..length)
            .map(|_| CHARACTERS[self.below(12) as usize])
            .collect()
    }

    pub fn bytes(&mut self, end: u32) -> Vec<u8> {
        let length = self.below(end);
        (0..length)
            .map(|_| match self.byte() {
                // In strings, these put the tool's own reader of text off the track.
                b'(' | b')' if !self.opaque => b'x',
                byte => byte,
            })
            .collect()
    }
}
