//! Moments as programs read them, and people too who open a file of ours: RFC 3339, in UTC.

use aldgate_core::time::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2026-03-12T09:41:00Z`; nothing for a moment beyond the calendar.
pub(crate) fn moment(at: Timestamp) -> Option<String> {
    let secs = i64::try_from(at.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(secs).ok()?.format(&Rfc3339).ok()
}
