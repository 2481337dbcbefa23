//! Mail and text messages by GOV.UK Notify (its REST API, version 2).
//!
//! Notify sends what a template says; ours hold nothing but what we put in: `((subject))` and `((body))` for mail,
//! `((body))` for text messages. It is spoken to with a JSON web token that lives 30 seconds (HS256, `iss` the service,
//! `iat`), made anew for each request. It takes 3,000 messages a minute of a service unless that was raised: beyond what
//! is configured, we do not even ask.

use super::per_minute::PerMinute;
use super::{Channel, Message, NotSent, Notifier};
use crate::outbound;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(1);

/// Characters of a UUID: a key ends with the service's and the secret's, a hyphen before each.
const UUID_CHARS: usize = 36;

/// A service at GOV.UK Notify.
#[derive(Debug, Clone)]
pub struct GovUkNotify {
    /// The API, without a slash at its end: `https://api.notifications.service.gov.uk`.
    pub url: String,
    /// The key as Notify shows it: name, service and secret.
    pub api_key: Arc<Secret<String>>,
    /// The template of mail, with `((subject))` and `((body))`.
    pub email_template: String,
    /// The template of text messages, with `((body))`.
    pub text_template: String,
    /// Messages a minute that the service may send.
    pub per_minute: u32,
}

/// Why a service cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadNotify {
    /// The key is none.
    #[error("the API key of GOV.UK Notify is not of the form name-service-secret")]
    Key,
    /// The client cannot be set up.
    #[error("a client for GOV.UK Notify cannot be set up")]
    Client,
}

/// Sends by GOV.UK Notify.
pub(crate) struct NotifyNotifier {
    client: Client,
    service: GovUkNotify,
    issuer: String,
    key: hmac::Key,
    per_minute: PerMinute,
}

impl NotifyNotifier {
    /// A service that is called when there is something to send.
    pub(crate) fn new(service: GovUkNotify) -> Result<Self, BadNotify> {
        let (issuer, secret) = parts(service.api_key.expose()).ok_or(BadNotify::Key)?;
        let (issuer, key) = (issuer.to_owned(), hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        let client = outbound::client(DEADLINE, CONNECT).build().map_err(|_| BadNotify::Client)?;
        let per_minute = PerMinute::new(service.per_minute);
        Ok(Self { client, service, issuer, key, per_minute })
    }

    /// A token for one request.
    fn token(&self, now: Timestamp) -> String {
        let claims = json!({"iss": self.issuer, "iat": now.as_secs()}).to_string();
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let tag = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn request(&self, message: &Message) -> Option<(&'static str, Value)> {
        let GovUkNotify { email_template, text_template, .. } = &self.service;
        let Message { to, subject, body, .. } = message;
        match message.channel {
            Channel::Email => Some((
                "/v2/notifications/email",
                json!({
                    "email_address": to, "template_id": email_template,
                    "personalisation": {"subject": subject, "body": body},
                }),
            )),
            Channel::Text => Some((
                "/v2/notifications/sms",
                json!({"phone_number": to, "template_id": text_template, "personalisation": {"body": body}}),
            )),
            Channel::Voice => None,
        }
    }
}

/// The service and the secret of a key.
fn parts(key: &str) -> Option<(&str, &str)> {
    let (rest, secret) = key.split_at_checked(key.len().checked_sub(UUID_CHARS)?)?;
    let rest = rest.strip_suffix('-')?;
    let (name, service) = rest.split_at_checked(rest.len().checked_sub(UUID_CHARS)?)?;
    let is_uuid = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (name.ends_with('-') && is_uuid(service) && is_uuid(secret)).then_some((service, secret))
}

#[async_trait]
impl Notifier for NotifyNotifier {
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let (path, body) = self.request(message).ok_or(NotSent::Refused("GOV.UK Notify makes no calls"))?;
        if !self.per_minute.reserve(now) {
            return Err(NotSent::Busy("GOV.UK Notify"));
        }
        let request = self.client.post(format!("{}{path}", self.service.url)).bearer_auth(self.token(now)).json(&body);
        // What it says about an error may hold the address: it is not read.
        let status = request.send().await.map_err(|_| NotSent::Unreachable("GOV.UK Notify"))?.status();
        match status {
            StatusCode::CREATED => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => Err(NotSent::Busy("GOV.UK Notify")),
            status if status.is_server_error() => Err(NotSent::Unreachable("GOV.UK Notify")),
            _ => Err(NotSent::Refused("GOV.UK Notify refused it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::listener::answering;
    use super::super::retrying::Retrying;
    use super::*;
    use aldgate_core::language::Language;
    use aldgate_core::testing::world;

    const KEY: &str = "our_key-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";

    fn notifier(url: String, per_minute: u32) -> NotifyNotifier {
        NotifyNotifier::new(GovUkNotify {
            url,
            api_key: Arc::new(Secret::new(KEY.to_owned())),
            email_template: "e-template".into(),
            text_template: "t-template".into(),
            per_minute,
        })
        .expect("a notifier")
    }

    fn message(channel: Channel) -> Message {
        let language = Language::English;
        Message { channel, to: "+447700900123".into(), language, subject: "s".into(), body: "b".into(), code: None }
    }

    #[tokio::test]
    async fn a_text_message_is_asked_for_with_a_token_of_our_service() {
        let (url, requests) = answering(&[201]).await;
        notifier(url, 10).send(&message(Channel::Text), world::NOW).await.expect("sent");
        let request = requests.await.expect("requests").remove(0);
        assert!(request.starts_with("POST /v2/notifications/sms HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(r#""phone_number":"+447700900123""#) && request.contains("t-template"), "{request}");
        let token = request.split("Bearer ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a token");
        let (signed, tag) = token.rsplit_once('.').expect("three parts");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"3d844edf-8d35-48ac-975b-e847b4f122b0");
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).expect("base64url")).expect("our tag");
        let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).expect("claims")).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims, json!({"iss": "26785a09-ab16-4eb0-8407-a37497a57506", "iat": world::NOW.as_secs()}));
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let (url, requests) = answering(&[500, 503, 201]).await;
        let retrying = Retrying(Arc::new(notifier(url, 10)));
        retrying.send(&message(Channel::Email), world::NOW).await.expect("sent in the end");
        assert_eq!(requests.await.expect("requests").len(), 3);
        let (url, requests) = answering(&[400]).await;
        let refused = Retrying(Arc::new(notifier(url, 10))).send(&message(Channel::Email), world::NOW).await;
        assert!(matches!(refused, Err(NotSent::Refused(_))), "{refused:?}");
        assert_eq!(requests.await.expect("requests").len(), 1);
        let (url, _requests) = answering(&[429, 429, 429]).await;
        let busy = Retrying(Arc::new(notifier(url, 10))).send(&message(Channel::Email), world::NOW).await;
        assert!(matches!(busy, Err(NotSent::Busy(_))), "{busy:?}");
    }

    #[tokio::test]
    async fn no_more_are_asked_for_than_a_minute_allows_and_no_calls_at_all() {
        let (url, requests) = answering(&[201, 201]).await;
        let notifier = notifier(url, 1);
        notifier.send(&message(Channel::Text), world::NOW).await.expect("sent");
        assert!(matches!(notifier.send(&message(Channel::Text), world::NOW).await, Err(NotSent::Busy(_))));
        let next = world::NOW.plus(Duration::from_mins(1));
        notifier.send(&message(Channel::Text), next).await.expect("sent");
        assert_eq!(requests.await.expect("requests").len(), 2);
        assert!(matches!(notifier.send(&message(Channel::Voice), next).await, Err(NotSent::Refused(_))));
    }

    #[test]
    fn a_key_is_taken_apart_from_its_end() {
        assert!(parts(KEY).is_some());
        assert!(parts(&format!("a-b-c-{KEY}")).is_some(), "names hold hyphens");
        for bad in ["", "x", &KEY[8..], &KEY[..KEY.len() - 1], &KEY.replace('a', "z")] {
            assert!(parts(bad).is_none(), "{bad}");
        }
    }
}
