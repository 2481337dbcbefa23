//! Servers that are started from the samples of `config/redis`, as they are shipped, but for where their files lie and
//! which port is free: TLS only, users with passwords, everything on the disk before it is acknowledged.

use crate::server::{Server, free_port, home, patiently};
use crate::tier;
use aldgate_core::secret::Secret;
use aldgate_core::warm::redis::{Options, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
use redis::{Client, RedisResult, TlsCertificates, Value, cmd};
use std::path::Path;
use std::process::Command;

/// Where the samples are.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/redis");

/// Where they say that their files lie.
const FILES: &str = "/etc/redis";

/// The users and the passwords that the sample says to replace.
pub(crate) const GATEWAY: (&str, &str) = ("aldgate", "replace-this-password");
pub(crate) const ADMIN: (&str, &str) = ("admin", "replace-this-admin-password");

/// The names of a server on this machine.
pub(crate) const HERE: &[&str] = &["localhost", "127.0.0.1"];

/// One that signs the certificates of servers.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut authority = CertificateParams::default();
        // Unlike that of the certificates: OpenSSL would take those for signed by themselves.
        authority.distinguished_name.push(DnType::OrganizationName, "the authority of a test");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed"))
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// Puts a certificate for these names into a directory, as the sample expects it there.
    fn certify(&self, names: &[&str], home: &Path) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let issuer: &Issuer<'static, KeyPair> = &self.0;
        let certificate = CertificateParams::new(names).expect("names").signed_by(&key, issuer).expect("signed");
        let write = |name: &str, text: String| std::fs::write(home.join(name), text).expect("written");
        write("authority.pem", self.0.pem());
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
    }
}

/// A server whose certificate is for these names, with more arguments; not yet answering.
pub(crate) fn spawn(authority: &Authority, names: &[&str], arguments: &[&str]) -> Server {
    let home = home();
    authority.certify(names, home.path());
    for name in ["redis.conf", "users.acl"] {
        let text = std::fs::read_to_string(Path::new(SAMPLES).join(name)).expect("the sample is there");
        let here = text.replace(FILES, &home.path().display().to_string());
        std::fs::write(home.path().join(name), here).expect("written");
    }
    let (port, conf) = (free_port(), home.path().join("redis.conf").display().to_string());
    let port_text = port.to_string();
    let arguments = [&[&conf, "--tls-port", &port_text], arguments].concat();
    Server::with(port, home, arguments, Some(authority.pem()))
}

/// A server that answers.
pub(crate) async fn start(authority: &Authority, arguments: &[&str]) -> Server {
    let server = spawn(authority, HERE, arguments);
    server.answers().await;
    server
}

/// What the operator does once, on every primary: the very lines that the sample says, with the port of this server.
pub(crate) fn load(server: &Server) {
    let home = server.home.path();
    std::fs::write(home.join("admin-password"), ADMIN.1).expect("written");
    let text = std::fs::read_to_string(home.join("redis.conf")).expect("the sample is there");
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#       ")).collect();
    let functions = concat!("cat ", env!("CARGO_MANIFEST_DIR"), "/src/warm/redis/aldgate.lua");
    let lines = lines.join("\n").replace("aldgate redis-functions", functions);
    let lines = lines.replace("redis-cli ", &format!("redis-cli -p {} ", server.port));
    let done = Command::new("sh").args(["-c", &lines]).output().expect("a shell");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(said.trim(), "aldgate_1", "{lines}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A server of its own, with the library.
pub(crate) async fn loaded() -> Server {
    let server = start(&Authority::new(), &[]).await;
    load(&server);
    server
}

/// Servers, as a gateway is configured for them.
pub(crate) fn options(servers: &[&Server]) -> Options {
    let addresses: Vec<String> = servers.iter().map(|server| server.address()).collect();
    let authority = servers.first().and_then(|server| server.authority.clone());
    Options {
        user: Some(GATEWAY.0.into()),
        password: Some(Secret::new(GATEWAY.1.into())),
        tls: Some(Tls { authorities: Some(authority.expect("a server of the samples")) }),
        ..tier::options(&addresses)
    }
}

/// A client of a server.
pub(crate) fn client(address: &str, authority: &[u8], (user, password): (&str, &str)) -> RedisResult<Client> {
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority.to_vec()) };
    Client::build_with_tls(format!("rediss://{user}:{password}@{address}"), certificates)
}

/// What a server answers to the gateways' user.
pub(crate) async fn as_gateway(server: &Server, words: &[&str]) -> RedisResult<Value> {
    let client = client(&server.address(), server.authority.as_deref().expect("a server of the samples"), GATEWAY)?;
    cmd(words[0]).arg(&words[1..]).query_async(&mut patiently(&client).await?).await
}
