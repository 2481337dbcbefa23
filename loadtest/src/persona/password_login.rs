//! Somebody who signs in with a password, and does not know it: page, address, page, password, as a browser walks it.
//!
//! Everybody comes from an address of their own (127.1.0.1 and on: a gateway on this machine sees them so) and with an
//! e-mail address that nobody has. To the server that costs what a right password costs, the hash of one included, and
//! no limit of one client or one account is met. What is expected is the page that says "not correct" (422).

use super::expect;
use crate::client::{Answer, Connection, Failure, Target, request};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Uri};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const JOURNEY: &str = "__Host-aldgate-journey";

/// The persona.
#[derive(Debug)]
pub(crate) struct PasswordLogin {
    /// Tells the people of one run from those of another.
    pub(crate) seed: u64,
}

impl PasswordLogin {
    /// Tries once.
    pub(super) async fn act(&self, connection: &Connection, number: u64) -> Result<(), Failure> {
        let target = Arc::clone(connection.target());
        let mut connection = match target.address.ip() {
            IpAddr::V4(address) if address.is_loopback() => Connection::from(target.clone(), address_of(number).into()),
            _ => Connection::new(target.clone()),
        };
        let begin = request(&target, &Uri::from_static("/sign-in"), Full::default());
        expect(connection.exchange(begin).await?, 200)?;
        let email = format!("email=nobody-{}-{number}%40load.example&return_to=%2F", self.seed);
        let answer = expect(connection.exchange(post(&target, "/sign-in", email, None)).await?, 303)?;
        let journey = journey(&answer).ok_or(Failure::Answer("no journey cookie"))?;
        let typed = "password=not+the+password".to_owned();
        let answer = connection.exchange(post(&target, "/sign-in/password", typed, Some(journey))).await?;
        expect(answer, 422)?;
        Ok(())
    }
}

fn address_of(number: u64) -> Ipv4Addr {
    let host = u32::try_from(number % 0x00fe_0000).unwrap_or(0);
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + host)
}

fn journey(answer: &Answer) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{JOURNEY}={}", answer.cookie(JOURNEY)?)).ok()
}

fn post(target: &Target, path: &'static str, form: String, cookie: Option<HeaderValue>) -> Request<Full<Bytes>> {
    let mut request = request(target, &Uri::from_static(path), Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    if let Ok(origin) = HeaderValue::from_str(&target.origin) {
        headers.insert(ORIGIN, origin);
    }
    if let Some(cookie) = cookie {
        headers.insert(COOKIE, cookie);
    }
    request
}
