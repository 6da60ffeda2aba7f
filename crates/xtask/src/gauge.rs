//! The progress line of the demo: how far, how fast, and how full the window is.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::steps::{self, bytes, paint};

/// One progress report of the sending side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Progress {
    sent: u64,
    total: u64,
    in_flight: u64,
    window: u64,
    megabytes_per_second: f64,
}

impl Progress {
    /// `None` when `report` is another kind of report.
    pub(crate) fn parse(report: &Value) -> Option<Self> {
        let number = |name: &str| report.get(name).and_then(Value::as_f64);
        Some(Self {
            sent: number("sent")? as u64,
            total: number("total")? as u64,
            in_flight: number("inFlight")? as u64,
            window: number("window")? as u64,
            megabytes_per_second: number("mbps")?,
        })
    }

    fn fraction(&self) -> f64 {
        if self.total == 0 {
            1.0
        } else {
            (self.sent as f64 / self.total as f64).min(1.0)
        }
    }

    /// At most `columns` wide, down to where only the bar could still give way.
    fn bar_and_figures(&self, columns: usize) -> (String, String) {
        let figures = format!(
            "{:>5.1} %  {:>9}  {:>6.1} MB/s  in flight {:>9} of a {} window",
            self.fraction() * 100.0,
            bytes(self.sent),
            self.megabytes_per_second,
            bytes(self.in_flight),
            bytes(self.window),
        );
        let cells = columns
            .saturating_sub(figures.chars().count() + 2)
            .min(MOST_BAR_CELLS);
        let filled = (self.fraction() * cells as f64) as usize;
        let bar: String = (0..cells)
            .map(|cell| if cell < filled { '█' } else { '░' })
            .collect();
        (bar, figures)
    }

    fn line(&self, columns: usize) -> String {
        let (bar, figures) = self.bar_and_figures(columns);
        format!("{} {figures}", paint("36", &bar))
    }
}

/// Draws in place on a terminal; elsewhere prints a line now and then.
pub(crate) struct Gauge {
    columns: usize,
    drawn: bool,
    last_printed: Option<(Instant, u64)>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            columns: terminal_columns(),
            drawn: false,
            last_printed: None,
        }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        if steps::is_terminal() {
            print!("\r\x1b[2K{}", progress.line(self.columns));
            let _ = std::io::stdout().flush();
            self.drawn = true;
            return;
        }
        let tenth = (progress.fraction() * 10.0) as u64;
        let due = self.last_printed.is_none_or(|(at, last_tenth)| {
            tenth > last_tenth || at.elapsed() > Duration::from_secs(2)
        });
        if due {
            println!("{}", progress.line(self.columns));
            self.last_printed = Some((Instant::now(), tenth));
        }
    }

    /// Leaves the last state standing and moves below it.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.drawn) {
            println!();
        }
    }
}

/// A line that wraps cannot be drawn over. `stty` asks the terminal on our own standard input.
fn terminal_columns() -> usize {
    let answer = Command::new("stty")
        .arg("size")
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .output();
    answer
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.split_whitespace().nth(1)?.parse().ok())
        .filter(|columns| *columns > 0)
        .unwrap_or(120)
}

const MOST_BAR_CELLS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Without the colour that a terminal would get.
    fn plain_line(progress: &Progress, columns: usize) -> String {
        let (bar, figures) = progress.bar_and_figures(columns);
        format!("{bar} {figures}")
    }

    #[test]
    fn a_progress_report_reads_as_one_line() {
        let report = json!({"sent": 33_554_432, "total": 67_108_864, "inFlight": 65_600,
            "window": 131_072, "mbps": 212.34, "elapsedMs": 158});
        let line = Progress::parse(&report).map(|progress| plain_line(&progress, 120));
        let line = line.unwrap_or_default();
        assert!(line.contains(" 50.0 %"), "{line}");
        assert!(line.contains("32.0 MiB"), "{line}");
        assert!(line.contains("212.3 MB/s"), "{line}");
        assert!(
            line.contains("in flight  64.1 KiB of a 128.0 KiB window"),
            "{line}"
        );
        assert_eq!(line.matches('█').count(), MOST_BAR_CELLS / 2);
    }

    #[test]
    fn the_line_fits_a_common_terminal() {
        let report = json!({"sent": 1_023_000_000, "total": 67_108_864, "inFlight": 165_600,
            "window": 131_072, "mbps": 1212.34, "elapsedMs": 158});
        let line = Progress::parse(&report).map(|progress| plain_line(&progress, 80));
        let cells = line.unwrap_or_default().chars().count();
        assert!((70..80).contains(&cells), "{cells}");
    }

    #[test]
    fn other_reports_are_not_progress() {
        assert_eq!(Progress::parse(&json!({"done": true, "bytes": 5})), None);
    }

    #[test]
    fn an_empty_file_is_all_sent() {
        let report = json!({"sent": 0, "total": 0, "inFlight": 0, "window": 65_536, "mbps": 0});
        let line = Progress::parse(&report).map(|progress| plain_line(&progress, 100));
        assert!(line.unwrap_or_default().contains("100.0 %"));
    }
}
