//! The hot tier of access tokens: the verdicts that this process has reached, each under the digest of the whole token: what is known
//! of one token is never known of another.
//!
//! What is revoked leaves a tombstone, as in [`crate::hot`], so that a verification which began before cannot
//! bring the token back. While the feed of changes is silent, and once after a gap in it, what is kept has to be
//! confirmed before it is used.
//!
//! There is one of it in a process, whatever issuers it is configured with: revocations outlive a change of these. A
//! verdict belongs to the issuer that it was reached by ([`IssuerNumber`]), and is nothing where that one is gone.

use crate::id::TokenDigest;
use crate::time::Timestamp;
use crate::token::grant::Grant;
use crate::verdict::TokenRefused;
use crate::warm::change::{Change, Feed, Follower};
use bytes::Bytes;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How much the kept grants may take together: about 100,000 of them, more clients than call one gateway in an hour.
const GRANT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What an entry takes beside its grant: the cache's own bookkeeping and the [`KeptGrant`].
const ENTRY_BYTES: usize = 320;

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

/// The state of the feed when warm was asked about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

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
    asked: AtomicU64,
}

impl KeptGrant {
    /// A grant that has just been verified.
    pub const fn new(grant: Arc<Grant>, issuer: IssuerNumber, key: Option<[u8; 32]>, use_until: Timestamp) -> Self {
        Self { grant, issuer, key, use_until, asked: AtomicU64::new(0) }
    }

    /// Notes that warm, asked then, knew of no revocation.
    pub fn confirm(&self, asked: Asked) {
        self.asked.fetch_max(asked.0, Ordering::AcqRel);
    }
}

#[derive(Clone)]
enum Entry {
    Good(Arc<KeptGrant>),
    Revoked,
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
    entries: Cache<TokenDigest, Entry>,
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
        let weight = |_: &TokenDigest, entry: &Entry| {
            let grant = match entry {
                Entry::Good(kept) => kept.grant.bytes(),
                Entry::Revoked => 0,
            };
            u32::try_from(grant + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder().weigher(weight).max_capacity(GRANT_BYTES_MAX);
        Self {
            entries: entries.eviction_policy(EvictionPolicy::lru()).build(),
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

    /// What is known of a token.
    pub fn known(&self, token: &TokenDigest) -> Known {
        match self.entries.get(token) {
            None => Known::Nothing,
            Some(Entry::Revoked) => Known::Revoked,
            Some(Entry::Good(kept)) => {
                // In this order: a silence that ends by a gap is over only when the gap has been counted.
                let heard = !self.silent.load(Ordering::Acquire);
                if heard && kept.asked.load(Ordering::Acquire) == self.gaps.load(Ordering::Acquire) {
                    Known::Confirmed(kept)
                } else {
                    Known::Unconfirmed(kept)
                }
            }
        }
    }

    /// To be called before warm is asked about a token.
    pub fn ask(&self) -> Asked {
        Asked(self.gaps.load(Ordering::Acquire))
    }

    /// Keeps a verified grant, of which warm knew no revocation when it was asked; `None` if it was revoked meanwhile.
    pub fn admit(&self, token: TokenDigest, grant: KeptGrant, asked: Asked) -> Option<Arc<KeptGrant>> {
        grant.confirm(asked);
        let grant = Arc::new(grant);
        let result = self.entries.entry(token).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(Entry::Revoked) => Op::Nop,
            Some(Entry::Good(_)) | None => Op::Put(Entry::Good(grant)),
        });
        match result.into_entry().map(moka::Entry::into_value) {
            Some(Entry::Good(kept)) => Some(kept),
            Some(Entry::Revoked) | None => None,
        }
    }

    /// Notes that a token was revoked.
    pub fn revoke(&self, token: &TokenDigest) {
        // By the same kind of call as `admit`: the cache puts these in one order for a key, but not a plain `insert`.
        self.entries.entry(*token).and_compute_with(|_| Op::Put(Entry::Revoked));
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
