//! Access tokens in a session's place (RFC 6750, RFC 9068, RFC 7662, RFC 9449, RFC 8705), on the routes that take them.
//!
//! [`Tokens::lookup`] is the door: it gives [`decide`](aldgate_core::decide::decide) what a shown token says. What has
//! been verified is kept ([`KeptTokens`]), so that a known token costs no signature; it is kept by the digest of the whole
//! token, dies with its key, and is revoked by the feed. Everything that is not known fails closed.
//!
//! A DPoP proof is used up in the shared tier (`consume`), at a round trip for each such request, and not in a table of
//! this process: what one gateway has taken, every other must refuse, and a table here would be empty after a restart
//! while the proof is still fresh. The tier forgets it a minute after it could last be accepted, which bounds it.

pub mod introspector;
pub mod key_source;
pub mod outbound;
pub mod revoke;

use crate::config::{TokenCheck, TokenIssuer};
use crate::lookup::under_deadline;
use crate::metrics::{Metrics, TokenResult};
use crate::state::EdgeState;
use aldgate_core::decide::Lookup;
use aldgate_core::id::TokenDigest;
use aldgate_core::secret::MasterKey;
use aldgate_core::seldom::Seldom;
use aldgate_core::time::Timestamp;
use aldgate_core::token::access_token::{Expected, UnverifiedToken};
use aldgate_core::token::authorization::{self, Scheme};
use aldgate_core::token::dpop::{self, ProvenRequest};
use aldgate_core::token::dpop_nonce::DpopNonceKey;
use aldgate_core::token::grant::{Binding, Grant};
use aldgate_core::token::jws;
use aldgate_core::token::kept::{KeptGrant, KeptTokens, Known};
use aldgate_core::token::target_uri::TargetUri;
use aldgate_core::verdict::TokenRefused;
use aldgate_core::warm::{Consumption, Unavailable, Warm};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use introspector::Introspector;
use key_source::KeySource;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a key set has to be fetched again.
const LOOK: Duration = Duration::from_secs(5);

/// A request that shows an access token, as its client sent it.
#[derive(Debug, Clone, Copy)]
pub struct ShowingRequest<'a> {
    /// Its headers, as the client sent them.
    pub headers: &'a HeaderMap,
    /// Its method, in upper case.
    pub method: &'a str,
    /// `http` or `https`, as the client knows it.
    pub scheme: &'a str,
    /// Host and port, as the client wrote them.
    pub authority: &'a str,
    /// Its path, without query.
    pub path: &'a str,
    /// SHA-256 of the client's certificate (DER), once the listener has verified that the client holds its key.
    pub certificate: Option<[u8; 32]>,
}

/// Whether a request shows an access token, or tries to.
pub fn is_shown(headers: &HeaderMap) -> bool {
    authorization::shows_a_token(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))
}

/// Why there is no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoGrant {
    /// The token is worth nothing here.
    Refused(TokenRefused),
    /// It cannot be told: something that would have to be asked does not answer.
    Unavailable,
}

impl From<TokenRefused> for NoGrant {
    fn from(refused: TokenRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Unavailable> for NoGrant {
    fn from(unavailable: Unavailable) -> Self {
        tracing::debug!(%unavailable, "an access token could not be judged");
        Self::Unavailable
    }
}

/// Why tokens cannot be taken at all.
#[derive(Debug, thiserror::Error)]
pub enum CannotTakeTokens {
    /// The file with the client secret cannot be read.
    #[error("cannot read {0}: {1}")]
    ClientSecret(PathBuf, std::io::Error),
    /// The client secret cannot stand in a header, or is empty.
    #[error("{0} holds no client secret")]
    NoClientSecret(PathBuf),
    /// The client that asks issuers cannot be made.
    #[error("cannot make the client that asks token issuers: {0}")]
    Outbound(#[from] reqwest::Error),
}

struct Issuer {
    name: String,
    audience: String,
    check: Check,
    /// Whether proofs of its tokens must carry a nonce of ours.
    dpop_nonce: bool,
}

enum Check {
    Keys(Arc<KeySource>),
    Introspection(Arc<Introspector>),
}

impl Issuer {
    fn expected(&self) -> Expected<'_> {
        Expected { issuer: &self.name, audience: &self.audience }
    }
}

/// The access tokens of one gateway.
pub struct Tokens {
    issuers: Vec<Issuer>,
    /// What has been verified, and what services are told of it.
    pub kept: Arc<KeptTokens>,
    warm: Arc<dyn Warm>,
    metrics: Arc<Metrics>,
    /// Of the nonces of proofs, where an issuer's tokens ask for them.
    nonces: DpopNonceKey,
    unavailable_told: Seldom,
}

impl Tokens {
    /// Over the configured issuers; hears of revocations from `warm`.
    ///
    /// # Errors
    /// [`CannotTakeTokens`].
    pub fn new(
        issuers: &[TokenIssuer],
        master: &MasterKey,
        warm: Arc<dyn Warm>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CannotTakeTokens> {
        let issuer = |issuer: &TokenIssuer| {
            let check = match &issuer.check {
                TokenCheck::KeySet { place, refresh } => {
                    Check::Keys(Arc::new(KeySource::new(place, *refresh, metrics.clone())?))
                }
                TokenCheck::Introspection(how) => {
                    Check::Introspection(Arc::new(Introspector::new(how, &issuer.issuer, &issuer.audience)?))
                }
            };
            let (name, audience) = (issuer.issuer.clone(), issuer.audience.clone());
            Ok(Issuer { name, audience, check, dpop_nonce: issuer.dpop_nonce })
        };
        let issuers = issuers.iter().map(issuer).collect::<Result<_, CannotTakeTokens>>()?;
        let kept = Arc::new(KeptTokens::default());
        warm.follow(kept.clone());
        Ok(Self { issuers, kept, warm, metrics, nonces: DpopNonceKey::of(master), unavailable_told: Seldom::default() })
    }

    /// What the access token of a request says, in the form that `decide` takes.
    pub async fn lookup(&self, request: &ShowingRequest<'_>, now: Timestamp) -> Lookup {
        match self.proven_grant(request, now).await {
            Ok(grant) => {
                self.metrics.token(TokenResult::Accepted);
                Lookup::Grant(Ok(grant))
            }
            Err(NoGrant::Refused(refused)) => {
                self.metrics.token(TokenResult::Refused);
                Lookup::Grant(Err(refused))
            }
            Err(NoGrant::Unavailable) => {
                self.metrics.token(TokenResult::Unavailable);
                if self.unavailable_told.may(now) {
                    tracing::warn!("access tokens cannot be judged: the shared tier or an issuer does not answer");
                }
                Lookup::Unavailable
            }
        }
    }

    async fn proven_grant(&self, request: &ShowingRequest<'_>, now: Timestamp) -> Result<Arc<Grant>, NoGrant> {
        let shown = authorization::read(request.headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))?;
        let grant = self.standing_grant(shown.token, now).await?;
        self.prove(&grant, shown.scheme, request, now).await?;
        Ok(grant)
    }

    /// What a token says that stands now, whoever shows it.
    async fn standing_grant(&self, token: &str, now: Timestamp) -> Result<Arc<Grant>, NoGrant> {
        let digest = TokenDigest::of(token.as_bytes());
        match self.kept.known(&digest) {
            Known::Revoked => return Err(TokenRefused::Revoked.into()),
            Known::Confirmed(kept) if self.is_good(&kept, now)? => return Ok(kept.grant.clone()),
            Known::Unconfirmed(kept) if self.is_good(&kept, now)? => {
                let asked = self.kept.ask();
                self.not_revoked(&digest).await?;
                kept.confirm(asked);
                return Ok(kept.grant.clone());
            }
            Known::Confirmed(_) | Known::Unconfirmed(_) | Known::Nothing => {}
        }
        if let Some(refused) = self.kept.refused(&digest, now) {
            return Err(refused.into());
        }
        let asked = self.kept.ask();
        let verified = self.verify(token, digest, now).await;
        if let Err(NoGrant::Refused(refused)) = verified {
            self.kept.refuse(digest, refused, now);
        }
        let verified = verified?;
        self.not_revoked(&digest).await?;
        // A revocation that came in between has left its mark, and wins.
        let kept = self.kept.admit(digest, verified, asked).ok_or(TokenRefused::Revoked)?;
        Ok(kept.grant.clone())
    }

    /// Whether what is kept may still be used: its time has not come, and its key still stands in the issuer's set, or
    /// its issuer was asked a short while ago.
    fn is_good(&self, kept: &KeptGrant, now: Timestamp) -> Result<bool, NoGrant> {
        match (kept.key, self.issuers.get(kept.issuer).map(|issuer| &issuer.check)) {
            (Some(_), _) if now >= kept.grant.expires => Err(TokenRefused::OutOfDate.into()),
            (Some(key), Some(Check::Keys(source))) => Ok(source.keys(now).ok_or(NoGrant::Unavailable)?.contains(&key)),
            // An issuer may prolong a token, or never have told its end: it is asked again.
            (None, Some(Check::Introspection(_))) => Ok(now < kept.use_until),
            _ => Ok(false),
        }
    }

    async fn not_revoked(&self, digest: &TokenDigest) -> Result<(), NoGrant> {
        if under_deadline(self.warm.token_revoked(digest)).await? {
            self.kept.revoke(digest);
            return Err(TokenRefused::Revoked.into());
        }
        Ok(())
    }

    /// Verifies a token that is not known: in the form of a JWT by the issuer that it names, else by asking.
    async fn verify(&self, token: &str, digest: TokenDigest, now: Timestamp) -> Result<KeptGrant, NoGrant> {
        if !jws::is_shaped(token) {
            let asks = |issuer: &Issuer| matches!(issuer.check, Check::Introspection(_));
            let at = self.issuers.iter().position(asks).ok_or(TokenRefused::Issuer)?;
            return self.verify_by(at, token, digest, None, now).await;
        }
        let unverified = UnverifiedToken::parse(token)?;
        let named = |issuer: &Issuer| issuer.name == unverified.issuer();
        let at = self.issuers.iter().position(named).ok_or(TokenRefused::Issuer)?;
        self.verify_by(at, token, digest, Some(&unverified), now).await
    }

    async fn verify_by(
        &self,
        at: usize,
        token: &str,
        digest: TokenDigest,
        unverified: Option<&UnverifiedToken<'_>>,
        now: Timestamp,
    ) -> Result<KeptGrant, NoGrant> {
        let issuer = self.issuers.get(at).ok_or(TokenRefused::Issuer)?;
        match (&issuer.check, unverified) {
            (Check::Introspection(introspector), _) => {
                let answer = introspector.ask(token, digest, now).await;
                self.metrics.token_issuer_asked(answer.is_ok());
                let grant = answer.map_err(|_| NoGrant::Unavailable)??;
                let use_until = grant.expires.min(now.plus(introspector.cache()));
                Ok(KeptGrant::new(grant, at, None, use_until))
            }
            (Check::Keys(source), Some(unverified)) => {
                let key = match source.keys(now).and_then(|keys| keys.find(unverified.key_id()).cloned()) {
                    Some(key) => key,
                    None => {
                        source.load(now).await;
                        let keys = source.keys(now).ok_or(NoGrant::Unavailable)?;
                        let missing = if source.has_answered() {
                            NoGrant::Refused(TokenRefused::Signature)
                        } else {
                            NoGrant::Unavailable // It may be new, and the set is old.
                        };
                        keys.find(unverified.key_id()).cloned().ok_or(missing)?
                    }
                };
                let grant = Arc::new(unverified.verify(&key, issuer.expected(), now)?);
                let use_until = grant.expires;
                Ok(KeptGrant::new(grant, at, Some(*key.thumbprint()), use_until))
            }
            (Check::Keys(_), None) => Err(TokenRefused::Malformed.into()),
        }
    }

    /// Whether whoever shows a token holds what it is bound to. A token that is bound to nothing is not shown as DPoP.
    async fn prove(
        &self,
        grant: &Grant,
        scheme: Scheme,
        request: &ShowingRequest<'_>,
        now: Timestamp,
    ) -> Result<(), NoGrant> {
        match (grant.binding, scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (Some(Binding::Key(key)), Scheme::Dpop) => self.prove_key(grant, &key, request, now).await,
            (Some(bound @ Binding::Certificate(_)), Scheme::Bearer) => {
                let shown = request.certificate.is_some_and(|shown| bound.is_to_certificate(&shown));
                if shown { Ok(()) } else { Err(TokenRefused::Uncertified.into()) }
            }
            (Some(Binding::Key(_)), Scheme::Bearer) | (None | Some(Binding::Certificate(_)), Scheme::Dpop) => {
                Err(TokenRefused::Unproven.into())
            }
        }
    }

    async fn prove_key(
        &self,
        grant: &Grant,
        key: &[u8; 32],
        request: &ShowingRequest<'_>,
        now: Timestamp,
    ) -> Result<(), NoGrant> {
        let mut proofs = request.headers.get_all("dpop").iter();
        let (Some(proof), None) = (proofs.next(), proofs.next()) else { return Err(TokenRefused::Proof.into()) };
        let proof = proof.to_str().map_err(|_| TokenRefused::Proof)?;
        let target = TargetUri::of(request.scheme, request.authority, request.path).ok_or(TokenRefused::Proof)?;
        let asks_for_nonces = |issuer: &Issuer| issuer.name == grant.issuer && issuer.dpop_nonce;
        let nonces = self.issuers.iter().any(asks_for_nonces).then_some(&self.nonces);
        let for_request = ProvenRequest { method: request.method, target: &target, token: grant.token, key, nonces };
        let verified = dpop::verify(proof, for_request, now)?;
        match under_deadline(self.warm.consume(&verified.single_use, verified.remember_until)).await? {
            Consumption::Consumed => Ok(()),
            Consumption::AlreadyUsed => Err(TokenRefused::ProofReplayed.into()),
        }
    }

    /// The nonce that a client is given for its next proof (`DPoP-Nonce`; RFC 9449, section 9).
    pub fn nonce(&self, now: Timestamp) -> String {
        self.nonces.nonce(now)
    }

    /// Fetches the key sets that are due.
    pub async fn refresh(&self, now: Timestamp) {
        for issuer in &self.issuers {
            if let Check::Keys(source) = &issuer.check
                && source.is_due(now)
            {
                source.load(now).await;
            }
        }
    }
}

/// Keeps the key sets fresh; runs for ever.
pub async fn keep_fresh(state: Arc<EdgeState>) {
    loop {
        state.tokens.refresh(state.clock.now()).await;
        tokio::time::sleep(LOOK).await;
    }
}
