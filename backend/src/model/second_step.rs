//! Second steps: what is asked for after a password.

use super::telephone::{PhoneKind, PhoneNumber};
use aldgate_core::device::Device;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use std::time::Duration;

/// Bytes of an authenticator app's key: those of the HMAC (RFC 4226, section 4, R6).
pub const APP_KEY_BYTES: usize = 20;

/// A kind of second step; an account has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// A code in a text message.
    Mobile,
    /// A code in a call.
    Landline,
    /// A code from an authenticator app.
    App,
}

impl StepKind {
    /// Every kind, in the order in which they are offered: what needs no network first.
    pub const ALL: [Self; 3] = [Self::App, Self::Mobile, Self::Landline];

    /// Its number in the store.
    pub const fn number(self) -> u8 {
        match self {
            Self::Mobile => 1,
            Self::Landline => 2,
            Self::App => 3,
        }
    }

    /// The kind of a number.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i64::from(kind.number()) == number)
    }
}

impl From<PhoneKind> for StepKind {
    fn from(kind: PhoneKind) -> Self {
        match kind {
            PhoneKind::Mobile => Self::Mobile,
            PhoneKind::Landline => Self::Landline,
        }
    }
}

/// The key that an authenticator app shares with us.
pub struct AppKey(Secret<[u8; APP_KEY_BYTES]>);

impl AppKey {
    /// Takes the bytes.
    pub const fn new(bytes: [u8; APP_KEY_BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, for the one call that needs them.
    pub const fn expose(&self) -> &[u8; APP_KEY_BYTES] {
        self.0.expose()
    }
}

impl Clone for AppKey {
    fn clone(&self) -> Self {
        Self::new(*self.expose())
    }
}

impl PartialEq for AppKey {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for AppKey {}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppKey(…)")
    }
}

/// A second step of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondStep {
    /// A code is sent to this telephone.
    Phone(PhoneNumber),
    /// A code is read from the app that has this key.
    App(AppKey),
}

impl SecondStep {
    /// Its kind.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Phone(number) => number.kind().into(),
            Self::App(_) => StepKind::App,
        }
    }
}

/// The second steps of an account, in the order of [`StepKind::ALL`], each with when it was added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecondSteps(pub Vec<(SecondStep, Timestamp)>);

impl SecondSteps {
    /// Whether nothing is asked for after the password.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds that there are.
    pub fn kinds(&self) -> impl Iterator<Item = StepKind> {
        self.0.iter().map(|(step, _)| step.kind())
    }

    /// The one of a kind.
    pub fn of(&self, kind: StepKind) -> Option<&SecondStep> {
        self.0.iter().map(|(step, _)| step).find(|step| step.kind() == kind)
    }
}

/// How long a remembered browser may lie unused: six months.
pub const UNUSED_MAX: Duration = Duration::from_hours(183 * 24);

/// A browser in which the second step need not be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedBrowser {
    /// By what its list names it: the digest of what its cookie holds.
    pub id: [u8; 32],
    /// Its kind.
    pub device: Device,
    /// Since when it has been remembered.
    pub created: Timestamp,
    /// When it was last used to sign in.
    pub used: Timestamp,
}
