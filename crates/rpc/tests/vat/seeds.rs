//! Random schedules by number.

pub fn for_each_seed(first: u64, count: u64, run: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("CAPSTAN_SEED") {
        // A number belongs to the test that printed it.
        Some(seed) if seed >> 32 == first >> 32 => seed..seed + 1,
        Some(_) => return,
        None => first..first + number("CAPSTAN_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        let report = OnPanic(seed);
        run(seed);
        core::mem::forget(report);
    }
}

struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        eprintln!("to see this again: CAPSTAN_SEED={}", self.0);
    }
}

/// Small, fast, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}
