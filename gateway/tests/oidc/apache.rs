//! mod_auth_openidc (Debian): a part of a site that Apache shows to those who are signed in here. It is told of
//! log-outs without the browser, and signs people out itself.

use crate::person::{PASSWORD, World, give_password, sign_out};
use crate::sample::{Sample, learnt};
use crate::service::free_port;
use crate::support::service_key::ServiceKey;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};
use std::time::Duration;

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in the pages: what Apache knows of whoever asks, and where they go to sign out.
const PRIVATE: &str = r#"<!DOCTYPE html><html lang="en"><title>Tax your vehicle</title><h1>Tax your vehicle</h1>
<pre id="learnt">{"user": "<!--#echo var="REMOTE_USER" -->", "sub": "<!--#echo var="OIDC_CLAIM_sub" -->",
"iss": "<!--#echo var="OIDC_CLAIM_iss" -->", "vot": "<!--#echo var="OIDC_CLAIM_vot" -->",
"email": "<!--#echo var="OIDC_CLAIM_email" -->"}</pre>
<p><a href="/private/signed-in?logout=BYE">Leave</a></p>"#;
const SIGNED_OUT: &str = r#"<!DOCTYPE html><html lang="en"><title>Goodbye</title><h1>You have left the site</h1>"#;

/// An Apache with the sample's site; killed when dropped. It is one process (`-X`), so that no other outlives it.
struct Apache {
    child: Child,
    sample: Sample,
    origin: String,
}

impl Apache {
    async fn start(sample: Sample, port: u16, issuer: &str) -> Self {
        let dir = sample.dir().to_owned();
        sample.lay_out(issuer);
        let origin = format!("http://localhost:{port}");
        let bye = format!("{origin}/signed-out.html").replace(':', "%3A").replace('/', "%2F");
        std::fs::create_dir_all(dir.join("pages/private")).expect("directories");
        std::fs::write(dir.join("pages/private/index.shtml"), PRIVATE.replace("BYE", &bye)).expect("a page");
        std::fs::write(dir.join("pages/signed-out.html"), SIGNED_OUT).expect("a page");
        std::fs::write(dir.join("vehicle-tax.passphrase"), "a long random text of this site").expect("a file");
        // It serves as another user than the one who started it, if that was root.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let main = std::fs::read_to_string(sample.add("apache.conf")).expect("a file");
        let main = main.replace("DIR", dir.to_str().expect("a path")).replace("PORT", &port.to_string());
        std::fs::write(dir.join("apache.conf"), main).expect("a file");
        let mut command = Command::new("/usr/sbin/apache2");
        let child = command.arg("-X").arg("-f").arg(dir.join("apache.conf")).spawn();
        let child = child.expect("there is no Apache here: run scripts/test, which installs it");
        let mut apache = Self { child, sample, origin };
        apache.until_it_listens(port).await;
        apache
    }

    async fn until_it_listens(&mut self, port: u16) {
        let listening = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                let ended = self.child.try_wait().expect("a child");
                assert!(ended.is_none(), "Apache ended with {ended:?}: {}", self.log("error.log"));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.expect("Apache listens in time");
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.sample.dir().join(name)).unwrap_or_default()
    }

    /// Waits until it has answered a request so: method, address, status.
    async fn until_answered(&self, line: &str) {
        let answered = async {
            while !self.log("access.log").lines().any(|logged| logged == line) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, answered).await;
        assert!(in_time.is_ok(), "no {line:?} in\n{}\n{}", self.log("access.log"), self.log("error.log"));
    }

    fn private(&self) -> String {
        format!("{}/private/", self.origin)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_person_sees_a_private_page_until_they_sign_out_here_or_there() {
    let port = free_port();
    let sample = Sample::of("mod_auth_openidc", port);
    ServiceKey::rsa(sample.dir(), "vehicle-tax");
    let reach = "[backend]\nclient_networks = [\"127.0.0.0/8\", \"::1/128\"]\n";
    let world = World::start_with(&format!("{reach}{}", sample.registrations())).await;
    let issuer = format!("http://localhost:{}", world.instance.ports.http);
    let apache = Apache::start(sample, port, &issuer).await;

    let page = world.page().await;
    page.without_offers().await;
    world.register_with_password(&page, "ada@example.org").await;
    let account = page.session().await.expect("signed in")["account"].clone();
    page.open_at(&apache.private(), "Share your information").await;
    page.assert_says("Tax your vehicle").await;
    page.press("Agree and continue").await;
    page.arrive("Tax your vehicle").await;
    let first = learnt(&page).await;
    let told = (&first["iss"], &first["vot"], &first["email"]);
    assert_eq!(told, (&json!(issuer), &json!("Cl"), &json!("ada@example.org")), "{first}");
    assert_eq!(first["user"], first["sub"]);
    assert!(first["sub"] != Value::Null && first["sub"] != account, "a name that only this site knows: {first}");

    // Signed out here: the site hears of it without the browser.
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    apache.until_answered("POST /private/signed-in?logout=backchannel 200").await;
    page.open(&apache.private()).await;
    give_password(&page, "ada@example.org", PASSWORD).await;
    page.arrive("Tax your vehicle").await;
    assert_eq!(learnt(&page).await, first, "the same name again");

    // Signed out there: the session here ends without a question, and the browser comes back.
    page.press("Leave").await;
    page.arrive("You have left the site").await;
    page.open("/signed-out").await;
    assert_eq!(page.session().await, None, "nobody is signed in any more");
    page.open(&apache.private()).await;
    page.arrive("Sign in").await;
}
