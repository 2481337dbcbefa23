//! The deployment's keys, as files in one directory: the master key (32 random bytes) and the key that signs identity
//! assertions (P-256, PKCS#8). Made on the first start, readable by their owner alone, never overwritten. All processes
//! of a deployment have the same: a gateway alone makes none.

use super::CannotStart;
use aldgate_backend::store::{DataKeys, KeyFiles, KeyProgram, WrappedKeys};
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::{MASTER_KEY_BYTES, MasterKey};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_gateway::config::Config;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroize as _;

/// Where the data keys lie: in files of the same directory, plain or wrapped.
///
/// # Errors
/// One line that names the key of the configuration.
pub(crate) fn data_keys(config: &Config) -> Result<Arc<dyn DataKeys>, CannotStart> {
    let dir = config.keys.clone();
    let Some(command) = &config.key_program else { return Ok(Arc::new(KeyFiles::new(dir))) };
    let program = KeyProgram::new(command).map_err(|bad| CannotStart(format!("keys.wrap {bad}")))?;
    Ok(Arc::new(WrappedKeys::new(dir, program)))
}

/// Makes a directory that only its owner may enter.
///
/// # Errors
/// One line that names the directory.
pub(crate) fn private_dir(path: &Path) -> Result<(), CannotStart> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| CannotStart::because(&format!("cannot make the directory {}", path.display()), error))
}

/// Writes a file that only its owner may read, unless it is there; whoever is second reads what the first wrote.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A hard link fails if the name is taken: a key that is in use is never replaced.
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Reads a key file; makes it first if there is none.
fn read_or_make(path: &Path, make: impl FnOnce() -> Result<Vec<u8>, CannotStart>) -> Result<Vec<u8>, CannotStart> {
    let failed = |error: std::io::Error| CannotStart::because(&format!("cannot use {}", path.display()), error);
    if !path.try_exists().map_err(failed)? {
        write_new(path, &make()?).map_err(failed)?;
    }
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    }
    std::fs::read(path).map_err(failed)
}

const MASTER: &str = "master.key";
const SIGNING: &str = "identity-assertion.p8";

/// The keys.
pub(crate) struct Keys {
    /// The key of keys.
    pub(crate) master: MasterKey,
    /// The key that signs identity assertions.
    pub(crate) signing: SigningKey,
}

/// The keys in a directory, which are made if there are none.
///
/// # Errors
/// One line that names the file.
pub(crate) fn of_deployment(dir: &Path, entropy: &dyn Entropy) -> Result<Keys, CannotStart> {
    private_dir(dir)?;
    Ok(Keys { master: master_key(dir, entropy)?, signing: signing_key(dir)? })
}

/// The keys in a directory, where the backend has made them or somebody has put them.
///
/// # Errors
/// One line that names the missing file and says what to do.
pub(crate) fn that_exist(dir: &Path, entropy: &dyn Entropy) -> Result<Keys, CannotStart> {
    for name in [MASTER, SIGNING] {
        let path = dir.join(name);
        if !path.exists() {
            let line = format!(
                "{} is missing: a gateway has the keys of its backend. Start that first, or copy its keys to keys.dir",
                path.display()
            );
            return Err(CannotStart(line));
        }
    }
    of_deployment(dir, entropy)
}

/// The master key.
///
/// # Errors
/// One line that names the file.
fn master_key(dir: &Path, entropy: &dyn Entropy) -> Result<MasterKey, CannotStart> {
    let path = dir.join(MASTER);
    let mut bytes = read_or_make(&path, || {
        let fresh = entropy.bytes::<MASTER_KEY_BYTES>();
        fresh.map(|bytes| bytes.to_vec()).map_err(|error| CannotStart(error.to_string()))
    })?;
    let key = <[u8; MASTER_KEY_BYTES]>::try_from(bytes.as_slice());
    bytes.zeroize();
    key.map(MasterKey::new).map_err(|_| CannotStart(format!("{} must have exactly 32 bytes", path.display())))
}

/// The key that signs identity assertions.
///
/// # Errors
/// One line that names the file.
fn signing_key(dir: &Path) -> Result<SigningKey, CannotStart> {
    let path = dir.join(SIGNING);
    let mut der = read_or_make(&path, || {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        made.map(|key| key.as_ref().to_vec()).map_err(|_| CannotStart("the source of randomness failed".into()))
    })?;
    let key = SigningKey::from_pkcs8(&der);
    der.zeroize();
    key.map_err(|_| CannotStart(format!("{} is not a P-256 private key in PKCS#8", path.display())))
}
