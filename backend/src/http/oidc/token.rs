//! `/token`, `/par`, and what a client may ask about a token: `/introspect` and `/revoke`.

use super::error::{error, failed, unread};
use crate::fault::NotDone;
use crate::http::asker;
use crate::http::fields::{self, read_body};
use crate::http::problem::Problem;
use crate::http::{Front, Shared};
use crate::oidc::bound::Holding;
use crate::oidc::parameters::Parameters;
use crate::oidc::token::{Proven, TokenError};
use aldgate_core::token::certificate_assertion::ShownCertificate;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

const PAR: &str = "/par";
const INTROSPECT: &str = "/introspect";
const REVOKE: &str = "/revoke";

/// The header with the proof of a key (RFC 9449, section 4.1).
pub(super) const DPOP: &str = "dpop";

/// An introspection's answer as a JWT (RFC 9701, section 5).
const INTROSPECTION_JWT_TYPE: &str = "application/token-introspection+jwt";

/// The parameters of a posted form, or the answer that refuses it.
pub(super) async fn posted(request: Request, front: &Shared) -> Result<Parameters, Response> {
    let is_form = fields::is_form(request.headers());
    let body = read_body(request, front).await.map_err(unread)?;
    if !is_form {
        return Err(unread(Problem::ContentType));
    }
    let parameters = Parameters::read(fields::pairs(&body));
    parameters.map_err(|bad| error(StatusCode::BAD_REQUEST, "invalid_request", &bad.to_string()))
}

/// `POST /token`: whatever the answer is, nobody keeps it.
pub(super) async fn exchange(State(front): State<Shared>, request: Request) -> Response {
    let (held, now) = (Held::of(request.headers(), &front), front.clock.now());
    let mut response = match (held, posted(request, &front).await) {
        (Ok(held), Ok(parameters)) => match front.provider.exchange(&parameters, held.holding(), now).await {
            Ok(tokens) => Json(tokens).into_response(),
            Err(not_done) => refused(&front, not_done),
        },
        (Err(refused), _) => *refused,
        (_, Err(refused)) => refused,
    };
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What a request shows beside its credential.
struct Held {
    proof: Option<String>,
    certificate: Option<ShownCertificate>,
}

impl Held {
    fn of(headers: &HeaderMap, front: &Shared) -> Result<Self, Box<Response>> {
        let proof = proof(headers).map_err(|refusal| refused(front, NotDone::Refused(refusal)))?;
        Ok(Self { proof, certificate: shown_certificate(headers, front)? })
    }

    fn holding(&self) -> Holding<'_> {
        Holding { proof: self.proof.as_deref(), certificate: self.certificate.as_ref() }
    }
}

/// The certificate of a request's connection.
pub(super) fn shown_certificate(
    headers: &HeaderMap,
    front: &Shared,
) -> Result<Option<ShownCertificate>, Box<Response>> {
    let description = "what is said of the connection's certificate cannot be believed";
    let shown = asker::certificate(headers, front, front.clock.now());
    shown.map_err(|_| error(StatusCode::BAD_REQUEST, "invalid_request", description).into())
}

/// What a client is refused with. Anybody can be, and as often as they like: the log says it seldom.
fn refused(front: &Front, not_done: NotDone<TokenError>) -> Response {
    match not_done {
        NotDone::Refused(refusal) => {
            if front.refusals_told.may(front.clock.now()) {
                let (code, description) = (refusal.code(), refusal.description());
                tracing::info!(code, description, "a client was refused; more of that in ten seconds");
            }
            error(StatusCode::BAD_REQUEST, refusal.code(), refusal.description())
        }
        NotDone::Failed(fault) => failed(fault),
    }
}

/// The proof of a key that comes with a request, if one does (RFC 9449, section 4.1).
fn proof(headers: &HeaderMap) -> Result<Option<String>, TokenError> {
    let mut all = headers.get_all(DPOP).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => Ok(Some(one.to_str().unwrap_or_default().to_owned())),
        (Some(_), Some(_)) => Err(TokenError::InvalidDpopProof("there are several DPoP headers".into())),
    }
}

/// `POST /par`: a request that a client pushes.
pub(super) async fn push(State(front): State<Shared>, request: Request) -> Response {
    let proof = match proof(request.headers()) {
        Ok(proof) => proof,
        Err(refusal) => return refused(&front, NotDone::Refused(refusal)),
    };
    let (proven, parameters) = match asked(&front, request, PAR).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let now = front.clock.now();
    let pushed = async {
        let key = front.provider.proven_key(proof.as_deref(), PAR, now).await?;
        front.provider.push(&proven, &parameters, key, now).await
    };
    match pushed.await {
        Ok(pushed) => (StatusCode::CREATED, Json(pushed)).into_response(),
        Err(not_done) => refused(&front, not_done),
    }
}

/// What a client asks at an endpoint where it proves itself.
async fn asked(front: &Shared, request: Request, path: &str) -> Result<(Proven, Parameters), Response> {
    let certificate = shown_certificate(request.headers(), front).map_err(|refused| *refused)?;
    let parameters = posted(request, front).await?;
    match front.provider.proven(&parameters, path, certificate.as_ref(), front.clock.now()).await {
        Ok(proven) => Ok((proven, parameters)),
        Err(not_done) => Err(refused(front, not_done)),
    }
}

/// `POST /introspect`: as JSON, or signed for whoever says that they take that.
pub(super) async fn introspect(State(front): State<Shared>, request: Request) -> Response {
    let signed = accepts(request.headers(), INTROSPECTION_JWT_TYPE);
    let (proven, parameters) = match asked(&front, request, INTROSPECT).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let now = front.clock.now();
    match front.provider.introspect(&proven, &parameters, now).await {
        Ok(told) if signed => match front.provider.sign_introspection(proven.client(), &told, now) {
            Ok(text) => {
                ([(header::CONTENT_TYPE, HeaderValue::from_static(INTROSPECTION_JWT_TYPE))], text).into_response()
            }
            Err(fault) => failed(fault),
        },
        Ok(told) => Json(told).into_response(),
        Err(not_done) => refused(&front, not_done),
    }
}

/// Whether a request says by name that it takes a kind of answer (RFC 9110, section 12.5.1).
fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|member| {
        let (named, parameters) = member.split_once(';').unwrap_or((member, ""));
        named.trim().eq_ignore_ascii_case(kind) && !parameters.split(';').any(is_refused)
    })
}

/// Whether a parameter is a weight of nothing, or of what is no number.
fn is_refused(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| !weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0))
}

/// `POST /revoke`: the same answer whether or not there was such a token.
pub(super) async fn revoke(State(front): State<Shared>, request: Request) -> Response {
    let (proven, parameters) = match asked(&front, request, REVOKE).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match front.provider.revoke(&proven, &parameters, front.clock.now()).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(not_done) => refused(&front, not_done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_answer_is_taken_that_is_named_and_not_refused() {
        let accepts = |texts: &[&'static str]| {
            let values = texts.iter().map(|text| (header::ACCEPT, HeaderValue::from_static(text)));
            super::accepts(&values.collect(), INTROSPECTION_JWT_TYPE)
        };
        for taken in [
            &["application/token-introspection+jwt"][..],
            &["Application/Token-Introspection+JWT"],
            &["application/json, application/token-introspection+jwt"],
            &["application/json", " application/token-introspection+jwt ; q=0.1"],
            &["application/token-introspection+jwt;profile=x;Q=1,*/*;q=0"],
        ] {
            assert!(accepts(taken), "{taken:?}");
        }
        for other in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/token-introspection+jwt;q=0"],
            &["application/token-introspection+jwt; q=0.000, application/json"],
            &["application/token-introspection+jwt;q=x"],
            &["application/token-introspection"],
            &["application/token-introspection+jwt+x"],
        ] {
            assert!(!accepts(other), "{other:?}");
        }
    }
}
