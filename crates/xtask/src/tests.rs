//! `npm test`: everything, one step after the other, and a summary of what ran.

mod report;
mod suites;

use std::time::Instant;

use crate::process::Failure;
use crate::setup;
use crate::steps::{duration, paint, say};
use report::{Counts, Row};

/// Runs all steps, or those that `--only` names, and fails if anything in them did.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let chosen = match choose(args)? {
        Choice::List => {
            for step in suites::ALL {
                println!("{:<10} {}", step.name, step.about);
            }
            return Ok(());
        }
        Choice::Run(steps) => steps,
    };
    let started = Instant::now();
    setup::everything()?;
    setup::say_browser()?;
    say(&format!(
        "set-up complete after {}",
        duration(started.elapsed())
    ));

    let mut rows = Vec::new();
    for step in chosen {
        println!();
        say(&paint("1", &format!("{}: {}", step.name, step.about)));
        let started = Instant::now();
        let counts = match (step.run)() {
            Ok(Counts {
                passed: 0,
                failed: 0,
            }) => {
                eprintln!("{}: no test ran; that counts as a failure", step.name);
                Counts::failure()
            }
            Ok(counts) => counts,
            Err(failure) => {
                eprintln!("{}: {failure}", step.name);
                Counts::failure()
            }
        };
        rows.push(Row {
            name: step.name,
            about: step.about,
            counts,
            time: started.elapsed(),
        });
    }

    let total = report::total(&rows);
    println!();
    print!("{}", report::table(&rows, started.elapsed()));
    println!();
    let outcome = if total.failed == 0 {
        Ok(())
    } else {
        let names = rows
            .iter()
            .filter(|row| row.counts.failed > 0)
            .map(|row| row.name)
            .collect::<Vec<_>>();
        eprintln!(
            "failed: {}; one alone: npm test -- --only {}",
            names.join(", "),
            names.first().unwrap_or(&"")
        );
        Err(Failure::closing())
    };
    // The last line, alone and plain: CI reads it.
    println!("{} passed, {} failed", total.passed, total.failed);
    outcome
}

/// One line of the summary.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Counts, Failure>,
}

enum Choice {
    List,
    Run(Vec<&'static Step>),
}

fn choose(args: &[String]) -> Result<Choice, Failure> {
    let mut names: Vec<&str> = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--list" => return Ok(Choice::List),
            "--only" => names.extend(rest.next().map(String::as_str).unwrap_or("").split(',')),
            other => {
                return Err(Failure::new(format!(
                    "test takes --only STEP and --list, not {other:?}"
                )));
            }
        }
    }
    if names.is_empty() {
        return Ok(Choice::Run(suites::ALL.iter().collect()));
    }
    let find = |name: &str| {
        suites::ALL
            .iter()
            .find(|step| step.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = suites::ALL.iter().map(|step| step.name).collect();
                Failure::new(format!(
                    "there is no test step {name:?}; there are {}",
                    known.join(", ")
                ))
            })
    };
    names
        .into_iter()
        .map(find)
        .collect::<Result<_, _>>()
        .map(Choice::Run)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn names(args: &[&str]) -> Result<Vec<&'static str>, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        match choose(&args) {
            Ok(Choice::Run(steps)) => Ok(steps.iter().map(|step| step.name).collect()),
            Ok(Choice::List) => Ok(Vec::new()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn without_arguments_everything_runs() {
        assert_eq!(names(&[]).map(|names| names.len()), Ok(suites::ALL.len()));
    }

    #[test]
    fn steps_are_chosen_by_name_and_unknown_ones_are_refused() {
        assert_eq!(names(&["--only", "rust"]), Ok(vec!["rust"]));
        assert_eq!(names(&["--only", "js,wasm"]), Ok(vec!["js", "wasm"]));
        assert!(names(&["--only", "rats"]).is_err_and(|message| message.contains("rats")));
    }
}
