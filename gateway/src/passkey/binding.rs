//! The ceremony cookie: a random value by which a challenge belongs to one browser.

use crate::request::cookies;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::session::cookie::{self, Found};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::protocols::http::ServerSession;

const BYTES: usize = 16;
const CHARS: usize = 22;

/// The binding that a request presents, if it is one of ours in form.
pub fn presented(session: &ServerSession) -> Option<&str> {
    match cookie::find(cookies(session.req_header()), cookie::CEREMONY) {
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
pub fn fresh(entropy: &dyn Entropy) -> Result<String, EntropyFailed> {
    entropy.bytes::<BYTES>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}
