//! An issuer as it is configured, with the file that it names (its key set, or our secret there) read and checked.
//!
//! A key set in a file is read here, for each configuration, and by [`crate::token::key_source`] again every `refresh`:
//! here it is noticed within seconds, and there it is noticed also while the configuration has faults.

use crate::config::fault::Fault;
use crate::config::source::{bounded, sha256};
use crate::config::{Introspection, KeySetPlace, TokenCheck, TokenIssuer};
use crate::token::introspector;
use aldgate_core::secret::Secret;
use aldgate_core::token::key_set::{KEY_SET_BYTES_MAX, KeySet};
use http::HeaderValue;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

/// Far longer than any secret that an issuer gives out.
const SECRET_BYTES_MAX: u64 = 4 * 1024;

/// An issuer and its file.
#[derive(Debug)]
pub struct ReadIssuer {
    pub(super) configured: TokenIssuer,
    pub(super) check: ReadCheck,
    /// The digest of the file, or zeros. It is never shown: a secret might be guessed by it.
    file: [u8; 32],
}

/// How its tokens are judged, with what that needs.
#[derive(Debug)]
pub(super) enum ReadCheck {
    /// By a key set from there, fetched again so often; the set itself if it is at hand.
    KeySet(KeySetPlace, Duration, Option<KeySet>),
    /// By asking it, with this `Authorization` of ours.
    Introspection(Introspection, HeaderValue),
}

impl ReadIssuer {
    /// Reads the file of the issuer that is configured at this place.
    ///
    /// # Errors
    /// One fault: the file cannot be used.
    pub fn read(at: usize, issuer: &TokenIssuer) -> Result<Self, Fault> {
        let fault = |key: &str, path: &Path, error: &dyn Display| {
            Fault::new(&format!("token_issuer[{at}].{key}"), &format!("{}: {error}", path.display()))
        };
        let (check, file) = match &issuer.check {
            TokenCheck::KeySet { place: place @ KeySetPlace::File(path), refresh } => {
                let fault = |error: &dyn Display| fault("key_set", path, error);
                let text = bounded(path, KEY_SET_BYTES_MAX as u64).map_err(|error| fault(&error))?;
                let keys = KeySet::parse(&text).map_err(|error| fault(&error))?;
                (ReadCheck::KeySet(place.clone(), *refresh, Some(keys)), sha256(&text))
            }
            TokenCheck::KeySet { place: place @ KeySetPlace::Uri(_), refresh } => {
                (ReadCheck::KeySet(place.clone(), *refresh, None), [0; 32])
            }
            TokenCheck::Introspection(how) => {
                let path = &how.client_secret;
                let fault = |error: &dyn Display| fault("client_secret", path, error);
                let secret = bounded(path, SECRET_BYTES_MAX).map(Secret::new).map_err(|error| fault(&error))?;
                let credentials = introspector::credentials(&how.client_id, &secret);
                let credentials = credentials.ok_or_else(|| fault(&"there is no client secret in it"))?;
                (ReadCheck::Introspection(how.clone(), credentials), sha256(secret.expose()))
            }
        };
        Ok(Self { configured: issuer.clone(), check, file })
    }

    /// By what its file is known.
    pub const fn file(&self) -> &[u8; 32] {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn issuer(check: TokenCheck) -> TokenIssuer {
        TokenIssuer { issuer: "https://as.example".into(), audience: "a".into(), check, dpop_nonce: false }
    }

    fn asked(client_secret: PathBuf) -> TokenIssuer {
        let (endpoint, client_id) = ("http://127.0.0.1:1/".into(), "gate".into());
        issuer(TokenCheck::Introspection(Introspection { endpoint, client_id, client_secret, cache: Duration::ZERO }))
    }

    #[test]
    fn a_file_that_is_no_good_is_a_fault_of_its_key() {
        let dir = TempDir::new().expect("a directory");
        let file = |name: &str, text: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let long = vec![b'a'; 5_000];
        for (path, message) in [
            (dir.path().join("none"), "cannot be read"),
            (file("empty", b" \n"), "there is no client secret in it"),
            (file("not text", b"\xff"), "there is no client secret in it"),
            (file("long", &long), "larger than 4096 bytes"),
        ] {
            let fault = ReadIssuer::read(3, &asked(path)).expect_err("a fault");
            assert_eq!(fault.path, "token_issuer[3].client_secret");
            assert!(fault.message.contains(message), "{fault}");
        }
        for (name, text) in [("no JSON", "{"), ("no keys", r#"{"keys":[]}"#)] {
            let place = KeySetPlace::File(file(name, text.as_bytes()));
            let refresh = Duration::from_mins(5);
            let fault = ReadIssuer::read(0, &issuer(TokenCheck::KeySet { place, refresh })).expect_err("a fault");
            assert_eq!(fault.path, "token_issuer[0].key_set");
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere_and_another_one_has_another_digest() {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("secret");
        let read = |secret: &str| {
            std::fs::write(&path, secret).expect("written");
            ReadIssuer::read(0, &asked(path.clone())).expect("an issuer")
        };
        let (one, other) = (read("s3cret\n"), read("s3cres\n"));
        assert_ne!(one.file(), other.file());
        let ReadCheck::Introspection(_, credentials) = &one.check else { panic!("asked") };
        assert!(!format!("{one:?}").contains(credentials.to_str().expect("text")));
        assert!(!format!("{one:?}").contains("s3cret"));
    }
}
