//! What requests and responses are without their bodies.

use capstan_rpc::{Error, Result};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::headers;
use crate::http_over_capnp_capnp::{HttpMethod, http_request, http_response};

/// By ordinal.
const METHODS: [&str; 26] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "PURGE",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
];

pub(crate) fn method_to_wire(method: &Method) -> Result<HttpMethod> {
    METHODS
        .iter()
        .position(|known| *known == method.as_str())
        .and_then(|ordinal| HttpMethod::try_from(u16::try_from(ordinal).ok()?).ok())
        .ok_or_else(|| {
            Error::unimplemented(format!("HTTP over Cap'n Proto has no method {method}"))
        })
}

fn method_from_wire(wire: http_request::Reader<'_>) -> Result<Method> {
    let method = wire.get_method().map_err(|unknown| {
        Error::failed(format!(
            "the request has a method that is not known here: {unknown}"
        ))
    })?;
    METHODS
        .get(method as usize)
        .and_then(|name| Method::from_bytes(name.as_bytes()).ok())
        .ok_or_else(|| Error::failed("the request has a method that is not known here"))
}

/// Whether a response to this has no body, whatever it announces.
pub(crate) fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        )
}

/// The address as it travels: whole, or a path.
pub(crate) fn url_of(uri: &Uri) -> String {
    match (uri.scheme(), uri.authority()) {
        (Some(_), Some(_)) => uri.to_string(),
        _ => uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
    }
}

/// The size of a body, on either of the messages.
pub(crate) struct BodySize(pub(crate) Option<u64>);

impl BodySize {
    pub(crate) fn of_request(wire: http_request::Reader<'_>) -> Self {
        match wire.get_body_size().which() {
            Ok(http_request::body_size::Which::Fixed(length)) => Self(Some(length)),
            _ => Self(None),
        }
    }

    fn of_response(wire: http_response::Reader<'_>) -> Self {
        match wire.get_body_size().which() {
            Ok(http_response::body_size::Which::Fixed(length)) => Self(Some(length)),
            _ => Self(None),
        }
    }
}

/// A request that arrived, and the length of its body.
pub(crate) fn request_from_wire(
    wire: http_request::Reader<'_>,
) -> Result<(http::request::Parts, BodySize)> {
    let url = wire.get_url()?.to_str()?;
    let uri: Uri = url.parse().map_err(|error| {
        Error::failed(format!(
            "the request has an address that is none, {url:?}: {error}"
        ))
    })?;
    if uri.path_and_query().is_none() {
        return Err(Error::failed(format!(
            "the request's address {url:?} is neither whole nor a path"
        )));
    }
    let size = BodySize::of_request(wire);
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method_from_wire(wire)?;
    parts.uri = uri;
    parts.headers = headers::from_wire(wire.get_headers()?, "the request")?;
    if let Some(length) = size.0.filter(|length| *length > 0) {
        headers::announce(&mut parts.headers, length);
    }
    Ok((parts, size))
}

/// A response that arrived, and the length of its body.
pub(crate) fn response_from_wire(
    wire: http_response::Reader<'_>,
    method: &Method,
) -> Result<(http::response::Parts, BodySize)> {
    let code = wire.get_status_code();
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| {
            Error::failed(format!(
                "the response has the status {code}; those of responses are from 200 to 599"
            ))
        })?;
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.headers = headers::from_wire(wire.get_headers()?, "the response")?;
    if is_bodiless(method, status) {
        return Ok((parts, BodySize(Some(0))));
    }
    let size = BodySize::of_response(wire);
    if let Some(length) = size.0 {
        headers::announce(&mut parts.headers, length);
    }
    Ok((parts, size))
}

/// Writes a response whose headers were checked.
pub(crate) fn response_to_wire(
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    mut wire: http_response::Builder<'_>,
) {
    wire.set_status_code(status.as_u16());
    headers::to_wire(
        headers,
        wire.reborrow().init_headers(headers::count(headers)),
    );
    let mut size = wire.init_body_size();
    match length {
        Some(length) => size.set_fixed(length),
        None => size.set_unknown(()),
    }
}
