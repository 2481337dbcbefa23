//! Sending a browser on, also after a form.
//!
//! A page whose policy says `form-action 'self'`, as those of the log-in host do, is not left by a form that is
//! answered with a redirection to another host: browsers apply the policy to each step (CSP Level 3, section
//! 6.4.1). Whoever has just typed a password would be stuck. So where a page of this very host may have led here, the
//! answer is a page that goes on by itself and holds a link for browsers that do not; it ends the form's navigation.
//! Everywhere else it is a plain redirection.

use crate::reply::Reply;
use crate::request::language;
use crate::words::Words;
use askama::Template;
use pingora::http::RequestHeader;

#[derive(Template)]
#[template(path = "hand_off.html")]
struct Page<'a> {
    words: Words,
    location: &'a str,
}

/// On to an address on another host of ours.
pub(super) fn reply(header: &RequestHeader, location: &str) -> Reply {
    let language = language(header);
    let page = if may_be_a_form(header) { Page { words: Words(language), location }.render().ok() } else { None };
    match page {
        Some(html) => Reply::page(200, language, html),
        None => Reply::empty(303).with("location", location).with("referrer-policy", "no-referrer"),
    }
}

/// Whether a form on a page of this host may have begun this navigation. A browser that does not say is taken to have
/// sent one.
fn may_be_a_form(header: &RequestHeader) -> bool {
    let site = header.headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    !matches!(site, Some(b"none" | b"cross-site" | b"same-site"))
}
