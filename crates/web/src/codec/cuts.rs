use capstan_message::WORD_BYTES;

/// Finds the places in a stream of messages where a run of the packing has to end: between two
/// segments of a message. There are readers that take the segments one by one and refuse a run
/// that goes on in the next. At other borders no run can go on, because the last word of a table
/// is neither zero nor full.
///
/// Bytes that are no messages are packed as well as any others, wherever the cuts fall.
#[derive(Default)]
pub(super) struct Cuts {
    stage: Stage,
    /// What is there of the segment table.
    table: Vec<u8>,
    /// Bytes to go in this stage, less those already passed.
    passed_bytes: u64,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    Table,
    Segment(usize),
    /// These are no messages.
    Anything,
}

impl Cuts {
    /// As much of `input` as lies before the next place where something changes.
    pub(super) fn up_to_next<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        if let Stage::Table = self.stage
            && self.table.is_empty()
        {
            // Zeros are tables of messages without content. In one piece, because there may be many.
            let words = input.as_chunks::<WORD_BYTES>().0;
            let zeros = words.iter().take_while(|word| **word == [0; WORD_BYTES]);
            let bytes = zeros.count() * WORD_BYTES;
            if bytes > 0 {
                return input.get(..bytes).unwrap_or(input);
            }
        }
        let left = self.stage_bytes() - self.passed_bytes;
        match usize::try_from(left) {
            Ok(left) => input.get(..left).unwrap_or(input),
            Err(_) => input,
        }
    }

    /// Goes on by some of what [`Self::up_to_next`] gave. Whether a run has to end here.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> bool {
        if let Stage::Table = self.stage {
            if self.table.is_empty() && bytes.len() > WORD_BYTES {
                let begun = bytes.len() % WORD_BYTES;
                self.table.resize(begun, 0);
                self.passed_bytes = begun as u64;
                return false;
            }
            self.table.extend_from_slice(bytes);
        }
        self.passed_bytes += bytes.len() as u64;
        if self.passed_bytes < self.stage_bytes() {
            return false;
        }
        match self.stage {
            Stage::Table if self.segments() > MAX_SEGMENTS => {
                self.enter(Stage::Anything);
                false
            }
            // The first word is there, and says how long the table is.
            Stage::Table if self.table.len() < self.table_bytes() => false,
            Stage::Table => {
                self.enter_segment(0);
                false
            }
            Stage::Segment(index) => self.enter_segment(index + 1),
            Stage::Anything => false,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.passed_bytes = 0;
        if let Stage::Table | Stage::Anything = stage {
            self.table.clear();
        }
    }

    /// Enters the first segment from here on that is not empty, if there is one.
    fn enter_segment(&mut self, from: usize) -> bool {
        let next = (from..self.segments()).find(|index| self.segment_bytes(*index) > 0);
        self.enter(next.map_or(Stage::Table, Stage::Segment));
        next.is_some()
    }

    fn stage_bytes(&self) -> u64 {
        match self.stage {
            Stage::Table => self.table_bytes() as u64,
            Stage::Segment(index) => self.segment_bytes(index),
            Stage::Anything => u64::MAX,
        }
    }

    fn table_bytes(&self) -> usize {
        if self.table.len() < WORD_BYTES {
            return WORD_BYTES;
        }
        (self.segments().min(MAX_SEGMENTS) / 2 + 1) * WORD_BYTES
    }

    fn segments(&self) -> usize {
        (self.entry(0) as usize).saturating_add(1)
    }

    fn segment_bytes(&self, index: usize) -> u64 {
        u64::from(self.entry(1 + index)) * WORD_BYTES as u64
    }

    fn entry(&self, index: usize) -> u32 {
        self.table
            .get(4 * index..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

/// What readers accept, and a bound for the memory of a table.
const MAX_SEGMENTS: usize = 512;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    /// The offsets at which runs have to end.
    fn cuts(entries: &[u32], piece: usize) -> Vec<usize> {
        let input: Vec<u8> = entries.iter().flat_map(|each| each.to_le_bytes()).collect();
        let mut cuts = Cuts::default();
        let mut at = 0;
        let mut found = Vec::new();
        while at < input.len() {
            let next = cuts.up_to_next(&input[at..]);
            let next = &next[..next.len().min(piece)];
            assert!(!next.is_empty());
            at += next.len();
            if cuts.advance(next) {
                found.push(at);
            }
        }
        found
    }

    #[test]
    fn cuts_lie_between_segments_only() {
        let one = [0, 2, 9, 9, 9, 9];
        let empty = [0, 0];
        let three = [2, 1, 0, 2, 9, 9, 9, 9, 9, 9];
        let input = [&one[..], &empty, &empty, &empty, &three, &one].concat();
        for piece in [1, 3, 8, 13, 1000] {
            assert_eq!(cuts(&input, piece), [24 + 24 + 24], "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_message_is_not_cut() {
        assert!(cuts(&[0; 100], 1000).is_empty());
        assert!(cuts(&[u32::MAX; 100], 7).is_empty());
        assert!(cuts(&[512; 5000], 1000).is_empty());
    }
}
