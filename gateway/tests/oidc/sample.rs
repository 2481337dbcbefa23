//! A sample of `config/clients`, as a test uses it: the addresses and paths of its example give way to the test's own,
//! and nothing else is changed. What people copy is what is tested.

use crate::support::browser::{Page, target};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The directory of a sample, and where it is laid out for a test.
pub(crate) struct Sample {
    from: PathBuf,
    to: TempDir,
    origin: String,
}

impl Sample {
    /// One of them, for a service on a port. Its place is beside the packages of `scripts/test`, where they are found.
    pub(crate) fn of(name: &str, port: u16) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/clients").join(name);
        let tools = target("test-tools");
        let to = tempfile::Builder::new().prefix("sample-").tempdir_in(tools);
        let to = to.expect("a directory in target/test-tools, which scripts/test makes");
        Self { from, to, origin: format!("http://localhost:{port}") }
    }

    /// Where it is laid out, and where the keys of its services are.
    pub(crate) fn dir(&self) -> &Path {
        self.to.path()
    }

    /// What it says of its services in Aldgate's configuration.
    pub(crate) fn registrations(&self) -> String {
        self.adapted(&self.from.join("aldgate.toml"))
    }

    /// Lays out everything else, for an issuer.
    pub(crate) fn lay_out(&self, issuer: &str) {
        for entry in std::fs::read_dir(&self.from).expect("a sample").flatten() {
            let text = self.adapted(&entry.path()).replace("https://login.example.org", issuer);
            std::fs::write(self.dir().join(entry.file_name()), text).expect("written");
        }
    }

    /// Lays out a file of the tests beside it.
    pub(crate) fn add(&self, file: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc").join(file);
        let to = self.dir().join(file);
        std::fs::copy(from, &to).expect("copied");
        to
    }

    fn adapted(&self, path: &Path) -> String {
        let text = std::fs::read_to_string(path).expect("a file");
        let dir = self.dir().to_str().expect("a path");
        let text = text.replace("/etc/aldgate/clients", dir).replace("/etc/service", dir);
        text.replace("https://service.example.org", &self.origin)
    }
}

/// What a service has learnt, from its page.
pub(crate) async fn learnt(page: &Page) -> Value {
    let text = page.eval("document.getElementById('learnt').textContent").await;
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

#[test]
fn the_page_about_clients_names_every_sample_and_what_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("a file");
    let page = read("docs/openid-clients.md");
    let mut samples = 0;
    for directory in std::fs::read_dir(root.join("config/clients")).expect("samples").flatten() {
        for file in std::fs::read_dir(directory.path()).expect("a sample").flatten() {
            let (directory, file) = (directory.file_name(), file.file_name());
            let link = format!("(../config/clients/{}/{})", directory.display(), file.display());
            assert!(file == "aldgate.toml" || page.contains(&link), "{link}");
            samples += 1;
        }
    }
    assert!(samples >= 9, "{samples}");
    let packages: Value = serde_json::from_str(&read("scripts/test-tools/package.json")).expect("JSON");
    let openid_client = packages["dependencies"]["openid-client"].as_str().expect("a version");
    assert!(page.contains(&format!("(https://www.npmjs.com/package/openid-client) {openid_client} ")));
    let packages = read("scripts/test-tools/requirements.in");
    let authlib = packages.lines().find_map(|line| line.strip_prefix("authlib==")).expect("a version");
    assert!(page.contains(&format!("(https://pypi.org/project/Authlib/) {authlib} ")));
}
