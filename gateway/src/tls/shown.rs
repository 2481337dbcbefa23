//! The certificate that a client has shown on its connection, and whether it is good at the moment of a request.
//!
//! A handshake alone does not tell. A resumed TLS session carries the certificate of its first handshake and rustls does
//! not look at it again; a connection may outlive its certificate; and an authority may be taken out of the configuration
//! while connections stand that it has vouched for. So the chain is kept with the connection and judged with the
//! authorities of each request's own snapshot; the judgement is kept for [`AGAIN`], since it costs signatures.

use super::authorities::Authorities;
use crate::certificate::PeerCertificate;
use crate::snapshot::Generation;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use pingora::listeners::TlsAccept;
use pingora::protocols::http::ServerSession;
use pingora::protocols::tls::TlsRef;
use rustls::pki_types::CertificateDer;
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a judgement is kept: an authority between may have run out since. Its own dates are looked at each time.
const AGAIN: Duration = Duration::from_secs(60);

/// What a client has shown.
struct Shown {
    /// Its own certificate first. It holds the key of that: the handshake has proven it.
    chain: Vec<CertificateDer<'static>>,
    judged: Mutex<Option<Judged>>,
}

struct Judged {
    authorities: [u8; 32],
    at: Timestamp,
    certificate: Option<Arc<PeerCertificate>>,
}

impl Judged {
    fn stands(&self, authorities: &Authorities, now: Timestamp) -> bool {
        self.authorities == *authorities.digest() && self.at <= now && now.since(self.at) < AGAIN
    }
}

impl Shown {
    const fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, judged: Mutex::new(None) }
    }

    fn good(&self, authorities: &Authorities, now: Timestamp) -> Option<Arc<PeerCertificate>> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = match judged.as_ref().filter(|judged| judged.stands(authorities, now)) {
            Some(judged) => judged.certificate.clone(),
            None => {
                let certificate = authorities.vouch_for(&self.chain, now).map(Arc::new);
                let authorities = *authorities.digest();
                *judged = Some(Judged { authorities, at: now, certificate: certificate.clone() });
                certificate
            }
        };
        certificate.filter(|certificate| certificate.is_good_at(now))
    }
}

/// Keeps the client's certificates with its connection, once the handshake is over.
pub struct KeepShown;

#[async_trait]
impl TlsAccept for KeepShown {
    async fn handshake_complete_callback(&self, tls: &TlsRef) -> Option<Arc<dyn Any + Send + Sync>> {
        let chain = tls.peer_cert_chain_der().filter(|chain| !chain.is_empty())?;
        Some(Arc::new(Shown::new(chain.to_vec())))
    }
}

/// The certificate that the client of this request has shown, if it is good now by what the request is judged by.
pub fn certificate(session: &ServerSession, generation: &Generation, now: Timestamp) -> Option<Arc<PeerCertificate>> {
    let shown = session.digest()?.ssl_digest.as_ref()?.extension.get::<Shown>()?;
    shown.good(generation.tls.as_ref()?.authorities()?, now)
}
