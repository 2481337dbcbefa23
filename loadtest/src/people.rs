//! The people of a population, by seed and number: what `populate` writes and `run` types.

use crate::trouble::Trouble;
use aldgate_backend::model::PasswordHash;
use aldgate_backend::{ARGON2ID, PasswordCost};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};

/// Everybody's password, where a population has passwords.
const PASSWORD: &str = "everybody in this load test";

/// The same as it stands in a form.
pub(crate) const PASSWORD_TYPED: &str = "everybody+in+this+load+test";

/// Everybody's salt: one hash serves millions of accounts that are nobody's.
const SALT: &[u8; 16] = b"aldgate-loadtest";

/// The address of one of them. `.example` can belong to nobody (RFC 2606), so no mail ever leaves.
pub(crate) fn email_address(seed: u64, user: u64) -> String {
    format!("user{user}.seed{seed}@loadtest.example")
}

/// Argon2id at the backend's cost.
///
/// # Errors
/// [`Trouble`], if it knows no such cost.
pub(crate) fn argon2id() -> Result<Argon2<'static>, Trouble> {
    let PasswordCost { memory_kib, passes, lanes, hash_bytes } = ARGON2ID;
    let params = Params::new(memory_kib, passes, lanes, Some(hash_bytes));
    let params = params.map_err(|error| Trouble::new(error, "report this: the cost is the backend's own"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of everybody's password.
///
/// # Errors
/// [`Trouble`], if it cannot be computed.
pub(crate) fn password_hash() -> Result<PasswordHash, Trouble> {
    let hash = argon2id()?.hash_password_with_salt(PASSWORD.as_bytes(), SALT);
    let hash = hash.map_err(|error| Trouble::new(error, "report this: password and salt are made here"))?;
    Ok(PasswordHash::new(hash.to_string()))
}

/// One computation of it, for measuring, in memory for as many blocks as it takes.
///
/// # Errors
/// [`Trouble`], if it cannot be computed.
pub(crate) fn hash_once(argon2: &Argon2<'_>, memory: &mut [Block]) -> Result<(), Trouble> {
    let mut out = [0; ARGON2ID.hash_bytes];
    let hashed = argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), SALT, &mut out, memory);
    std::hint::black_box(&out);
    hashed.map_err(|error| Trouble::new(error, "report this: password and salt are made here"))
}
