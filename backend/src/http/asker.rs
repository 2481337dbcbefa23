//! Who asks: read once from the headers that the gate sets, and typed from there on.

use super::Shared;
use super::problem::Problem;
use crate::journey::known_device::{self, ShownDevice};
use crate::journey::offer;
use crate::journey::remembered::{self, ShownBrowser};
use crate::journey::{Caller, Journey, sealed};
use aldgate_core::device::Device;
use aldgate_core::identity_header::{ASSERTION, CERTIFICATE_ASSERTION};
use aldgate_core::language::Language;
use aldgate_core::session::cookie::{self, Found};
use aldgate_core::session::opened_here::{self, Shown};
use aldgate_core::time::Timestamp;
use aldgate_core::token::certificate_assertion::ShownCertificate;
use aldgate_core::token::identity_assertion::{IdentityRefused, VerifiedIdentity};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// A client whose address the gate did not say; all of them count as one.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Who asks.
pub(super) struct Asker {
    /// Who is signed in, if anybody.
    pub(super) identity: Option<VerifiedIdentity>,
    /// The journey that the browser is on.
    pub(super) journey: Option<Journey>,
    /// Client, device, time.
    pub(super) caller: Caller,
}

/// Who asks, and is signed in.
pub(super) struct Owner {
    /// Who is signed in.
    pub(super) identity: VerifiedIdentity,
    /// Client, device, time.
    pub(super) caller: Caller,
}

/// The identity that the gate asserts. No header: nobody is signed in. A header that does not verify is never taken
/// for that: something between the gate and us is wrong, and the request is refused.
fn identity(headers: &HeaderMap, front: &Shared, now: Timestamp) -> Result<Option<VerifiedIdentity>, Problem> {
    asserted(headers, ASSERTION, |assertion| front.verifier.verify(assertion, now))
}

/// The certificate that the client of a request has shown, by the same rules.
pub(super) fn certificate(
    headers: &HeaderMap,
    front: &Shared,
    now: Timestamp,
) -> Result<Option<ShownCertificate>, Problem> {
    asserted(headers, CERTIFICATE_ASSERTION, |assertion| front.verifier.verify_for_certificate(assertion, now))
}

fn asserted<T>(
    headers: &HeaderMap,
    name: &'static str,
    verify: impl FnOnce(&str) -> Result<T, IdentityRefused>,
) -> Result<Option<T>, Problem> {
    let mut assertions = headers.get_all(name).iter();
    let (Some(assertion), another) = (assertions.next(), assertions.next()) else { return Ok(None) };
    let refused = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, name, "an assertion of the gate's was refused");
        Problem::BadField(name)
    };
    if another.is_some() {
        return Err(refused(&"there are several"));
    }
    let assertion = assertion.to_str().map_err(|error| refused(&error))?;
    verify(assertion).map(Some).map_err(|error| refused(&error))
}

/// The last address is the one that the gate itself saw.
fn client(headers: &HeaderMap) -> IpAddr {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back().and_then(|value| value.to_str().ok());
    let address = last.and_then(|list| list.rsplit(',').next()).map(str::trim);
    address.and_then(|address| address.parse().ok()).unwrap_or(NOWHERE)
}

fn device(headers: &HeaderMap) -> Device {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Device::from_user_agent(text.unwrap_or_default())
}

/// The one cookie of this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let cookies = headers.get_all(header::COOKIE).iter().map(axum::http::HeaderValue::as_bytes);
    match cookie::find(cookies, name) {
        Found::One(value) => Some(value),
        Found::Nothing | Found::Several => None,
    }
}

impl FromRequestParts<Shared> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let (headers, now) = (&parts.headers, front.clock.now());
        let identity = identity(headers, front, now)?;
        let session = identity.as_ref().map(VerifiedIdentity::session);
        let shown_device = cookie(headers, known_device::COOKIE).and_then(ShownDevice::parse);
        let language = parts.extensions.get::<Language>().copied().unwrap_or_default();
        let shown_browser = cookie(headers, remembered::COOKIE).and_then(ShownBrowser::parse);
        let (client, device) = (client(headers), device(headers));
        let has_said_not_now = cookie(headers, offer::COOKIE).is_some();
        let opened_here = cookie(headers, opened_here::COOKIE).map(Shown::parse).unwrap_or_default();
        let caller = Caller {
            now,
            client,
            device,
            shown_device,
            shown_browser,
            opened_here,
            has_said_not_now,
            session,
            language,
        };
        let journey = cookie(headers, sealed::COOKIE).and_then(|value| front.journeys.open(value, now));
        Ok(Self { identity, journey, caller })
    }
}

impl FromRequestParts<Shared> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let Asker { identity, caller, .. } = Asker::from_request_parts(parts, front).await?;
        Ok(Self { identity: identity.ok_or(Problem::NotSignedIn)?, caller })
    }
}

/// The identifier in a path. One that cannot be read names nothing that there is.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr + Send> FromRequestParts<Shared> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Shared) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, front).await.map_err(|_| Problem::NotFound)?;
        text.parse().map(Self).map_err(|_| Problem::NotFound)
    }
}
