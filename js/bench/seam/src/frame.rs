//! One growing segment, with the pointers that the bench's cases have.

#[derive(Default)]
pub struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    pub fn begin(&mut self, data_words: u32, pointers: u32) {
        self.bytes = vec![0; 8 + (data_words + pointers) as usize * 8];
        self.put(0, u64::from(data_words) << 32 | u64::from(pointers) << 48);
    }

    pub fn address(&self) -> u32 {
        self.bytes.as_ptr() as u32
    }

    pub fn put(&mut self, at: usize, word: u64) {
        if let Some(place) = self.bytes.get_mut(at..at + 8) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    pub fn init_bytes(&mut self, at: usize, length: usize, is_text: usize) -> usize {
        let target = self.grow((length + is_text).div_ceil(8));
        self.put_list(at, target, 2, (length + is_text) as u64);
        target
    }

    pub fn init_structs(&mut self, at: usize, count: u32, data_words: u32, pointers: u32) -> usize {
        let words = u64::from(count) * u64::from(data_words + pointers);
        let tag = self.grow(1 + words as usize);
        self.put_list(at, tag, 7, words);
        self.put(
            tag,
            u64::from(count) << 2 | u64::from(data_words) << 32 | u64::from(pointers) << 48,
        );
        tag + 8
    }

    pub fn get_root(&self) -> Option<usize> {
        let pointer = self.word(0)?;
        let (data_words, pointers) = (pointer >> 32 & 0xffff, pointer >> 48);
        let start = target(0, pointer);
        self.bytes
            .get(start..start + (data_words + pointers) as usize * 8)?;
        (pointer & 3 == 0 && pointer != 0).then_some(start)
    }

    pub fn get_bytes(&self, at: usize) -> Option<(usize, u32)> {
        let pointer = self.word(at)?;
        let (start, length) = (target(at, pointer), (pointer >> 35) as usize);
        self.bytes.get(start..start + length)?;
        (pointer & 3 == 1 && pointer >> 32 & 7 == 2).then_some((start, length as u32))
    }

    /// Start, count and bytes from one to the next.
    pub fn get_structs(&self, at: usize) -> Option<(usize, u32, u32)> {
        let pointer = self.word(at)?;
        let tag_at = target(at, pointer);
        let tag = self.word(tag_at)?;
        let (count, step) = (
            tag as u32 >> 2,
            ((tag >> 32 & 0xffff) + (tag >> 48)) as u32 * 8,
        );
        self.bytes
            .get(tag_at + 8..tag_at + 8 + count as usize * step as usize)?;
        (pointer & 3 == 1 && pointer >> 32 & 7 == 7).then_some((tag_at + 8, count, step))
    }

    fn word(&self, at: usize) -> Option<u64> {
        self.bytes
            .get(at..at + 8)?
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn grow(&mut self, words: usize) -> usize {
        let at = self.bytes.len();
        self.bytes.resize(at + words * 8, 0);
        at
    }

    fn put_list(&mut self, at: usize, target: usize, size: u64, count: u64) {
        let offset = ((target - at - 8) >> 1) as u64;
        self.put(at, offset | 1 | size << 32 | count << 35);
    }
}

fn target(at: usize, pointer: u64) -> usize {
    let offset_words = (pointer as u32 as i32 >> 2) as isize;
    (at as isize + 8 + offset_words * 8) as usize
}
