//! A person who logs in with a passkey: options, a real signature, log-in; both requests on one connection.
//!
//! It does what a browser does and no more: it takes challenge and RP ID from the options, carries the ceremony
//! cookie and the one that says that it was here before, and must be given a session cookie in the end.

use super::expect;
use crate::client::{Connection, Failure, Target, request};
use crate::clock;
use crate::measure::Steps;
use crate::wallet::{Holder, Wallet};
use aldgate_core::session::{cookie, opened_here};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Uri};
use std::borrow::Cow;
use std::sync::Arc;

/// The persona.
#[derive(Debug)]
pub(crate) struct PasskeyLogin {
    /// The passkeys, which take turns.
    pub(crate) wallet: Arc<Wallet>,
}

/// What a log-in needs of `PublicKeyCredentialRequestOptionsJSON`.
#[derive(serde::Deserialize)]
struct Options<'a> {
    #[serde(borrow)]
    challenge: Cow<'a, str>,
    #[serde(rename = "rpId", borrow)]
    rp_id: Cow<'a, str>,
}

impl PasskeyLogin {
    /// Logs the next person in; gives back the session token.
    pub(crate) async fn act(&self, connection: &mut Connection, _number: u64) -> Result<(String, Steps), Failure> {
        log_in(connection, self.wallet.next()).await
    }
}

/// One log-in; gives back the session token and how long each request took.
///
/// # Errors
/// [`Failure`] of the request that failed.
pub(crate) async fn log_in(connection: &mut Connection, holder: &Holder) -> Result<(String, Steps), Failure> {
    let target = Arc::clone(connection.target());
    let asked = clock::now();
    let ask = post(&target, Uri::from_static("/passkey/login/options"), Bytes::from_static(b"{}"));
    let answer = expect(connection.exchange(ask).await?, 200)?;
    let options: Options<'_> =
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Answer("options unreadable"))?;
    let ceremony = answer.cookie(cookie::CEREMONY).ok_or(Failure::Answer("no ceremony cookie"))?;
    let opened = holder.opened_here().map(|value| format!("; {}={value}", opened_here::COOKIE)).unwrap_or_default();
    let cookies = HeaderValue::from_str(&format!("{}={ceremony}{opened}", cookie::CEREMONY))
        .map_err(|_| Failure::Answer("no ceremony cookie"))?;
    let options_took = asked.elapsed();

    let body = holder.passkey.login_body(&options.rp_id, &target.origin, &options.challenge);
    let mut submit = post(&target, Uri::from_static("/passkey/login"), Bytes::from(body));
    submit.headers_mut().insert(COOKIE, cookies);
    let submitted = clock::now();
    let answer = expect(connection.exchange(submit).await?, 200)?;
    let token = answer.cookie(cookie::SESSION).ok_or(Failure::Answer("no session cookie"))?;
    holder.keep(answer.cookie(opened_here::COOKIE));
    Ok((token.to_owned(), Steps { options: options_took, login: submitted.elapsed() }))
}

fn post(target: &Target, path: Uri, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = request(target, &path, Full::new(body));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(origin) = HeaderValue::from_str(&target.origin) {
        headers.insert(ORIGIN, origin);
    }
    request
}
