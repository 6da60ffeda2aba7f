//! The standard input and output, and how a command ends early.

use std::cell::RefCell;
use std::io;

use crate::host::{Host, reason};

pub(crate) enum Failure {
    /// What is wrong with the command line.
    Misuse(String),
    /// What to put on the standard error output; nothing when all has been said.
    Report(String),
    /// Nobody reads the output any more, nor wants to hear of that.
    Unheard,
    /// Asked to end at once, by the signal of this number.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Killed(u8),
}

impl From<String> for Failure {
    fn from(report: String) -> Self {
        Failure::Report(report)
    }
}

/// Puts bytes on the standard output.
pub(crate) fn print(host: &dyn Host, bytes: &[u8]) -> Result<(), Failure> {
    host.print(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Unheard,
        _ => Failure::Report(format!(
            "capstan: cannot write the output: {}",
            reason(&error)
        )),
    })
}

/// The standard output of messages, many of which may be small.
pub(crate) struct Output<'h> {
    pub(crate) host: &'h dyn Host,
    pending: RefCell<Vec<u8>>,
}

impl<'h> Output<'h> {
    pub(crate) fn new(host: &'h dyn Host) -> Self {
        Output {
            host,
            pending: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut pending = self.pending.borrow_mut();
        pending.extend_from_slice(bytes);
        let full = pending.len() >= 1 << 16;
        drop(pending);
        if full { self.flush() } else { Ok(()) }
    }

    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let pending = self.pending.take();
        match pending.is_empty() {
            true => Ok(()),
            false => print(self.host, &pending),
        }
    }
}

/// All of the standard input.
pub(crate) fn read_to_end(host: &dyn Host) -> io::Result<Vec<u8>> {
    let mut input = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match host.read_input(&mut buffer)? {
            0 => return Ok(input),
            count => input.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}
