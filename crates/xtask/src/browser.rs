//! Chromium started directly. A debugging protocol in between would mirror every WebSocket frame and cost more
//! than what is being shown.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{self, Failure, Running, Scratch};
use crate::workspace;

/// A headless browser on one page, with a profile of its own that goes away with it.
pub(crate) struct Browser {
    // Ended before the profile is removed: fields drop in this order.
    running: Running,
    profile: Scratch,
}

impl Browser {
    pub(crate) fn open(program: &Path, url: &str) -> Result<Self, Failure> {
        let profile = Scratch::new("browser")?;
        let log_path = profile.path.join(LOG_FILE);
        let log = File::create(&log_path).map_err(|error| {
            Failure::new(format!("cannot create {}: {error}", log_path.display()))
        })?;
        let mut command = Command::new(program);
        command
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                profile.path.join("profile").display()
            ))
            .arg(url)
            .stdout(Stdio::null())
            .stderr(log);
        let running = process::start("the browser", &mut command)?;
        Ok(Self { running, profile })
    }

    /// What it said last, once it has ended although nobody asked it to.
    pub(crate) fn ended_early(&mut self) -> Option<String> {
        let status = self.running.child.try_wait().ok().flatten()?;
        Some(format!(
            "the browser ended ({status})\n{}",
            self.last_words()
        ))
    }

    /// The end of its log: the only place where a crash or a missing library shows.
    fn last_words(&self) -> String {
        let log = workspace::read(&self.profile.path.join(LOG_FILE)).unwrap_or_default();
        // It complains about the desktop's message bus wherever there is no desktop.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("dbus")).collect();
        let from = lines.len().saturating_sub(15);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

const LOG_FILE: &str = "browser.log";

const FLAGS: &[&str] = &[
    "--headless",
    // Containers and root cannot have the sandbox; the only page it ever opens is ours, on loopback.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    // A container's /dev/shm is too small for a browser.
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A proxy of the machine's must not come between the page and loopback.
    "--no-proxy-server",
    // A hidden page's timers would be slowed down, and with them its reports.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
];
