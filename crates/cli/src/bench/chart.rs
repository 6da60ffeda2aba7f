//! The picture: a column for each kind of window, a row for each thing there is to see, all of a row at one scale.

use std::fmt::Write as _;

use capstan_rpc::flow::simulator::{Phase, Sample};

pub(super) struct Column<'s> {
    pub(super) name: &'s str,
    /// What came of it, in a line.
    pub(super) figures: String,
    pub(super) samples: &'s [Sample],
}

struct Row {
    name: &'static str,
    unit: &'static str,
    /// What one unit is in what the samples count.
    scale: f64,
    lines: &'static [Line],
    /// The link's own: what it carries, how long it is, what its queue holds.
    bound: fn(&Phase, u64) -> f64,
    bound_name: &'static str,
}

struct Line {
    name: &'static str,
    colour: &'static str,
    value: fn(&[Sample], usize) -> f64,
}

const BLUE: &str = "#2f7ed8";
const ORANGE: &str = "#d9731a";

const ROWS: [Row; 4] = [
    Row {
        name: "Rate",
        unit: "Mbit/s",
        scale: 1e6 / 8.0,
        lines: &[
            Line {
                name: "delivered",
                colour: BLUE,
                value: goodput,
            },
            Line {
                name: "estimated",
                colour: ORANGE,
                value: |samples, at| of(samples, at, |look| look.rate),
            },
        ],
        bound: |phase, _| phase.bits_per_second / 8.0,
        bound_name: "the link's",
    },
    Row {
        name: "Window",
        unit: "KiB",
        scale: 1024.0,
        lines: &[
            Line {
                name: "in flight",
                colour: BLUE,
                value: |samples, at| of(samples, at, |look| look.in_flight as f64),
            },
            Line {
                name: "window",
                colour: ORANGE,
                value: |samples, at| of(samples, at, |look| look.window as f64),
            },
        ],
        bound: |phase, _| phase.bits_per_second / 8e9 * phase.round_trip as f64,
        bound_name: "what the way holds",
    },
    Row {
        name: "Queue",
        unit: "KiB",
        scale: 1024.0,
        lines: &[Line {
            name: "waiting for the link",
            colour: BLUE,
            value: |samples, at| of(samples, at, |look| look.queued as f64),
        }],
        bound: |_, queue_bytes| queue_bytes as f64,
        bound_name: "the network's queue",
    },
    Row {
        name: "Round trip",
        unit: "ms",
        scale: 1e6,
        lines: &[Line {
            name: "of a write",
            colour: BLUE,
            value: |samples, at| of(samples, at, |look| look.took as f64),
        }],
        bound: |phase, _| phase.round_trip as f64,
        bound_name: "the link's",
    },
];

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 104.0;
const GAP_X: f64 = 26.0;
const GAP_Y: f64 = 52.0;

/// An SVG document, readable on light and on dark ground.
pub(super) fn draw(
    title: &str,
    phases: &[Phase],
    queue_bytes: u64,
    columns: &[Column<'_>],
) -> String {
    let width = LEFT + columns.len() as f64 * (WIDTH + GAP_X);
    let height = TOP + ROWS.len() as f64 * (HEIGHT + GAP_Y);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{0}</title>\n\
         <style>svg {{ background: #fff; color: #1a1f26 }} text {{ fill: currentColor }} .soft {{ opacity: 0.65 }} @media (prefers-color-scheme: dark) {{ svg {{ background: #14171c; color: #e8ecf1 }} }}</style>\n\
         <text x=\"{LEFT}\" y=\"30\" font-size=\"18\" font-weight=\"600\">{0}</text>\n",
        escaped(title)
    );
    let end = columns
        .iter()
        .filter_map(|column| column.samples.last())
        .map(|look| look.at)
        .max()
        .unwrap_or(1)
        .max(1);
    for (index, column) in columns.iter().enumerate() {
        let x = LEFT + index as f64 * (WIDTH + GAP_X);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"56\" font-weight=\"600\">{}</text><text x=\"{x}\" y=\"73\" font-size=\"12\">{}</text>",
            escaped(column.name),
            escaped(&column.figures)
        );
    }
    for (index, row) in ROWS.iter().enumerate() {
        let y = TOP + index as f64 * (HEIGHT + GAP_Y);
        draw_row(&mut svg, row, y, phases, queue_bytes, columns, end);
    }
    svg + "</svg>\n"
}

fn draw_row(
    svg: &mut String,
    row: &Row,
    y: f64,
    phases: &[Phase],
    queue_bytes: u64,
    columns: &[Column<'_>],
    end: u64,
) {
    let bound = |phase: &Phase| (row.bound)(phase, queue_bytes);
    let highest_bound = phases.iter().map(bound).fold(0.0, f64::max);
    let values = columns.iter().flat_map(|column| {
        let lines = row.lines.iter();
        lines.flat_map(|line| {
            let indices = 0..column.samples.len();
            indices.map(|index| (line.value)(column.samples, index))
        })
    });
    // What is many times as high as the link's own would leave nothing to see of the rest.
    let highest = values.fold(0.0, f64::max).min(8.0 * highest_bound);
    let top = 1.05 * highest.max(highest_bound).max(f64::MIN_POSITIVE);
    let step = round_step(top / row.scale) * row.scale;
    let across = |at: u64| at as f64 / end as f64 * WIDTH;
    let up = |value: f64| HEIGHT - (value / top).min(1.0) * HEIGHT;

    let mut legend = LEFT;
    let named = row.lines.iter().map(|line| (line.name, Some(line.colour)));
    for (name, colour) in named.chain([(row.bound_name, None)]) {
        let (stroke, dash) = match colour {
            Some(colour) => (colour, ""),
            None => ("currentColor", " stroke-dasharray=\"5 4\" class=\"soft\""),
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{legend}\" x2=\"{}\" y1=\"{1}\" y2=\"{1}\" stroke=\"{stroke}\" stroke-width=\"2\"{dash}/><text x=\"{2}\" y=\"{3}\" font-size=\"12\">{name}</text>",
            legend + 18.0,
            y - 10.0,
            legend + 24.0,
            y - 6.0,
        );
        legend += 52.0 + 6.5 * name.len() as f64;
    }
    let mut grid = String::new();
    for tick in 0..=MAX_STEPS {
        let value = f64::from(tick) * step;
        if value > top {
            break;
        }
        let height = up(value);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"11\" class=\"soft\">{}</text>",
            LEFT - 6.0,
            y + height + 4.0,
            label_of(value / row.scale),
        );
        let _ = write!(grid, "M0 {height:.1}h{WIDTH}");
    }
    let seconds = end as f64 / 1e9;
    let time_step = round_step(seconds);
    for tick in 1..=MAX_STEPS {
        let x = across((f64::from(tick) * time_step * 1e9) as u64);
        if x < WIDTH {
            let _ = write!(grid, "M{x:.1} 0v{HEIGHT}");
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"4\" y=\"{}\" font-weight=\"600\">{}</text><text x=\"4\" y=\"{}\" font-size=\"11\" class=\"soft\">{}</text>",
        y - 22.0,
        row.name,
        y - 6.0,
        row.unit
    );
    for (index, column) in columns.iter().enumerate() {
        let x = LEFT + index as f64 * (WIDTH + GAP_X);
        let _ = writeln!(
            svg,
            "<g transform=\"translate({x} {y})\"><rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"currentColor\" class=\"soft\"/><path d=\"{grid}\" stroke=\"currentColor\" opacity=\"0.12\"/>"
        );
        let mut steps = String::new();
        for (number, phase) in phases.iter().enumerate() {
            let until = phases.get(number + 1).map_or(end, |next| next.from);
            let height = up(bound(phase));
            let _ = write!(
                steps,
                "{:.1},{height:.1} {:.1},{height:.1} ",
                across(phase.from),
                across(until)
            );
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-dasharray=\"5 4\" class=\"soft\"/>",
            steps.trim_end()
        );
        for line in row.lines {
            let mut points = String::new();
            for (number, look) in column.samples.iter().enumerate() {
                let value = (line.value)(column.samples, number);
                let _ = write!(points, "{:.1},{:.1} ", across(look.at), up(value));
            }
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>",
                points.trim_end(),
                line.colour
            );
        }
        for tick in 0..=MAX_STEPS {
            let at = f64::from(tick) * time_step;
            let x = across((at * 1e9) as u64);
            if x > WIDTH {
                break;
            }
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" class=\"soft\">{}{}</text>",
                HEIGHT + 14.0,
                label_of(at),
                if tick == 0 { "" } else { " s" },
            );
        }
        svg.push_str("</g>\n");
    }
}

/// One, two or five times a power of ten, of which there are two to five up to `top`.
fn round_step(top: f64) -> f64 {
    let power = 10_f64.powf((top / 2.0).log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|step| step * power);
    let fits = steps.into_iter().find(|step| 2.0 * step <= top);
    fits.unwrap_or(power)
}

/// More than there ever are.
const MAX_STEPS: u32 = 8;

fn of(samples: &[Sample], at: usize, value: fn(&Sample) -> f64) -> f64 {
    samples.get(at).map_or(0.0, value)
}

/// Over the last few looks, since chunks come one at a time.
fn goodput(samples: &[Sample], at: usize) -> f64 {
    const SPAN: usize = 5;
    let (Some(now), Some(then)) = (samples.get(at), samples.get(at.saturating_sub(SPAN))) else {
        return 0.0;
    };
    let nanos = (now.at - then.at).max(1);
    (now.delivered - then.delivered) as f64 * 1e9 / nanos as f64
}

fn label_of(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        small if small < 10.0 && small.fract() > 1e-6 => {
            let text = format!("{small:.3}");
            text.trim_end_matches('0').to_owned()
        }
        large => format!("{large:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_few_round_steps() {
        for (top, step) in [
            (13.1, 5.0),
            (105.0, 50.0),
            (99.0, 20.0),
            (40.0, 20.0),
            (0.9, 0.2),
            (1544.0, 500.0),
        ] {
            assert!((round_step(top) / step - 1.0).abs() < 1e-9, "{top}");
        }
        assert_eq!(label_of(0.2), "0.2");
        assert_eq!(label_of(5.0), "5");
        assert_eq!(label_of(1500.0), "1500");
    }
}
