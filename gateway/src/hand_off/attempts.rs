//! A count, in a cookie of a few seconds, of hand-offs that this browser has just completed on this host.
//!
//! If a browser is handed a session and comes back without one, again and again, something between it and the gate
//! loses the cookie: a proxy that does not pass it on, or a second cookie of the name. Without the count it would be
//! sent round for ever. The count is the browser's own and guards nobody but it.

use crate::request::cookies;
use aldgate_core::session::cookie::{self, Found};
use pingora::http::RequestHeader;

/// The cookie's name.
pub const COOKIE: &str = "__Host-aldgate-handed";

/// How many hand-offs may follow one another. Several windows that are opened at once may need a few.
const MAX: u32 = 5;

/// How long one is remembered: redirections follow one another faster, people do not.
const SECS: u64 = 10;

/// How many this browser has just completed.
fn completed(header: &RequestHeader) -> u32 {
    match cookie::find(cookies(header), COOKIE) {
        Found::One(digits) => std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(MAX),
        Found::Nothing => 0,
        Found::Several => MAX,
    }
}

/// Whether it is enough.
pub(super) fn are_too_many(header: &RequestHeader) -> bool {
    completed(header) >= MAX
}

/// The `Set-Cookie` value after one more.
pub(super) fn one_more(header: &RequestHeader) -> String {
    cookie::set(COOKIE, &completed(header).saturating_add(1).min(MAX).to_string(), Some(SECS))
}

/// The `Set-Cookie` value that forgets them: a person decides to try again.
pub(super) fn forget() -> String {
    cookie::clear(COOKIE)
}
