//! The functions inside Redis: their text, and making sure that a server has it.
//!
//! They are a library of Redis Functions (Redis 7, Valkey), not scripts: loaded once by whoever may, kept and
//! replicated with the data, and called by name. So the gateway's own user needs no `EVAL` and no `FUNCTION`. The
//! version is part of every name: gateways of two versions work on one server while one replaces the other.

use super::options::Address;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind, cmd};

/// The text, to be given to `FUNCTION LOAD`.
pub(super) const TEXT: &str = include_str!("aldgate.lua");

/// Makes sure that a primary has the library. Where it is missing, it is loaded, if the user may.
///
/// # Errors
/// What an operator needs to know to mend it.
pub(super) async fn ensure(link: &mut MultiplexedConnection, address: &Address) -> Result<(), String> {
    match cmd("FCALL_RO").arg("aldgate_1_ready").arg(0).query_async::<String>(link).await {
        Ok(_) => return Ok(()),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(format!("{address}: {error}")),
    }
    match cmd("FUNCTION").arg("LOAD").arg(TEXT).query_async::<String>(link).await {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("already exists") => Ok(()), // Another process was faster.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Err(format!(
            "{address} lacks the function library aldgate_1, and this user may not load it. Load it once as an \
             administrator, on every primary, with the password in REDISCLI_AUTH (and --tls --cacert FILE where TLS is \
             spoken): aldgate redis-functions | redis-cli -h {} -p {} --user ADMIN -x FUNCTION LOAD",
            address.host, address.port
        )),
        Err(error) => Err(format!("{address}: the function library aldgate_1 could not be loaded: {error}")),
    }
}

/// Whether an error says that a function is not loaded.
pub(super) fn is_missing(error: &RedisError) -> bool {
    error.to_string().contains("Function not found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::digest::{SHA256, digest};

    /// A changed text under an old version would let gateways with different ideas of it share one server.
    #[test]
    fn a_new_text_takes_a_new_version() {
        let digest: String =
            digest(&SHA256, TEXT.as_bytes()).as_ref()[..4].iter().map(|b| format!("{b:02x}")).collect();
        assert!(TEXT.starts_with("#!lua name=aldgate_1\n"));
        assert_eq!(digest, "2bfe91dd", "raise the version in every name, once this text has been released");
    }
}
