//! What holds for every request: it is named in the log, it is answered in time, a form comes from a page of ours, and
//! the answer tells the browser to take nothing from elsewhere.

use super::Shared;
use super::problem::Problem;
use aldgate_core::identity_header::REQUEST_ID;
use aldgate_core::policy::platform::PAGE_POLICY;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::time::Duration;
use tracing::Instrument as _;

/// How long an answer may take: the longest queue for hashing is through in half of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The `no-referrer` policy would make browsers send `Origin: null` with our own forms (Fetch, "append a request
/// `Origin` header"), which are then refused; `same-origin` tells other sites as little.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY)),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("publickey-credentials-get=(self), publickey-credentials-create=(self)"),
    ),
];

/// What programs call, with credentials of their own and no cookie, or a browser that another site sends: a request for
/// authorization may be posted from anywhere (OpenID Connect Core, section 3.1.2.1), and does nothing by itself.
const FROM_ANYWHERE: [&str; 7] = ["/authorize", "/logout", "/token", "/par", "/introspect", "/revoke", "/userinfo"];

/// And whatever is at or below this: clients register there with tokens of their own.
const REGISTRATION: &str = "/oauth/register";

/// The origin to which a page's forms lead in the end, by redirects: browsers hold those against the page's policy too.
#[derive(Debug, Clone)]
pub(super) struct FormsLeadTo(pub(super) String);

/// Sets the security headers, whatever the answer is. An answer that says itself for how long it may be kept is believed.
pub(super) async fn set_security_headers(mut response: Response) -> Response {
    let target = response.extensions_mut().remove::<FormsLeadTo>();
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        if name != header::CACHE_CONTROL || !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if let Some(policy) = target.and_then(|FormsLeadTo(origin)| policy_with(&origin)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The policy of pages whose forms lead to an origin. One that cannot stand in a header is left out: the browser then
/// refuses to go there.
fn policy_with(origin: &str) -> Option<HeaderValue> {
    const OURS: &str = "form-action 'self'";
    HeaderValue::from_str(&PAGE_POLICY.replace(OURS, &format!("{OURS} {origin}"))).ok()
}

/// Refuses what another site makes a browser send (CSRF): an unsafe method needs an `Origin` of ours, or, where there
/// is none, the browser's own word that the page is of this origin.
pub(super) async fn refuse_foreign_origins(State(front): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let anywhere = FROM_ANYWHERE.contains(&path) || path.starts_with(REGISTRATION);
    if request.method().is_safe() || anywhere || is_from_us(request.headers(), &front.origins) {
        return next.run(request).await;
    }
    Problem::ForeignOrigin.into_response()
}

fn is_from_us(headers: &HeaderMap, origins: &[String]) -> bool {
    let mut named = headers.get_all(header::ORIGIN).iter();
    match (named.next(), named.next()) {
        (Some(origin), None) => origins.iter().any(|ours| ours.as_bytes() == origin.as_bytes()),
        (Some(_), Some(_)) => false,
        (None, _) => headers.get(SEC_FETCH_SITE).is_some_and(|site| site.as_bytes() == b"same-origin"),
    }
}

/// Gives up on an answer that takes too long.
pub(super) async fn answer_in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        tracing::error!("no answer within {ANSWER_WITHIN:?}");
        Problem::Unavailable.into_response()
    })
}

/// Puts the gate's name of a request to everything that is logged about it. The path may hold nothing personal: no
/// route of ours has more in it than identifiers.
pub(super) async fn name_the_request(request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = tracing::error_span!("request", id, method = %request.method(), path = request.uri().path());
    next.run(request).instrument(span).await
}

/// A defect of ours, told like any other.
pub(super) fn answer_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Problem::Broken.into_response()
}
