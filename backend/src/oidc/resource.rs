//! Resource indicators (RFC 8707): for which services a client wants its access token, so that none of them can use it at
//! another.
//!
//! A client names services that it is registered for, by their exact URI; what it was allowed with a grant, it may narrow
//! with each token and never widen. A token of a grant that names none is for the provider itself.

use super::client::digest_of;
use super::parameters::Parameters;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use serde_json::Value;
use std::sync::Arc;

/// The parameter.
pub(crate) const RESOURCE: &str = "resource";

/// Most services that one request names: a request has to fit into an address while its person signs in.
const ASKED_MAX: usize = 4;

/// Longest URI of a service.
const URI_BYTES_MAX: usize = 256;

/// Bytes of a [`ResourceDigest`]: it tells the few services of one client apart, and is itself sealed.
const DIGEST_BYTES: usize = 8;

/// A service that tokens can be for: an absolute URI without a fragment (RFC 3986, section 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUri(Arc<str>);

/// Not the URI of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an absolute URI without a fragment, of at most {URI_BYTES_MAX} characters")]
pub struct BadResourceUri;

impl ResourceUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`BadResourceUri`].
    pub fn parse(text: &str) -> Result<Self, BadResourceUri> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !br##""<>\^`{|}#"##.contains(&byte);
        let (scheme, rest) = text.split_once(':').ok_or(BadResourceUri)?;
        let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let of_something = !rest.trim_start_matches('/').is_empty();
        let fits = text.len() <= URI_BYTES_MAX && text.bytes().all(plain);
        if named && of_something && fits { Ok(Self(text.into())) } else { Err(BadResourceUri) }
    }

    /// The URI.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// By what a sealed value or a row names it.
    pub(crate) fn digest(&self) -> ResourceDigest {
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(&digest_of(&self.0)[..DIGEST_BYTES]);
        ResourceDigest(bytes.into())
    }
}

/// By what a sealed value or a row names a service of a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct ResourceDigest(#[n(0)] ByteArray<DIGEST_BYTES>);

/// Why a client gets no token for what it names (RFC 8707, section 2: `invalid_target`). The sentences are for whoever
/// writes the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    /// Not the URI of a service.
    #[error("resource must be an absolute URI without a fragment, of at most {URI_BYTES_MAX} characters")]
    Malformed,
    /// A service that the client is not registered for.
    #[error("resource names a service that this client may not ask for")]
    NotRegistered,
    /// A service that the grant is not for.
    #[error("resource names a service that was not asked for when this was allowed")]
    NotAllowed,
    /// More than a request may name.
    #[error("resource names more than {ASKED_MAX} services")]
    TooMany,
    /// None, where one must be named.
    #[error("resource or audience must name the service that the token is for")]
    None,
    /// Nothing is left of what the grant was for.
    #[error("this client may not ask for the services any more that this was allowed for")]
    Gone,
}

/// The services that a token is for, none twice; none at all where it is for the provider itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resources(Vec<ResourceUri>);

impl Resources {
    /// What a request names, of what its client is registered for.
    pub(crate) fn asked(parameters: &Parameters, registered: &[ResourceUri]) -> Result<Self, BadTarget> {
        Self::among(parameters.all(RESOURCE), registered, BadTarget::NotRegistered)
    }

    /// What an exchange of a token names, as `resource` or as `audience` (RFC 8693, section 2.1), of what its client may
    /// exchange tokens for.
    pub(crate) fn targets(parameters: &Parameters, registered: &[ResourceUri]) -> Result<Self, BadTarget> {
        let named = parameters.all(RESOURCE).chain(parameters.all("audience"));
        let targets = Self::among(named, registered, BadTarget::NotRegistered)?;
        if targets.0.is_empty() { Err(BadTarget::None) } else { Ok(targets) }
    }

    /// Whether the service of a URI is among them.
    pub(crate) fn has(&self, uri: &str) -> bool {
        self.0.iter().any(|one| one.as_str() == uri)
    }

    /// What a request for a token names, of what its grant is for; all of that, if it names none. A grant that names no
    /// service is for the provider, which a request may say.
    pub(crate) fn narrowed(&self, parameters: &Parameters, issuer: &str) -> Result<Self, BadTarget> {
        if self.0.is_empty() && parameters.all(RESOURCE).all(|text| text == issuer) {
            return Ok(Self::default());
        }
        let asked = Self::among(parameters.all(RESOURCE), &self.0, BadTarget::NotAllowed)?;
        Ok(if asked.0.is_empty() { self.clone() } else { asked })
    }

    fn among<'a>(
        named: impl Iterator<Item = &'a str>,
        allowed: &[ResourceUri],
        otherwise: BadTarget,
    ) -> Result<Self, BadTarget> {
        let mut asked: Vec<ResourceUri> = Vec::new();
        for text in named {
            let uri = ResourceUri::parse(text).map_err(|_| BadTarget::Malformed)?;
            let uri = allowed.iter().find(|one| **one == uri).ok_or(otherwise)?;
            if !asked.contains(uri) {
                asked.push(uri.clone());
            }
        }
        if asked.len() > ASKED_MAX { Err(BadTarget::TooMany) } else { Ok(Self(asked)) }
    }

    /// As a sealed value or a row holds them.
    pub(crate) fn digests(&self) -> Vec<ResourceDigest> {
        self.0.iter().map(ResourceUri::digest).collect()
    }

    /// What digests stand for, as far as the client is still registered for it. Nothing left of something is refused: it
    /// must not read as if no service had been named.
    pub(crate) fn of_digests(digests: &[ResourceDigest], registered: &[ResourceUri]) -> Result<Self, BadTarget> {
        let known = registered.iter().filter(|uri| digests.contains(&uri.digest())).cloned();
        let found = Self(known.collect());
        if found.0.is_empty() && !digests.is_empty() { Err(BadTarget::Gone) } else { Ok(found) }
    }

    /// The `aud` of a token for them.
    pub(crate) fn audience(&self, issuer: &str) -> Value {
        match self.0.as_slice() {
            [] => issuer.into(),
            [one] => one.as_str().into(),
            several => several.iter().map(ResourceUri::as_str).collect(),
        }
    }
}

/// Whether an `aud` names somebody (RFC 7519, section 4.1.3).
pub(crate) fn names(audience: Option<&Value>, name: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example";

    fn uris(texts: &[&str]) -> Vec<ResourceUri> {
        texts.iter().map(|text| ResourceUri::parse(text).expect("a URI")).collect()
    }

    fn naming(texts: &[&str]) -> Parameters {
        let pair = |text: &&str| (RESOURCE.as_bytes().to_vec(), text.as_bytes().to_vec());
        Parameters::read(texts.iter().map(pair)).expect("parameters")
    }

    #[test]
    fn a_service_is_an_absolute_uri_without_a_fragment() {
        for good in ["https://api.example", "https://api.example/v1/?x=1", "urn:nhs:spine", "http://[::1]:80/"] {
            assert!(ResourceUri::parse(good).is_ok(), "{good}");
        }
        let long = format!("https://{}", "a".repeat(URI_BYTES_MAX));
        for bad in [
            "",
            "api",
            "/v1",
            "//api.example",
            "https:",
            "https://",
            "https://a#",
            "https://a#b",
            ":x",
            "1a:b",
            "https://a b",
            "é:x",
            &long,
        ] {
            assert_eq!(ResourceUri::parse(bad), Err(BadResourceUri), "{bad}");
        }
    }

    #[test]
    fn a_request_names_what_its_client_is_registered_for() {
        let registered = uris(&["https://a.example", "https://b.example", "https://c.example/"]);
        let asked = |texts: &[&str]| Resources::asked(&naming(texts), &registered);
        assert_eq!(asked(&[]), Ok(Resources::default()));
        assert_eq!(
            asked(&["https://b.example", "https://a.example", "https://b.example"]),
            Ok(Resources(uris(&["https://b.example", "https://a.example"])))
        );
        for other in ["https://a.example/", "https://A.example", "https://d.example", "https://c.example"] {
            assert_eq!(asked(&["https://a.example", other]), Err(BadTarget::NotRegistered), "{other}");
        }
        assert_eq!(asked(&["https://a.example#x"]), Err(BadTarget::Malformed));
        let many: Vec<_> = (0..=ASKED_MAX).map(|n| format!("https://{n}.example")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(Resources::asked(&naming(&many), &uris(&many)), Err(BadTarget::TooMany));
    }

    #[test]
    fn what_was_allowed_is_narrowed_and_never_widened() {
        let allowed = Resources(uris(&["https://a.example", "https://b.example"]));
        let narrowed = |from: &Resources, texts: &[&str]| from.narrowed(&naming(texts), ISSUER);
        assert_eq!(narrowed(&allowed, &[]), Ok(allowed.clone()));
        assert_eq!(narrowed(&allowed, &["https://b.example"]), Ok(Resources(uris(&["https://b.example"]))));
        for more in ["https://c.example", ISSUER] {
            assert_eq!(narrowed(&allowed, &["https://b.example", more]), Err(BadTarget::NotAllowed), "{more}");
            assert_eq!(narrowed(&Resources::default(), &["https://c.example"]), Err(BadTarget::NotAllowed));
        }
        assert_eq!(narrowed(&Resources::default(), &[ISSUER]), Ok(Resources::default()));
    }

    #[test]
    fn what_is_left_of_a_grant_is_never_the_provider() {
        let allowed = Resources(uris(&["https://a.example", "https://b.example"]));
        let digests = allowed.digests();
        let of = |registered: &[&str]| Resources::of_digests(&digests, &uris(registered));
        assert_eq!(of(&["https://x.example", "https://a.example", "https://b.example"]), Ok(allowed));
        assert_eq!(of(&["https://b.example"]), Ok(Resources(uris(&["https://b.example"]))));
        assert_eq!(of(&["https://x.example"]), Err(BadTarget::Gone));
        assert_eq!(Resources::of_digests(&[], &[]), Ok(Resources::default()));
    }

    #[test]
    fn an_audience_is_one_name_or_several() {
        let audience = |texts: &[&str]| Resources(uris(texts)).audience(ISSUER);
        assert_eq!(audience(&[]), ISSUER);
        assert_eq!(audience(&["https://a.example"]), "https://a.example");
        let both = audience(&["https://a.example", "https://b.example"]);
        assert!(names(Some(&both), "https://b.example") && !names(Some(&both), ISSUER), "{both}");
        assert!(names(Some(&audience(&[])), ISSUER) && !names(None, ISSUER));
    }
}
