//! The waiting room: when as many people are signing in and registering as this gateway is to let in at once, those who
//! come later wait in a line, see their place in it, and go in when it is their turn.
//!
//! Held up are the pages of signing in and of registering, for whoever has no session and was not let in. Passkey log-ins
//! are not: they cost next to nothing, and the page that people wait on offers one.
//!
//! Nothing is stored of those who wait: a cookie holds their number, tagged, and the [`line`] keeps a byte for each number
//! so that it is used once. What somebody can do to get in sooner, and what comes of it: without the cookie they get a
//! new number, at the end; a forged one is none; a number that was used is none; a place that is shared ends after some
//! requests. How many numbers one address can take is bounded by the rate of its class ([`crate::admission`]), and how
//! many places it can hold by a share of them, unless it is known to stand for many people.
//!
//! Each gateway has a line of its own, which begins anew when it is started. Several gateways with waiting rooms need a
//! balancer that sends a browser to the same one each time.

mod line;
mod page;
mod ticket;

use crate::config;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::request::cookies;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::limit::address::Prefix;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::Target;
use aldgate_core::session::cookie::{self, Found};
use aldgate_core::time::Timestamp;
use aldgate_core::verdict::Permit;
use line::{Line, Told};
use pingora::http::{RequestHeader, ResponseHeader};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use ticket::{Ticket, TicketKey};

/// The cookie's name.
pub const COOKIE: &str = "__Host-aldgate-place";

/// The room, if there is one.
pub struct WaitingRoom {
    line: Mutex<Line>,
    key: TicketKey,
    many_behind: Vec<Prefix>,
}

impl WaitingRoom {
    /// An empty one; `None` where none is configured. No share of one address is held against those of `many_behind`.
    ///
    /// # Errors
    /// Without randomness, tickets could be forged.
    pub fn new(
        config: Option<&config::WaitingRoom>,
        many_behind: &[IpAddr],
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Option<Self>, EntropyFailed> {
        let Some(config) = config else { return Ok(None) };
        let people = usize::try_from(config.people).unwrap_or(usize::MAX);
        let line = Mutex::new(Line::new(people, config.stay, now));
        let many_behind = many_behind.iter().copied().map(Prefix::of).collect();
        Ok(Some(Self { line, key: TicketKey::new(&entropy.bytes()?), many_behind }))
    }

    /// Lets a permitted request pass, or says what they are told who wait. Whoever was let in just now gets a cookie with
    /// the answer.
    ///
    /// # Errors
    /// The page, or for a program the problem document, with the place in the line.
    pub fn enter(&self, header: &RequestHeader, exchange: &mut Exchange) -> Result<(), Reply> {
        if !exchange.permit.as_ref().is_some_and(|permit| holds_up(permit, header.uri.path())) {
            return Ok(());
        }
        let told = match self.shown(header) {
            Some(Ticket::In(number)) if self.line().goes_on(number, exchange.now) => return Ok(()),
            Some(Ticket::Waits(number)) => self.line().ask(Some(number), self.counted(exchange.client), exchange.now),
            Some(Ticket::In(_)) | None => self.line().ask(None, self.counted(exchange.client), exchange.now),
        };
        match told {
            Told::In(number) => {
                exchange.cookie = Some(cookie::set(COOKIE, &self.key.seal(Ticket::In(number)), None));
                Ok(())
            }
            Told::Waits(waiting) => {
                let ticket = cookie::set(COOKIE, &self.key.seal(Ticket::Waits(waiting.number)), None);
                Err(page::waits(&waiting, header, exchange).with("set-cookie", ticket))
            }
            Told::Full => Err(page::full(header, exchange)),
        }
    }

    /// Somebody has signed in: their place is free.
    pub fn leave(&self, header: &RequestHeader) {
        if let Some(Ticket::In(number)) = self.shown(header) {
            self.line().leaves(number);
        }
    }

    /// The same, if the backend's answer opens a session.
    pub fn leave_with(&self, response: &ResponseHeader, header: &RequestHeader) {
        let cookies = response.headers.get_all(http::header::SET_COOKIE);
        let opens = |cookie: &http::HeaderValue| {
            let value = cookie.as_bytes().strip_prefix(cookie::SESSION.as_bytes());
            value.and_then(|rest| rest.strip_prefix(b"=")).is_some_and(|value| !value.starts_with(b";"))
        };
        if cookies.iter().any(opens) {
            self.leave(header);
        }
    }

    /// How many are inside, and how many wait.
    pub fn held(&self) -> (usize, u64) {
        self.line().held()
    }

    /// What a client's address is counted by; nothing if it stands for many people.
    fn counted(&self, client: Option<IpAddr>) -> Option<Prefix> {
        client.map(Prefix::of).filter(|address| !self.many_behind.contains(address))
    }

    fn shown(&self, header: &RequestHeader) -> Option<Ticket> {
        match cookie::find(cookies(header), COOKIE) {
            Found::One(value) => self.key.open(value),
            Found::Nothing | Found::Several => None,
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is a page of signing in or registering, asked for by somebody who has no session.
fn holds_up(permit: &Permit, path: &str) -> bool {
    permit.route().target == Target::Backend && permit.session().is_none() && platform::is_way_in(path)
}
