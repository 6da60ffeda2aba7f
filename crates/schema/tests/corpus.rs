//! Replays what is in `fuzz/seeds/compiler`, on stable, through the same code that `npm run fuzz`
//! drives, whole and damaged in ways that do not change from run to run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "targets/compiler.rs"]
mod compiler;

use std::path::Path;

use capstan_schema::compat::incompatibilities;
use capstan_schema::{
    NoFiles, STANDARD_FILES, SourceFile, compile, read_request, standard_file, write_request,
};

/// Every seed by its name.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/compiler");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    found.sort();
    assert!(found.len() >= 7, "{} inputs", found.len());
    found
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

#[test]
fn whole_and_cut_off() {
    for (name, data) in seeds() {
        println!("{name}");
        compiler::run(&data);
        for end in (0..data.len()).step_by(3) {
            compiler::run(&data[..end]);
        }
    }
}

#[test]
fn damaged_bytes() {
    let mut random = Random(7);
    for (name, data) in seeds() {
        for _ in 0..150 {
            let mut damaged = data.clone();
            for _ in 0..1 + random.below(6) {
                let at = random.below(damaged.len());
                let mark = b"{}();:@$.,=[]\"0-\\#a\n\xff"[random.below(21)];
                match random.below(4) {
                    0 => drop(damaged.remove(at)),
                    1 => damaged.insert(at, mark),
                    2 => damaged[at] = mark,
                    _ => damaged[at] = random.below(256) as u8,
                }
            }
            println!("{name}: {:?}", String::from_utf8_lossy(&damaged));
            compiler::run(&damaged);
        }
    }
}

/// Words and marks in any order: what survives the parser more often than damaged bytes do.
#[test]
fn shuffled_words() {
    let mut words = Vec::new();
    for (_, data) in seeds() {
        let text = String::from_utf8_lossy(&data).into_owned();
        words.extend(text.split_whitespace().map(str::to_owned));
    }
    let mut random = Random(11);
    for (name, data) in seeds() {
        let text = String::from_utf8_lossy(&data).into_owned();
        let own: Vec<&str> = text.split(' ').collect();
        for _ in 0..150 {
            let mut shuffled: Vec<&str> = own.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(shuffled.len());
                match random.below(3) {
                    0 => shuffled[at] = &words[random.below(words.len())],
                    1 => shuffled.insert(at, &words[random.below(words.len())]),
                    _ => {
                        let other = random.below(shuffled.len());
                        shuffled.swap(at, other);
                    }
                }
            }
            let text = shuffled.join(" ");
            println!("{name}: {text}");
            compiler::run(text.as_bytes());
        }
    }
}

/// Requests come from other programs: whatever they say, they are read, or refused in words.
#[test]
fn damaged_requests() {
    let mut random = Random(17);
    let files: Vec<SourceFile> = STANDARD_FILES
        .iter()
        .filter_map(|(path, _)| standard_file(path))
        .collect();
    let (mut good, mut bad) = (0, 0);
    for file in &files {
        let schema = compile(&NoFiles, std::slice::from_ref(file)).unwrap();
        let request = write_request(&schema).unwrap();
        for _ in 0..40 {
            let mut damaged = request.clone();
            for _ in 0..1 + random.below(8) {
                let at = random.below(damaged.len());
                damaged[at] = random.below(256) as u8;
            }
            match read_request(&damaged) {
                Ok(read) => {
                    good += 1;
                    let _ = write_request(&read);
                    incompatibilities(&schema, &read);
                    incompatibilities(&read, &schema);
                    incompatibilities(&read, &read);
                }
                Err(error) => {
                    bad += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    assert!(good > 20 && bad > 20, "{good} read, {bad} refused");
}

#[test]
fn noise() {
    let mut random = Random(13);
    for _ in 0..300 {
        let length = random.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        println!("{bytes:?}");
        compiler::run(&bytes);
    }
}
