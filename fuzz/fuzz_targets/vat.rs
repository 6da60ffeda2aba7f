#![no_main]

#[path = "../../crates/rpc/tests/targets/vat.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
