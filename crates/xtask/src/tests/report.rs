//! Counting tests in the output of their runners, and the summary table.

use std::time::Duration;

use crate::steps::duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Counts {
    /// A check that is one test in itself.
    pub(super) fn success() -> Self {
        Self {
            passed: 1,
            failed: 0,
        }
    }

    pub(super) fn failure() -> Self {
        Self {
            passed: 0,
            failed: 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// What libtest and wasm-bindgen's runner say at the end of each test binary.
    pub(super) fn in_line(line: &str) -> Option<Self> {
        let line = without_colour(line);
        let rest = line.trim().strip_prefix("test result: ")?;
        let number = |unit: &str| {
            rest.split([';', '.'])
                .find_map(|part| part.trim().strip_suffix(unit)?.trim().parse().ok())
        };
        Some(Self {
            passed: number("passed")?,
            failed: number("failed")?,
        })
    }

    /// A runner that fails without counting a failed test did not get as far as counting.
    pub(super) fn with_status(mut self, succeeded: bool) -> Self {
        if !succeeded && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) counts: Counts,
    pub(super) time: Duration,
}

pub(super) fn total(rows: &[Row]) -> Counts {
    let mut sum = Counts::default();
    for row in rows {
        sum.add(row.counts);
    }
    sum
}

pub(super) fn table(rows: &[Row], time: Duration) -> String {
    let width = rows
        .iter()
        .map(|row| row.about.chars().count())
        .max()
        .unwrap_or(0);
    let line = |name: &str, about: &str, counts: Counts, time: Duration| {
        format!(
            "{name:<10} {about:<width$} {:>7} {:>7} {:>13}\n",
            counts.passed,
            counts.failed,
            duration(time)
        )
    };
    let rule = format!("{}\n", "─".repeat(10 + 1 + width + 8 + 8 + 14));
    let mut text = format!(
        "{:<10} {:<width$} {:>7} {:>7} {:>13}\n",
        "step", "what ran", "passed", "failed", "time"
    );
    text.push_str(&rule);
    for row in rows {
        text.push_str(&line(row.name, row.about, row.counts, row.time));
    }
    text.push_str(&rule);
    text.push_str(&line("total", "with set-up", total(rows), time));
    text
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        if next == '\x1b' {
            // A colour sequence ends with the first letter after the bracket.
            for inside in chars.by_ref() {
                if inside.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(next);
        }
    }
    plain
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn results_of_libtest_are_counted() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(
            Counts::in_line(line),
            Some(Counts {
                passed: 12,
                failed: 0
            })
        );
        let line = "test result: \x1b[31mFAILED\x1b[0m. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            Counts::in_line(line),
            Some(Counts {
                passed: 3,
                failed: 2
            })
        );
        assert_eq!(Counts::in_line("test tests::a ... ok"), None);
    }

    #[test]
    fn a_runner_that_dies_is_a_failure() {
        let counts = Counts {
            passed: 4,
            failed: 0,
        };
        assert_eq!(counts.with_status(false).failed, 1);
        assert_eq!(counts.with_status(true).failed, 0);
    }

    #[test]
    fn the_table_adds_up() {
        let row = |name, passed, failed| Row {
            name,
            about: "something",
            counts: Counts { passed, failed },
            time: Duration::from_secs(2),
        };
        let rows = [row("a", 3, 0), row("b", 4, 1)];
        let text = table(&rows, Duration::from_secs(5));
        let last = text.lines().last().unwrap_or_default();
        let words: Vec<&str> = last.split_whitespace().collect();
        assert_eq!(words, ["total", "with", "set-up", "7", "1", "5.0", "s"]);
    }
}
