//! Running other programs: loudly when they fail, and never leaving one behind.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What went wrong and what to do about it, in words for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A failure whose reasons have been shown already, above a closing line that must stay the last.
    pub(crate) fn closing() -> Self {
        Self(String::new())
    }

    pub(crate) fn is_told(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs to the end with the terminal as its output.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    let status = start(what, command)?.wait(what)?;
    check(what, command, status)
}

/// Runs to the end and gives what it printed on stdout; stderr goes to the terminal.
pub(crate) fn output(what: &str, command: &mut Command) -> Result<String, Failure> {
    let mut text = String::new();
    let status = each_line(what, command, |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    check(what, command, status)?;
    Ok(text)
}

/// Runs to the end, handing over each line of stdout as it comes.
pub(crate) fn each_line(
    what: &str,
    command: &mut Command,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus, Failure> {
    let mut running = start(what, command.stdout(Stdio::piped()))?;
    let _watchdog = Watchdog::set(what, running.child.id());
    if let Some(stdout) = running.child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        // Bytes, not str: a test may print anything, and that must not stop us from reading on.
        while reader.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
            on_line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
    }
    running.wait(what)
}

pub(crate) fn start(what: &str, command: &mut Command) -> Result<Running, Failure> {
    if interrupted() {
        return Err(Failure::new("interrupted"));
    }
    // A group of its own, so that ending it also ends what it started: a browser's helpers, a test's servers.
    let spawned = command.stdin(Stdio::null()).process_group(0).spawn();
    let child = spawned.map_err(|error| {
        Failure::new(format!(
            "{what}: cannot start `{}`: {error}",
            command.get_program().to_string_lossy()
        ))
    })?;
    lock_children().push(child.id());
    Ok(Running { child })
}

fn check(what: &str, command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{what} failed ({status}): {}",
        describe(command)
    )))
}

/// The command line as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A running child that is ended when dropped, whatever happens in between.
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Running {
    pub(crate) fn wait(&mut self, what: &str) -> Result<ExitStatus, Failure> {
        let status = self
            .child
            .wait()
            .map_err(|error| Failure::new(format!("{what}: cannot wait for it: {error}")));
        self.forget();
        if interrupted() {
            return Err(Failure::new("interrupted"));
        }
        status
    }

    /// Asks it to end, and insists after `grace`.
    pub(crate) fn end(&mut self, grace: Duration) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_group("TERM", self.child.id());
            let deadline = Instant::now() + grace;
            while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        signal_group("KILL", self.child.id());
        let _ = self.child.wait();
        self.forget();
    }

    fn forget(&self) {
        lock_children().retain(|id| *id != self.child.id());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Duration::from_secs(3));
    }
}

/// Ends a program that has hung: a test run that never returns tells nobody what is wrong.
struct Watchdog {
    // Dropped with the watchdog, which wakes the thread.
    _alive: Sender<()>,
}

impl Watchdog {
    fn set(what: &str, leader: u32) -> Self {
        let (alive, gone) = channel();
        let what = what.to_owned();
        std::thread::spawn(move || {
            if gone.recv_timeout(HUNG_AFTER) == Err(RecvTimeoutError::Timeout) {
                let minutes = HUNG_AFTER.as_secs() / 60;
                eprintln!("{what}: still running after {minutes} minutes; ending it");
                signal_group("KILL", leader);
            }
        });
        Self { _alive: alive }
    }
}

/// On Ctrl-C, termination or a closed terminal: end every child, clean up, leave with 130.
pub(crate) fn kill_children_on_ctrl_c() {
    let installed = ctrlc::set_handler(|| {
        ENDING.store(true, Ordering::SeqCst);
        for id in lock_children().drain(..) {
            signal_group("TERM", id);
        }
        // Time for the children to end, and for the main thread to see it, tidy up and leave by itself.
        std::thread::sleep(Duration::from_secs(5));
        leave();
    });
    if let Err(error) = installed {
        eprintln!("note: Ctrl-C may leave child processes behind: {error}");
    }
}

pub(crate) fn interrupted() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// The end of an interrupted run.
pub(crate) fn leave() -> ! {
    let leftover: Vec<PathBuf> = SCRATCH
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
        .collect();
    for path in leftover {
        let _ = std::fs::remove_dir_all(path);
    }
    eprintln!("\ninterrupted");
    let _ = std::io::stdout().flush();
    std::process::exit(130);
}

/// A temporary directory that is removed when dropped, and on Ctrl-C.
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
}

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("capstan-{name}-{}", std::process::id()));
        crate::workspace::create_dir(&path)?;
        SCRATCH
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(path.clone());
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|path| *path != self.path);
        // A browser's helpers may still write for a moment after it ended.
        for _ in 0..20 {
            match std::fs::remove_dir_all(&self.path) {
                Ok(()) => return,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

/// The standard library only knows the signal that cannot be handled, and only for the child itself.
fn signal_group(signal: &str, leader: u32) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -s {signal} -- -{leader}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn lock_children() -> std::sync::MutexGuard<'static, Vec<u32>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than the longest cold build on a slow machine.
const HUNG_AFTER: Duration = Duration::from_secs(20 * 60);

static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static SCRATCH: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static ENDING: AtomicBool = AtomicBool::new(false);
