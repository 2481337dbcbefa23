//! `/userinfo`: what an access token tells of a person, and the text that a client keeps about them.

use super::error::{error, failed, unread};
use super::token::{DPOP, shown_certificate};
use crate::fault::NotDone;
use crate::http::Shared;
use crate::http::fields::{self, read_body};
use crate::oidc::bound::Showing;
use crate::oidc::parameters::Parameters;
use crate::oidc::userinfo::{Access, METADATA_CHARS_MAX, UserinfoRefused};
use aldgate_core::token::certificate_assertion::ShownCertificate;
use aldgate_core::token::dpop::ALGORITHMS;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

const PATH: &str = "/userinfo";

/// How an access token is shown: as it is (RFC 6750), or with the proof of a key (RFC 9449, section 7.1). A refusal is told in
/// the same scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

/// An access token as it came.
struct Token {
    text: String,
    /// The proof of its key, where it was shown as one that is bound.
    proof: Option<String>,
    /// The certificate of the connection, if one was shown.
    certificate: Option<ShownCertificate>,
    method: Method,
}

impl Token {
    const fn scheme(&self) -> Scheme {
        if self.proof.is_some() { Scheme::Dpop } else { Scheme::Bearer }
    }

    fn showing(&self) -> Showing<'_> {
        let (proof, certificate) = (self.proof.as_deref(), self.certificate.as_ref());
        Showing { proof, certificate, method: self.method.as_str(), path: PATH }
    }
}

/// `GET /userinfo`.
pub(super) async fn tell(State(front): State<Shared>, request: Request) -> Response {
    match shown(&front, request.method(), request.headers()) {
        Ok(Some(token)) => told(&front, &token).await,
        Ok(None) => challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, None, None),
        Err(refused) => *refused,
    }
}

/// `POST /userinfo`: the token may be in the form instead (RFC 6750, section 2.2), but not in both.
pub(super) async fn tell_posted(State(front): State<Shared>, request: Request) -> Response {
    let in_header = shown(&front, request.method(), request.headers());
    let certificate = match shown_certificate(request.headers(), &front) {
        Ok(certificate) => certificate,
        Err(refused) => return *refused,
    };
    let is_form = fields::is_form(request.headers());
    let body = match read_body(request, &front).await {
        Ok(body) => body,
        Err(problem) => return unread(problem),
    };
    let in_form = match Parameters::read(fields::pairs(if is_form { &body } else { b"" })) {
        Ok(parameters) => parameters.get("access_token").map(str::to_owned),
        Err(bad) => return error(StatusCode::BAD_REQUEST, "invalid_request", &bad.to_string()),
    };
    match (in_header, in_form) {
        (Ok(Some(_)), Some(_)) => {
            error(StatusCode::BAD_REQUEST, "invalid_request", "the access token is in the header and in the form")
        }
        (Ok(Some(token)), None) => told(&front, &token).await,
        (Ok(None), Some(text)) => told(&front, &Token { text, proof: None, certificate, method: Method::POST }).await,
        (Ok(None), None) => challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, None, None),
        (Err(refused), _) => *refused,
    }
}

/// What `PATCH /userinfo` may change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    client_user_metadata: String,
}

/// `PATCH /userinfo`: keeps a text for the client; an empty one clears what it kept, `auto` makes another random one.
pub(super) async fn keep(State(front): State<Shared>, request: Request) -> Response {
    let token = match shown(&front, request.method(), request.headers()) {
        Ok(Some(token)) => token,
        Ok(None) => return challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, None, None),
        Err(refused) => return *refused,
    };
    let access = match front.provider.access(&token.text, token.showing(), front.clock.now()).await {
        Ok(access) => access,
        Err(not_done) => return refused(token.scheme(), not_done),
    };
    let invalid = |description: &str| error(StatusCode::BAD_REQUEST, "invalid_request", description);
    let body = match read_body(request, &front).await {
        Ok(body) => body,
        Err(problem) => return unread(problem),
    };
    let Ok(Change { client_user_metadata: text }) = serde_json::from_slice(&body) else {
        return invalid("the body must be JSON with client_user_metadata, a text, and nothing else");
    };
    if text.chars().count() > METADATA_CHARS_MAX {
        return invalid("client_user_metadata must be at most 1024 characters");
    }
    match front.provider.keep_metadata(&access, &text).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(not_done) => refused(token.scheme(), not_done),
    }
}

async fn told(front: &Shared, token: &Token) -> Response {
    let told = async {
        let now = front.clock.now();
        let access: Access = front.provider.access(&token.text, token.showing(), now).await?;
        front.provider.userinfo(&access, now).await
    };
    match told.await {
        Ok(claims) => Json(claims).into_response(),
        Err(not_done) => refused(token.scheme(), not_done),
    }
}

/// A bearer token that is none of ours to bind; `Ok(None)` where there is none.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<String>, Box<Response>> {
    let token = written(&Method::GET, headers)?;
    match token {
        Some(Token { proof: Some(_), .. }) => {
            Err(challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, Some("invalid_token"), None).into())
        }
        token => Ok(token.map(|token| token.text)),
    }
}

/// The token of a request and what it is shown with; `Ok(None)` where there is none.
fn shown(front: &Shared, method: &Method, headers: &HeaderMap) -> Result<Option<Token>, Box<Response>> {
    let certificate = shown_certificate(headers, front)?;
    Ok(written(method, headers)?.map(|token| Token { certificate, ..token }))
}

/// The same, but for the certificate of the connection.
fn written(method: &Method, headers: &HeaderMap) -> Result<Option<Token>, Box<Response>> {
    let invalid = |description: &str| error(StatusCode::BAD_REQUEST, "invalid_request", description);
    let Some(value) = one(headers, header::AUTHORIZATION.as_str())
        .map_err(|()| invalid("there are several Authorization headers"))?
    else {
        return Ok(None);
    };
    let proof = one(headers, DPOP).map_err(|()| invalid("there are several DPoP headers"))?;
    let (scheme, text) = value.split_once(' ').unwrap_or_default();
    let proof = match proof {
        None if scheme.eq_ignore_ascii_case("bearer") => None,
        // A proof beside a token that is shown as it is proves nothing.
        Some(_) if scheme.eq_ignore_ascii_case("bearer") => None,
        Some(proof) if scheme.eq_ignore_ascii_case("dpop") => Some(proof.to_owned()),
        _ => {
            let scheme = if scheme.eq_ignore_ascii_case("dpop") { Scheme::Dpop } else { Scheme::Bearer };
            return Err(challenge(scheme, StatusCode::UNAUTHORIZED, Some("invalid_token"), None).into());
        }
    };
    Ok(Some(Token { text: text.trim().to_owned(), proof, certificate: None, method: method.clone() }))
}

/// The one header of a name; an error if there are several.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(_), Some(_)) => Err(()),
        (first, _) => Ok(first.map(|value| value.to_str().unwrap_or_default())),
    }
}

fn refused(scheme: Scheme, not_done: NotDone<UserinfoRefused>) -> Response {
    match not_done {
        NotDone::Refused(UserinfoRefused::InvalidToken) => {
            challenge(scheme, StatusCode::UNAUTHORIZED, Some("invalid_token"), None)
        }
        NotDone::Refused(UserinfoRefused::InvalidProof) => {
            challenge(Scheme::Dpop, StatusCode::UNAUTHORIZED, Some("invalid_dpop_proof"), None)
        }
        NotDone::Refused(UserinfoRefused::NoKey) => {
            let description = "this client has no RSA key to which a random number could be encrypted";
            error(StatusCode::BAD_REQUEST, "invalid_request", description)
        }
        NotDone::Refused(UserinfoRefused::InsufficientScope(needed)) => {
            challenge(scheme, StatusCode::FORBIDDEN, Some("insufficient_scope"), Some(needed))
        }
        NotDone::Failed(fault) => failed(fault),
    }
}

/// What a client is told in `WWW-Authenticate` (RFC 6750, section 3; RFC 9449, section 7.1).
pub(super) fn challenge(scheme: Scheme, status: StatusCode, code: Option<&str>, scope: Option<&str>) -> Response {
    let told = |name: &str, value: Option<&str>| value.map(|value| format!("{name}=\"{value}\""));
    let (name, algorithms) = match scheme {
        Scheme::Bearer => ("Bearer", None),
        Scheme::Dpop => ("DPoP", Some(ALGORITHMS)),
    };
    let told = [told("error", code), told("scope", scope), told("algs", algorithms)];
    let told = told.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut response = status.into_response();
    if let Ok(value) = HeaderValue::from_str(format!("{name} {told}").trim_end()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
