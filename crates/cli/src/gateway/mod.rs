//! `capstan gateway`.

#[cfg(not(target_arch = "wasm32"))]
mod forward;

use crate::arguments::{Flag, Operands, Verb};

pub(crate) const VERB: Verb = Verb {
    name: "gateway",
    about: "Let WebSocket clients, such as browsers, reach a server that speaks TCP.",
    more: "It goes on until SIGTERM or Ctrl-C; then it says goodbye to both sides. A second one ends it at once. RUST_LOG=capstan_net=debug tells more. The \
           native command has it; the one in the npm package has no sockets.",
    flags: &[&[
        Flag {
            short: None,
            long: "listen",
            value: Some("ADDRESS:PORT"),
            about: "Where to wait for WebSocket clients; by default 127.0.0.1:8080, which only this machine reaches; [::]:8080 is for all. Port 0 takes a free one, which the first line of output names.",
        },
        Flag {
            short: None,
            long: "to",
            value: Some("HOST:PORT"),
            about: "The server: host:port, such as example.com:4000 or [::1]:4000, or unix:path for a Unix socket.",
        },
        Flag {
            short: None,
            long: "packed",
            value: None,
            about: "Messages are packed between gateway and server; the server has to be set to the same.",
        },
        Flag {
            short: None,
            long: "origin",
            value: Some("ORIGIN"),
            about: "An origin whose pages may connect, such as https://example.com; may be given more than once; * for any. Without it, pages of the gateway's own host may.",
        },
        Flag {
            short: None,
            long: "max-message",
            value: Some("BYTES"),
            about: "The longest message in bytes, in either direction, by default 64MiB; KiB and MiB can be said.",
        },
        Flag {
            short: None,
            long: "max-connections",
            value: Some("COUNT"),
            about: "How many clients may be connected at a time, by default 1000.",
        },
        Flag {
            short: None,
            long: "idle-timeout",
            value: Some("SECONDS"),
            about: "After how long a silent client is asked for a sign of life, and given up after as long again; by default 60, and 0 asks never.",
        },
    ]],
    operands: Operands {
        names: &[],
        required: 0,
        repeated: false,
    },
    #[cfg(not(target_arch = "wasm32"))]
    run: forward::run,
    #[cfg(target_arch = "wasm32")]
    run: |_, _| {
        Err(
            "capstan: the gateway is in the native command, `cargo run -p capstan-cli --` in a checkout"
                .to_owned()
                .into(),
        )
    },
};
