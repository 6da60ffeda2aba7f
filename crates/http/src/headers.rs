//! Headers as they travel: names of the interface's table as numbers, the others as text.

use capstan_rpc::message::{struct_list, text};
use capstan_rpc::{Error, Result};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::MAX_HEADER_BYTES;
use crate::http_over_capnp_capnp::{CommonHeaderName, CommonHeaderValue, http_header};

/// By ordinal; the first stands for none.
const NAMES: [&str; 48] = [
    "",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];

/// What concerns two hosts and their connection, and not the message.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Leaves out what concerns one hop only, among it what the header Connection names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Fails when a value is nothing that Text can hold.
pub(crate) fn check(headers: &HeaderMap) -> Result<()> {
    for (name, value) in headers {
        if core::str::from_utf8(value.as_bytes()).is_err() {
            return Err(Error::failed(format!(
                "the value of the header {name} is not UTF-8, and Cap'n Proto has no other text"
            )));
        }
    }
    Ok(())
}

/// How many elements a list for these headers has.
pub(crate) fn count(headers: &HeaderMap) -> u32 {
    u32::try_from(headers.len()).unwrap_or(u32::MAX)
}

/// Writes headers that were checked to a list of as many elements.
pub(crate) fn to_wire(headers: &HeaderMap, mut list: struct_list::Builder<'_, http_header::Owned>) {
    for (at, (name, value)) in (0..).zip(headers) {
        let element = list.reborrow().get(at);
        // Never a value's number: C++ servers look those up among the names, and fail.
        let value = text::Reader::from_bytes(value.as_bytes());
        match common_name(name.as_str()) {
            Some(common) => {
                let mut its = element.init_common();
                its.set_name(common);
                its.set_value(value);
            }
            None => {
                let mut its = element.init_uncommon();
                its.set_name(name.as_str());
                its.set_value(value);
            }
        }
    }
}

fn common_name(name: &str) -> Option<CommonHeaderName> {
    let ordinal = NAMES.iter().position(|known| *known == name)?;
    CommonHeaderName::try_from(u16::try_from(ordinal).ok()?).ok()
}

/// Reads headers; `what` is whose, for errors.
pub(crate) fn from_wire(
    list: struct_list::Reader<'_, http_header::Owned>,
    what: &str,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for element in list {
        let (name, value) = pair(element, what)?;
        bytes += name.len() + value.len();
        if bytes > MAX_HEADER_BYTES {
            return Err(Error::failed(format!(
                "{what} has more than {MAX_HEADER_BYTES} bytes of headers"
            )));
        }
        let wrong = |error: &dyn core::fmt::Display| {
            let name = String::from_utf8_lossy(name);
            Error::failed(format!(
                "{what} has a header that HTTP does not allow, {name:?}: {error}"
            ))
        };
        let name = HeaderName::from_bytes(name).map_err(|error| wrong(&error))?;
        let value = HeaderValue::from_bytes(value).map_err(|error| wrong(&error))?;
        if headers.try_append(name, value).is_err() {
            return Err(Error::failed(format!("{what} has too many headers")));
        }
    }
    Ok(headers)
}

fn pair<'a>(header: http_header::Reader<'a>, what: &str) -> Result<(&'a [u8], &'a [u8])> {
    let unknown = || {
        Error::failed(format!(
            "{what} has a header whose name or value is a number that is not known here"
        ))
    };
    match header.which()? {
        http_header::Which::Uncommon(pair) => {
            let pair = pair?;
            Ok((pair.get_name()?.as_bytes(), pair.get_value()?.as_bytes()))
        }
        http_header::Which::Common(common) => {
            let ordinal = common.get_name().map_err(|_| unknown())? as usize;
            let name = NAMES.get(ordinal).filter(|name| !name.is_empty());
            let name = name.ok_or_else(unknown)?.as_bytes();
            match common.which().map_err(|_| unknown())? {
                http_header::common::Which::Value(value) => Ok((name, value?.as_bytes())),
                http_header::common::Which::CommonValue(Ok(CommonHeaderValue::GzipDeflate)) => {
                    Ok((name, b"gzip, deflate"))
                }
                http_header::common::Which::CommonValue(_) => Err(unknown()),
            }
        }
    }
}

/// The length that headers announce.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    text.parse().ok()
}

/// Says the length of a body in a header, where none does.
pub(crate) fn announce(headers: &mut HeaderMap, length: u64) {
    if !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Whether a request is a WebSocket's handshake.
pub(crate) fn asks_for_web_socket(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Has a request ask for a WebSocket. What a handshake over HTTP proves, needs no proof here.
pub(crate) fn ask_for_web_socket(headers: &mut HeaderMap) {
    for name in [
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_EXTENSIONS,
    ] {
        headers.remove(name);
    }
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// The table is the annotations of the schema.
    #[test]
    fn names_are_those_of_the_schema() {
        let file = capstan_schema::standard_file("/capnp/compat/http-over-capnp.capnp").unwrap();
        let declared: Vec<(usize, String)> = file
            .text
            .lines()
            .skip_while(|line| !line.starts_with("enum CommonHeaderName"))
            .take_while(|line| !line.starts_with('}'))
            .filter_map(|line| {
                let (ordinal, rest) = line.split_once('@')?.1.split_once(' ')?;
                let text = rest.split('"').nth(1)?;
                Some((ordinal.parse().ok()?, text.to_lowercase()))
            })
            .collect();
        assert_eq!(declared.len(), NAMES.len() - 1);
        for (ordinal, name) in declared {
            assert_eq!(NAMES[ordinal], name);
        }
    }

    #[test]
    fn what_concerns_a_hop_is_left_out() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("x-end", "2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-end"], "2");
    }
}
