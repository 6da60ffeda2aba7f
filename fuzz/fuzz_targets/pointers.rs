#![no_main]

#[path = "../../crates/message/tests/targets/pointers.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
