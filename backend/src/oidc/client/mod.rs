//! Clients: the services that people sign in to here (OAuth 2.0's clients, OpenID Connect's relying parties).
//!
//! A [`Client`] is made of a [`Registration`] by [`Client::register`] alone, which finds every fault at once: whoever
//! holds one need not look at its parts again.

mod consent_refused;
mod encryption_key;
mod id;
pub(crate) mod metadata;
mod redirect_uri;
mod relied_on;
mod request_objects;

pub(crate) use consent_refused::ConsentRefused;
pub(crate) use encryption_key::EncryptionKey;
pub use id::{ClientId, NotAClientId};
pub use redirect_uri::{BadRedirectUri, RedirectUri};
pub(crate) use redirect_uri::{DIGEST_BYTES, digest_of};
pub(crate) use request_objects::RequestObjects;

use super::claim::{Claim, ClaimSet};
use super::client_assertion::ClientKeys;
use super::keys::SigningAlgorithm;
use super::logout::LogoutUri;
use super::profile::{Profile, SubjectKind};
use super::resource::{self, ResourceUri};
use super::scope::{Scope, Scopes};
use aldgate_core::assurance::{IdentityLevel, Vector};
use serde_json::Value;

/// Most addresses of one client (NHS login, EIS 3.4.1).
const REDIRECT_URIS_MAX: usize = 10;

/// Longest name that people are shown, in characters.
const NAME_CHARS_MAX: usize = 80;

/// Most scopes that a client asks for itself, and the longest.
const MACHINE_SCOPES_MAX: usize = 20;
const MACHINE_SCOPE_BYTES_MAX: usize = 200;

/// Longest name of a system; the national ones have about 60 characters.
const REQUESTING_SYSTEM_BYTES_MAX: usize = 256;

/// Longest name of a certificate.
const CERTIFICATE_NAME_BYTES_MAX: usize = 253;

/// Most services that tokens of one client can be for, and most that one resource server stands for.
const RESOURCES_MAX: usize = 20;

/// Who a client is, as text: what a file or an administrator says.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Its name on the wire.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whose rules hold for it; the NHS's if nothing is said.
    pub profile: Option<String>,
    /// Where it takes its answers.
    pub redirect_uris: Vec<String>,
    /// Where it takes people whom it has signed out here.
    pub post_logout_redirect_uris: Vec<String>,
    /// What it may ask to know.
    pub scopes: Vec<String>,
    /// How well it may ask people to be known.
    pub vectors: Vec<String>,
    /// Clients whose log-ins it may continue (`asserted_login_identity`).
    pub sso_from: Vec<String>,
    /// The sector in which it knows people by one name, where its profile gives such names; the host of its redirect URIs
    /// if nothing is said.
    pub sector: Option<String>,
    /// What it may ask for itself, about nobody.
    pub machine_scopes: Vec<String>,
    /// Whether it may ask what tokens of other clients are worth.
    pub resource_server: bool,
    /// The services for which it may ask for tokens (RFC 8707).
    pub resources: Vec<String>,
    /// The services that it stands for, if it is a resource server of those alone.
    pub serves: Vec<String>,
    /// The services for which it may exchange tokens (RFC 8693).
    pub exchange_for: Vec<String>,
    /// The DNS name of the certificate by which it proves itself (RFC 8705, section 2.1.2).
    pub tls_client_auth_san_dns: Option<String>,
    /// The URI of that.
    pub tls_client_auth_san_uri: Option<String>,
    /// Whether its tokens are bound to its certificate (RFC 8705, section 3.4).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether it is out of use.
    pub disabled: bool,
    /// The keys that verify what it signs.
    pub keys: Option<PublicKeys>,
    /// Where it is told of log-outs, without the browser.
    pub backchannel_logout_uri: Option<String>,
    /// Whether it must be told which session has ended, where its profile does not tell everybody.
    pub backchannel_logout_session_required: bool,
    /// By what its ID tokens and log-out tokens are signed; its profile's algorithm if nothing is said.
    pub id_token_signed_response_alg: Option<String>,
    /// What its access tokens say that the system is which asks for a person (`requesting_system`); nothing if nothing is said.
    pub requesting_system: Option<String>,
    /// The one algorithm of its request objects; any of its profile's if nothing is said.
    pub request_object_signing_alg: Option<String>,
    /// Whether each of its requests must be signed.
    pub require_signed_request_object: bool,
    /// What it is told of somebody who does not agree: its profile's word if nothing is said.
    pub consent_refused: Option<String>,
}

/// A client's keys, as text.
#[derive(Debug, Clone)]
pub enum PublicKeys {
    /// One key, as PEM.
    Pem(Vec<u8>),
    /// A key set (RFC 7517).
    Set(Vec<u8>),
}

/// What is wrong with one part of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRegistration {
    /// The part, as [`Registration`] names it.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
}

/// A client.
#[derive(Debug, Clone)]
pub struct Client {
    id: ClientId,
    name: String,
    profile: Profile,
    redirect_uris: Vec<RedirectUri>,
    post_logout_redirect_uris: Vec<RedirectUri>,
    scopes: Scopes,
    vectors: Vec<Vector>,
    sso_from: Vec<ClientId>,
    sector: String,
    machine_scopes: Vec<String>,
    resource_server: bool,
    resources: Vec<ResourceUri>,
    serves: Vec<ResourceUri>,
    exchange_for: Vec<ResourceUri>,
    certificate_name: Option<String>,
    certificate_bound: bool,
    key_bound: bool,
    pushes: bool,
    keys: ClientKeys,
    encryption_key: Option<EncryptionKey>,
    logout: Option<LogoutUri>,
    logout_session: bool,
    id_token_signing: SigningAlgorithm,
    requesting_system: Option<String>,
    request_objects: RequestObjects,
    consent_refused: ConsentRefused,
    disabled: bool,
}

/// Where faults are gathered.
struct Faults(Vec<BadRegistration>);

impl Faults {
    fn add(&mut self, field: &'static str, message: impl ToString) {
        self.0.push(BadRegistration { field, message: message.to_string() });
    }

    fn keep<T, E: ToString>(&mut self, field: &'static str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(field, error)).ok()
    }
}

impl Client {
    /// A client.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn register(from: &Registration) -> Result<Self, Vec<BadRegistration>> {
        let mut faults = Faults(Vec::new());
        let id = faults.keep("id", ClientId::parse(&from.id));
        let name = faults.keep("name", name(&from.name));
        let profile = from.profile.as_deref().map_or(Ok(Profile::Nhs), str::parse);
        let profile = faults.keep("profile", profile);
        let redirect_uris = redirect_uris(&from.redirect_uris, profile, &mut faults);
        let post_logout_redirect_uris = post_logout_redirect_uris(&from.post_logout_redirect_uris, &mut faults);
        let scopes = faults.keep("scopes", scopes(&from.scopes, profile));
        let vectors = vectors(&from.vectors, profile, &mut faults);
        let sector = faults.keep("sector", sector(from.sector.as_deref(), &redirect_uris, profile));
        let others = from.sso_from.iter().map(|other| faults.keep("sso_from", ClientId::parse(other)));
        let sso_from: Vec<ClientId> = others.collect::<Vec<_>>().into_iter().flatten().collect();
        let certificate_name = certificate_name(from, &mut faults);
        let keys = keys(from, profile, &mut faults);
        let encryption_key = encryption_key(from.keys.as_ref().filter(|_| keys.is_some()), &mut faults);
        let logout = from.backchannel_logout_uri.as_deref().map(LogoutUri::parse);
        let logout = logout.and_then(|uri| faults.keep("backchannel_logout_uri", uri));
        let machine_scopes = machine_scopes(&from.machine_scopes, &mut faults);
        let resources = resources("resources", &from.resources, &mut faults);
        let serves = serves(from, &mut faults);
        let exchange_for = self::resources("exchange_for", &from.exchange_for, &mut faults);
        let request_objects = request_objects(from, profile, &mut faults);
        let consent_refused = consent_refused(from, profile, &mut faults);
        let id_token_signing = id_token_signing(from, profile, &mut faults);
        let requesting_system = requesting_system(from, &mut faults);
        match (id, name, profile, scopes, keys, sector) {
            (Some(id), Some(name), Some(profile), Some(scopes), Some(keys), Some(sector)) if faults.0.is_empty() => {
                Ok(Self {
                    id,
                    name,
                    profile,
                    redirect_uris,
                    post_logout_redirect_uris,
                    scopes,
                    vectors,
                    sso_from,
                    sector,
                    machine_scopes,
                    resource_server: from.resource_server,
                    resources,
                    serves,
                    exchange_for,
                    certificate_name,
                    certificate_bound: from.tls_client_certificate_bound_access_tokens,
                    key_bound: false,
                    pushes: false,
                    keys,
                    encryption_key,
                    logout,
                    logout_session: from.backchannel_logout_session_required || profile.rules().logout_session,
                    id_token_signing,
                    requesting_system,
                    request_objects,
                    consent_refused,
                    disabled: from.disabled,
                })
            }
            _ => Err(faults.0),
        }
    }

    /// The same, held to what it demands of itself beyond its profile: that it pushes its requests, and that its tokens are
    /// bound to a key. A configuration has no words for it.
    #[must_use]
    pub(crate) fn held_to(self, pushes: bool, key_bound: bool) -> Self {
        Self { pushes, key_bound, ..self }
    }

    /// Its name on the wire.
    pub const fn id(&self) -> &ClientId {
        &self.id
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whose rules hold for it.
    pub(crate) const fn profile(&self) -> Profile {
        self.profile
    }

    /// The registered address that is spelled exactly so.
    pub(crate) fn redirect_uri(&self, text: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|uri| uri.as_str() == text)
    }

    /// The address for people whom it has signed out that is spelled exactly so.
    pub(crate) fn post_logout_redirect_uri(&self, text: &str) -> Option<&RedirectUri> {
        self.post_logout_redirect_uris.iter().find(|uri| uri.as_str() == text)
    }

    /// The registered address of this digest.
    pub(crate) fn redirect_uri_of(&self, digest: &[u8; DIGEST_BYTES]) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|uri| uri.digest() == *digest)
    }

    /// What it may ask to know.
    pub(crate) const fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// What of some claims it may know, level aside: what its scopes tell, and who somebody is if it may ask for a level at
    /// which that is known; of all of it what its profile tells.
    pub(crate) fn may_know(&self, claims: ClaimSet) -> ClaimSet {
        let by_name = ClaimSet::NONE.with(Claim::CoreIdentity);
        let by_name = if self.level() >= Claim::CoreIdentity.least() { by_name } else { ClaimSet::NONE };
        claims.told_by(self.scopes).or(claims.and(by_name)).and(self.profile.rules().claims)
    }

    /// Whether it may do less than another registration of it: what that was given must end then.
    pub(crate) fn may_less_than(&self, before: &Self) -> bool {
        let lacks = |own: &[ResourceUri], had: &[ResourceUri]| had.iter().any(|one| !own.contains(one));
        self.profile != before.profile
            || self.sector != before.sector
            || !before.scopes.is_within(self.scopes)
            || before.vectors.iter().any(|vector| !self.vectors.contains(vector))
            || before.machine_scopes.iter().any(|scope| !self.machine_scopes.contains(scope))
            || lacks(&self.resources, &before.resources)
            || lacks(&self.exchange_for, &before.exchange_for)
            || (self.key_bound && !before.key_bound)
            || (self.certificate_bound && !before.certificate_bound)
    }

    /// How well it may ask people to be known.
    pub(crate) fn vectors(&self) -> &[Vector] {
        &self.vectors
    }

    /// The highest level at which it may ask people to be known.
    pub(crate) fn level(&self) -> IdentityLevel {
        self.vectors.iter().map(|vector| vector.identity).max().unwrap_or(IdentityLevel::P0)
    }

    /// The keys that verify what it signs.
    pub(crate) const fn keys(&self) -> &ClientKeys {
        &self.keys
    }

    /// The name of the certificate by which it proves itself, if it does so.
    pub(crate) fn certificate_name(&self) -> Option<&str> {
        self.certificate_name.as_deref()
    }

    /// Whether its tokens are bound to its certificate, where they are not to a key.
    pub(crate) const fn is_certificate_bound(&self) -> bool {
        self.certificate_bound
    }

    /// Whether its tokens are bound to a key, also where it shows a certificate (RFC 9449, section 5.2).
    pub(crate) const fn is_key_bound(&self) -> bool {
        self.key_bound
    }

    /// Whether it must push its requests (RFC 9126, section 6).
    pub(crate) const fn must_push(&self) -> bool {
        self.pushes || self.profile.rules().par
    }

    /// The key by which it alone can read something, if it has one of RSA.
    pub(crate) const fn encryption_key(&self) -> Option<&EncryptionKey> {
        self.encryption_key.as_ref()
    }

    /// Where it is told of log-outs, without the browser.
    pub(crate) const fn logout(&self) -> Option<&LogoutUri> {
        self.logout.as_ref()
    }

    /// Whether it is told which session has ended; else it is told whose sessions all have.
    pub(crate) const fn is_told_the_session(&self) -> bool {
        self.logout_session
    }

    /// By what its ID tokens and log-out tokens are signed.
    pub(crate) const fn id_token_signing(&self) -> SigningAlgorithm {
        self.id_token_signing
    }

    /// What its access tokens say that the system is which asks for a person.
    pub(crate) fn requesting_system(&self) -> Option<&str> {
        self.requesting_system.as_deref()
    }

    /// How it signs its requests.
    pub(crate) const fn request_objects(&self) -> &RequestObjects {
        &self.request_objects
    }

    /// What it is told of somebody who does not agree.
    pub(crate) const fn consent_refused(&self) -> ConsentRefused {
        self.consent_refused
    }

    /// Whether it may continue a log-in at another client; at itself it always may.
    pub(crate) fn continues(&self, other: &ClientId) -> bool {
        self.id == *other || self.sso_from.contains(other)
    }

    /// The sector in which it knows people by one name.
    pub(crate) fn sector(&self) -> &str {
        &self.sector
    }

    /// What it may ask for itself, about nobody.
    pub(crate) fn machine_scopes(&self) -> &[String] {
        &self.machine_scopes
    }

    /// The services for which it may ask for tokens.
    pub(crate) fn resources(&self) -> &[ResourceUri] {
        &self.resources
    }

    /// The services for which it may exchange tokens.
    pub(crate) fn exchange_for(&self) -> &[ResourceUri] {
        &self.exchange_for
    }

    /// Whether it stands for one of the services that an `aud` names.
    pub(crate) fn stands_for(&self, audience: Option<&Value>) -> bool {
        self.serves.iter().any(|uri| resource::names(audience, uri.as_str()))
    }

    /// Whether it may ask what a token of another client's is worth that is for `audience`: any, or one for a service
    /// that it stands for.
    pub(crate) fn is_resource_server_of(&self, audience: Option<&Value>) -> bool {
        self.resource_server && (self.serves.is_empty() || self.stands_for(audience))
    }

    /// Whether it is out of use.
    pub(crate) const fn is_disabled(&self) -> bool {
        self.disabled
    }
}

fn name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits && text.trim() == text { Ok(text.to_owned()) } else { Err("must be 1 to 80 characters that can be shown") }
}

fn redirect_uris(texts: &[String], profile: Option<Profile>, faults: &mut Faults) -> Vec<RedirectUri> {
    const FIELD: &str = "redirect_uris";
    if texts.is_empty() || texts.len() > REDIRECT_URIS_MAX {
        faults.add(FIELD, format!("must be 1 to {REDIRECT_URIS_MAX} addresses"));
    }
    let no_query = profile.is_some_and(|profile| !profile.rules().redirect_query);
    let mut uris: Vec<RedirectUri> = Vec::new();
    for text in texts {
        match RedirectUri::parse(text) {
            Ok(uri) if no_query && uri.has_query() => faults.add(FIELD, format!("{text:?} has a query")),
            Ok(uri) if uris.contains(&uri) => faults.add(FIELD, format!("{text:?} stands twice")),
            Ok(uri) => uris.push(uri),
            Err(bad) => faults.add(FIELD, format!("{text:?} {bad}")),
        }
    }
    uris
}

fn post_logout_redirect_uris(texts: &[String], faults: &mut Faults) -> Vec<RedirectUri> {
    const FIELD: &str = "post_logout_redirect_uris";
    if texts.len() > REDIRECT_URIS_MAX {
        faults.add(FIELD, format!("must be at most {REDIRECT_URIS_MAX} addresses"));
    }
    let read = |text: &String| faults.keep(FIELD, RedirectUri::parse(text).map_err(|bad| format!("{text:?} {bad}")));
    texts.iter().filter_map(read).collect()
}

fn scopes(names: &[String], profile: Option<Profile>) -> Result<Scopes, String> {
    let scopes = Scopes::registered(names.iter().map(String::as_str)).map_err(|error| error.to_string())?;
    let of_profile = profile.unwrap_or(Profile::Nhs).rules().scopes;
    if !scopes.has(Scope::OpenId) {
        return Err("must contain \"openid\"".into());
    }
    if scopes.is_within(of_profile) { Ok(scopes) } else { Err(format!("hold more than its profile has: {of_profile}")) }
}

/// Scopes of no meaning here: whoever takes the token knows them (RFC 6749, section 3.3).
fn machine_scopes(texts: &[String], faults: &mut Faults) -> Vec<String> {
    let plain = |text: &&String| {
        let fits = (1..=MACHINE_SCOPE_BYTES_MAX).contains(&text.len());
        fits && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    if texts.len() > MACHINE_SCOPES_MAX || !texts.iter().all(|text| plain(&text)) {
        faults.add("machine_scopes", "must be at most 20 scopes of visible ASCII without quotes");
    }
    texts.to_vec()
}

fn resources(field: &'static str, texts: &[String], faults: &mut Faults) -> Vec<ResourceUri> {
    if texts.len() > RESOURCES_MAX {
        faults.add(field, format!("must be at most {RESOURCES_MAX} services"));
    }
    let read = |text: &String| faults.keep(field, ResourceUri::parse(text).map_err(|bad| format!("{text:?} {bad}")));
    texts.iter().filter_map(read).collect()
}

fn serves(from: &Registration, faults: &mut Faults) -> Vec<ResourceUri> {
    const FIELD: &str = "serves";
    if !from.serves.is_empty() && !from.resource_server {
        faults.add(FIELD, "goes with resource_server");
    }
    resources(FIELD, &from.serves, faults)
}

fn consent_refused(from: &Registration, profile: Option<Profile>, faults: &mut Faults) -> ConsentRefused {
    let own = from.consent_refused.as_deref().map(str::parse);
    let own = own.and_then(|word| faults.keep("consent_refused", word));
    own.unwrap_or(profile.unwrap_or(Profile::Nhs).rules().consent_refused)
}

fn id_token_signing(from: &Registration, profile: Option<Profile>, faults: &mut Faults) -> SigningAlgorithm {
    let rules = profile.unwrap_or(Profile::Nhs).rules();
    let Some(named) = from.id_token_signed_response_alg.as_deref() else { return rules.signing };
    let known = rules.id_token_signing.iter().copied().find(|one| one.as_str() == named);
    let told = || rules.id_token_signing.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    let named = known.ok_or_else(|| format!("must be one of {}", told()));
    faults.keep("id_token_signed_response_alg", named).unwrap_or(rules.signing)
}

fn requesting_system(from: &Registration, faults: &mut Faults) -> Option<String> {
    let named = from.requesting_system.as_ref()?;
    let fits = (1..=REQUESTING_SYSTEM_BYTES_MAX).contains(&named.len());
    let plain = fits && named.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    let read =
        if plain { Ok(named.clone()) } else { Err("must be 1 to 256 visible characters of ASCII, without quotes") };
    faults.keep("requesting_system", read)
}

fn request_objects(from: &Registration, profile: Option<Profile>, faults: &mut Faults) -> RequestObjects {
    let (named, required) = (from.request_object_signing_alg.as_deref(), from.require_signed_request_object);
    let read = RequestObjects::read(named, required, profile.unwrap_or(Profile::Nhs));
    faults.keep("request_object_signing_alg", read).unwrap_or_default()
}

/// The sector that is named, or the one host of the redirect URIs (OpenID Connect Core, section 8.1).
fn sector(named: Option<&str>, uris: &[RedirectUri], profile: Option<Profile>) -> Result<String, &'static str> {
    let pairwise = profile.is_some_and(|profile| profile.rules().subject == SubjectKind::Pairwise);
    let first = uris.first().map(RedirectUri::host).unwrap_or_default();
    match named {
        Some(named) if !named.is_empty() && named.bytes().all(|b| b.is_ascii_graphic()) => Ok(named.to_owned()),
        Some(_) => Err("must be a host name"),
        None if pairwise && uris.iter().any(|uri| uri.host() != first) => {
            Err("is missing: the redirect URIs are on several hosts, and each would be a sector")
        }
        None => Ok(first.to_owned()),
    }
}

fn vectors(texts: &[String], profile: Option<Profile>, faults: &mut Faults) -> Vec<Vector> {
    if texts.is_empty() {
        faults.add("vectors", "must name at least one vector of trust, such as \"P9.Cm\"");
    }
    let words = profile.unwrap_or(Profile::Nhs).rules().trust;
    let read = |text: &String| faults.keep("vectors", words.parse(text).map_err(|error| format!("{text:?}: {error}")));
    let mut vectors: Vec<Vector> = Vec::new();
    for vector in texts.iter().filter_map(read).flatten() {
        if !vectors.contains(&vector) {
            vectors.push(vector);
        }
    }
    vectors
}

/// The name by which a certificate is its own: as the gate reads names, so that one of a kind never passes for the other.
fn certificate_name(from: &Registration, faults: &mut Faults) -> Option<String> {
    let dns = |name: &String| {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let whole = plain && name.len() <= CERTIFICATE_NAME_BYTES_MAX && !name.split('.').any(str::is_empty);
        if whole { Ok(name.to_ascii_lowercase()) } else { Err("must be a DNS name, whole and without wildcard") }
    };
    let uri = |uri: &String| {
        let scheme = uri.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty());
        let plain = uri.len() <= CERTIFICATE_NAME_BYTES_MAX && uri.bytes().all(|b| b.is_ascii_graphic());
        if scheme && plain { Ok(uri.clone()) } else { Err("must be a URI with an authority, such as spiffe://a/b") }
    };
    match (&from.tls_client_auth_san_dns, &from.tls_client_auth_san_uri) {
        (Some(name), None) => faults.keep("tls_client_auth_san_dns", dns(name)),
        (None, Some(name)) => faults.keep("tls_client_auth_san_uri", uri(name)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            faults.add("tls_client_auth_san_uri", "cannot stand beside tls_client_auth_san_dns");
            None
        }
    }
}

/// What is a matter of the profile: of which algorithm a key is that does not say so itself.
fn keys(from: &Registration, profile: Option<Profile>, faults: &mut Faults) -> Option<ClientKeys> {
    const FIELD: &str = "keys";
    let rules = profile.unwrap_or(Profile::Nhs).rules();
    let by_certificate = from.tls_client_auth_san_dns.is_some() || from.tls_client_auth_san_uri.is_some();
    let read = match &from.keys {
        None if by_certificate => return Some(ClientKeys::None),
        None => {
            faults.add(FIELD, "are missing: a client proves itself with a key of its own, or by a certificate");
            return None;
        }
        Some(PublicKeys::Pem(text)) => ClientKeys::from_pem(text, rules.client_key, rules.client_signing),
        Some(PublicKeys::Set(text)) => ClientKeys::from_jwks(text, Some(rules.client_key)),
    };
    faults.keep(FIELD, read)
}

/// The key of keys that were read.
fn encryption_key(keys: Option<&PublicKeys>, faults: &mut Faults) -> Option<EncryptionKey> {
    faults.keep("keys", keys.map(EncryptionKey::of).transpose())?.flatten()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::oidc::trust;
    use aldgate_core::testing::token_issuer::{Signer, key_set};

    pub(crate) fn registration(id: &str) -> Registration {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Registration {
            id: id.into(),
            name: "Appointments".into(),
            redirect_uris: vec![format!("https://{id}.example/cb")],
            scopes: texts(&["openid", "profile", "email"]),
            vectors: texts(&trust::ALL),
            keys: Some(PublicKeys::Set(key_set([&Signer::new("RS512", "key")]).into_bytes())),
            ..Registration::default()
        }
    }

    /// A client of that registration.
    pub(crate) fn client(id: &str) -> Client {
        Client::register(&registration(id)).expect("a client")
    }

    #[test]
    fn a_client_is_what_was_registered() {
        let client = client("rp");
        assert_eq!((client.id().as_str(), client.name()), ("rp", "Appointments"));
        assert!(client.redirect_uri("https://rp.example/cb").is_some());
        for other in
            ["https://rp.example/cb/", "https://rp.example/CB", "https://rp.example/cb?x", "https://rp.example:443/cb"]
        {
            assert!(client.redirect_uri(other).is_none(), "{other}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let bad = Registration {
            id: "a b".into(),
            name: " x".into(),
            profile: Some("x".into()),
            redirect_uris: texts(&["http://rp.example/", "https://rp.example/a", "https://rp.example/a"]),
            scopes: texts(&["email"]),
            vectors: texts(&["P9"]),
            sso_from: texts(&[""]),
            machine_scopes: texts(&["a b"]),
            resources: texts(&["https://api.example#x"]),
            serves: texts(&["https://api.example"]),
            exchange_for: texts(&["api"]),
            keys: None,
            backchannel_logout_uri: Some("http://rp.example/".into()),
            request_object_signing_alg: Some("none".into()),
            consent_refused: Some("server_error".into()),
            ..Registration::default()
        };
        let faults = Client::register(&bad).expect_err("faults");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        let expected = [
            "id",
            "name",
            "profile",
            "redirect_uris",
            "redirect_uris",
            "scopes",
            "vectors",
            "sso_from",
            "keys",
            "backchannel_logout_uri",
            "machine_scopes",
            "resources",
            "serves",
            "exchange_for",
            "request_object_signing_alg",
            "consent_refused",
        ];
        assert_eq!(fields, expected);
        let query = Registration { redirect_uris: texts(&["https://rp.example/?a=1"]), ..registration("rp") };
        assert!(Client::register(&query).is_err(), "the NHS profile allows no query");
    }

    #[test]
    fn each_profile_has_its_scopes_and_algorithms() {
        let of = |profile: &str, vector: &str, scope: &str, algorithm: Option<&str>| {
            Client::register(&Registration {
                profile: Some(profile.into()),
                vectors: vec![vector.into()],
                scopes: vec!["openid".into(), scope.into()],
                id_token_signed_response_alg: algorithm.map(str::to_owned),
                ..registration("rp")
            })
        };
        let signing =
            |profile, vector, algorithm| of(profile, vector, "email", algorithm).map(|rp| rp.id_token_signing());
        assert_eq!(signing("nhs", "P9.Cm", None).ok(), Some(SigningAlgorithm::Rs512));
        assert_eq!(signing("cross-government", "Cl.Cm", None).ok(), Some(SigningAlgorithm::Es256));
        assert_eq!(signing("cross-government", "Cl.Cm", Some("RS256")).ok(), Some(SigningAlgorithm::Rs256));
        assert_eq!(signing("fapi2", "P9.Cm", Some("PS256")).ok(), Some(SigningAlgorithm::Ps256));
        for (profile, vector, bad) in [
            ("nhs", "P9.Cm", "RS256"),
            ("fapi2", "P9.Cm", "RS256"),
            ("cross-government", "Cl.Cm", "none"),
            ("cross-government", "Cl.Cm", "HS256"),
        ] {
            let faults = signing(profile, vector, Some(bad)).expect_err("refused");
            assert_eq!(faults[0].field, "id_token_signed_response_alg", "{profile} {bad}");
        }
        for of_health in ["profile", "gp_registration_details", "client_metadata", "landline"] {
            let faults = of("cross-government", "Cl.Cm", of_health, None).expect_err("refused");
            assert_eq!(faults[0].field, "scopes", "{of_health}");
        }
        assert!(of("cross-government", "Cl.Cm", "phone", None).is_ok());
    }

    #[test]
    fn what_is_taken_from_a_client_is_told_from_what_is_given_to_it() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let with = |from: Registration| Client::register(&from).expect("a client");
        let plain = || Registration {
            machine_scopes: texts(&["read"]),
            resources: texts(&["https://api.example"]),
            exchange_for: texts(&["https://b.example"]),
            ..registration("rp")
        };
        let before = with(plain());
        let less = |from: Registration| with(from).may_less_than(&before);
        assert!(!less(plain()) && !less(Registration { name: "Letters".into(), ..plain() }));
        assert!(!less(Registration { scopes: texts(&["openid", "profile", "email", "phone"]), ..plain() }));
        for from in [
            Registration { scopes: texts(&["openid", "email"]), ..plain() },
            Registration { vectors: texts(&["P9.Cm"]), ..plain() },
            Registration { machine_scopes: Vec::new(), ..plain() },
            Registration { resources: texts(&["https://b.example"]), ..plain() },
            Registration { exchange_for: Vec::new(), ..plain() },
            Registration { sector: Some("other.example".into()), ..plain() },
            Registration { tls_client_certificate_bound_access_tokens: true, ..plain() },
        ] {
            assert!(less(from.clone()), "{from:?}");
        }
        assert!(with(plain()).held_to(false, true).may_less_than(&before));
    }
}
