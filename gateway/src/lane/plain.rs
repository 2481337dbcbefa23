//! Which requests the fast lane takes, in one place: a [`PlainRequest`] can only be made of one that fits.
//!
//! What fits: HTTP/1.1 or HTTP/2; a method that may be repeated; no body, and no word about one; nothing asked of the
//! connection but that it be kept or closed. Its bytes for the service are written straight from the client's header, by
//! the rules of [`Dress`] that hold on the other way too: no copy of the header is made, edited and written out.

use super::head::Asked;
use crate::exchange::Exchange;
use crate::phase::forward::{CannotForward, Dress};
use crate::state::EdgeState;
use bytes::{BufMut as _, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, Method, Version};
use pingora::http::{HeaderNameVariant, RequestHeader};
use pingora::protocols::http::ServerSession;

/// What is between a client and us alone (RFC 9110, section 7.6.1), as `ProxyHttp` strikes it.
const HOP_BY_HOP: [&str; 10] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "connection",
    "upgrade",
    "http2-settings",
];

/// Room for a usual request: a browser's fields, and what the gate says.
const REQUEST_BYTES: usize = 2 * 1024;

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
        let header = session.req_header();
        let host = authority(header);
        let Some(mut bytes) = request_line(header) else { return Ok(None) };
        let dress = Dress::of(header, exchange, state)?;
        if let Some(host) = host {
            field(&mut bytes, b"Host", host);
        }
        let copied = header.map(|name, value| {
            let name = match &name {
                HeaderNameVariant::Case(name) => name.as_slice(),
                HeaderNameVariant::Titled(name) => name.as_bytes(),
            };
            if !(is_hop_by_hop(name) || host.is_some() && name.eq_ignore_ascii_case(b"host") || dress.strikes(name)) {
                field(&mut bytes, name, value.as_bytes());
            }
            Ok(())
        });
        copied?;
        let mut say = |name: &'static str, value: &[u8]| {
            let plain = is_plain(value);
            field(&mut bytes, name.as_bytes(), value);
            if plain { Ok(()) } else { Err(CannotForward) }
        };
        dress.say(&mut say)?;
        if let Some(told) = dress.told() {
            match told.lines() {
                Some(lines) => bytes.extend_from_slice(lines),
                None => told.fields().try_for_each(|(name, value)| say(name, &value))?,
            }
        }
        bytes.put_slice(b"\r\n");
        let asked = if header.method == Method::HEAD { Asked::Head } else { Asked::Other };
        Ok(Some(Self { bytes, asked }))
    }
}

fn field(bytes: &mut BytesMut, name: &[u8], value: &[u8]) {
    bytes.reserve(name.len() + value.len() + 4);
    bytes.put_slice(name);
    bytes.put_slice(b": ");
    bytes.put_slice(value);
    bytes.put_slice(b"\r\n");
}

/// Whether a value of ours can stand in a header (RFC 9110, section 5.5). Without a way out of the loop, so that it is
/// made for many bytes at once.
fn is_plain(value: &[u8]) -> bool {
    value.iter().fold(true, |plain, byte| plain & ((*byte >= b' ') | (*byte == b'\t')) & (*byte != 0x7f))
}

/// The request line; nothing if a byte of the target would end it, or part it.
fn request_line(header: &RequestHeader) -> Option<BytesMut> {
    let target = header.raw_path();
    if !target.iter().all(|byte| *byte > b' ' && *byte != 0x7f) {
        return None;
    }
    let mut bytes = BytesMut::with_capacity(REQUEST_BYTES);
    bytes.put_slice(header.method.as_str().as_bytes());
    bytes.put_u8(b' ');
    bytes.put_slice(target);
    bytes.put_slice(b" HTTP/1.1\r\n");
    Some(bytes)
}

/// What `Host` says to the service in an HTTP/2 request: its authority, with which a `Host` beside it agrees: the first
/// phase has seen to that, and that there is one of the two. In HTTP/1 the client's `Host` goes on as it is.
fn authority(header: &RequestHeader) -> Option<&[u8]> {
    let authority = header.uri.authority().filter(|_| header.version == Version::HTTP_2);
    authority.map(|authority| authority.as_str().as_bytes())
}

fn is_hop_by_hop(name: &[u8]) -> bool {
    HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop.as_bytes()))
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
