//! The frame level of HTTP/2 (RFC 9113), as an attacker speaks it: over TLS, byte by byte, with no library in between.

use crate::support::instance::Instance;
use pingora::tls::{ClientTlsStream, TlsConnector};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::net::TcpStream;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const END_HEADERS: u8 = 4;
pub const END_STREAM: u8 = 1;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Speaks TLS to an instance, offering this protocol.
pub async fn tls(instance: &Instance, protocol: &[u8]) -> ClientTlsStream<TcpStream> {
    let pem = std::fs::read(instance.data().join("tls/certificate.pem")).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).expect("a certificate")).expect("a root");
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = crate::connect(instance.ports.https).await;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
}

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block without compression (RFC 7541, section 6.2.2).
pub fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    headers.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// The preface and settings: each an identifier and a value.
pub fn opening(settings: &[(u16, u32)]) -> Vec<u8> {
    let settings: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    [PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat()
}

/// The header block of a GET.
pub fn get(instance: &Instance, path: &str) -> Vec<u8> {
    let authority = format!("localhost:{}", instance.ports.https);
    block(&[(":method", "GET"), (":scheme", "https"), (":authority", &authority), (":path", path)])
}

/// The header block of a POST of this media type.
pub fn post_block(instance: &Instance, path: &str, media_type: &str) -> Vec<u8> {
    let authority = format!("localhost:{}", instance.ports.https);
    let origin = format!("https://{authority}");
    block(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", &authority),
        (":path", path),
        ("origin", &origin),
        ("content-type", media_type),
    ])
}

/// The preface, our settings, and a POST whose block ends as these flags say.
pub fn post_frames(instance: &Instance, path: &str, media_type: &str, flags: u8) -> Vec<u8> {
    [opening(&[]), frame(HEADERS, flags, 1, &post_block(instance, path, media_type))].concat()
}
