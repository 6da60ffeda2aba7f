#![no_main]

#[path = "../../crates/message/tests/targets/framing.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
