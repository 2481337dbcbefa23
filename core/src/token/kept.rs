//! The hot tier of access tokens: the verdicts that this process has reached, each under the digest of the whole token: what is known
//! of one token is never known of another.
//!
//! What is revoked is remembered ([`super::ended`]), as in [`crate::hot`], so that a verification which began before cannot
//! bring the token back: a token, or the grant or the client that it has in common with others ([`super::family`]). While the
//! feed of changes is silent, once after a gap in it, and once after an end has been forgotten, what is kept has to be
//! confirmed before it is used.
//!
//! There is one of it in a process, whatever issuers it is configured with: revocations outlive a change of these. A
//! verdict belongs to the issuer that it was reached by ([`IssuerNumber`]), and is nothing where that one is gone.

use super::ended::Ended;
use super::family::Families;
use crate::id::TokenDigest;
use crate::time::Timestamp;
use crate::token::grant::Grant;
use crate::verdict::TokenRefused;
use crate::warm::change::{Change, Feed, Follower};
use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;

/// How much the kept grants may take together: about 100,000 of them, more clients than call one gateway in an hour.
const GRANT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What an entry takes beside its grant: the cache's own bookkeeping and the [`KeptGrant`].
const ENTRY_BYTES: usize = 432;

/// How many refusals are kept, apart from the grants, so that a flood of bad tokens displaces none. About 3 MiB.
const REFUSALS_MAX: u64 = 16 * 1024;

/// For how long a refusal is kept: long enough to make a client that repeats itself cheap, and short enough that a token
/// which was refused only because its issuer's view had not settled is soon taken.
const REFUSAL_KEPT: Duration = Duration::from_secs(5);

/// For how many pairs of a token and a service what the service is told is kept; about 1.5 KiB each.
const TOLD_MAX: u64 = 16 * 1024;

/// What a service is told of a grant, and for how long it may be told so again.
#[derive(Debug, Clone)]
struct Told {
    /// Of this very grant: the same token, verified anew or by another issuer, may say something else.
    of: Weak<Grant>,
    values: Arc<ToldValues>,
    reuse_until: Timestamp,
}

/// The values of [`crate::identity_header::IDENTITY`], in that order; what a token does not say is absent.
pub type ToldValues = [Option<Bytes>; 6];

/// An issuer as it is configured at one time. One that was changed, or went and came back, has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuerNumber(u64);

/// What had been heard when warm was asked about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// How many gaps the feed had had.
    gaps: u64,
    /// How many ends had been heard of.
    ends: u64,
}

/// A grant as it is kept.
#[derive(Debug)]
pub struct KeptGrant {
    /// What the token says.
    pub grant: Arc<Grant>,
    /// By which issuer it was verified.
    pub issuer: IssuerNumber,
    /// The thumbprint of the key that verified it; `None` if its issuer was asked.
    pub key: Option<[u8; 32]>,
    /// Until when it may be used without being verified again.
    pub use_until: Timestamp,
    families: Families,
    asked_at_gap: AtomicU64,
    asked_at_end: AtomicU64,
}

impl KeptGrant {
    /// A grant that has just been verified.
    pub const fn new(grant: Arc<Grant>, issuer: IssuerNumber, key: Option<[u8; 32]>, use_until: Timestamp) -> Self {
        let (asked_at_gap, asked_at_end) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { grant, issuer, key, use_until, families: [None; 4], asked_at_gap, asked_at_end }
    }

    /// The same of a token that ends with others.
    #[must_use]
    pub fn ending_with(self, families: Families) -> Self {
        Self { families, ..self }
    }

    /// By what its token may be ended: what warm is to be asked about.
    pub fn ended_by(&self) -> impl Iterator<Item = &TokenDigest> {
        std::iter::once(&self.grant.token).chain(self.families.iter().flatten())
    }

    /// Notes that warm, asked then, knew of no revocation.
    pub fn confirm(&self, asked: Asked) {
        self.asked_at_gap.fetch_max(asked.gaps, Ordering::AcqRel);
        self.asked_at_end.fetch_max(asked.ends, Ordering::AcqRel);
    }

    fn has_ended(&self, ended: &Ended) -> bool {
        self.ended_by().any(|digest| ended.has(digest))
    }
}

/// What this process knows of a token.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// That it was revoked.
    Revoked,
    /// A grant that every revocation has been applied to.
    Confirmed(Arc<KeptGrant>),
    /// A grant that a revocation may have missed: warm has to be asked before it is used.
    Unconfirmed(Arc<KeptGrant>),
}

/// The verdicts.
pub struct KeptTokens {
    entries: Cache<TokenDigest, Arc<KeptGrant>>,
    ended: RwLock<Ended>,
    refusals: Cache<TokenDigest, (IssuerNumber, TokenRefused, Timestamp)>,
    told: Cache<(TokenDigest, u16), Told>,
    /// How many issuers have been numbered.
    issuers: AtomicU64,
    /// How many gaps the feed has had.
    gaps: AtomicU64,
    silent: AtomicBool,
}

impl Default for KeptTokens {
    fn default() -> Self {
        let weight = |_: &TokenDigest, kept: &Arc<KeptGrant>| {
            u32::try_from(kept.grant.bytes() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder().weigher(weight).max_capacity(GRANT_BYTES_MAX);
        Self {
            entries: entries.eviction_policy(EvictionPolicy::lru()).build(),
            ended: RwLock::default(),
            refusals: Cache::new(REFUSALS_MAX),
            told: Cache::new(TOLD_MAX),
            issuers: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            silent: AtomicBool::new(false),
        }
    }
}

impl KeptTokens {
    /// A number that no issuer has had before.
    pub fn number_issuer(&self) -> IssuerNumber {
        IssuerNumber(self.issuers.fetch_add(1, Ordering::Relaxed))
    }

    fn ended(&self) -> RwLockReadGuard<'_, Ended> {
        self.ended.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a token.
    pub fn known(&self, token: &TokenDigest) -> Known {
        let kept = self.entries.get(token);
        let heard = !self.silent.load(Ordering::Acquire);
        // In this order: a silence that ends by a gap is over only when the gap has been counted.
        let gaps = self.gaps.load(Ordering::Acquire);
        let ended = self.ended();
        match kept {
            None if ended.has(token) => Known::Revoked,
            None => Known::Nothing,
            Some(kept) if kept.has_ended(&ended) => Known::Revoked,
            Some(kept) => {
                let unbroken = kept.asked_at_gap.load(Ordering::Acquire) == gaps;
                let remembered = kept.asked_at_end.load(Ordering::Acquire) >= ended.forgotten();
                if heard && unbroken && remembered { Known::Confirmed(kept) } else { Known::Unconfirmed(kept) }
            }
        }
    }

    /// To be called before warm is asked about a token.
    pub fn ask(&self) -> Asked {
        Asked { gaps: self.gaps.load(Ordering::Acquire), ends: self.ended().count() }
    }

    /// Keeps a verified grant, of which warm knew no revocation when it was asked; `None` if it was revoked meanwhile.
    pub fn admit(&self, token: TokenDigest, grant: KeptGrant, asked: Asked) -> Option<Arc<KeptGrant>> {
        grant.confirm(asked);
        let grant = Arc::new(grant);
        self.entries.insert(token, grant.clone());
        let ended = grant.has_ended(&self.ended());
        (!ended).then_some(grant)
    }

    /// Notes that a token was revoked, or all those that have something in common.
    pub fn revoke(&self, ended: &TokenDigest) {
        self.ended.write().unwrap_or_else(PoisonError::into_inner).note(*ended);
    }

    /// By which issuer a token was refused a moment ago, and why.
    pub fn refused(&self, token: &TokenDigest, now: Timestamp) -> Option<(IssuerNumber, TokenRefused)> {
        let kept = self.refusals.get(token).filter(|(.., until)| now < *until);
        kept.map(|(issuer, refused, _)| (issuer, refused))
    }

    /// Keeps a refusal that was dear, for a moment. The others cost no more than looking them up.
    pub fn refuse(&self, token: TokenDigest, issuer: IssuerNumber, refused: TokenRefused, now: Timestamp) {
        if matches!(refused, TokenRefused::Signature | TokenRefused::Revoked) {
            self.refusals.insert(token, (issuer, refused, now.plus(REFUSAL_KEPT)));
        }
    }
}

impl KeptTokens {
    /// What a service, by its place in the table of services, was told of a grant, if it may be told so again.
    pub fn told(&self, grant: &Arc<Grant>, service: u16, now: Timestamp) -> Option<Arc<ToldValues>> {
        let told = self.told.get(&(grant.token, service))?;
        let is_of_it = std::ptr::eq(told.of.as_ptr(), Arc::as_ptr(grant));
        (is_of_it && now < told.reuse_until).then_some(told.values)
    }

    /// Keeps what a service is told of a grant, for as long as it may be told so again.
    pub fn keep_told(&self, grant: &Arc<Grant>, service: u16, values: Arc<ToldValues>, reuse_until: Timestamp) {
        self.told.insert((grant.token, service), Told { of: Arc::downgrade(grant), values, reuse_until });
    }
}

impl Follower for KeptTokens {
    fn apply(&self, change: &Change) {
        match change {
            Change::TokenRevoked(token) => self.revoke(token),
            Change::SessionEnded(_)
            | Change::CredentialChanged(_)
            | Change::CredentialRetired(_)
            | Change::ProviderKeysChanged => {}
        }
    }

    fn feed(&self, feed: Feed) {
        match feed {
            Feed::Live => self.silent.store(false, Ordering::Release),
            Feed::Silent(_) => self.silent.store(true, Ordering::Release),
            Feed::Gap => {
                self.gaps.fetch_add(1, Ordering::AcqRel); // First: nothing from before may look confirmed in between.
                self.silent.store(false, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ended::ENDED_MAX;
    use super::super::family;
    use super::*;
    use crate::assurance::{Components, IdentityLevel};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn digest(text: &str) -> TokenDigest {
        TokenDigest::of(text.as_bytes())
    }

    /// A token of a grant.
    fn grant(kept: &KeptTokens, token: &str, of: u8) -> KeptGrant {
        let grant = Grant {
            token: digest(token),
            issuer: "https://login.example".into(),
            subject: "ada".into(),
            client: Some("app".into()),
            scopes: Vec::new(),
            identity: IdentityLevel::P0,
            components: Components::NONE,
            authenticated: None,
            delegated: false,
            expires: NOW.plus(family::LIFE_MAX),
            binding: None,
        };
        let families = [None, Some(family::of_grant(&[of; 16])), family::all_of_client("app", NOW).next(), None];
        KeptGrant::new(Arc::new(grant), kept.number_issuer(), None, NOW).ending_with(families)
    }

    fn admit(kept: &KeptTokens, token: &str, of: u8) -> bool {
        kept.admit(digest(token), grant(kept, token, of), kept.ask()).is_some()
    }

    fn end(kept: &KeptTokens, ended: TokenDigest) {
        kept.apply(&Change::TokenRevoked(ended));
    }

    #[test]
    fn a_grant_ends_with_all_its_tokens_and_no_others() {
        let kept = KeptTokens::default();
        assert!(admit(&kept, "a", 1) && admit(&kept, "b", 1) && admit(&kept, "c", 2));
        let asked = kept.ask();
        end(&kept, family::of_grant(&[1; 16]));
        for token in ["a", "b"] {
            assert!(matches!(kept.known(&digest(token)), Known::Revoked), "{token}");
        }
        assert!(matches!(kept.known(&digest("c")), Known::Confirmed(_)));
        assert!(kept.admit(digest("d"), grant(&kept, "d", 1), asked).is_none(), "its verification began before");
        assert!(matches!(kept.known(&digest("d")), Known::Revoked));
        family::all_of_client("app", NOW).for_each(|ended| end(&kept, ended));
        assert!(matches!(kept.known(&digest("c")), Known::Revoked), "its client is stopped");
        assert!(!admit(&kept, "e", 3));
    }

    #[test]
    fn a_token_ends_alone() {
        let kept = KeptTokens::default();
        assert!(admit(&kept, "a", 1) && admit(&kept, "b", 1));
        end(&kept, digest("a"));
        end(&kept, digest("unseen"));
        assert!(matches!(kept.known(&digest("a")), Known::Revoked));
        assert!(matches!(kept.known(&digest("unseen")), Known::Revoked));
        assert!(!admit(&kept, "unseen", 1));
        assert!(matches!(kept.known(&digest("b")), Known::Confirmed(_)));
        assert!(matches!(kept.known(&digest("c")), Known::Nothing));
    }

    #[test]
    fn once_an_end_is_forgotten_warm_is_asked_again_about_what_was_kept_before() {
        let kept = KeptTokens::default();
        assert!(admit(&kept, "a", 1) && admit(&kept, "b", 2));
        end(&kept, family::of_grant(&[1; 16]));
        (1..ENDED_MAX).for_each(|n| end(&kept, digest(&n.to_string())));
        assert!(matches!(kept.known(&digest("a")), Known::Revoked));
        assert!(matches!(kept.known(&digest("b")), Known::Confirmed(_)), "nothing is forgotten yet");
        end(&kept, digest("one more"));
        for token in ["a", "b"] {
            assert!(matches!(kept.known(&digest(token)), Known::Unconfirmed(_)), "{token}");
        }
        let Known::Unconfirmed(b) = kept.known(&digest("b")) else { panic!("kept") };
        b.confirm(kept.ask());
        assert!(matches!(kept.known(&digest("b")), Known::Confirmed(_)));
        assert!(admit(&kept, "c", 3));
        assert!(matches!(kept.known(&digest("c")), Known::Confirmed(_)));
    }
}
