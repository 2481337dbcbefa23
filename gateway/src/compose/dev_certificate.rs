//! A certificate for development: self-signed, for `localhost`, made on the first start. Browsers warn of it once.

use super::CannotStart;
use super::keys::private_dir;
use aldgate_gateway::config::Config;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Certificate chain and key of the TLS listener, as PEM files.
pub(crate) type Pair = (PathBuf, PathBuf);

/// The configured certificate, or one for development. Both are read once, so that a broken file is said now.
///
/// # Errors
/// One line that names the file.
pub(crate) fn pair(config: &Config) -> Result<Pair, CannotStart> {
    let pair = match &config.edge.certificate {
        Some(pair) => pair.clone(),
        None => development(&config.data.join("tls"))?,
    };
    readable(&pair).map(|()| pair)
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

/// Whether rustls takes the pair: Pingora would panic on one that it does not.
fn readable((chain, key): &Pair) -> Result<(), CannotStart> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let broken = |path: &Path, error: &dyn std::fmt::Display| {
        CannotStart::because(&format!("cannot use the certificate file {}", path.display()), error)
    };
    let certificates = CertificateDer::pem_file_iter(chain).map_err(|error| broken(chain, &error))?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| broken(chain, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| broken(key, &error))?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private))
        .map(drop)
        .map_err(|error| broken(chain, &error))
}
