//! Hand-off codes: how a session that was opened on the log-in host gets a token of its own on a service's host.
//!
//! A code says which session, made for which browser and when, sealed with AES-256-GCM (NIST SP 800-38D) under a key
//! of the day. The host that it is for is associated data, so it opens on that host alone. It travels in an address
//! and is therefore worth as little as can be: [`LIFETIME`] is a minute, it is spent by whoever presents it first, and
//! it opens nothing but in the browser that began the walk. The types say in which order that is checked: what was
//! [opened](open) must be [consumed](OpenedHandOff::consumed) before it is compared with the
//! [browser](SpentHandOff::in_browser), so a code that was shown in a wrong browser is spent too.

use crate::entropy::{Entropy, EntropyFailed};
use crate::id::{ID_BYTES, SessionId, SingleUse};
use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use crate::warm::Consumption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// How long a code may be presented: one redirection, on a slow line.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Life of a sealing key: random nonces allow 2^32 codes a key, which no day of one nation comes near.
const KEY_PERIOD: Duration = Duration::from_hours(24);

const VERSION: &[u8] = b"aldgate/hand-off/1\0";
const BINDING_BYTES: usize = 32;
const PLAIN_BYTES: usize = ID_BYTES + BINDING_BYTES + 8;
const CODE_BYTES: usize = NONCE_LEN + PLAIN_BYTES + MAX_TAG_LEN;

/// Characters of a code.
pub const CODE_CHARS: usize = CODE_BYTES / 3 * 4;

/// A browser on a service's host: SHA-256 of the random value that it holds in a cookie there. The digest travels
/// through addresses; the value does not.
#[derive(Debug, Clone, Copy)]
pub struct Binding([u8; BINDING_BYTES]);

/// The text is no [`Binding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a binding")]
pub struct NotABinding;

impl Binding {
    /// The binding of a browser that holds this value.
    pub fn of(value: &[u8]) -> Self {
        let mut bytes = [0; BINDING_BYTES];
        bytes.copy_from_slice(digest(&SHA256, value).as_ref());
        Self(bytes)
    }
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Binding {}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Binding {
    type Err = NotABinding;

    fn from_str(text: &str) -> Result<Self, NotABinding> {
        let mut bytes = [0; BINDING_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BINDING_BYTES) => Ok(Self(bytes)),
            _ => Err(NotABinding),
        }
    }
}

/// Why a code was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandOffRefused {
    /// Not sealed here, or for another host.
    #[error("the hand-off code was not made here for this host")]
    NotOurs,
    /// Older than [`LIFETIME`].
    #[error("the hand-off code has expired")]
    Expired,
    /// Presented before.
    #[error("the hand-off code was used before")]
    Used,
    /// Presented by a browser that did not begin this walk.
    #[error("the hand-off code was made for another browser")]
    OtherBrowser,
}

/// A code that was sealed here for this host and has not expired. It may have been used before.
#[derive(Debug)]
pub struct OpenedHandOff {
    session: SessionId,
    binding: Binding,
    value: SingleUse,
    expires: Timestamp,
}

/// A code that this request alone has used up. Whose browser it was made for is not known yet.
#[derive(Debug)]
pub struct SpentHandOff {
    session: SessionId,
    binding: Binding,
}

impl OpenedHandOff {
    /// What has to be consumed, and until when that must be remembered.
    pub const fn single_use(&self) -> (SingleUse, Timestamp) {
        (self.value, self.expires)
    }

    /// Goes on with what the shared tier said to [`OpenedHandOff::single_use`].
    ///
    /// # Errors
    /// [`HandOffRefused::Used`].
    pub const fn consumed(self, consumption: Consumption) -> Result<SpentHandOff, HandOffRefused> {
        match consumption {
            Consumption::Consumed => Ok(SpentHandOff { session: self.session, binding: self.binding }),
            Consumption::AlreadyUsed => Err(HandOffRefused::Used),
        }
    }
}

impl SpentHandOff {
    /// The session, if the browser that presents the code is the one that began the walk. Whether the session still
    /// stands is for the caller to ask.
    ///
    /// # Errors
    /// [`HandOffRefused::OtherBrowser`].
    pub fn in_browser(&self, browser: &Binding) -> Result<SessionId, HandOffRefused> {
        if self.binding == *browser { Ok(self.session) } else { Err(HandOffRefused::OtherBrowser) }
    }
}

const fn period(now: Timestamp) -> u64 {
    now.as_secs() / KEY_PERIOD.as_secs()
}

fn key(master: &MasterKey, period: u64) -> Option<LessSafeKey> {
    let secret = master.derive(Purpose::HandOff, period);
    UnboundKey::new(&AES_256_GCM, secret.expose()).ok().map(LessSafeKey::new)
}

fn for_host(host: &str) -> Aad<Vec<u8>> {
    Aad::from([VERSION, host.as_bytes()].concat())
}

/// A code that gives `session` to the browser `binding` on `host` (in lower case, without port).
///
/// # Errors
/// When the source of randomness fails.
pub fn seal(
    master: &MasterKey,
    session: SessionId,
    binding: &Binding,
    host: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<String, EntropyFailed> {
    let nonce: [u8; NONCE_LEN] = entropy.bytes()?;
    let mut sealed = [&session.as_bytes()[..], &binding.0, &now.as_millis().to_be_bytes()].concat();
    let tag = key(master, period(now)).and_then(|key| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_separate_tag(nonce, for_host(host), &mut sealed).ok()
    });
    // Neither a key of 32 bytes nor a text of 56 can be refused; if one were, there would be no code.
    let tag = tag.ok_or(EntropyFailed)?;
    Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed, tag.as_ref()].concat()))
}

/// Opens a code that was presented on `host`.
///
/// # Errors
/// [`HandOffRefused::NotOurs`] or [`HandOffRefused::Expired`]; nothing was looked up.
pub fn open(master: &MasterKey, code: &[u8], host: &str, now: Timestamp) -> Result<OpenedHandOff, HandOffRefused> {
    let mut bytes = [0; CODE_BYTES];
    if code.len() != CODE_CHARS || URL_SAFE_NO_PAD.decode_slice(code, &mut bytes) != Ok(CODE_BYTES) {
        return Err(HandOffRefused::NotOurs);
    }
    let plain = unseal(master, &bytes, host, now).ok_or(HandOffRefused::NotOurs)?;
    let (session, rest) = plain.split_at(ID_BYTES);
    let (binding, issued) = rest.split_at(BINDING_BYTES);
    let session = SessionId::from_slice(session).ok_or(HandOffRefused::NotOurs)?;
    let binding = binding.try_into().map(Binding).map_err(|_| HandOffRefused::NotOurs)?;
    let issued = issued.try_into().map(u64::from_be_bytes).map_err(|_| HandOffRefused::NotOurs)?;
    let expires = Timestamp::from_millis(issued).plus(LIFETIME);
    if now >= expires {
        return Err(HandOffRefused::Expired);
    }
    Ok(OpenedHandOff { session, binding, value: SingleUse::of(&bytes), expires })
}

/// Tries the key of today and its neighbours: a code may be made just before midnight, or by a gateway whose clock is
/// a little ahead.
fn unseal(master: &MasterKey, code: &[u8; CODE_BYTES], host: &str, now: Timestamp) -> Option<[u8; PLAIN_BYTES]> {
    let (nonce, sealed) = code.split_first_chunk::<NONCE_LEN>()?;
    let today = period(now);
    [today, today.saturating_sub(1), today.saturating_add(1)].into_iter().find_map(|period| {
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = key(master, period)?.open_in_place(nonce, for_host(host), &mut sealed).ok()?;
        <[u8; PLAIN_BYTES]>::try_from(&*plain).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOST: &str = "app.example";
    const SESSION: SessionId = SessionId::from_bytes([3; 16]);

    fn master() -> MasterKey {
        MasterKey::new([9; 32])
    }

    fn browser() -> Binding {
        Binding::of(b"browser")
    }

    fn code_at(now: Timestamp) -> String {
        seal(&master(), SESSION, &browser(), HOST, now, &SeededEntropy::new(1)).expect("entropy")
    }

    fn given(opened: OpenedHandOff, consumption: Consumption, to: &Binding) -> Result<SessionId, HandOffRefused> {
        opened.consumed(consumption)?.in_browser(to)
    }

    #[test]
    fn a_code_gives_its_session_to_its_browser_once() {
        let opened = || open(&master(), code_at(NOW).as_bytes(), HOST, NOW).expect("ours");
        assert_eq!(given(opened(), Consumption::Consumed, &browser()), Ok(SESSION));
        assert_eq!(given(opened(), Consumption::AlreadyUsed, &browser()), Err(HandOffRefused::Used));
        let other = Binding::of(b"another");
        assert_eq!(given(opened(), Consumption::Consumed, &other), Err(HandOffRefused::OtherBrowser));
        assert_eq!(opened().single_use(), opened().single_use());
        assert_eq!(code_at(NOW).len(), CODE_CHARS);
    }

    #[test]
    fn a_code_of_one_host_opens_on_no_other() {
        for host in ["records.example", "app.example.", "pp.example", "a", ""] {
            let opened = open(&master(), code_at(NOW).as_bytes(), host, NOW).map(|_| ());
            assert_eq!(opened, Err(HandOffRefused::NotOurs), "{host}");
        }
    }

    #[test]
    fn every_single_changed_character_is_refused() {
        let code = code_at(NOW).into_bytes();
        for at in 0..code.len() {
            for other in *b"AZaz09-_%=" {
                let mut forged = code.clone();
                if forged[at] != other {
                    forged[at] = other;
                    let opened = open(&master(), &forged, HOST, NOW).map(|_| ());
                    assert_eq!(opened, Err(HandOffRefused::NotOurs), "character {at} as {other}");
                }
            }
        }
    }

    #[test]
    fn a_code_lasts_a_minute_and_outlives_the_change_of_keys() {
        let code = code_at(NOW);
        let last = Timestamp::from_millis(NOW.plus(LIFETIME).as_millis() - 1);
        assert!(open(&master(), code.as_bytes(), HOST, last).is_ok());
        let late = open(&master(), code.as_bytes(), HOST, NOW.plus(LIFETIME)).map(|_| ());
        assert_eq!(late, Err(HandOffRefused::Expired));
        let midnight = Timestamp::from_secs(KEY_PERIOD.as_secs() * (period(NOW) + 1));
        let before = Timestamp::from_millis(midnight.as_millis() - 10);
        assert!(open(&master(), code_at(before).as_bytes(), HOST, midnight.plus(Duration::from_secs(1))).is_ok());
        assert!(open(&master(), code_at(midnight).as_bytes(), HOST, before).is_ok(), "a clock that is ahead");
    }

    #[test]
    fn another_deployments_code_is_refused() {
        let other = MasterKey::new([8; 32]);
        assert_eq!(open(&other, code_at(NOW).as_bytes(), HOST, NOW).map(|_| ()), Err(HandOffRefused::NotOurs));
    }

    #[test]
    fn a_binding_is_text_and_back() {
        assert_eq!(browser().to_string().parse(), Ok(browser()));
        for text in ["", "AAAA", &"A".repeat(42), &"A".repeat(44), &format!("{}=", browser())] {
            assert_eq!(text.parse::<Binding>(), Err(NotABinding), "{text}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_open(code in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open(&master(), &code, HOST, NOW).is_err());
        }

        #[test]
        fn random_text_of_the_right_length_never_opens(code in "[A-Za-z0-9_-]{112}") {
            prop_assert!(open(&master(), code.as_bytes(), HOST, NOW).is_err());
        }
    }
}
