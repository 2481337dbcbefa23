//! Access tokens in a session's place (RFC 6750, RFC 9068, RFC 7662, RFC 9449, RFC 8705), on the routes that take them.
//!
//! [`Tokens::lookup`] is the door: it gives [`decide`](aldgate_core::decide::decide) what a shown token says. What has
//! been verified is kept ([`KeptTokens`]), so that a known token costs no signature; it is kept by the digest of the whole
//! token, dies with its key, and is revoked by the feed. Everything that is not known fails closed.
//!
//! The deployment's own OpenID provider may be one of the issuers: of a change of its keys the feed tells, and its set is
//! fetched at that moment ([`key_news`]); and its tokens end with their grant and with their client, of which the feed tells
//! too ([`aldgate_core::token::family`]).
//!
//! The issuers are part of what a reload takes over ([`crate::snapshot`]): [`Tokens::taking`] makes the next [`Tokens`]
//! of those before it. An issuer that is as it was keeps what it has fetched and what was verified by it; of one that
//! was changed or is gone nothing is left, and its tokens are refused from the next request on. What was revoked stays so.
//!
//! A DPoP proof is used up in the shared tier (`consume`), at a round trip for each such request, and not in a table of
//! this process: what one gateway has taken, every other must refuse, and a table here would be empty after a restart
//! while the proof is still fresh. The tier forgets it a minute after it could last be accepted, which bounds it.

pub mod introspector;
pub mod key_news;
pub mod key_source;
pub mod outbound;
pub mod read_issuer;
pub mod revoke;

use crate::config::TokenIssuer;
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
use aldgate_core::token::family::Families;
use aldgate_core::token::grant::{Binding, Grant};
use aldgate_core::token::jws;
use aldgate_core::token::kept::{IssuerNumber, KeptGrant, KeptTokens, Known};
use aldgate_core::token::target_uri::TargetUri;
use aldgate_core::verdict::TokenRefused;
use aldgate_core::warm::{Consumption, Unavailable, Warm};
use futures_util::future::{join_all, try_join_all};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use introspector::Introspector;
use key_source::KeySource;
use read_issuer::{ReadCheck, ReadIssuer};
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotTakeTokens {
    /// The client that asks issuers cannot be made.
    #[error("cannot make the client that asks them: {0}")]
    Outbound(String),
}

struct Issuer {
    number: IssuerNumber,
    configured: TokenIssuer,
    /// Whether it is the deployment's own provider.
    is_own: bool,
    /// By what the file that it names is known.
    file: [u8; 32],
    check: Check,
}

enum Check {
    Keys(Arc<KeySource>),
    Introspection(Arc<Introspector>),
}

impl Issuer {
    fn new(
        read: ReadIssuer,
        own: &str,
        number: IssuerNumber,
        metrics: Arc<Metrics>,
        now: Timestamp,
    ) -> Result<Self, CannotTakeTokens> {
        let file = *read.file();
        let ReadIssuer { configured, check, .. } = read;
        let check = match check {
            ReadCheck::KeySet(place, refresh, keys) => {
                Check::Keys(Arc::new(KeySource::new(&place, refresh, keys, now, metrics)?))
            }
            ReadCheck::Introspection(how, credentials) => {
                let (issuer, audience) = (&configured.issuer, &configured.audience);
                Check::Introspection(Arc::new(Introspector::new(&how, credentials, issuer, audience)?))
            }
        };
        Ok(Self { number, is_own: configured.issuer == own, configured, file, check })
    }

    /// Whether nothing about it has changed.
    fn is(&self, read: &ReadIssuer) -> bool {
        self.configured == read.configured && self.file == *read.file()
    }

    fn expected(&self) -> Expected<'_> {
        Expected { issuer: &self.configured.issuer, audience: &self.configured.audience }
    }
}

/// The access tokens of one gateway, of the issuers that are configured at one time.
pub struct Tokens {
    issuers: Vec<Arc<Issuer>>,
    /// The name of the deployment's own provider.
    own: Arc<str>,
    /// What has been verified, by these issuers and those before them.
    kept: Arc<KeptTokens>,
    warm: Arc<dyn Warm>,
    metrics: Arc<Metrics>,
    /// Of the nonces of proofs, where an issuer's tokens ask for them.
    nonces: DpopNonceKey,
    unavailable_told: Arc<Seldom>,
}

impl Tokens {
    /// Those of no issuer yet: none is taken. It does not follow `kept`'s feed: that is done once in a process, and not
    /// for each configuration. `own` is the name of the deployment's own provider.
    pub fn of_nobody(
        own: &str,
        kept: Arc<KeptTokens>,
        master: &MasterKey,
        warm: Arc<dyn Warm>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            issuers: Vec::new(),
            own: own.into(),
            kept,
            warm,
            metrics,
            nonces: DpopNonceKey::of(master),
            unavailable_told: Arc::default(),
        }
    }

    /// Those of other issuers, and of these where nothing about them has changed.
    ///
    /// # Errors
    /// [`CannotTakeTokens`].
    pub fn taking(&self, issuers: Vec<ReadIssuer>, now: Timestamp) -> Result<Self, CannotTakeTokens> {
        let issuers = issuers.into_iter().map(|read| match self.issuers.iter().find(|known| known.is(&read)) {
            Some(known) => Ok(known.clone()),
            None => Issuer::new(read, &self.own, self.kept.number_issuer(), self.metrics.clone(), now).map(Arc::new),
        });
        let issuers = issuers.collect::<Result<_, _>>()?;
        let (kept, warm, metrics) = (self.kept.clone(), self.warm.clone(), self.metrics.clone());
        let (own, unavailable_told) = (self.own.clone(), self.unavailable_told.clone());
        Ok(Self { issuers, own, kept, warm, metrics, nonces: self.nonces.clone(), unavailable_told })
    }

    /// The issuer with this number, if it is still as it was.
    fn issuer(&self, number: IssuerNumber) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.number == number).map(|issuer| &**issuer)
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
                self.not_revoked(&kept).await?;
                kept.confirm(asked);
                return Ok(kept.grant.clone());
            }
            Known::Confirmed(_) | Known::Unconfirmed(_) | Known::Nothing => {}
        }
        if let Some((issuer, refused)) = self.kept.refused(&digest, now)
            && self.issuer(issuer).is_some()
        {
            return Err(refused.into());
        }
        let asked = self.kept.ask();
        let verified = self.verify(token, digest, now).await?;
        self.not_revoked(&verified).await?;
        // A revocation that came in between has left its mark, and wins.
        let kept = self.kept.admit(digest, verified, asked).ok_or(TokenRefused::Revoked)?;
        Ok(kept.grant.clone())
    }

    /// Whether what is kept may still be used: its issuer is as it was, its time has not come, and its key still stands in
    /// the issuer's set, or its issuer was asked a short while ago.
    fn is_good(&self, kept: &KeptGrant, now: Timestamp) -> Result<bool, NoGrant> {
        let Some(issuer) = self.issuer(kept.issuer) else { return Ok(false) };
        match (kept.key, &issuer.check) {
            (Some(_), _) if now >= kept.grant.expires => Err(TokenRefused::OutOfDate.into()),
            (Some(key), Check::Keys(source)) => Ok(source.keys(now).ok_or(NoGrant::Unavailable)?.contains(&key)),
            // An issuer may prolong a token, or never have told its end: it is asked again.
            (None, Check::Introspection(_)) => Ok(now < kept.use_until),
            _ => Ok(false),
        }
    }

    /// Asks warm whether a token was ended, alone or with others.
    async fn not_revoked(&self, kept: &KeptGrant) -> Result<(), NoGrant> {
        let ends: Vec<_> = kept.ended_by().collect();
        let answers = under_deadline(try_join_all(ends.iter().map(|ended| self.warm.token_revoked(ended)))).await?;
        match ends.into_iter().zip(answers).find(|(_, revoked)| *revoked) {
            Some((ended, _)) => {
                self.kept.revoke(ended);
                Err(TokenRefused::Revoked.into())
            }
            None => Ok(()),
        }
    }

    /// Verifies a token that is not known: in the form of a JWT by the issuer that it names, else by asking.
    async fn verify(&self, token: &str, digest: TokenDigest, now: Timestamp) -> Result<KeptGrant, NoGrant> {
        let unverified = if jws::is_shaped(token) { Some(UnverifiedToken::parse(token)?) } else { None };
        let is_its = |issuer: &Issuer| match &unverified {
            Some(unverified) => issuer.configured.issuer == unverified.issuer(),
            None => matches!(issuer.check, Check::Introspection(_)),
        };
        let issuer = self.issuers.iter().find(|issuer| is_its(issuer)).ok_or(TokenRefused::Issuer)?;
        let verified = self.verify_by(issuer, token, digest, unverified.as_ref(), now).await;
        if let Err(NoGrant::Refused(refused)) = verified {
            self.kept.refuse(digest, issuer.number, refused, now);
        }
        let families = match &unverified {
            None => Families::default(),
            Some(unverified) if issuer.is_own => unverified.families(),
            Some(unverified) => unverified.foreign_families(),
        };
        Ok(verified?.ending_with(families))
    }

    async fn verify_by(
        &self,
        issuer: &Issuer,
        token: &str,
        digest: TokenDigest,
        unverified: Option<&UnverifiedToken<'_>>,
        now: Timestamp,
    ) -> Result<KeptGrant, NoGrant> {
        match (&issuer.check, unverified) {
            (Check::Introspection(introspector), _) => {
                let answer = introspector.ask(token, digest, now).await;
                self.metrics.token_issuer_asked(answer.is_ok());
                let grant = answer.map_err(|_| NoGrant::Unavailable)??;
                let use_until = grant.expires.min(now.plus(introspector.cache()));
                Ok(KeptGrant::new(grant, issuer.number, None, use_until))
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
                Ok(KeptGrant::new(grant, issuer.number, Some(*key.thumbprint()), use_until))
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
        let asks_for_nonces = |of: &TokenIssuer| of.issuer == grant.issuer && of.dpop_nonce;
        let nonces = self.issuers.iter().any(|issuer| asks_for_nonces(&issuer.configured)).then_some(&self.nonces);
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

    /// Fetches the key set of an issuer that has said that it is another now.
    pub async fn reload(&self, issuer: &str, now: Timestamp) {
        let its = self.issuers.iter().filter(|one| one.configured.issuer == issuer);
        let sources = its.filter_map(|issuer| match &issuer.check {
            Check::Keys(source) => Some(source.reload(now)),
            Check::Introspection(_) => None,
        });
        join_all(sources).await;
    }

    /// Fetches the key sets that are due, all at once: none waits for an issuer that does not answer.
    pub async fn refresh(&self, now: Timestamp) {
        let due = self.issuers.iter().filter_map(|issuer| match &issuer.check {
            Check::Keys(source) if source.is_due(now) => Some(source.load(now)),
            Check::Keys(_) | Check::Introspection(_) => None,
        });
        join_all(due).await;
    }
}

/// The least time between two fetches that the feed asks for.
const RELOAD_INTERVAL: Duration = Duration::from_millis(100);

/// Keeps the key sets fresh; runs for ever. In each round, those of the issuers that are configured then: one that is gone
/// is asked nothing more, and one that is new does not wait for a request.
pub async fn keep_fresh(state: Arc<EdgeState>) {
    loop {
        state.snapshot.current().tokens.refresh(state.clock.now()).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = state.key_news.heard() => {
                let now = state.clock.now();
                state.snapshot.current().tokens.reload(&state.issuer, now).await;
                tokio::time::sleep(RELOAD_INTERVAL).await;
            }
        }
    }
}
