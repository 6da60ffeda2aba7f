//! Which web pages may connect.

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{Request, Response, StatusCode};

use crate::websocket::upgrade::refuse;

/// Which web pages may connect to a server, by their origin.
///
/// Browsers let every page open WebSockets to every address, with the user's cookies and from within the user's
/// network, and say in the header `Origin` whose page it is. Clients that are no browsers send none, or
/// what they like: this keeps out pages, not programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages that come from the host that they connect to, whatever the port; all names of the own machine, such as
    /// `localhost` and `127.0.0.1`, are one host. This is the border that cookies have too. The host is the one
    /// of the header `Host`, which proxies have to pass on. A name that the owner of a page lets lead to this
    /// server counts as well: where that matters, list the origins.
    #[default]
    SameHost,
    /// Pages of every origin. For what is public, or asks everybody for a password or token.
    Any,
    /// Pages of these origins, each a scheme, a host and, unless it is the usual one, a port:
    /// `https://example.com`. `null` is the origin of what was opened from a file.
    Listed(Vec<String>),
}

impl Origins {
    /// These and no others.
    pub fn listed<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Self {
        Self::Listed(origins.into_iter().map(Into::into).collect())
    }

    /// The refusal, if the request is of a page that may not connect. `who` is what refuses, and `how` how that
    /// is changed, for the text.
    #[allow(
        clippy::result_large_err,
        reason = "a response to send, once per connection"
    )]
    pub(crate) fn admit<B>(
        &self,
        request: &Request<B>,
        who: &str,
        how: &str,
    ) -> Result<(), Response<String>> {
        let Some(origin) = request.headers().get(ORIGIN) else {
            return Ok(());
        };
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let why = match self {
            Self::Any => return Ok(()),
            Self::Listed(allowed) if allowed.iter().any(|allowed| is_same(allowed, &origin)) => {
                return Ok(());
            }
            Self::Listed(_) => how.to_string(),
            Self::SameHost => {
                let host = host(request.headers(), request.uri().authority());
                if is_own(&origin, host) {
                    return Ok(());
                }
                let host = host.unwrap_or("no host");
                format!(
                    "{how}. Without, only pages of its own host may, and it was asked for {host}"
                )
            }
        };
        tracing::info!(%origin, "refused a page of another origin");
        let text = format!("Pages of {origin} may not connect to this {who}; {why}.\n");
        Err(refuse(StatusCode::FORBIDDEN, text))
    }
}

fn host<'a>(headers: &'a HeaderMap, target: Option<&'a http::uri::Authority>) -> Option<&'a str> {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    header.or(target.map(http::uri::Authority::as_str))
}

/// Browsers write origins in lower case and leave out what is usual; people who configure them may not.
fn is_same(allowed: &str, origin: &str) -> bool {
    plain(allowed).eq_ignore_ascii_case(plain(origin))
}

fn plain(origin: &str) -> &str {
    let origin = origin.strip_suffix('/').unwrap_or(origin);
    match origin.split_once("://") {
        Some(("https", _)) => origin.strip_suffix(":443").unwrap_or(origin),
        Some(("http", _)) => origin.strip_suffix(":80").unwrap_or(origin),
        _ => origin,
    }
}

fn is_own(origin: &str, host: Option<&str>) -> bool {
    let (Some((scheme, page)), Some(host)) = (origin.split_once("://"), host) else {
        return false;
    };
    // Extensions and apps have schemes of their own, and names of their own behind them.
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    let (page, host) = (name(page), name(host));
    page.eq_ignore_ascii_case(host) || is_this_machine(page) && is_this_machine(host)
}

/// Without the port.
fn name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    match address {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            host.eq_ignore_ascii_case("localhost")
                || host.to_ascii_lowercase().ends_with(".localhost")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn admits(origins: &Origins, host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let request = request.body(()).unwrap();
        origins.admit(&request, "server", "how").is_ok()
    }

    #[test]
    fn pages_of_the_same_host_may_connect() {
        for (host, origin) in [
            ("example.com", "https://example.com"),
            ("example.com:8080", "http://EXAMPLE.com:5173"),
            ("127.0.0.1:8080", "http://localhost:5173"),
            ("[::1]:8080", "http://app.localhost"),
        ] {
            assert!(admits(&Origins::SameHost, host, Some(origin)), "{origin}");
        }
        assert!(admits(&Origins::SameHost, "example.com", None));
    }

    #[test]
    fn pages_of_other_hosts_may_not() {
        for (host, origin) in [
            ("example.com", "https://example.com.evil.org"),
            ("example.com", "https://evil.org"),
            ("example.com", "https://www.example.com"),
            ("127.0.0.1:8080", "https://evil.org"),
            ("127.0.0.1:8080", "https://127.0.0.1.evil.org"),
            ("127.0.0.1", "null"),
            ("127.0.0.1", "file://"),
            ("127.0.0.1", ""),
            ("abcd", "chrome-extension://abcd"),
        ] {
            assert!(!admits(&Origins::SameHost, host, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn listed_origins_are_compared_whole() {
        let listed = Origins::listed(["https://Example.com:443/", "http://localhost:5173", "null"]);
        for origin in ["https://example.com", "http://localhost:5173", "null"] {
            assert!(admits(&listed, "elsewhere", Some(origin)), "{origin}");
        }
        for origin in [
            "http://example.com",
            "https://example.com:8443",
            "http://localhost",
        ] {
            assert!(!admits(&listed, "elsewhere", Some(origin)), "{origin}");
        }
        assert!(admits(&Origins::Any, "elsewhere", Some("https://evil.org")));
    }
}
