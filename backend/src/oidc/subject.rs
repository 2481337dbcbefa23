//! What a client calls a person (`sub`; OpenID Connect Core, section 8): the same for every client, or another name in each
//! sector, by which two departments cannot compare their lists.

use super::Provider;
use super::client::Client;
use super::profile::SubjectKind;
use aldgate_core::id::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

impl Provider {
    /// The name of an account's owner for a client. Never given to another account: it is made of the account's own.
    pub(crate) fn subject(&self, client: &Client, account: &AccountId) -> String {
        match client.profile().rules().subject {
            SubjectKind::Public => account.to_string(),
            SubjectKind::Pairwise => {
                let mut context = hmac::Context::with_key(&self.pairwise);
                [client.sector().as_bytes(), b"\0", account.as_bytes()].iter().for_each(|part| context.update(part));
                URL_SAFE_NO_PAD.encode(context.sign())
            }
        }
    }
}
