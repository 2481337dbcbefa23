//! Which requests the fast lane takes, in one place: a [`PlainRequest`] can only be made of one that fits.
//!
//! What fits: HTTP/1.1 or HTTP/2; a method that may be repeated; no body, and no word about one; nothing asked of the
//! connection but that it be kept or closed. Its bytes for the service are made by the steps that `ProxyHttp` takes, in
//! the same order: a copy of the header, hop-by-hop fields struck, `Host` from the authority, [`forward::dress`].

use super::head::Asked;
use crate::exchange::Exchange;
use crate::phase::forward::{self, CannotForward};
use crate::state::EdgeState;
use bytes::BytesMut;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderName, HeaderValue, Method, Version};
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v1::client::http_req_header_to_wire;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What is between a client and us alone (RFC 9110, section 7.6.1), as `ProxyHttp` strikes it.
const HOP_BY_HOP: [HeaderName; 10] = [
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    CONNECTION,
    UPGRADE,
    HTTP2_SETTINGS,
];

/// A request that fits the lane, as the service will read it.
#[derive(Debug)]
pub struct PlainRequest {
    /// Request line, fields and empty line.
    pub bytes: BytesMut,
    /// The method, as far as it changes where the answer ends.
    pub asked: Asked,
}

impl PlainRequest {
    /// The request, if it fits; nothing if another way must be taken.
    ///
    /// # Errors
    /// [`CannotForward`]: it may take no way at all.
    pub fn of(
        session: &mut ServerSession,
        exchange: &Exchange,
        state: &EdgeState,
    ) -> Result<Option<Self>, CannotForward> {
        if !(session.is_body_empty() && fits(session.req_header())) {
            return Ok(None);
        }
        let mut header = session.req_header().clone();
        let http2 = header.version == Version::HTTP_2;
        header.set_version(Version::HTTP_11);
        if http2 && !host_from_authority(&mut header)? {
            return Ok(None);
        }
        for name in HOP_BY_HOP {
            if header.headers.contains_key(&name) {
                header.remove_header(&name);
            }
        }
        forward::dress(&mut header, exchange, state)?;
        let asked = if header.method == Method::HEAD { Asked::Head } else { Asked::Other };
        // Nothing where the target holds a byte that would end the request line.
        Ok(http_req_header_to_wire(&header).map(|bytes| Self { bytes, asked }))
    }
}

/// The conditions that the header can show.
fn fits(header: &RequestHeader) -> bool {
    let headers = &header.headers;
    matches!(header.version, Version::HTTP_11 | Version::HTTP_2)
        && matches!(header.method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS)
        && header.raw_path_is_utf8()
        && !headers.contains_key(TRANSFER_ENCODING)
        && !headers.contains_key(UPGRADE)
        && !headers.contains_key(EXPECT)
        && at_most_one(headers.get_all(CONTENT_LENGTH).iter(), |length| length == b"0")
        && at_most_one(headers.get_all(CONNECTION).iter(), |option| {
            option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close")
        })
}

fn at_most_one<'a>(mut values: impl Iterator<Item = &'a HeaderValue>, is_plain: fn(&[u8]) -> bool) -> bool {
    values.next().is_none_or(|value| is_plain(value.as_bytes())) && values.next().is_none()
}

/// Sets `Host` to the authority of an HTTP/2 request, with which it agrees where it stood there before: the first phase
/// has seen to that. False if there is no authority.
fn host_from_authority(header: &mut RequestHeader) -> Result<bool, CannotForward> {
    let Some(authority) = header.uri.authority() else { return Ok(false) };
    if header.headers.get(HOST).is_some_and(|host| host.as_bytes() == authority.as_str().as_bytes()) {
        return Ok(true);
    }
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| CannotForward)?;
    header.insert_header(HOST, host)?;
    Ok(true)
}
