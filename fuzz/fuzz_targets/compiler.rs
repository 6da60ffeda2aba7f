#![no_main]

#[path = "../../crates/schema/tests/targets/compiler.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
