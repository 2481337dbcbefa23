//! The schema: steps that run forward only, each once, embedded in the binary.
//!
//! A step that has shipped never changes, and a new one only adds (tables, columns that have a default, indexes): the
//! version before it goes on running while it is put in, and after. One that must take something away says so in
//! [`postgres`]: no version that needs it starts beside this one.

mod dialect;
pub(in crate::store) mod postgres;
pub(in crate::store) mod sqlite;

/// The schema, step by step, as SQLite reads it; [`dialect`] makes PostgreSQL's of it.
pub(in crate::store) const MIGRATIONS: [&str; 31] = [
    include_str!("../../../../migrations/0001_account.sql"),
    include_str!("../../../../migrations/0002_warm.sql"),
    include_str!("../../../../migrations/0003_shared_tier.sql"),
    include_str!("../../../../migrations/0004_audit.sql"),
    include_str!("../../../../migrations/0005_delivery.sql"),
    include_str!("../../../../migrations/0006_data_key.sql"),
    include_str!("../../../../migrations/0010_grant.sql"),
    include_str!("../../../../migrations/0011_person.sql"),
    include_str!("../../../../migrations/0015_signing_key.sql"),
    include_str!("../../../../migrations/0016_logout_notice.sql"),
    include_str!("../../../../migrations/0017_grant_told.sql"),
    include_str!("../../../../migrations/0018_client.sql"),
    include_str!("../../../../migrations/0020_second_step.sql"),
    include_str!("../../../../migrations/0021_contact_change.sql"),
    include_str!("../../../../migrations/0022_client_session.sql"),
    include_str!("../../../../migrations/0023_unopened.sql"),
    include_str!("../../../../migrations/0024_since_when.sql"),
    include_str!("../../../../migrations/0025_refusal.sql"),
    include_str!("../../../../migrations/0026_put_out.sql"),
    include_str!("../../../../migrations/0027_grant_session.sql"),
    include_str!("../../../../migrations/0028_service_use.sql"),
    include_str!("../../../../migrations/0029_login_event_of_account.sql"),
    include_str!("../../../../migrations/0030_consent_claims.sql"),
    include_str!("../../../../migrations/0031_client_text.sql"),
    include_str!("../../../../migrations/0032_password_chars.sql"),
    include_str!("../../../../migrations/0033_contact_stood.sql"),
    include_str!("../../../../migrations/0034_ended_tokens.sql"),
    include_str!("../../../../migrations/0038_new_browser.sql"),
    include_str!("../../../../migrations/0040_nhs_number.sql"),
    include_str!("../../../../migrations/0041_disabled_account.sql"),
    include_str!("../../../../migrations/0042_changed_passkeys.sql"),
];

/// How a database was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Schema {
    /// Up to date, if need be by steps that have just run.
    Current,
    /// Another program's.
    Foreign,
    /// Of a later version of this program: found, known.
    Newer(usize, usize),
    /// The SQLite that is linked is too old: its version.
    SqliteTooOld(String),
}
