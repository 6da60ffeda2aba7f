//! What the ways that were not taken need in wasm: a frame, a replayer of commands, and accessors to
//! be called once per field or pointer. Just enough to be measured on the bench's three cases.

mod frame;
mod replay;

use std::cell::{Cell, RefCell};

use frame::Frame;

thread_local! {
    static FRAME: RefCell<Frame> = RefCell::new(Frame::default());
    static COMMANDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What a call has to tell besides its result: a length, then a step.
    static REPORT: [Cell<u32>; 2] = const { [const { Cell::new(0) }; 2] };
}

fn report(length: u32, step: u32) {
    REPORT.with(|[first, second]| {
        first.set(length);
        second.set(step);
    });
}

fn frame<R>(f: impl FnOnce(&mut Frame) -> R) -> R {
    FRAME.with_borrow_mut(f)
}

#[unsafe(no_mangle)]
pub extern "C" fn report_address() -> u32 {
    REPORT.with(|cells| cells.as_ptr() as u32)
}

#[unsafe(no_mangle)]
pub extern "C" fn nothing(value: u32) -> u32 {
    value
}

/// Begins a frame with a root struct of these sections.
#[unsafe(no_mangle)]
pub extern "C" fn begin(data_words: u32, pointers: u32) {
    frame(|frame| frame.begin(data_words, pointers));
}

#[unsafe(no_mangle)]
pub extern "C" fn frame_address() -> u32 {
    frame(|frame| frame.address())
}

// ---- a command buffer ----

#[unsafe(no_mangle)]
pub extern "C" fn commands_room(bytes: u32) -> u32 {
    COMMANDS.with_borrow_mut(|commands| {
        if commands.len() < bytes as usize {
            commands.resize(bytes as usize, 0);
        }
        commands.as_ptr() as u32
    })
}

/// 1 when all commands made sense.
#[unsafe(no_mangle)]
pub extern "C" fn replay(bytes: u32) -> u32 {
    COMMANDS.with_borrow(|commands| {
        let commands = commands.get(..bytes as usize).unwrap_or_default();
        u32::from(frame(|frame| replay::replay(frame, commands)).is_some())
    })
}

// ---- a call per field or pointer ----

#[unsafe(no_mangle)]
pub extern "C" fn set_u64(at: u32, low: u32, high: u32) {
    frame(|frame| frame.put(at as usize, u64::from(high) << 32 | u64::from(low)));
}

/// Where to write a Text's or a Data's bytes.
#[unsafe(no_mangle)]
pub extern "C" fn init_bytes(at: u32, length: u32, is_text: u32) -> u32 {
    frame(|frame| {
        let target = frame.init_bytes(at as usize, length as usize, is_text as usize);
        frame.address() + target as u32
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn init_structs(at: u32, count: u32, data_words: u32, pointers: u32) -> u32 {
    frame(|frame| frame.init_structs(at as usize, count, data_words, pointers) as u32)
}

/// The offset of the root's data section, 0 when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn get_root() -> u32 {
    frame(|frame| frame.get_root()).unwrap_or(0) as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn get_bytes(at: u32) -> u32 {
    let found = frame(|frame| frame.get_bytes(at as usize));
    let (start, length) = found.unwrap_or_default();
    report(length, 0);
    start as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn get_structs(at: u32) -> u32 {
    let found = frame(|frame| frame.get_structs(at as usize));
    let (start, count, step) = found.unwrap_or_default();
    report(count, step);
    start as u32
}
