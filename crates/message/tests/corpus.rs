//! Replays what is in `fuzz/seeds`, on stable, through the same code that `npm run fuzz` drives:
//! messages of many kinds, and inputs that once broke something.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "targets/framing.rs"]
mod framing;
#[path = "targets/packing.rs"]
mod packing;
#[path = "targets/pointers.rs"]
mod pointers;

use std::path::Path;

#[test]
fn framing_corpus() {
    replay("framing", framing::run);
}

#[test]
fn packing_corpus() {
    replay("packing", packing::run);
}

#[test]
fn pointers_corpus() {
    replay("pointers", pointers::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut count = 0;
    for entry in std::fs::read_dir(seeds.join(target)).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        // Shown when the test fails.
        println!("{}", path.display());
        run(&data);
        for end in 0..data.len().min(200) {
            run(&data[..end]);
        }
        count += 1;
    }
    assert!(count >= 5, "{count} inputs for {target}");
}
