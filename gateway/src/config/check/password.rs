//! `[password]`: how passwords are hashed, and which ones are taken.

use super::Faults;
use crate::config::Password;
use crate::config::file::FilePassword;
use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::policy::demand::{Demand, Lack, Shown};
use aldgate_core::policy::route::{Access, Route};
use aldgate_core::time::Timestamp;

/// NIST SP 800-63B-4, section 3.1.1.2: with another factor, and as the only one.
const LENGTH_MIN: i64 = 8;
const ALONE_LENGTH: i64 = 15;

const LENGTH_MAX: i64 = 64; // Whoever asks for more has made a typing error.

/// Judges the table. A password that is the only factor has 15 characters or more where a route that demands a verified
/// identity is open to whoever has nothing but it; the key says otherwise.
pub(super) fn password(file: Option<&FilePassword>, threads: u64, routes: &[Route], faults: &mut Faults) -> Password {
    let default = if routes.iter().any(is_high_and_open_to_passwords) { ALONE_LENGTH } else { LENGTH_MIN };
    let alone_length = file.and_then(|file| file.alone_length).unwrap_or(default);
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&alone_length) {
        faults.add("password.alone_length", format!("must be from {LENGTH_MIN} to {LENGTH_MAX}"));
    }
    Password {
        threads: usize::try_from(threads).unwrap_or(1),
        alone_length: usize::try_from(alone_length).unwrap_or(0),
        breached: file.and_then(|file| file.breached.as_ref()).map(Into::into),
    }
}

fn is_high_and_open_to_passwords(route: &Route) -> bool {
    let Access::Demand(demand) = &route.access else { return false };
    let lack = |identity| lack(demand, identity);
    // High: somebody whose identity was never verified is turned away for that.
    matches!(lack(IdentityLevel::P0), Some(Lack::Identity(_)))
        && matches!(lack(IdentityLevel::P9), None | Some(Lack::Freshness(_)))
}

fn lack(demand: &Demand, identity: IdentityLevel) -> Option<Lack> {
    let now = Timestamp::from_secs(0);
    let shown =
        Shown { identity, components: Components::PASSWORD, authenticated: Some(now), delegated: false, scopes: None };
    demand.lack(&shown, now)
}
