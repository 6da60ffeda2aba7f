//! `capstan http-proxy`, where there are sockets.

use std::sync::Arc;

use capstan_http::proxy::{self, Origin};
use capstan_http::{HttpClient, http_service};
use capstan_net::{Connection, Options, Origins, tcp, websocket};

use crate::arguments::Given;
use crate::daemon::{self, End};
use crate::failure::{Failure, print};
use crate::host::Host;

const COMMAND: &str = "capstan http-proxy";

enum Arguments {
    /// Real HTTP comes, and calls go out.
    Front { listen: String, to: Wire },
    /// Calls come, and real HTTP goes out.
    Back {
        listen: Wire,
        to: Box<Origin>,
        to_text: String,
        origins: Vec<String>,
    },
}

/// How RPC is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wire {
    Tcp { address: String },
    WebSocket { address: String, path: String },
}

impl Wire {
    /// The address of an argument; none if it is another kind of address.
    fn parse(text: &str) -> Result<Option<Self>, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let (address, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let wire = match scheme {
            "tcp" if matches!(path, "" | "/") => Wire::Tcp {
                address: address.to_owned(),
            },
            "tcp" => return Err(format!("{text}: over TCP there are no paths")),
            "ws" => Wire::WebSocket {
                address: address.to_owned(),
                path: if path.is_empty() { "/" } else { path }.to_owned(),
            },
            "wss" | "tls" => {
                return Err(format!(
                    "{text}: this command speaks no TLS; use ws:// or tcp://, with a web server in front that has it"
                ));
            }
            _ => return Ok(None),
        };
        let port = address
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Some(wire)),
            _ => Err(format!(
                "{text}: name the port, as in {scheme}://127.0.0.1:9000"
            )),
        }
    }
}

const SCHEMES: &str = "an address begins with http://, ws:// or tcp://";

impl Arguments {
    fn given(given: &Given) -> Result<Self, String> {
        let value = |flag: &str| {
            given
                .value(flag)
                .ok_or(format!("--{flag}=ADDRESS is missing"))
        };
        let (listen, to) = (value("listen")?, value("to")?);
        let wire =
            |flag: &str, text| Wire::parse(text).map_err(|error| format!("--{flag}={error}"));
        let origins: Vec<String> = given.values("origin").map(str::to_owned).collect();
        let tunnels: Vec<&str> = given.values("tunnel").collect();
        match (wire("listen", listen)?, wire("to", to)?) {
            (None, Some(to)) => {
                if let Some(flag) = [("origin", origins.is_empty()), ("tunnel", tunnels.is_empty())]
                    .into_iter()
                    .find_map(|(flag, is_empty)| (!is_empty).then_some(flag))
                {
                    return Err(format!("--{flag} is for serving RPC, and this listens for HTTP"));
                }
                let address = listen.strip_prefix("http://").map(|address| address.trim_end_matches('/'));
                let address = address.filter(|address| !address.contains('/'));
                let address = address.ok_or(format!("--listen={listen}: {SCHEMES}, and names no path for HTTP"))?;
                Ok(Arguments::Front { listen: address.to_owned(), to })
            }
            (Some(listen), None) => {
                let tunnels = tunnels.iter().map(|host| {
                    let authority = host.parse().ok().filter(|host: &http::uri::Authority| host.port().is_some());
                    authority.ok_or_else(|| format!("--tunnel={host}: name a host and a port, such as example.com:443"))
                });
                let tunnels: Vec<_> = tunnels.collect::<Result<_, _>>()?;
                let origin = Origin::new(to).map_err(|error| format!("--to={to}: {error}"))?;
                Ok(Arguments::Back {
                    listen,
                    to: Box::new(origin.with_tunnels_to(tunnels)),
                    to_text: to.trim_end_matches('/').to_owned(),
                    origins,
                })
            }
            (None, None) if listen.starts_with("http://") && to.starts_with("http://") => Err(
                "one of --listen and --to is for HTTP, and the other for RPC: ws:// or tcp://".to_owned(),
            ),
            (None, None) => Err(format!("--listen={listen}, --to={to}: {SCHEMES}")),
            (Some(_), Some(_)) => Err(
                "one of --listen and --to is for RPC, and the other for HTTP: http://; 'capstan gateway' carries RPC from WebSocket to TCP".to_owned(),
            ),
        }
    }
}

/// Forwards until the process is asked to end, by SIGTERM or SIGINT.
pub(crate) fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let arguments = Arguments::given(given).map_err(Failure::Misuse)?;
    daemon::run(COMMAND, host, async |end| match arguments {
        Arguments::Front { listen, to } => front(&listen, to, host, end).await,
        Arguments::Back {
            listen,
            to,
            to_text,
            origins,
        } => back(&listen, *to, &to_text, &origins, host, end).await,
    })
}

async fn front(listen: &str, to: Wire, host: &dyn Host, end: End) -> Result<(), Failure> {
    let (listener, address) = daemon::bind(COMMAND, listen).await?;
    let shown = match &to {
        Wire::Tcp { address } => format!("tcp://{address}"),
        Wire::WebSocket { address, path } => format!("ws://{address}{path}"),
    };
    let line = format!("listening http://{address} -> {shown}\n");
    print(host, line.as_bytes())?;
    let client = HttpClient::new(reconnecting(to));
    let options = proxy::Options {
        report: Some(Arc::new(|line: &str| eprintln!("{COMMAND}: {line}"))),
        ..proxy::Options::default()
    };
    let served = proxy::serve(listener, client, options, end).await;
    let cut_off =
        served.map_err(|error| format!("{COMMAND}: cannot accept connections: {error}"))?;
    if cut_off > 0 {
        host.report(&format!(
            "{COMMAND}: clients that were cut off since they took too long to end: {cut_off}\n"
        ));
    }
    Ok(())
}

/// The service at the other side of a connection, which is made anew when it was lost.
fn reconnecting(to: Wire) -> http_service::Client {
    let runtime = capstan_net::runtime();
    let connections = runtime.clone();
    runtime.adopt(capstan_rpc::reconnecting(move || {
        let to = to.clone();
        let options = Options::default().with_runtime(&connections);
        async move {
            let connected = match to {
                Wire::Tcp { address } => tcp::connect(&address, options).await,
                Wire::WebSocket { address, path } => {
                    websocket::connect(&format!("ws://{address}{path}"), options).await
                }
            };
            let connection: Connection =
                connected.map_err(|error| capstan_rpc::Error::disconnected(error.to_string()))?;
            Ok((connection.bootstrap(), connection))
        }
    }))
}

async fn back(
    listen: &Wire,
    to: Origin,
    to_text: &str,
    origins: &[String],
    host: &dyn Host,
    end: End,
) -> Result<(), Failure> {
    let address = match listen {
        Wire::Tcp { address } | Wire::WebSocket { address, .. } => address,
    };
    let (listener, address) = daemon::bind(COMMAND, address).await?;
    let service = capstan_http::serve(to);
    let failed = |error: capstan_net::Error| format!("{COMMAND}: {error}");
    let options = Options {
        drain_timeout: proxy::Options::default().drain_timeout,
        ..Options::default()
    };
    match listen {
        Wire::Tcp { .. } => {
            print(
                host,
                format!("listening tcp://{address} -> {to_text}\n").as_bytes(),
            )?;
            tcp::serve_until(listener, options, move |_| service.clone(), end)
                .await
                .map_err(failed)?;
        }
        Wire::WebSocket { path, .. } => {
            let allowed_origins = match origins {
                [] => Origins::SameHost,
                some if some.iter().any(|origin| origin == "*") => Origins::Any,
                some => Origins::listed(some),
            };
            let line = format!("listening ws://{address}{path} -> {to_text}\n");
            print(host, line.as_bytes())?;
            let options = Options {
                allowed_origins,
                ..options
            };
            let bootstrap = move |_| service.clone();
            websocket::serve_until(listener, path, options, bootstrap, end)
                .await
                .map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let socket = |path: &str| Wire::WebSocket {
            address: "127.0.0.1:9000".to_owned(),
            path: path.to_owned(),
        };
        assert_eq!(
            Wire::parse("ws://127.0.0.1:9000").unwrap(),
            Some(socket("/"))
        );
        assert_eq!(
            Wire::parse("ws://127.0.0.1:9000/rpc").unwrap(),
            Some(socket("/rpc"))
        );
        let address = "[::1]:9000".to_owned();
        assert_eq!(
            Wire::parse("tcp://[::1]:9000").unwrap(),
            Some(Wire::Tcp { address })
        );
        assert_eq!(Wire::parse("http://a").unwrap(), None);
        assert_eq!(Wire::parse("127.0.0.1:9000").unwrap(), None);
        for wrong in ["ws://a", "tcp://a:b", "tcp://a:1/path", "ws://"] {
            assert!(Wire::parse(wrong).is_err(), "{wrong}");
        }
    }
}
