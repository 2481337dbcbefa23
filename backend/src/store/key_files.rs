//! Data keys as files: `data-N.key` among the deployment's keys, 32 random bytes, for the directory's owner alone.

use super::data_key::{DATA_KEY_BYTES, DataKeys, KeyId, KeysFailed};
use aldgate_core::secret::Secret;
use async_trait::async_trait;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The files of a directory.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    dir: PathBuf,
}

impl KeyFiles {
    /// Of this directory, which exists.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The file of a key.
    pub(super) fn path(&self, id: KeyId) -> PathBuf {
        self.dir.join(format!("data-{id}.key"))
    }

    /// Nothing, if there is nothing; a wrapped key is not missing, but cannot be used without its program.
    fn unless_wrapped(&self, id: KeyId) -> Result<Option<Secret<[u8; DATA_KEY_BYTES]>>, KeysFailed> {
        let path = self.wrapped_path(id);
        if path.exists() {
            let line = format!("{} is wrapped: keys.wrap must name the program that unwraps it", path.display());
            return Err(KeysFailed(line));
        }
        Ok(None)
    }

    /// The file of one that a program has wrapped.
    pub(super) fn wrapped_path(&self, id: KeyId) -> PathBuf {
        self.dir.join(format!("data-{id}.wrapped"))
    }
}

pub(super) fn failed(path: &Path, error: &std::io::Error) -> KeysFailed {
    KeysFailed(format!("cannot use {}: {error}", path.display()))
}

/// Writes a file that is whole under its name or not there: written beside it, and linked. For the owner of its directory
/// alone, who may be another than whoever makes it.
pub(super) fn new_file(path: &Path, bytes: &[u8]) -> Result<(), KeysFailed> {
    let dir = path.parent().unwrap_or(path);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new.{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let owner = std::fs::metadata(dir)?;
        if file.metadata()?.uid() != owner.uid() {
            std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?; // Made by root, for the backend.
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        linked?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| failed(path, &error))
}

fn remove(path: &Path) -> Result<(), KeysFailed> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

#[async_trait]
impl DataKeys for KeyFiles {
    async fn load(&self, id: KeyId) -> Result<Option<Secret<[u8; DATA_KEY_BYTES]>>, KeysFailed> {
        let path = self.path(id);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.unless_wrapped(id),
            Err(error) => return Err(failed(&path, &error)),
        };
        let mode = file.metadata().map_err(|error| failed(&path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            let line = format!("{} may be read by others: chmod 600, and think of rotating it", path.display());
            return Err(KeysFailed(line));
        }
        let mut bytes = Zeroizing::new([0; DATA_KEY_BYTES + 1]);
        let mut length = 0;
        loop {
            let rest = bytes.get_mut(length..).unwrap_or_default();
            match file.read(rest).map_err(|error| failed(&path, &error))? {
                0 => break,
                read => length += read,
            }
        }
        match bytes.first_chunk::<DATA_KEY_BYTES>() {
            Some(key) if length == DATA_KEY_BYTES => Ok(Some(Secret::new(*key))),
            _ => Err(KeysFailed(format!("{} must have exactly 32 bytes", path.display()))),
        }
    }

    async fn keep(&self, id: KeyId, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<(), KeysFailed> {
        new_file(&self.path(id), key.expose())
    }

    async fn destroy(&self, id: KeyId) -> Result<(), KeysFailed> {
        remove(&self.path(id)).and(remove(&self.wrapped_path(id)))
    }

    fn place(&self, id: KeyId) -> PathBuf {
        self.path(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_kept_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = KeyFiles::new(dir.path().into());
        assert_eq!(files.load(KeyId(1)).await, Ok(None));
        files.keep(KeyId(1), &Secret::new([7; 32])).await.expect("kept");
        assert!(files.keep(KeyId(1), &Secret::new([8; 32])).await.is_err(), "a key in use is never replaced");
        assert_eq!(files.load(KeyId(1)).await, Ok(Some(Secret::new([7; 32]))));
        let path = files.path(KeyId(1));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("permissions");
        assert!(files.load(KeyId(1)).await.is_err_and(|failed| failed.0.contains("may be read by others")));
        files.destroy(KeyId(1)).await.expect("destroyed");
        assert_eq!(files.load(KeyId(1)).await, Ok(None));
        for length in [0, 31, 33] {
            std::fs::write(&path, vec![1; length]).expect("a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
            assert!(files.load(KeyId(1)).await.is_err_and(|failed| failed.0.contains("exactly 32 bytes")));
        }
    }
}
