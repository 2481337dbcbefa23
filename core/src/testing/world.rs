//! A small whole world: one relying party, one session, fixed moments.

use crate::assurance::{Components, IdentityLevel};
use crate::device::Device;
use crate::id::AccountId;
use crate::secret::MasterKey;
use crate::session::record::{Authentication, Lifetimes, SessionRecord};
use crate::time::Timestamp;
use crate::webauthn::relying_party::{RelyingParty, UserVerification};
use std::time::Duration;

/// The moment at which the world stands.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Its sessions' lifetimes.
pub const LIFETIMES: Lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

/// Its master key.
pub fn master_key() -> MasterKey {
    MasterKey::new([0x42; 32])
}

/// Its relying party: `localhost` over plain HTTP.
pub fn relying_party() -> RelyingParty {
    RelyingParty::new("localhost", "Aldgate", vec!["http://localhost:8080".into()], UserVerification::Required)
}

/// A session that a passkey opened now.
pub fn session_record() -> SessionRecord {
    let by = Authentication {
        account: AccountId::from_bytes([1; 16]),
        credential: None,
        identity: IdentityLevel::P0,
        components: Components::PASSKEY,
    };
    SessionRecord::open(by, LIFETIMES, Device::default(), NOW)
}
