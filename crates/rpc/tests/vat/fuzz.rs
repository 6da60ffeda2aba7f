//! Frames that no vat would send, into a live one: see `tests/targets/vat.rs`, which `npm run fuzz` drives too.
//!
//! `CAPSTAN_SEED=<number>` runs one schedule alone, `CAPSTAN_SEEDS=<count>` that many.

#[path = "../targets/vat.rs"]
mod target;

use std::path::Path;

use crate::seeds::{Random, for_each_seed};

#[test]
fn frames_that_no_vat_would_send() {
    for_each_seed(3 << 32, 1000, |seed| {
        let mut random = Random::new(seed);
        let words = 100 + random.below(400);
        let input: Vec<u8> = (0..words)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        target::run(&input);
    });
}

/// What fuzzing found worth keeping, inputs that once broke something among it.
#[test]
fn corpus() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/vat");
    let mut count = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        // Shown when the test fails.
        println!("{}", path.display());
        target::run(&data);
        for end in (0..data.len()).step_by(7) {
            target::run(&data[..end]);
        }
        count += 1;
    }
    assert!(count >= 5, "{count} inputs");
}
