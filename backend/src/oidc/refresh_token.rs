//! Refresh tokens: a grant, its generation, and a keyed tag.
//!
//! A forged or cut one costs a MAC and no look-up, and the database holds none. Which generation is the good one, the
//! grant's row says: whoever shows an older one shows one that was replaced.

use crate::model::GrantId;
use aldgate_core::secret::{MasterKey, Purpose};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// Life of a key. A token is made under the key of the day and lives for at most as long again.
const KEY_PERIOD: Duration = Duration::from_hours(30 * 24);

const GRANT_BYTES: usize = 16;
const BODY_BYTES: usize = GRANT_BYTES + 4 + 4; // Grant, generation, period of the key.
const TAG_BYTES: usize = 32;
const TOKEN_BYTES: usize = BODY_BYTES + TAG_BYTES;

/// A refresh token that was made here, and is not yet known to be the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    /// Its family.
    pub(crate) grant: GrantId,
    /// How often the family's token had been replaced when it was made.
    pub(crate) generation: u32,
}

/// Who makes and reads them.
pub(crate) struct RefreshTokens(Arc<MasterKey>);

impl RefreshTokens {
    /// The deployment's.
    pub(crate) const fn of(master: Arc<MasterKey>) -> Self {
        Self(master)
    }

    /// The text of a token that is made now.
    pub(crate) fn write(&self, token: RefreshToken, now: Timestamp) -> String {
        let period = period(now);
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend(token.grant.as_bytes());
        bytes.extend(token.generation.to_be_bytes());
        bytes.extend(period.to_be_bytes());
        let tag = self.tag(period, &bytes);
        bytes.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token in a text; nothing for what was not made here, or too long ago.
    pub(crate) fn read(&self, text: &str, now: Timestamp) -> Option<RefreshToken> {
        let mut bytes = [0; TOKEN_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(TOKEN_BYTES) => {}
            _ => return None,
        }
        let (body, tag) = bytes.split_first_chunk::<BODY_BYTES>()?;
        let (grant, rest) = body.split_first_chunk::<GRANT_BYTES>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let made = u32::from_be_bytes(rest.try_into().ok()?);
        let recent = (period(now).saturating_sub(1)..=period(now)).contains(&made);
        let ours = recent && bool::from(self.tag(made, body).as_ref().ct_eq(tag));
        let token = RefreshToken { grant: GrantId::from_bytes(*grant), generation: u32::from_be_bytes(*generation) };
        ours.then_some(token)
    }

    fn tag(&self, period: u32, body: &[u8]) -> hmac::Tag {
        let key = self.0.derive(Purpose::RefreshToken, period.into());
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), body)
    }
}

fn period(now: Timestamp) -> u32 {
    u32::try_from(now.as_secs() / KEY_PERIOD.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world::{NOW, master_key};

    const TOKEN: RefreshToken = RefreshToken { grant: GrantId::from_bytes([7; 16]), generation: 3 };

    #[test]
    fn a_token_is_read_as_it_was_written_for_thirty_days() {
        let tokens = RefreshTokens::of(Arc::new(master_key()));
        let text = tokens.write(TOKEN, NOW);
        assert_eq!(tokens.read(&text, NOW), Some(TOKEN));
        assert_eq!(tokens.read(&text, NOW.plus(KEY_PERIOD)), Some(TOKEN));
        assert_eq!(tokens.read(&text, NOW.plus(KEY_PERIOD * 2)), None);
    }

    #[test]
    fn forged_cut_and_lengthened_tokens_are_nothing() {
        let tokens = RefreshTokens::of(Arc::new(master_key()));
        let text = tokens.write(TOKEN, NOW);
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            assert_eq!(tokens.read(&[&text[..at], other, &text[at + 1..]].concat(), NOW), None, "{at}");
            assert_eq!(tokens.read(&text[..at], NOW), None, "cut at {at}");
        }
        assert_eq!(tokens.read(&format!("{text}AAAA"), NOW), None);
        assert_eq!(RefreshTokens::of(Arc::new(MasterKey::new([1; 32]))).read(&text, NOW), None);
    }
}
