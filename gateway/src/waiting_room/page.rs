//! What somebody who waits is told: a page that looks again by itself, without a script, or a problem document.
//!
//! The page is loaded again by the `Refresh` header and not by its element, which nobody could turn off; it also has a
//! link that does the same.

use super::line::Waiting;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::refusal::refusal_until;
use crate::reply::Reply;
use crate::request::is_navigation;
use askama::Template;
use http::Method;
use pingora::http::RequestHeader;
use std::time::Duration;

/// When to come back if even the line is full.
const FULL: Duration = Duration::from_mins(5);

/// The query of `/sign-in` by which somebody who waits asks for the button instead of the line.
const WITH_PASSKEY: &str = "with=passkey";

#[derive(Template)]
#[template(path = "waiting_room.html")]
struct Page<'a> {
    place: u64,
    about: &'a str,
    secs: u64,
    again: &'a str,
    passkey: bool,
    reference: &'a str,
}

/// The page, or the problem document.
pub(super) fn waits(waiting: &Waiting, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    exchange.problem = Some(Problem::Waiting);
    let status = Problem::Waiting.status();
    let secs = waiting.look_again.as_secs().max(1);
    let reply = if is_navigation(header) {
        let passkey = header.uri.query() == Some(WITH_PASSKEY);
        let again = if passkey { "/sign-in" } else { again(header) };
        let (about, reference) = (in_words(waiting.about), exchange.reference.as_str());
        let page = Page { place: waiting.place, about: &about, secs, again, passkey, reference };
        let html = page.render().unwrap_or_else(|_| "Wait for your turn.".into());
        let reply = Reply::page(status, html);
        // Nothing may load another page while a device asks for its passkey.
        if passkey { reply } else { reply.with("refresh", format!("{secs}; url={again}")) }
    } else {
        let members = [("place", waiting.place.into()), ("retry_after", secs.into())];
        let document = Problem::Waiting.document_with(&exchange.reference, None, members);
        Reply::typed(status, "application/problem+json", document)
    };
    reply.with("retry-after", secs.to_string())
}

/// For whom there is no place in the line either.
pub(super) fn full(header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    refusal_until(Problem::Busy, header, exchange, FULL)
}

/// The address to look again at: of a form that was sent, the page where its journey begins.
fn again(header: &RequestHeader) -> &str {
    let asked = header.uri.path_and_query().map_or("/sign-in", http::uri::PathAndQuery::as_str);
    match header.method {
        Method::GET | Method::HEAD => asked,
        _ if header.uri.path().starts_with("/register") => "/register",
        _ => "/sign-in",
    }
}

fn in_words(about: Duration) -> String {
    match about.as_secs().div_ceil(60) {
        0 | 1 => "less than a minute".into(),
        minutes @ 2..60 => format!("about {minutes} minutes"),
        minutes @ 60..120 => format!("about an hour and {} minutes", minutes - 60),
        minutes => format!("about {} hours", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_words() {
        let words = |secs| in_words(Duration::from_secs(secs));
        assert_eq!(words(30), "less than a minute");
        assert_eq!(words(61), "about 2 minutes");
        assert_eq!(words(3_900), "about an hour and 5 minutes");
        assert_eq!(words(10_000), "about 2 hours");
    }
}
