//! A certificate for development: self-signed, for `localhost`, made on the first start. Browsers warn of it once.

use super::CannotStart;
use super::keys::private_dir;
use aldgate_gateway::config::Config;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Certificate chain and key of the TLS listener, as PEM files.
pub(crate) type Pair = (PathBuf, PathBuf);

/// The certificate for development, where one is needed: there shall be TLS, and none is configured.
///
/// # Errors
/// One line that names the file.
pub(crate) fn needed(config: &Config) -> Result<Option<Pair>, CannotStart> {
    match (config.edge.https, &config.edge.certificate) {
        (Some(_), None) => development(&config.data.join("tls")).map(Some),
        (None, _) | (_, Some(_)) => Ok(None),
    }
}

fn development(dir: &Path) -> Result<Pair, CannotStart> {
    let pair = (dir.join("certificate.pem"), dir.join("private-key.pem"));
    if pair.0.exists() && pair.1.exists() {
        return Ok(pair);
    }
    private_dir(dir)?;
    let names = ["localhost", "*.localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.map_err(|error| CannotStart::because("cannot make a development certificate", error))?;
    write(&pair.1, &made.signing_key.serialize_pem(), 0o600)?;
    write(&pair.0, &made.cert.pem(), 0o644)?;
    Ok(pair)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CannotStart> {
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CannotStart::because(&format!("cannot write {}", path.display()), error))
}
