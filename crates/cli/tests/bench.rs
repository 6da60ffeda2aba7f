//! `capstan bench` as a process.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_capstan"))
        .arg("bench")
        .args(arguments)
        .output()
        .unwrap()
}

fn picture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The share of the link in the row of the table that begins so.
fn share(table: &str, name: &str) -> f64 {
    let row = table.lines().find(|line| line.starts_with(name)).unwrap();
    let before = row.split(" %").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn draws_each_kind_of_window_on_a_link() {
    let path = picture("link.svg");
    let out = path.to_str().unwrap();
    let link = ["link", "--rate=50Mbit", "--round-trip=100ms", "-o", out];
    let output = bench(&link);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(share(&table, "Adaptive") > 95.0, "{table}");
    assert!(share(&table, "Fixed, 64 KiB") < 25.0, "{table}");
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    // Of each column: the bounds of four rows, and six lines.
    assert_eq!(svg.matches("<polyline ").count(), 3 * (4 + 6));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    assert_eq!(bench(&link).stdout, output.stdout);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), svg);
}

#[test]
fn shows_who_notices_that_the_way_has_become_longer() {
    let path = picture("longer.svg");
    let output = bench(&[
        "link",
        "--rate=100Mbit",
        "--round-trip=10ms",
        "--then-round-trip=100ms",
        "--seconds=40",
        "-o",
        path.to_str().unwrap(),
    ]);
    let table = text(&output.stdout);
    assert!(share(&table, "Adaptive") > 90.0, "{table}");
    assert!(share(&table, "Bandwidth") < 60.0, "{table}");
}

#[test]
fn says_what_it_does_not_understand() {
    for (arguments, complaint) in [
        (&["lonk"][..], "there is no bench 'lonk'; there is 'link'"),
        (
            &["link", "--rate=50"],
            "--rate=50: expected a rate such as 50Mbit",
        ),
        (
            &["link", "--round-trip=-1ms"],
            "expected a time such as 100ms",
        ),
        (&["link", "--chunk=1"], "expected bytes such as 16384"),
        (&["link", "--streams=65"], "--streams=65: from 1 to 64"),
        (&["link", "--seconds=0"], "--seconds=0: from 1 to 600"),
        (
            &["link", "-o", "/nowhere/at/all.svg"],
            "cannot write /nowhere/at/all.svg",
        ),
    ] {
        let output = bench(arguments);
        let report = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(report.contains(complaint), "{arguments:?}: {report}");
    }
}
