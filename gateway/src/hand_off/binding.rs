//! The binding cookie: a random value by which a hand-off belongs to one browser on one host.

use crate::request::cookies;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::session::cookie::{self, Found};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::http::RequestHeader;

/// The cookie's name. It begins as all of ours do, so services never see it.
pub const COOKIE: &str = "__Host-aldgate-hand-off";

const BYTES: usize = 16; // 128 bits.
const CHARS: usize = 22;

/// How long the browser keeps it, unless the walk ends before. It may lead through a registration, which waits for a
/// message for as long.
const SECS: u64 = 1_800;

/// The value that a request presents, if it is one of ours in form.
pub(super) fn presented(header: &RequestHeader) -> Option<&str> {
    match cookie::find(cookies(header), COOKIE) {
        Found::One(value) if value.len() == CHARS && value.iter().all(u8::is_ascii_graphic) => {
            std::str::from_utf8(value).ok()
        }
        Found::One(_) | Found::Nothing | Found::Several => None,
    }
}

/// A fresh one.
///
/// # Errors
/// When the source of randomness fails.
pub(super) fn fresh(entropy: &dyn Entropy) -> Result<String, EntropyFailed> {
    entropy.bytes::<BYTES>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// The `Set-Cookie` value for it.
pub(super) fn set(value: &str) -> String {
    cookie::set(COOKIE, value, Some(SECS))
}
