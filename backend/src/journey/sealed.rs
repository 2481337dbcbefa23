//! The journey cookie: all that is known of a journey, sealed, in the browser of the person who makes it.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key of the day, with a random nonce and the format's version as associated
//! data. So the database holds nothing of people who only began something, and nobody can read or change where they
//! are. A cookie can be sent again by whoever holds it: whatever must happen once is consumed in the shared tier, and
//! whatever must happen seldom is counted in the store.

use super::return_to::ReturnTo;
use super::stage::{
    AddingApp, AwaitingCode, AwaitingStep, Contact, Journey, JourneyId, Proven, ProvingContact, SigningIn, Stage,
};
use crate::model::EmailAddress;
use crate::model::second_step::{AppKey, StepKind};
use crate::model::telephone::PhoneNumber;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The cookie's name.
pub(crate) const COOKIE: &str = "__Host-aldgate-journey";

/// How long a journey may rest between two steps: time enough to look for a message in the spam folder.
pub(crate) const LIFETIME: Duration = Duration::from_mins(30);

/// Longest cookie value that is read: browsers keep 4 KiB.
const COOKIE_BYTES_MAX: usize = 4 * 1024;

/// Life of a key: random nonces allow 2^32 sealings a key, which no day comes near.
const KEY_PERIOD: Duration = Duration::from_hours(24);

const VERSION: &[u8] = b"aldgate/journey-cookie/1";

/// The seal of journeys.
pub(crate) struct Sealer {
    master: Arc<MasterKey>,
    entropy: Arc<dyn Entropy>,
}

/// A journey's fields as text; short names, since they travel with every request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(rename = "x")]
    expires: Timestamp,
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "s")]
    stage: StageContent,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StageContent {
    #[serde(rename = "a")]
    AwaitingCode { id: String, email: String, sendings: u8, sent: Timestamp },
    #[serde(rename = "p")]
    Proven { id: String, email: String, account: String },
    #[serde(rename = "r")]
    Registered,
    #[serde(rename = "s")]
    SigningIn {
        email: String,
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        makes_passkeys: bool,
    },
    #[serde(rename = "2")]
    SecondStep {
        id: String,
        account: String,
        email: String,
        mark: String,
        kind: u8,
        sendings: u8,
        sent: Timestamp,
        begun: Timestamp,
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        makes_passkeys: bool,
    },
    #[serde(rename = "e")]
    ProvingEmail { id: String, account: String, email: String, sendings: u8, sent: Timestamp },
    #[serde(rename = "t")]
    ProvingPhone { id: String, account: String, number: String, sendings: u8, sent: Timestamp },
    #[serde(rename = "k")]
    AddingApp { id: String, account: String, key: String },
}

impl Sealer {
    /// A seal under keys that are derived from the deployment's.
    pub(crate) const fn new(master: Arc<MasterKey>, entropy: Arc<dyn Entropy>) -> Self {
        Self { master, entropy }
    }

    /// The cookie's value for a journey that rests from now on.
    pub(crate) fn seal(&self, journey: &Journey, now: Timestamp) -> Result<String, EntropyFailed> {
        let content = Content {
            expires: now.plus(LIFETIME),
            return_to: journey.return_to.as_str().to_owned(),
            stage: StageContent::of(&journey.stage),
        };
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes()?;
        let mut sealed = serde_json::to_vec(&content).unwrap_or_default(); // Structs of text and numbers always are JSON.
        let tag = self.key(period(now)).and_then(|key| {
            key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(VERSION), &mut sealed).ok()
        });
        let tag = tag.ok_or(EntropyFailed)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed, tag.as_ref()].concat()))
    }

    /// The journey in a cookie's value; `None` if it was not sealed here, or rested too long.
    pub(crate) fn open(&self, value: &[u8], now: Timestamp) -> Option<Journey> {
        if value.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let today = period(now);
        let plain = [today, today.saturating_sub(1)].into_iter().find_map(|period| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = self.key(period)?.open_in_place(nonce, Aad::from(VERSION), &mut sealed).ok()?;
            Some(plain.to_vec())
        })?;
        let content: Content = serde_json::from_slice(&plain).ok()?;
        let stage = (now < content.expires).then(|| content.stage.into_stage())??;
        Some(Journey { return_to: ReturnTo::parse(Some(&content.return_to)), stage })
    }

    fn key(&self, period: u64) -> Option<LessSafeKey> {
        let secret = self.master.derive(Purpose::Journey, period);
        UnboundKey::new(&AES_256_GCM, secret.expose()).ok().map(LessSafeKey::new)
    }
}

const fn period(now: Timestamp) -> u64 {
    now.as_secs() / KEY_PERIOD.as_secs()
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn journey_id(text: &str) -> Option<JourneyId> {
    bytes(text).map(JourneyId)
}

impl StageContent {
    fn of(stage: &Stage) -> Self {
        let text = |id: &JourneyId| URL_SAFE_NO_PAD.encode(id.as_bytes());
        match stage {
            Stage::AwaitingCode(AwaitingCode { id, email, sendings, sent }) => {
                Self::AwaitingCode { id: text(id), email: email.as_str().to_owned(), sendings: *sendings, sent: *sent }
            }
            Stage::Proven(Proven { id, email, account }) => {
                Self::Proven { id: text(id), email: email.as_str().to_owned(), account: account.to_string() }
            }
            Stage::Registered => Self::Registered,
            Stage::SigningIn(SigningIn { email, makes_passkeys }) => {
                Self::SigningIn { email: email.as_str().to_owned(), makes_passkeys: *makes_passkeys }
            }
            Stage::SecondStep(stage) => Self::SecondStep {
                id: text(&stage.id),
                account: stage.account.to_string(),
                email: stage.email.as_str().to_owned(),
                mark: URL_SAFE_NO_PAD.encode(stage.mark),
                kind: stage.kind.number(),
                sendings: stage.sendings,
                sent: stage.sent,
                begun: stage.begun,
                makes_passkeys: stage.makes_passkeys,
            },
            Stage::ProvingContact(ProvingContact { id, account, contact, sendings, sent }) => {
                let (id, account, sendings, sent) = (text(id), account.to_string(), *sendings, *sent);
                match contact {
                    Contact::Email(email) => {
                        Self::ProvingEmail { id, account, email: email.as_str().to_owned(), sendings, sent }
                    }
                    Contact::Phone(number) => {
                        Self::ProvingPhone { id, account, number: number.as_str().to_owned(), sendings, sent }
                    }
                }
            }
            Stage::AddingApp(AddingApp { id, account, key }) => Self::AddingApp {
                id: text(id),
                account: account.to_string(),
                key: URL_SAFE_NO_PAD.encode(key.expose()),
            },
        }
    }

    fn into_stage(self) -> Option<Stage> {
        let address = |text: &str| EmailAddress::parse(text).ok();
        Some(match self {
            Self::AwaitingCode { id, email, sendings, sent } => {
                Stage::AwaitingCode(AwaitingCode { id: journey_id(&id)?, email: address(&email)?, sendings, sent })
            }
            Self::Proven { id, email, account } => {
                let account: AccountId = account.parse().ok()?;
                Stage::Proven(Proven { id: journey_id(&id)?, email: address(&email)?, account })
            }
            Self::Registered => Stage::Registered,
            Self::SigningIn { email, makes_passkeys } => {
                Stage::SigningIn(SigningIn { email: address(&email)?, makes_passkeys })
            }
            Self::SecondStep { id, account, email, mark, kind, sendings, sent, begun, makes_passkeys } => {
                Stage::SecondStep(AwaitingStep {
                    id: journey_id(&id)?,
                    account: account.parse().ok()?,
                    email: address(&email)?,
                    mark: bytes(&mark)?,
                    kind: StepKind::of_number(kind.into())?,
                    sendings,
                    sent,
                    begun,
                    makes_passkeys,
                })
            }
            Self::ProvingEmail { id, account, email, sendings, sent } => Stage::ProvingContact(ProvingContact {
                id: journey_id(&id)?,
                account: account.parse().ok()?,
                contact: Contact::Email(address(&email)?),
                sendings,
                sent,
            }),
            Self::ProvingPhone { id, account, number, sendings, sent } => Stage::ProvingContact(ProvingContact {
                id: journey_id(&id)?,
                account: account.parse().ok()?,
                contact: Contact::Phone(PhoneNumber::parse(&number).ok()?),
                sendings,
                sent,
            }),
            Self::AddingApp { id, account, key } => Stage::AddingApp(AddingApp {
                id: journey_id(&id)?,
                account: account.parse().ok()?,
                key: AppKey::new(bytes(&key)?),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::{SeededEntropy, world};

    const NOW: Timestamp = world::NOW;

    fn sealer() -> Sealer {
        Sealer::new(Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)))
    }

    fn journeys() -> Vec<Journey> {
        let (id, email) = (JourneyId([7; 16]), EmailAddress::parse("a@b.example").expect("address"));
        let account = AccountId::from_bytes([3; 16]);
        let number = PhoneNumber::parse("07700 900123").expect("number");
        [
            Stage::AwaitingCode(AwaitingCode { id, email: email.clone(), sendings: 2, sent: NOW }),
            Stage::Proven(Proven { id, email: email.clone(), account }),
            Stage::Registered,
            Stage::SigningIn(SigningIn { email: email.clone(), makes_passkeys: false }),
            Stage::SigningIn(SigningIn { email: email.clone(), makes_passkeys: true }),
            Stage::SecondStep(AwaitingStep {
                id,
                account,
                email: email.clone(),
                mark: [8; 16],
                kind: StepKind::Landline,
                sendings: 1,
                sent: NOW,
                begun: NOW,
                makes_passkeys: true,
            }),
            Stage::ProvingContact(ProvingContact {
                id,
                account,
                contact: Contact::Email(email),
                sendings: 1,
                sent: NOW,
            }),
            Stage::ProvingContact(ProvingContact {
                id,
                account,
                contact: Contact::Phone(number),
                sendings: 3,
                sent: NOW,
            }),
            Stage::AddingApp(AddingApp { id, account, key: AppKey::new([9; 20]) }),
        ]
        .map(|stage| Journey { return_to: ReturnTo::parse(Some("/demo?x=1")), stage })
        .into()
    }

    #[test]
    fn a_journey_is_opened_as_it_was_sealed_until_it_has_rested_too_long() {
        for journey in journeys() {
            let cookie = sealer().seal(&journey, NOW).expect("sealed");
            let open = |now| sealer().open(cookie.as_bytes(), now);
            let end = NOW.plus(LIFETIME);
            assert_eq!(open(NOW).as_ref(), Some(&journey));
            assert_eq!(open(Timestamp::from_millis(end.as_millis() - 1)), Some(journey));
            assert_eq!(open(end), None);
        }
    }

    #[test]
    fn it_opens_across_the_change_of_keys() {
        let journey = &journeys()[0];
        let last = Timestamp::from_secs(KEY_PERIOD.as_secs() * (period(NOW) + 1) - 1);
        let cookie = sealer().seal(journey, last).expect("sealed");
        assert!(sealer().open(cookie.as_bytes(), last.plus(Duration::from_secs(2))).is_some());
    }

    #[test]
    fn forged_cut_and_lengthened_cookies_are_refused() {
        let cookie = sealer().seal(&journeys()[1], NOW).expect("sealed").into_bytes();
        for at in 0..cookie.len() {
            let mut forged = cookie.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealer().open(&forged, NOW), None, "character {at}");
            assert_eq!(sealer().open(&cookie[..at], NOW), None, "cut at {at}");
        }
        assert_eq!(sealer().open(&[&cookie[..], b"AAAA"].concat(), NOW), None);
        assert_eq!(sealer().open(&vec![b'A'; COOKIE_BYTES_MAX + 1], NOW), None);
        assert_eq!(sealer().open(b"", NOW), None);
    }

    #[test]
    fn the_longest_journey_fits_into_a_cookie() {
        let email = format!("{}@{}.example", "a".repeat(64), "b".repeat(181));
        let stage = Stage::SecondStep(AwaitingStep {
            id: JourneyId([7; 16]),
            account: AccountId::from_bytes([3; 16]),
            email: EmailAddress::parse(&email).expect("address"),
            mark: [8; 16],
            kind: StepKind::Landline,
            sendings: 3,
            sent: NOW,
            begun: NOW,
            makes_passkeys: true,
        });
        let return_to = ReturnTo::parse(Some(&format!("/{}", "a".repeat(2_047))));
        let cookie = sealer().seal(&Journey { return_to, stage }, NOW).expect("sealed");
        assert!(cookie.len() < 3_900, "{}", cookie.len());
    }
}
