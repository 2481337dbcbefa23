//! The services that a person uses: what each may know of them and since when, and how that ends (UK GDPR, article 7(3):
//! to withdraw consent is as easy as to give it).

use super::Provider;
use super::claim::ClaimSet;
use super::scope::Scopes;
use crate::fault::Fault;
use crate::model::{Person, Telephone, UsedService};
use crate::moment::moment;
use crate::store::audit::Act;
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// A service that a person uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownService {
    /// As people know it; its client's name where it is registered no more.
    pub(crate) name: String,
    /// What it may know, and since when.
    pub(crate) used: UsedService,
}

fn facts(person: &Person) -> Value {
    let telephone = |telephone: &Telephone| json!({"number": telephone.number, "verified": telephone.verified});
    json!({
        "nhs_number": person.nhs_number, "family_name": person.family_name, "given_name": person.given_name,
        "birthdate": person.birthdate, "phone": person.phone.as_ref().map(telephone),
        "landline": person.landline.as_ref().map(telephone),
        "gp_surgery": person.gp.as_ref().map(|gp| &gp.ods_code),
        "gp_user": person.gp.as_ref().and_then(|gp| gp.account.as_ref()).map(|account| &account.user_id),
    })
}

impl Provider {
    /// The services that a person has allowed something, the last used first.
    pub(crate) async fn services_of(&self, account: &AccountId) -> Result<Vec<KnownService>, Fault> {
        let services = self.store.used_services(account).await?.into_iter().map(|used| {
            let client = self.registry.find(&used.client);
            KnownService { name: client.map_or_else(|| used.client.clone(), |client| client.name().to_owned()), used }
        });
        Ok(services.collect())
    }

    /// What we keep about a person on account of services: which may know what of them.
    pub(crate) async fn own_data(&self, account: &AccountId) -> Result<Map<String, Value>, Fault> {
        let services = self.services_of(account).await?;
        let services = services.iter().map(|KnownService { name, used }| {
            json!({
                "name": name, "client": used.client,
                "may_know": Scopes::from_bits(used.allowed.scopes).to_string(),
                "may_know_besides": ClaimSet::from_bits(used.allowed.claims).names(),
                "identity_level": used.allowed.level.as_str(),
                "was_allowed": Scopes::from_bits(used.scopes_ever).to_string(),
                "was_allowed_besides": ClaimSet::from_bits(used.claims_ever).names(),
                "highest_identity_level": used.level_ever.as_str(),
                "first_allowed": moment(used.first), "last_allowed": moment(used.allowed.at),
                "last_signed_in": used.used.map(moment),
            })
        });
        Ok(Map::from_iter([("services".to_owned(), services.collect())]))
    }

    /// What we keep of who a person is: what was verified of them, and what services keep with us about them. What opens
    /// their record at a practice is a secret, and left out.
    pub(crate) async fn own_identity(&self, account: &AccountId) -> Result<Map<String, Value>, Fault> {
        let notes = self.store.clients_notes(account).await?;
        let notes = notes.iter().map(|(client, text)| json!({"client": client, "text": text}));
        let mut data = Map::new();
        data.insert("notes_of_services".to_owned(), notes.collect());
        data.insert("verified".to_owned(), facts(&self.store.person(account).await?));
        Ok(data)
    }

    /// Takes back what a person has allowed a service: its tokens are good for nothing from then on, here and in every
    /// gateway, and it hears that the person is signed in there no more. False if it was allowed nothing.
    pub(crate) async fn withdraw(&self, account: &AccountId, client: &str, now: Timestamp) -> Result<bool, Fault> {
        let withdrawn = self.store.withdraw_consent(account, client, Act::own(*account, now)).await?;
        self.herald.tell().await;
        Ok(withdrawn)
    }
}
