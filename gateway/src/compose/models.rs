//! The list of models of authenticators that the backend knows, where the configuration names one.

use super::CannotStart;
use aldgate_backend::Metadata;
use aldgate_core::time::Timestamp;
use aldgate_gateway::config::Models;
use std::path::Path;
use std::sync::Arc;

/// Reads and verifies it.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn read(models: Option<&Models>, now: Timestamp) -> Result<Option<Arc<Metadata>>, CannotStart> {
    let Some(Models { list, root }) = models else { return Ok(None) };
    let cannot = |path: &Path, key: &str, error: &dyn std::fmt::Display| {
        CannotStart(format!("cannot use {} (passkeys.{key}): {error}", path.display()))
    };
    let root = std::fs::read(root).map_err(|error| cannot(root, "metadata_root", &error))?;
    let bytes = std::fs::read(list).map_err(|error| cannot(list, "metadata", &error))?;
    let known = Metadata::read(&bytes, &root, now).map_err(|error| cannot(list, "metadata", &error))?;
    let (number, next_update, models) = (known.number(), known.next_update(), known.models());
    if known.is_overdue(now) {
        tracing::warn!(number, next_update, "the list of authenticators is old: fetch it again; it is used until then");
    } else {
        tracing::info!(number, next_update, models, "the list of authenticators was read");
    }
    Ok(Some(Arc::new(known)))
}
