//! The walk through the pages of a sign-in with a password, whatever becomes of it.

use super::expect;
use crate::client::{Answer, Connection, Failure, Target, request};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Uri};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The cookie in which the backend seals how far one is.
const JOURNEY: &str = "__Host-aldgate-journey";

/// The cookie by which it knows a browser.
pub(super) const DEVICE: &str = "__Host-aldgate-device";

/// Walks from the first page to the answer to the password, which stands here as it does in a form; over a connection of
/// its own, like that of `pool`, from the address of this number, if the target is on this machine.
///
/// # Errors
/// [`Failure`] of the page that failed.
pub(super) async fn sign_in(
    pool: &Connection,
    number: u64,
    email: &str,
    password: &str,
    device: Option<&HeaderValue>,
) -> Result<Answer, Failure> {
    let target = Arc::clone(pool.target());
    let mut connection = match target.address.ip() {
        IpAddr::V4(address) if address.is_loopback() => Connection::from(target.clone(), address_of(number).into()),
        _ => Connection::new(target.clone()),
    };
    let begin = request(&target, &Uri::from_static("/sign-in"), Full::default());
    expect(connection.exchange(begin).await?, 200)?;
    let form = format!("email={}&return_to=%2F", email.replace('@', "%40"));
    let answer = expect(connection.exchange(post(&target, "/sign-in", form, None)).await?, 303)?;
    let journey = answer.cookie(JOURNEY).ok_or(Failure::Answer("no journey cookie"))?;
    let device = device.and_then(|device| device.to_str().ok());
    let cookies = match device {
        Some(device) => format!("{JOURNEY}={journey}; {DEVICE}={device}"),
        None => format!("{JOURNEY}={journey}"),
    };
    let cookies = HeaderValue::from_str(&cookies).map_err(|_| Failure::Answer("no journey cookie"))?;
    connection.exchange(post(&target, "/sign-in/password", format!("password={password}"), Some(cookies))).await
}

fn address_of(number: u64) -> Ipv4Addr {
    let host = u32::try_from(number % 0x00fe_0000).unwrap_or(0);
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + host)
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
