//! `capstan http-proxy`.

#[cfg(not(target_arch = "wasm32"))]
mod proxy;

use crate::arguments::{Flag, Operands, Verb};

pub(crate) const VERB: Verb = Verb {
    name: "http-proxy",
    about: "Carry HTTP over Cap'n Proto RPC, in either direction.",
    more: "With --listen=http://… it answers HTTP by the HttpService that the server of --to has for its bootstrap object. With --to=http://… it \
           serves such an object, for an HTTP server. It goes on until SIGTERM or Ctrl-C; then requests under way get ten seconds, and a second one ends it at once. The native command has it; the one in the npm package has no sockets.",
    flags: &[&[
        Flag {
            short: None,
            long: "listen",
            value: Some("ADDRESS"),
            about: "Where to wait, and for what: http://127.0.0.1:8080 for HTTP, ws://127.0.0.1:9000/rpc or tcp://127.0.0.1:9000 for RPC. Port 0 takes a free one, which the first line of output names.",
        },
        Flag {
            short: None,
            long: "to",
            value: Some("ADDRESS"),
            about: "Where requests go, by the other of the two: ws://host:port/path or tcp://host:port, or http://host:port.",
        },
        Flag {
            short: None,
            long: "origin",
            value: Some("ORIGIN"),
            about: "When serving RPC at ws://: an origin whose pages may connect, such as https://example.com, or * for any; may be given more than once. Without it, pages of the same host may.",
        },
        Flag {
            short: None,
            long: "tunnel",
            value: Some("HOST:PORT"),
            about: "When serving RPC: a host and port to which CONNECT may open tunnels; may be given more than once. Without it, all are refused.",
        },
    ]],
    operands: Operands {
        names: &[],
        required: 0,
        repeated: false,
    },
    #[cfg(not(target_arch = "wasm32"))]
    run: proxy::run,
    #[cfg(target_arch = "wasm32")]
    run: |_, _| {
        Err(
            "capstan: the proxy is in the native command, `cargo run -p capstan-cli --` in a checkout"
                .to_owned()
                .into(),
        )
    },
};
