//! The fields of a form or a query (WHATWG URL, section 5.1, "application/x-www-form-urlencoded parsing").
//!
//! A field is missing, or is text; bytes that are no UTF-8 are never mended, and a name that stands twice is refused:
//! two readers could take either.

use super::Shared;
use super::problem::Problem;
use crate::password::Typed;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use std::convert::Infallible;

/// Fields that are read; no form of ours has more than four.
const FIELDS_MAX: usize = 16;

const FORM: &str = "application/x-www-form-urlencoded";

/// Name and value pairs, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(Vec<u8>, Vec<u8>)>);

/// The field stands twice, or is no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The pairs of an encoded text, each decoded.
pub(super) fn pairs(encoded: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(pair)
}

/// Whether a request says that its body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    let kind = kind.as_deref().and_then(|kind| kind.split(|byte| *byte == b';').next()).map(<[u8]>::trim_ascii);
    kind == Some(FORM.as_bytes())
}

impl Fields {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(pairs(encoded).take(FIELDS_MAX).collect())
    }

    /// The value of the one field of this name, if there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        let mut named = self.0.iter().filter(|(field, _)| field == name.as_bytes());
        match (named.next(), named.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => std::str::from_utf8(value).map(Some).map_err(|_| Unreadable),
            (Some(_), Some(_)) => Err(Unreadable),
        }
    }
}

fn pair(encoded: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let at = encoded.iter().position(|byte| *byte == b'=').unwrap_or(encoded.len());
    let (name, value) = encoded.split_at(at);
    (decode(name), decode(value.get(1..).unwrap_or_default()))
}

/// `+` is a space, `%xx` a byte; a `%` that is followed by something else stands for itself.
fn decode(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        out.push(match first {
            b'+' => b' ',
            b'%' => match escaped(after) {
                Some(byte) => {
                    rest = after.get(2..).unwrap_or_default();
                    byte
                }
                None => b'%',
            },
            other => *other,
        });
    }
    out
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// A posted form.
pub(super) struct Form(Fields);

impl Form {
    /// A field that the form always has.
    pub(super) fn text(&self, name: &'static str) -> Result<&str, Problem> {
        self.optional(name)?.ok_or(Problem::BadField(name))
    }

    /// A field that the form may have.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        self.0.text(name).map_err(|_| Problem::BadField(name))
    }

    /// A field that holds a password.
    pub(super) fn password(&self, name: &'static str) -> Result<Typed, Problem> {
        self.text(name).map(Typed::new)
    }
}

impl FromRequest<Shared> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, Problem> {
        let is_form = is_form(request.headers());
        let body = read_body(request, front).await?;
        // A form without fields may come without a type: there is nothing to read.
        if body.is_empty() || is_form { Ok(Self(Fields::parse(&body))) } else { Err(Problem::ContentType) }
    }
}

/// A whole body, within the limit of its route.
pub(super) async fn read_body(request: Request, front: &Shared) -> Result<Bytes, Problem> {
    Bytes::from_request(request, front).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Problem::TooLong } else { Problem::BadField("body") }
    })
}

/// The query of an address. Nothing in it is needed: what cannot be read is not there.
pub(super) struct Query(Fields);

impl Query {
    /// A parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name).ok().flatten()
    }
}

impl FromRequestParts<Shared> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Infallible> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::parse(b"email=a%40b.example&password=a+b%2B%25%zz&empty=&bare&=x");
        let pairs = [("email", "a@b.example"), ("password", "a b+%%zz"), ("empty", ""), ("bare", ""), ("", "x")];
        for (name, value) in pairs {
            assert_eq!(fields.text(name), Ok(Some(value)), "{name}");
        }
        assert_eq!(fields.text("another"), Ok(None));
    }

    #[test]
    fn what_is_doubled_or_no_text_cannot_be_read() {
        let fields = Fields::parse(b"a=1&a=2&b=%ff&c=%c3%a9&%61b=3");
        assert_eq!((fields.text("a"), fields.text("b")), (Err(Unreadable), Err(Unreadable)));
        assert_eq!((fields.text("c"), fields.text("ab")), (Ok(Some("é")), Ok(Some("3"))));
        assert_eq!(Fields::parse(&b"a=1&".repeat(1_000)).0.len(), FIELDS_MAX);
    }
}
