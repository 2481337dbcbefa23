//! Tokens that are bound to something that a client holds: a key by which it signs proofs (DPoP, RFC 9449), or the
//! certificate that it shows in TLS (RFC 8705). Whoever copies one has a text and nothing else.

use super::Provider;
use super::token::TokenError;
use crate::fault::NotDone;
use aldgate_core::id::TokenDigest;
use aldgate_core::time::Timestamp;
use aldgate_core::token::certificate_assertion::ShownCertificate;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::dpop::{self, ProvenRequest, VerifiedProof};
use aldgate_core::token::grant::Binding;
use aldgate_core::token::target_uri::TargetUri;
use aldgate_core::warm::{Consumption, Unavailable};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What a client that asks for tokens shows beside its credential.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding<'a> {
    /// The `DPoP` header.
    pub(crate) proof: Option<&'a str>,
    /// The certificate of its connection.
    pub(crate) certificate: Option<&'a ShownCertificate>,
}

/// How an access token is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Showing<'a> {
    /// The `DPoP` header, where the token is shown with one.
    pub(crate) proof: Option<&'a str>,
    /// The certificate of the connection.
    pub(crate) certificate: Option<&'a ShownCertificate>,
    /// The request's method.
    pub(crate) method: &'a str,
    /// The request's path.
    pub(crate) path: &'a str,
}

/// Whether an access token is shown as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As it must be.
    Well,
    /// With a proof that is not good for it (RFC 9449, section 7.1).
    BadProof,
    /// In another way than it must be.
    Otherwise,
}

/// To what a token is bound, as it says it (RFC 9449, section 6.1; RFC 8705, section 3.1).
pub(super) fn confirmation(binding: &Binding) -> Value {
    match binding {
        Binding::Key(key) => json!({"jkt": URL_SAFE_NO_PAD.encode(key)}),
        Binding::Certificate(sha256) => json!({"x5t#S256": URL_SAFE_NO_PAD.encode(sha256)}),
    }
}

impl Provider {
    /// The key to which a client wants its tokens bound, by the proof that came with a POST to a path of ours. The proof is
    /// used up by this.
    pub(crate) async fn proven_key(
        &self,
        proof: Option<&str>,
        path: &str,
        now: Timestamp,
    ) -> Result<Option<[u8; 32]>, NotDone<TokenError>> {
        let Some(proof) = proof else { return Ok(None) };
        let invalid = |what: &str| NotDone::Refused(TokenError::InvalidDpopProof(what.to_owned()));
        let target = self.target(path).ok_or_else(|| invalid("the proof is for another address"))?;
        let verified = dpop::verify_without_token(proof, "POST", &target, now);
        let (key, proof) = verified.map_err(|_| invalid("the proof does not fit this request, its key or its time"))?;
        if self.use_proof(&proof).await? { Ok(Some(key)) } else { Err(invalid("the proof was used before")) }
    }

    /// How an access token is shown: one that is bound must be by whoever holds what it is bound to, any other as it is.
    pub(crate) async fn shown_as(
        &self,
        token: &str,
        claims: &Claims,
        showing: Showing<'_>,
        now: Timestamp,
    ) -> Result<Shown, Unavailable> {
        let Ok(binding) = claims.binding() else { return Ok(Shown::Otherwise) };
        match (binding, showing.proof) {
            (None, None) => Ok(Shown::Well),
            (Some(Binding::Key(key)), Some(proof)) => self.proven_as(token, &key, proof, showing, now).await,
            (Some(bound @ Binding::Certificate(_)), None) => {
                let held = showing.certificate.is_some_and(|shown| bound.is_to_certificate(shown.sha256()));
                Ok(if held { Shown::Well } else { Shown::Otherwise })
            }
            (None | Some(Binding::Certificate(_)), Some(_)) | (Some(Binding::Key(_)), None) => Ok(Shown::Otherwise),
        }
    }

    async fn proven_as(
        &self,
        token: &str,
        key: &[u8; 32],
        proof: &str,
        showing: Showing<'_>,
        now: Timestamp,
    ) -> Result<Shown, Unavailable> {
        let Some(target) = self.target(showing.path) else { return Ok(Shown::BadProof) };
        let token = TokenDigest::of(token.as_bytes());
        let request = ProvenRequest { method: showing.method, target: &target, token, key, nonces: None };
        let used = match dpop::verify(proof, request, now) {
            Ok(proof) => self.use_proof(&proof).await?,
            Err(_) => false,
        };
        Ok(if used { Shown::Well } else { Shown::BadProof })
    }

    fn target(&self, path: &str) -> Option<TargetUri> {
        TargetUri::parse(&format!("{}{path}", self.issuer))
    }

    async fn use_proof(&self, proof: &VerifiedProof) -> Result<bool, Unavailable> {
        Ok(self.warm.consume(&proof.single_use, proof.remember_until).await? == Consumption::Consumed)
    }
}
