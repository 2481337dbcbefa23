//! What a token says of itself, in the names of RFC 7519 and RFC 9068, which RFC 7662 uses too. A claim of the wrong
//! type is an error and never counts as absent.

use super::grant::{Binding, Grant};
use super::strict_json;
use crate::assurance::{Components, IdentityLevel, Vector};
use crate::id::TokenDigest;
use crate::time::Timestamp;
use crate::verdict::TokenRefused;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::time::Duration;

/// How far ahead of ours the clock of whoever made a token may be (FAPI 2.0 Security Profile, section 5.3.2.1: 10 s is
/// accepted, 60 s is not).
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

const TEXT_BYTES_MAX: usize = 1024; // Issuers and audiences are URLs.
const SUBJECT_BYTES_MAX: usize = 255; // OpenID Connect Core, section 2.
const AUDIENCES_MAX: usize = 32;
const SCOPE_BYTES_MAX: usize = 4 * 1024;
const SCOPES_MAX: usize = 128;

/// For whom a token must have been made, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The issuer: its `iss`, exactly.
    pub issuer: &'a str,
    /// What its `aud` must contain, exactly.
    pub audience: &'a str,
}

/// A set of claims.
#[derive(Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads the payload of a token.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`].
    pub fn read(json: &[u8]) -> Result<Self, TokenRefused> {
        strict_json::object(json).map(Self).map_err(|_| TokenRefused::Malformed)
    }

    /// A claim as it stands.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them.
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// A text that is not empty, and in which nothing hides.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`] if it is anything else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, TokenRefused> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or(TokenRefused::Malformed)?;
        let plain = !text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control);
        if plain { Ok(Some(text)) } else { Err(TokenRefused::Malformed) }
    }

    /// A name that services are told in a header: visible ASCII.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`] if it is anything else.
    pub fn name(&self, name: &str) -> Result<Option<&str>, TokenRefused> {
        match self.text(name)? {
            Some(text) if text.len() > SUBJECT_BYTES_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) => {
                Err(TokenRefused::Malformed)
            }
            text => Ok(text),
        }
    }

    /// A moment: a whole number of seconds, not negative. Fractions are allowed by RFC 7519 and sent by nobody.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`] if it is anything else.
    pub fn date(&self, name: &str) -> Result<Option<Timestamp>, TokenRefused> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_u64().map(Timestamp::from_secs).map(Some).ok_or(TokenRefused::Malformed)
    }

    /// Whether `aud` contains a name, exactly.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`] if `aud` is neither a text nor a list of texts.
    pub fn is_for(&self, audience: &str) -> Result<bool, TokenRefused> {
        match self.get("aud") {
            Some(Value::String(only)) => Ok(only == audience),
            Some(Value::Array(list)) if list.len() <= AUDIENCES_MAX && list.iter().all(Value::is_string) => {
                Ok(list.iter().any(|one| one == audience))
            }
            None => Ok(false),
            Some(_) => Err(TokenRefused::Malformed),
        }
    }

    /// Whether its time has begun, by `nbf` and `iat`, and has not ended, by `exp`.
    ///
    /// # Errors
    /// [`TokenRefused::OutOfDate`]; [`TokenRefused::Malformed`] if one of them is no moment.
    pub fn in_time(&self, now: Timestamp) -> Result<(), TokenRefused> {
        let (expires, latest) = (self.date("exp")?, now.plus(CLOCK_SKEW));
        let begun = self.date("nbf")?.is_none_or(|at| at <= latest) && self.date("iat")?.is_none_or(|at| at <= latest);
        let authenticated = self.date("auth_time")?.is_none_or(|at| at <= latest);
        let ended = expires.is_some_and(|expires| now >= expires);
        if begun && authenticated && !ended { Ok(()) } else { Err(TokenRefused::OutOfDate) }
    }

    fn scopes(&self) -> Result<Vec<String>, TokenRefused> {
        let Some(value) = self.get("scope") else { return Ok(Vec::new()) };
        let text = value.as_str().filter(|text| text.len() <= SCOPE_BYTES_MAX).ok_or(TokenRefused::Malformed)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        // RFC 6749, section 3.3.
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
        let scopes: Vec<_> = text.split(' ').map(str::to_owned).collect();
        let well_formed = scopes.len() <= SCOPES_MAX && scopes.iter().all(|s| !s.is_empty() && s.bytes().all(plain));
        if well_formed { Ok(scopes) } else { Err(TokenRefused::Malformed) }
    }

    /// What the issuer vouches for: `vot` (RFC 8485), else `acr` where it is written as a vector of trust. What is in
    /// words that are not ours vouches for nothing.
    fn assurance(&self) -> Result<Vector, TokenRefused> {
        let said = match self.text("vot")? {
            Some(vot) => Some(vot),
            None => self.text("acr")?,
        };
        let nothing = Vector { identity: IdentityLevel::P0, components: Components::NONE };
        Ok(said.and_then(|said| said.parse().ok()).unwrap_or(nothing))
    }

    /// To what it is bound (RFC 7800). A way of binding that is not understood cannot be honoured, so the token is
    /// refused.
    ///
    /// # Errors
    /// [`TokenRefused`].
    pub fn binding(&self) -> Result<Option<Binding>, TokenRefused> {
        let Some(cnf) = self.get("cnf") else { return Ok(None) };
        let members = cnf.as_object().ok_or(TokenRefused::Malformed)?;
        let mut members = members.iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else { return Err(TokenRefused::Unproven) };
        let mut digest = [0; 32];
        let text = value.as_str().ok_or(TokenRefused::Malformed)?;
        match URL_SAFE_NO_PAD.decode_slice(text, &mut digest) {
            Ok(32) => {}
            _ => return Err(TokenRefused::Malformed),
        }
        match name.as_str() {
            "jkt" => Ok(Some(Binding::Key(digest))),
            "x5t#S256" => Ok(Some(Binding::Certificate(digest))),
            _ => Err(TokenRefused::Unproven),
        }
    }

    /// Whether the client acts for somebody else (`act`; RFC 8693, section 4.1).
    fn is_delegated(&self) -> Result<bool, TokenRefused> {
        match self.get("act") {
            None => Ok(false),
            Some(Value::Object(_)) => Ok(true),
            Some(_) => Err(TokenRefused::Malformed),
        }
    }

    /// The grant, from claims whose issuer, audience and time have been judged.
    pub(super) fn grant(
        &self,
        token: TokenDigest,
        issuer: &str,
        subject: &str,
        expires: Timestamp,
    ) -> Result<Grant, TokenRefused> {
        let assurance = self.assurance()?;
        Ok(Grant {
            token,
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            client: self.name("client_id")?.map(str::to_owned),
            scopes: self.scopes()?,
            identity: assurance.identity,
            components: assurance.components,
            authenticated: self.date("auth_time")?,
            delegated: self.is_delegated()?,
            expires,
            binding: self.binding()?,
        })
    }
}
