//! `capstan bench`.

#[cfg(not(target_arch = "wasm32"))]
mod chart;
#[cfg(not(target_arch = "wasm32"))]
mod link;

use crate::arguments::{Flag, Operands, Verb};

pub(crate) const VERB: Verb = Verb {
    name: "bench",
    about: "Draw what flow control does on a simulated link, beside a fixed window and an older algorithm.",
    more: "'link' is what there is. All is in virtual time: the same command line draws the same picture everywhere. The native command has it.",
    flags: &[&[
        Flag {
            short: None,
            long: "rate",
            value: Some("RATE"),
            about: "What the link carries, such as 50Mbit (the default), 300kbit or 1Gbit, per second.",
        },
        Flag {
            short: None,
            long: "round-trip",
            value: Some("TIME"),
            about: "There and back without a queue, such as 100ms (the default) or 0.5ms.",
        },
        Flag {
            short: None,
            long: "queue",
            value: Some("BYTES"),
            about: "What waits in the network at most; the rest waits in the sender's socket, in the same order. By default what is on the way in a round trip, and 256KiB at least.",
        },
        Flag {
            short: None,
            long: "streams",
            value: Some("COUNT"),
            about: "How many streams share the connection, by default 1.",
        },
        Flag {
            short: None,
            long: "chunk",
            value: Some("BYTES"),
            about: "The size of a write; by default that of writable(): an eighth of what is sent in a round trip, from 4KiB to 64KiB.",
        },
        Flag {
            short: None,
            long: "reads",
            value: Some("RATE"),
            about: "How fast each stream's object reads, such as 8Mbit; by default at once.",
        },
        Flag {
            short: None,
            long: "seconds",
            value: Some("COUNT"),
            about: "How long it runs, in virtual time; by default 10.",
        },
        Flag {
            short: None,
            long: "then-rate",
            value: Some("RATE"),
            about: "What the link carries from the middle of the run on.",
        },
        Flag {
            short: None,
            long: "then-round-trip",
            value: Some("TIME"),
            about: "How long there and back takes from the middle of the run on.",
        },
        Flag {
            short: Some('o'),
            long: "output",
            value: Some("FILE"),
            about: "Where the SVG goes; by default link.svg.",
        },
    ]],
    operands: Operands {
        names: &["link"],
        required: 1,
        repeated: false,
    },
    #[cfg(not(target_arch = "wasm32"))]
    run: link::run,
    #[cfg(target_arch = "wasm32")]
    run: |_, _| {
        Err(
            "capstan: the bench is in the native command, `cargo run -p capstan-cli --` in a checkout"
                .to_owned()
                .into(),
        )
    },
};
