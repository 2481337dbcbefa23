//! Where core and webauthn-rs may differ, why, and how that is seen in a body without asking either.

use crate::oracle::top_level;
use crate::support::{AT, ED};
use crate::world::{Answer, ByCore, ByReference, ORIGIN, World};
use aldgate_core::webauthn::assertion::{AssertionRefused, SIGNATURE_BYTES_MAX};
use aldgate_core::webauthn::authenticator_data::AUTHENTICATOR_DATA_BYTES_MAX;
use aldgate_core::webauthn::client_data::CLIENT_DATA_BYTES_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use webauthn_rs::prelude::Url;

/// Where the two may differ, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KnownDifference {
    /// Core refuses. Step 6 (who owns the credential) is left by webauthn-rs to its caller.
    OwnerLeftToCaller,
    /// Core refuses. Step 12 is string equality; webauthn-rs parses a URL and compares scheme, host and port, so
    /// letter case, default port, user-info and path do not count.
    OriginReadAsUrl,
    /// Core refuses. Steps 13 and 14: webauthn-rs reads `crossOrigin` at registrations only, and never `topOrigin`.
    FramingUnread,
    /// Core refuses. Bytes behind those that the flags of authenticator data announce: webauthn-rs leaves them.
    BytesLeftOver,
    /// Core refuses. The attested data's key is of no kind that was offered, or the extension map is not canonical
    /// CBOR: webauthn-rs reads both as any CBOR, and looks at neither in an assertion.
    LenientCbor,
    /// Core refuses. webauthn-rs reads neither `type` nor `id` of the response, nor whether `id` is `rawId`.
    EnvelopeUnread,
    /// Core refuses. webauthn-rs takes base64url with padding too, also for the challenge.
    PaddingTolerated,
    /// Core refuses. webauthn-rs bounds no member's size.
    Unbounded,
    /// Core accepts. Step 8 is "UTF-8 decode", which strips a byte order mark; webauthn-rs' JSON parser refuses it.
    ByteOrderMark,
    /// Core accepts. Extension results, token binding and unknown members are not read by core, so it does not mind
    /// what they hold; webauthn-rs parses them.
    MembersUnread,
}

impl KnownDifference {
    pub(crate) const ALL: [Self; 10] = [
        Self::OwnerLeftToCaller,
        Self::OriginReadAsUrl,
        Self::FramingUnread,
        Self::BytesLeftOver,
        Self::LenientCbor,
        Self::EnvelopeUnread,
        Self::PaddingTolerated,
        Self::Unbounded,
        Self::ByteOrderMark,
        Self::MembersUnread,
    ];
}

/// A body as a generic reader sees it (of members that are named twice, the last).
pub(crate) struct Read {
    pub(crate) body: Value,
    pub(crate) answer: Answer,
    pub(crate) client_data: Value,
}

impl Read {
    pub(crate) fn new(body: &[u8]) -> Option<Self> {
        let members = top_level(&String::from_utf8_lossy(body))?.into_iter();
        let body = members.filter_map(|(name, value)| Some((name, serde_json::from_str::<Value>(&value).ok()?)));
        let body = Value::Object(body.collect());
        let text = |value: &Value| value.as_str().map(|text| text.trim_end_matches('=').to_owned());
        let bytes = |value: &Value| URL_SAFE_NO_PAD.decode(text(value)?).ok();
        let response = &body["response"];
        let answer = Answer {
            credential_id: bytes(&body["rawId"])?,
            client_data: bytes(&response["clientDataJSON"])?,
            data: bytes(&response["authenticatorData"])?,
            signature: bytes(&response["signature"])?,
            user_handle: bytes(&response["userHandle"]).unwrap_or_default(),
        };
        let json = answer.client_data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.client_data);
        let client_data = serde_json::from_slice(json).unwrap_or(Value::Null);
        Some(Self { body, answer, client_data })
    }

    /// What allows the two to differ on this body: a property of the body that can be seen without either.
    pub(crate) fn explains(&self, world: &World, core: &ByCore, reference: &ByReference) -> Option<KnownDifference> {
        use AssertionRefused::*;
        use KnownDifference::*;
        let data = &self.answer.data;
        let announced = data.get(32).is_some_and(|flags| flags & (AT | ED) != 0);
        let (difference, holds) = match core {
            // What core accepts, webauthn-rs must at least have failed to parse.
            ByCore::Accepted if !reference.is_parse_failure() => return None,
            ByCore::Accepted if self.answer.client_data.starts_with(b"\xef\xbb\xbf") => (ByteOrderMark, true),
            ByCore::Accepted => (MembersUnread, self.accepted_without_unread_members(world)),
            _ if self.is_oversized() => (Unbounded, true),
            ByCore::Unreadable(bad) => match bad.field {
                _ if self.is_padded(&self.body, bad.field) => (PaddingTolerated, true),
                _ => (EnvelopeUnread, self.body["id"] != self.body["rawId"] || self.body["type"] != "public-key"),
            },
            ByCore::Refused(UserHandleMissing | UserHandleMismatch) => {
                (OwnerLeftToCaller, !self.names_the_owner(world))
            }
            ByCore::Refused(ChallengeMismatch) => {
                (PaddingTolerated, self.client_data["challenge"].as_str().is_some_and(|text| text.ends_with('=')))
            }
            ByCore::Refused(OriginUnknown) => (OriginReadAsUrl, self.names_the_same_host()),
            ByCore::Refused(CrossOrigin | TopOriginUnknown | ClientDataMalformed) => {
                let top = self.client_data.get("topOrigin").is_some();
                (FramingUnread, top || self.client_data["crossOrigin"] == true)
            }
            ByCore::Refused(AuthenticatorDataMalformed) if announced => (LenientCbor, true),
            ByCore::Refused(AuthenticatorDataMalformed) => (BytesLeftOver, data.len() > 37),
            ByCore::Refused(_) | ByCore::UnknownCredential => return None,
        };
        holds.then_some(difference)
    }

    fn is_oversized(&self) -> bool {
        self.answer.client_data.len() > CLIENT_DATA_BYTES_MAX
            || self.answer.data.len() > AUTHENTICATOR_DATA_BYTES_MAX
            || self.answer.signature.len() > SIGNATURE_BYTES_MAX
            || self.answer.user_handle.len() > 64
    }

    fn is_padded(&self, body: &Value, field: &str) -> bool {
        let value = field.split('.').fold(body, |value, name| &value[name]);
        // `id` and `rawId` also differ when one of them alone is padded.
        let padded = |value: &Value| value.as_str().is_some_and(|text| text.ends_with('='));
        padded(value) || (field == "id" && padded(&body["rawId"]))
    }

    fn names_the_owner(&self, world: &World) -> bool {
        let owner = world.subjects.iter().find(|subject| subject.passkey.credential_id == self.answer.credential_id);
        owner.is_some_and(|owner| owner.passkey.account.as_bytes()[..] == self.answer.user_handle)
    }

    fn names_the_same_host(&self) -> bool {
        let text = self.client_data["origin"].as_str().unwrap_or_default();
        let same = Url::parse(text).is_ok_and(|url| url.origin() == Url::parse(ORIGIN).expect("a URL").origin());
        text != ORIGIN && same
    }

    /// Whether webauthn-rs accepts or can at least read the body once the members that core does not read are gone.
    fn accepted_without_unread_members(&self, world: &World) -> bool {
        let mut body = self.body.clone();
        let members = body.as_object_mut().expect("an object");
        members.remove("clientExtensionResults");
        members.remove("extensions");
        let without = serde_json::to_vec(&body).expect("JSON");
        let in_body = matches!(world.by_reference(&without), ByReference::Accepted);
        // In client data they are signed and cannot be taken out: a token binding, or something no parser keeps.
        in_body || self.client_data.get("tokenBinding").is_some() || self.client_data.is_null()
    }
}
