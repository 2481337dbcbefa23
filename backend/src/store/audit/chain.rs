//! The chains of the audit: what a tag covers, and the walk that proves a chain whole.

use super::{Audited, Fields};
use crate::store::StoreError;
use crate::store::sql::{self, Readers};
use aldgate_core::id::LANES;
use aldgate_core::secret::{MasterKey, Purpose};
use ring::hmac;
use std::fmt;
use std::str::FromStr;

/// The chain of what is about no account.
pub(in crate::store) const OF_NONE: u8 = LANES as u8;

/// How many chains there are.
pub const CHAINS: u8 = OF_NONE + 1;

/// Entries that the walk reads at a time.
const READ_MAX: u32 = 500;

/// What stands before a chain's first tag.
const START: [u8; 32] = [0; 32];

/// The chain of an entry.
pub(in crate::store) fn of(fields: &Fields) -> u8 {
    fields.subject.map_or(OF_NONE, |account| u8::try_from(account.lane().index()).unwrap_or(OF_NONE))
}

/// The key of the tags.
#[derive(Debug)]
pub(in crate::store) struct AuditKey(hmac::Key);

impl AuditKey {
    pub(in crate::store) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::Audit, 0).expose()))
    }

    /// The tag of an entry. Every text stands behind its length, so that no two entries have the same bytes.
    pub(in crate::store) fn tag(&self, chain: u8, n: u64, fields: &Fields, before: &[u8; 32]) -> [u8; 32] {
        let Fields { at, actor, action, subject, outcome, detail } = fields;
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(before);
        mac.update(&[chain]);
        mac.update(&n.to_be_bytes());
        mac.update(&at.as_millis().to_be_bytes());
        let subject = subject.as_ref().map_or(&[][..], |account| account.as_bytes());
        for text in [actor.as_bytes(), action.as_bytes(), subject, outcome.as_bytes(), detail.as_bytes()] {
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(mac.sign().as_ref());
        tag
    }
}

/// Where a chain ends. As text, `chain n tag` in one line: to be noted outside the database, and shown to a later
/// verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which chain.
    pub chain: u8,
    /// How many entries it has.
    pub n: u64,
    /// The last one's tag.
    pub tag: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.chain, self.n)?;
        self.tag.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A line that is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a line that `aldgate audit verify` has printed")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(line: &str) -> Result<Self, NotAHead> {
        let mut words = line.split_ascii_whitespace();
        let chain = words.next().and_then(|word| word.parse().ok()).ok_or(NotAHead)?;
        let n = words.next().and_then(|word| word.parse().ok()).ok_or(NotAHead)?;
        let digits = words.next().filter(|word| word.len() == 64 && word.is_ascii()).ok_or(NotAHead)?;
        let mut tag = [0; 32];
        for (at, byte) in tag.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(NotAHead)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAHead)?;
        }
        if words.next().is_some() { Err(NotAHead) } else { Ok(Self { chain, n, tag }) }
    }
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The entry is not what was written, or was never written here, or the one before it is not.
    #[error("chain {chain} breaks at entry {n}: it, or the one before it, is not what was written")]
    Altered {
        /// Which chain.
        chain: u8,
        /// Which entry.
        n: u64,
    },
    /// An entry is not there.
    #[error("chain {chain} breaks at entry {n}: it is missing")]
    Missing {
        /// Which chain.
        chain: u8,
        /// Which entry.
        n: u64,
    },
    /// The chain does not lead to where it ended at a former time.
    #[error("chain {chain} no longer leads to its entry {n} as it was noted")]
    Rewritten {
        /// Which chain.
        chain: u8,
        /// Which entry.
        n: u64,
    },
}

/// Goes through all chains.
pub(super) async fn verify(
    readers: &Readers,
    key: &AuditKey,
    earlier: &[Head],
) -> Result<Result<Vec<Head>, Break>, StoreError> {
    let mut heads = Vec::new();
    for chain in 0..CHAINS {
        // The head first: what is appended meanwhile stands behind it.
        let head = sql::audit::head(readers, chain).await?.unwrap_or(Head { chain, n: 0, tag: START });
        let mut walk = Walk { last: Head { chain, n: 0, tag: START }, key };
        let noted: Vec<&Head> = earlier.iter().filter(|noted| noted.chain == chain).chain([&head]).collect();
        if let Err(broken) = walk.pass(&noted) {
            return Ok(Err(broken));
        }
        loop {
            let entries = sql::audit::of_chain(readers, chain, walk.last.n, READ_MAX).await?;
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                if let Err(broken) = walk.step(entry).and_then(|()| walk.pass(&noted)) {
                    return Ok(Err(broken));
                }
            }
        }
        if noted.iter().any(|noted| noted.n > walk.last.n) {
            return Ok(Err(Break::Missing { chain, n: walk.last.n + 1 }));
        }
        heads.push(walk.last);
    }
    Ok(Ok(heads))
}

struct Walk<'a> {
    last: Head,
    key: &'a AuditKey,
}

impl Walk<'_> {
    fn step(&mut self, entry: &Audited) -> Result<(), Break> {
        let Head { chain, n, tag } = self.last;
        let n = n + 1;
        if entry.n != n {
            return Err(Break::Missing { chain, n });
        }
        let wanted = self.key.tag(chain, n, &entry.fields, &tag);
        if wanted != entry.tag {
            return Err(Break::Altered { chain, n });
        }
        self.last = Head { chain, n, tag: wanted };
        Ok(())
    }

    /// Whether the chain is at this entry as it was noted to be.
    fn pass(&self, noted: &[&Head]) -> Result<(), Break> {
        let Head { chain, n, tag } = self.last;
        match noted.iter().any(|noted| noted.n == n && n > 0 && noted.tag != tag) {
            true => Err(Break::Rewritten { chain, n }),
            false => Ok(()),
        }
    }
}
