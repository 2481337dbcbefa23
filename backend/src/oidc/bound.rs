//! Tokens that are bound to a key of the client's (DPoP, RFC 9449): whoever copies one has a text and no key.

use super::Provider;
use super::token::TokenError;
use crate::fault::NotDone;
use aldgate_core::id::TokenDigest;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::dpop::{self, ProvenRequest, VerifiedProof};
use aldgate_core::token::target_uri::TargetUri;
use aldgate_core::verdict::TokenRefused;
use aldgate_core::warm::{Consumption, Unavailable};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How an access token is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Showing<'a> {
    /// As it is (RFC 6750).
    Bearer,
    /// With a proof of the key that it is bound to, for a request of this method to this path of ours.
    Proven {
        /// The `DPoP` header.
        proof: &'a str,
        /// The request's method.
        method: &'a str,
        /// The request's path.
        path: &'a str,
    },
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

    /// Whether an access token is shown as it must be: one that is bound with a proof, any other without.
    pub(crate) async fn is_shown_well(
        &self,
        token: &str,
        claims: &Claims,
        showing: Showing<'_>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let (key, (proof, method, path)) = match (claims.get("cnf"), showing) {
            (None, Showing::Bearer) => return Ok(true),
            (Some(cnf), Showing::Proven { proof, method, path }) => (cnf.get("jkt"), (proof, method, path)),
            (Some(_), Showing::Bearer) | (None, Showing::Proven { .. }) => return Ok(false),
        };
        let mut thumbprint = [0; 32];
        let read =
            key.and_then(|key| key.as_str()).and_then(|key| URL_SAFE_NO_PAD.decode_slice(key, &mut thumbprint).ok());
        let (Some(32), Some(target)) = (read, self.target(path)) else { return Ok(false) };
        let token = TokenDigest::of(token.as_bytes());
        let request = ProvenRequest { method, target: &target, token, key: &thumbprint, nonces: None };
        let verified: Result<VerifiedProof, TokenRefused> = dpop::verify(proof, request, now);
        match verified {
            Ok(proof) => self.use_proof(&proof).await,
            Err(_) => Ok(false),
        }
    }

    fn target(&self, path: &str) -> Option<TargetUri> {
        TargetUri::parse(&format!("{}{path}", self.issuer))
    }

    async fn use_proof(&self, proof: &VerifiedProof) -> Result<bool, Unavailable> {
        Ok(self.warm.consume(&proof.single_use, proof.remember_until).await? == Consumption::Consumed)
    }
}
