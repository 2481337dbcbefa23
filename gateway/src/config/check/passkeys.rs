//! `[passkeys]`: what is known of models of authenticators.

use super::Faults;
use crate::config::Models;
use crate::config::file::FilePasskeys;

/// Judges the table: a list is worth nothing without the root by which it is believed.
pub(super) fn models(file: Option<&FilePasskeys>, faults: &mut Faults) -> Option<Models> {
    let file = file?;
    match (&file.metadata, &file.metadata_root) {
        (None, None) => None,
        (Some(list), Some(root)) => Some(Models { list: list.into(), root: root.into() }),
        (Some(_), None) => {
            faults.add("passkeys.metadata_root", "is missing: it says whose signature the list must have");
            None
        }
        (None, Some(_)) => {
            faults.add("passkeys.metadata_root", "is of use only beside passkeys.metadata");
            None
        }
    }
}
