//! What a client calls a person (`sub`; OpenID Connect Core, section 8): the same for every client, or another name in each
//! sector, by which two departments cannot compare their lists. Such a one is a URN of GOV.UK One Login's form, since
//! departments have it in their records and may hold it against that.

use super::Provider;
use super::client::Client;
use super::profile::SubjectKind;
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// How each name begins that a sector has for itself.
const PAIRWISE: &str = "urn:fdc:gov.uk:2022:";

/// Who names people.
#[derive(Clone)]
pub(super) struct Subjects(hmac::Key);

impl Subjects {
    /// The deployment's.
    pub(super) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::PairwiseSubject, 0).expose()))
    }

    /// The name of an account's owner for a client. Never given to another account: it is made of the account's own.
    pub(super) fn name(&self, client: &Client, account: &AccountId) -> String {
        match client.profile().rules().subject {
            SubjectKind::Public => account.to_string(),
            SubjectKind::Pairwise => {
                let mut context = hmac::Context::with_key(&self.0);
                [client.sector().as_bytes(), b"\0", account.as_bytes()].iter().for_each(|part| context.update(part));
                format!("{PAIRWISE}{}", URL_SAFE_NO_PAD.encode(context.sign()))
            }
        }
    }
}

impl Provider {
    /// The name of an account's owner for a client.
    pub(crate) fn subject(&self, client: &Client, account: &AccountId) -> String {
        self.subjects.name(client, account)
    }
}
