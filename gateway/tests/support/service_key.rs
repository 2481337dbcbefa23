//! The key pair by which a service proves itself (`private_key_jwt`), made by openssl as its owner would make it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a key pair, both PEM.
pub struct ServiceKey {
    pub private: PathBuf,
    pub public: PathBuf,
}

impl ServiceKey {
    /// An RSA key: `NAME.key` and `NAME.pem` in a directory.
    pub fn rsa(dir: &Path, name: &str) -> Self {
        Self::make(dir, name, &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    }

    /// A key on P-256.
    pub fn p256(dir: &Path, name: &str) -> Self {
        Self::make(dir, name, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    fn make(dir: &Path, name: &str, kind: &[&str]) -> Self {
        let (private, public) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.pem")));
        openssl(Command::new("openssl").args(["genpkey", "-quiet"]).args(kind).arg("-out").arg(&private));
        openssl(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(&public));
        Self { private, public }
    }
}

fn openssl(command: &mut Command) {
    let output = command.output().expect("openssl");
    assert!(output.status.success(), "{output:?}");
}
