//! From parameters to a request that its client may make.
//!
//! The order is the safety: first the client, then its redirect URI, byte by byte; only then is anything told to it.

use super::{AuthorizationRequest, ErrorCode, Prompt, Refusal, STATE_BYTES_MAX, Unaddressed};
use crate::oidc::claims_request::{self, BadClaims, ClaimsRequest};
use crate::oidc::client::{Client, RedirectUri};
use crate::oidc::parameters::Parameters;
use crate::oidc::pkce::Challenge;
use crate::oidc::profile::HintCounts;
use crate::oidc::registry::Registry;
use crate::oidc::resource::Resources;
use crate::oidc::scope::{Scope, Scopes};
use crate::oidc::trust;
use aldgate_core::assurance::Vector;
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use std::time::Duration;

/// Longest `asserted_login_identity`: a JWT of a 4,096-bit key.
const ASSERTION_BYTES_MAX: usize = 2 * 1024;

/// Parameters that would change a request and are not understood here (OpenID Connect Core, sections 6.2 and 7.2.1).
const NOT_SUPPORTED: [(&str, ErrorCode); 2] =
    [("request_uri", ErrorCode::RequestUriNotSupported), ("registration", ErrorCode::RegistrationNotSupported)];

/// A request, and what it says about who is there: still to be verified.
#[derive(Debug)]
pub(super) struct Read {
    /// The request.
    pub(super) request: AuthorizationRequest,
    /// `asserted_login_identity`, as it came.
    pub(super) assertion: Option<String>,
    /// `id_token_hint`, as it came, where it counts.
    pub(super) hint: Option<String>,
}

/// A request that is not made.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// The person is told.
    Unaddressed(Unaddressed),
    /// The client is told.
    Refused(Refusal),
}

impl From<Unaddressed> for NotRead {
    fn from(why: Unaddressed) -> Self {
        Self::Unaddressed(why)
    }
}

/// By which way a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the person's browser.
    Browser,
    /// From the client itself, which has proven to be that (RFC 9126).
    Pushed,
}

/// How a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// By which way it has come.
    pub(super) way: Way,
    /// Whether its parameters are those of an object that its client has signed.
    pub(super) signed: bool,
}

/// Reads a request.
pub(super) fn read(parameters: &Parameters, registry: &Registry, made: Made, now: Timestamp) -> Result<Read, NotRead> {
    let client = parameters.get("client_id").and_then(|id| registry.find(id)).ok_or(Unaddressed::Client)?;
    let redirect_uri = parameters.get("redirect_uri").and_then(|text| client.redirect_uri(text));
    let redirect_uri = redirect_uri.ok_or(Unaddressed::RedirectUri)?.clone();
    let disabled = registry.is_disabled(&client);
    let reading = Reading { parameters, client: &client, disabled, redirect_uri, made };
    reading.request(now).map_err(NotRead::Refused)
}

/// Parameters, once it is known whose they are.
struct Reading<'a> {
    parameters: &'a Parameters,
    client: &'a Arc<Client>,
    disabled: bool,
    redirect_uri: RedirectUri,
    made: Made,
}

impl Reading<'_> {
    fn refusal(&self, error: ErrorCode, description: impl ToString) -> Refusal {
        let state = self.parameters.get("state").filter(|state| state.len() <= STATE_BYTES_MAX);
        Refusal {
            error,
            description: description.to_string(),
            redirect_uri: self.redirect_uri.clone(),
            state: state.map(str::to_owned),
        }
    }

    fn invalid(&self, description: impl ToString) -> Refusal {
        self.refusal(ErrorCode::InvalidRequest, description)
    }

    fn request(self, now: Timestamp) -> Result<Read, Refusal> {
        if self.disabled {
            return Err(self.refusal(ErrorCode::UnauthorizedClient, "this client is out of use"));
        }
        let unsupported = NOT_SUPPORTED.iter().find(|(name, _)| self.parameters.get(name).is_some());
        if let Some((name, error)) = unsupported {
            return Err(self.refusal(*error, format!("{name} is not supported")));
        }
        if self.client.request_objects().are_required() && !self.made.signed {
            return Err(self.invalid("this client must sign its requests, and send them as request"));
        }
        if self.made.way == Way::Browser && self.client.must_push() {
            return Err(self.invalid("this client must push its requests, and send request_uri here"));
        }
        self.response()?;
        let (state, nonce) = (self.kept("state")?, self.kept("nonce")?);
        let scopes = self.scopes()?;
        let resources = self.resources()?;
        let vectors = self.vectors()?;
        let (prompt, max_age, challenge) = (self.prompt()?, self.max_age()?, self.challenge()?);
        self.display()?;
        let ClaimsRequest { claims, about } = self.claims()?;
        let (key, hint) = (self.key()?, self.hint());
        let assertion = self.parameters.get("asserted_login_identity");
        if assertion.is_some_and(|text| text.len() > ASSERTION_BYTES_MAX) {
            return Err(self.invalid("asserted_login_identity is too long"));
        }
        let request = AuthorizationRequest {
            client: self.client.clone(),
            scopes,
            resources,
            claims: claims.allowed_to(self.client),
            state,
            nonce,
            vectors,
            prompt,
            max_age,
            challenge,
            language: self.parameters.get("ui_locales").and_then(Language::of_locales),
            allow_registration: self.parameters.get("allow_registration") != Some("false"),
            began: now,
            key,
            once: None,
            about,
            redirect_uri: self.redirect_uri,
        };
        Ok(Read { request, assertion: assertion.map(str::to_owned), hint })
    }

    /// Codes only, and only in the query.
    fn response(&self) -> Result<(), Refusal> {
        match self.parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(self.refusal(ErrorCode::UnsupportedResponseType, "response_type must be code")),
            None => return Err(self.invalid("response_type is missing")),
        }
        match self.parameters.get("response_mode") {
            None | Some("query") => Ok(()),
            Some(_) => Err(self.invalid("response_mode must be query")),
        }
    }

    /// `state` or `nonce`: given back, so bounded and plain (RFC 6749, appendix A.5).
    fn kept(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        match self.parameters.get(name) {
            None if self.client.profile().rules().state_and_nonce => Err(self.invalid(format!("{name} is missing"))),
            None => Ok(None),
            Some(text) if text.len() > STATE_BYTES_MAX => {
                Err(self.invalid(format!("{name} is longer than {STATE_BYTES_MAX} characters")))
            }
            Some(text) if !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
                Err(self.invalid(format!("{name} must be ASCII")))
            }
            Some(text) => Ok(Some(text.to_owned())),
        }
    }

    fn unmet(&self) -> ErrorCode {
        ErrorCode::Unmet(self.client.profile().rules().unmet)
    }

    /// How well the person must be known.
    fn vectors(&self) -> Result<Vec<Vector>, Refusal> {
        let (rules, registered) = (self.client.profile().rules(), self.client.vectors());
        let vectors = match self.parameters.get("vtr") {
            None if rules.own_vectors && trust::lacks_default(rules.trust, registered) => registered.to_vec(),
            vtr => trust::requested(rules.trust, vtr, registered).map_err(|bad| self.invalid(bad))?,
        };
        if trust::are_beyond_everybody(&vectors) {
            return Err(self.refusal(self.unmet(), "vtr names only what nobody can show here"));
        }
        Ok(vectors)
    }

    fn scopes(&self) -> Result<Scopes, Refusal> {
        let invalid = |description: &str| self.refusal(ErrorCode::InvalidScope, description);
        let text = self.parameters.get("scope").ok_or_else(|| self.invalid("scope is missing"))?;
        if self.client.profile().rules().unknown_scope_refused && Scopes::names_unknown(text) {
            return Err(invalid("scope holds one that is not known here"));
        }
        let scopes = Scopes::requested(text);
        if !scopes.has(Scope::OpenId) {
            return Err(invalid("scope must contain openid"));
        }
        if !scopes.is_within(self.client.scopes()) {
            return Err(invalid("scope holds one that this client is not approved for"));
        }
        if scopes.has(Scope::Profile) && scopes.has(Scope::BasicDemographics) {
            return Err(invalid("profile and basic_demographics cannot be asked for together"));
        }
        Ok(scopes)
    }

    fn resources(&self) -> Result<Resources, Refusal> {
        let asked = Resources::asked(self.parameters, self.client.resources());
        asked.map_err(|bad| self.refusal(ErrorCode::InvalidTarget, bad))
    }

    fn claims(&self) -> Result<ClaimsRequest, Refusal> {
        let read = self.parameters.get("claims").map(claims_request::read).transpose();
        let read = read.map_err(|bad| match bad {
            BadClaims::Acr => self.refusal(self.unmet(), bad),
            BadClaims::Malformed | BadClaims::Subject => self.invalid(bad),
        });
        read.map(Option::unwrap_or_default)
    }

    fn prompt(&self) -> Result<Prompt, Refusal> {
        let more = self.client.profile().rules().prompts_more;
        let text = self.parameters.get("prompt").unwrap_or_default();
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let asks = |word: &&str| matches!(*word, "login" | "consent" | "select_account");
        match words.as_slice() {
            [] => Ok(Prompt::AsNeeded),
            ["none"] => Ok(Prompt::None),
            ["login"] => Ok(Prompt::Login),
            // Whoever signs in anew has chosen an account.
            several if more && several.iter().all(asks) => {
                Ok(match (several.iter().any(|word| *word != "consent"), several.contains(&"consent")) {
                    (true, true) => Prompt::LoginAndConsent,
                    (false, true) => Prompt::Consent,
                    (_, false) => Prompt::Login,
                })
            }
            _ if more => Err(self.invalid("prompt must be none, or some of login, consent and select_account")),
            _ => Err(self.invalid("prompt must be none or login")),
        }
    }

    /// Accepted from everybody; it counts where the profile says so.
    fn max_age(&self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.parameters.get("max_age") else { return Ok(None) };
        let secs: u32 = text.parse().map_err(|_| self.invalid("max_age must be a number of seconds"))?;
        let counts = self.client.profile().rules().max_age;
        Ok(counts.then(|| Duration::from_secs(secs.into())))
    }

    fn challenge(&self) -> Result<Option<Challenge>, Refusal> {
        let (challenge, method) = (self.parameters.get("code_challenge"), self.parameters.get("code_challenge_method"));
        let challenge = Challenge::parse(challenge, method).map_err(|bad| self.invalid(bad))?;
        if challenge.is_none() && self.client.profile().rules().pkce {
            return Err(self.invalid("code_challenge is missing"));
        }
        Ok(challenge)
    }

    /// The thumbprint in `dpop_jkt` (RFC 9449, section 10).
    fn key(&self) -> Result<Option<[u8; 32]>, Refusal> {
        let Some(text) = self.parameters.get("dpop_jkt") else { return Ok(None) };
        let mut key = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut key) {
            Ok(32) => Ok(Some(key)),
            _ => Err(self.invalid("dpop_jkt must be the base64url of a SHA-256 thumbprint")),
        }
    }

    /// Whom the client means, where it may say so.
    fn hint(&self) -> Option<String> {
        let counts = match self.client.profile().rules().id_token_hint {
            HintCounts::Nowhere => false,
            HintCounts::WhereSigned => self.made.signed,
            HintCounts::Everywhere => true,
        };
        self.parameters.get("id_token_hint").filter(|_| counts).map(str::to_owned)
    }

    fn display(&self) -> Result<(), Refusal> {
        match self.parameters.get("display") {
            None | Some("page" | "touch" | "popup" | "wap") => Ok(()),
            Some(_) => Err(self.invalid("display must be page, touch, popup or wap")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::client::tests::registration;
    use aldgate_core::testing::world::NOW;

    const PLAIN: Made = Made { way: Way::Browser, signed: false };

    const GOOD: [(&str, &str); 7] = [
        ("client_id", "rp"),
        ("redirect_uri", "https://rp.example/cb"),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s"),
        ("nonce", "n"),
        ("vtr", r#"["P0.Cm"]"#),
    ];

    fn registry() -> Registry {
        let client = |id, disabled| {
            let from = crate::oidc::client::Registration { disabled, ..registration(id) };
            Client::register(&from).expect("a client")
        };
        Registry::new([client("rp", false), client("old", true)]).expect("two clients")
    }

    /// Reads the good request with other parameters; an empty value leaves one out.
    fn reading(changes: &[(&str, &str)]) -> Result<Read, NotRead> {
        let mut all: Vec<_> = GOOD.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name)).collect();
        all.extend(changes);
        let pairs = all.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        read(&Parameters::read(pairs).expect("parameters"), &registry(), PLAIN, NOW)
    }

    fn refused(changes: &[(&str, &str)]) -> (&'static str, Option<String>) {
        match reading(changes) {
            Err(NotRead::Refused(refusal)) => (refusal.error.as_str(), refusal.state),
            other => panic!("{changes:?}: {other:?}"),
        }
    }

    #[test]
    fn a_good_request_is_read() {
        let Read { request, assertion, .. } = reading(&[]).expect("read");
        assert_eq!((request.scopes.to_string().as_str(), assertion), ("openid profile", None));
        assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("s"), Some("n")));
        assert_eq!((request.prompt, request.max_age, request.allow_registration), (Prompt::AsNeeded, None, true));
        assert_eq!(request.began, NOW);
        let more = [("prompt", "login"), ("max_age", "300"), ("allow_registration", "false"), ("display", "touch")];
        for display in ["page", "touch", "popup", "wap"] {
            assert!(reading(&[("display", display)]).is_ok(), "{display}");
        }
        let request = reading(&more).expect("read").request;
        assert_eq!((request.prompt, request.max_age, request.allow_registration), (Prompt::Login, None, false));
        let long = "x".repeat(STATE_BYTES_MAX);
        assert!(reading(&[("state", &long), ("nonce", &long), ("scope", "openid unknown")]).is_ok());
    }

    #[test]
    fn nobody_is_redirected_to_what_is_not_registered() {
        for changes in [[("client_id", "")], [("client_id", "RP")], [("client_id", "nobody")]] {
            assert!(matches!(reading(&changes), Err(NotRead::Unaddressed(Unaddressed::Client))), "{changes:?}");
        }
        for uri in [
            "",
            "https://rp.example/cb/",
            "https://rp.example/cb?x=1",
            "https://rp.example/cb#",
            "https://rp.example/CB",
            "https://RP.example/cb",
            "https://rp.example:443/cb",
            "http://rp.example/cb",
            "https://rp.example./cb",
            "https://rp.example/%63b",
            "https://rp.example@evil.example/cb",
            "https://user@rp.example/cb",
            "https://rp.example/cb/../cb",
            " https://rp.example/cb",
            "https://evil.example/https://rp.example/cb",
            "https://rp.example.evil.example/cb",
            "//rp.example/cb",
            "https://old.example/cb",
        ] {
            let read = reading(&[("redirect_uri", uri), ("scope", "")]);
            assert!(matches!(read, Err(NotRead::Unaddressed(Unaddressed::RedirectUri))), "{uri}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_to_the_client_with_its_state() {
        for (changes, error) in [
            ([("response_type", "")], "invalid_request"),
            ([("response_type", "token")], "unsupported_response_type"),
            ([("response_type", "code id_token")], "unsupported_response_type"),
            ([("response_mode", "fragment")], "invalid_request"),
            ([("scope", "")], "invalid_request"),
            ([("scope", "profile")], "invalid_scope"),
            ([("scope", "openid phone")], "invalid_scope"),
            ([("nonce", "")], "invalid_request"),
            ([("nonce", "\u{e9}")], "invalid_request"),
            ([("vtr", "P0.Cm")], "invalid_request"),
            ([("vtr", r#"["P1.Cm"]"#)], "invalid_request"),
            ([("vtr", r#"["P0.Cp.Ck","P9.Cp.Ck"]"#)], "unmet_authentication_requirements"),
            ([("prompt", "consent")], "invalid_request"),
            ([("prompt", "none login")], "invalid_request"),
            ([("max_age", "-1")], "invalid_request"),
            ([("display", "window")], "invalid_request"),
            ([("code_challenge_method", "S256")], "invalid_request"),
            ([("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")], "invalid_request"),
            ([("request_uri", "https://rp.example/r")], "request_uri_not_supported"),
            ([("registration", "{}")], "registration_not_supported"),
            ([("dpop_jkt", "abc")], "invalid_request"),
            ([("claims", "x")], "invalid_request"),
            ([("claims", r#"{"userinfo":[]}"#)], "invalid_request"),
            (
                [("claims", r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#)],
                "unmet_authentication_requirements",
            ),
        ] {
            assert_eq!(refused(&changes), (error, Some("s".into())), "{changes:?}");
        }
        assert_eq!(refused(&[("state", "")]), ("invalid_request", None));
        assert_eq!(refused(&[("state", &"x".repeat(STATE_BYTES_MAX + 1))]), ("invalid_request", None));
        let old = [("client_id", "old"), ("redirect_uri", "https://old.example/cb")];
        assert_eq!(refused(&old), ("unauthorized_client", Some("s".into())));
    }

    #[test]
    fn one_of_two_views_of_a_profile_can_be_asked_for() {
        let texts = ["openid", "profile", "basic_demographics"].map(str::to_owned).to_vec();
        let from = crate::oidc::client::Registration { scopes: texts, ..registration("rp") };
        let registry = Registry::new([Client::register(&from).expect("a client")]).expect("one");
        let with = |scope: &str| {
            let scope = [("scope", scope)];
            let pairs = GOOD.iter().filter(|(name, _)| *name != "scope").chain(&scope);
            let pairs = pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            read(&Parameters::read(pairs).expect("parameters"), &registry, PLAIN, NOW)
        };
        assert!(with("openid basic_demographics").is_ok());
        assert!(matches!(with("openid profile basic_demographics"), Err(NotRead::Refused(_))));
    }
}
