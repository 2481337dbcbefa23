//! Text messages and calls by whoever takes them over HTTPS: each is one `POST` of JSON, signed as the Standard Webhooks
//! specification (version 1.0.0) has it, so that libraries which verify that can be used on the other side.
//!
//! The body is `{"channel": "text" | "voice", "to": "+441632960123", "language": "en" | "cy", "body": "…"}`. What is to be
//! read out (`voice`) is plain text. `webhook-id` is the same for each try at one message within a request: whoever takes a
//! message twice may drop the second. 2xx: taken, and it will not be lost; 429 and 5xx: tried again; anything else: refused.

use super::per_minute::PerMinute;
use super::{Channel, Message, NotSent, Notifier};
use crate::outbound;
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, StatusCode, header};
use ring::hmac;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const DEADLINE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(1);

/// Bytes of a secret, as the specification wants them.
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

/// What it is called in the log.
const NAME: &str = "the webhook for messages";

/// Whoever takes messages.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where they are posted to.
    pub url: String,
    /// The secret by which they are signed: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Arc<Secret<String>>,
    /// Messages a minute that it takes.
    pub per_minute: u32,
}

/// Why nobody can be called.
#[derive(Debug, thiserror::Error)]
pub enum BadWebhook {
    /// The secret is none.
    #[error("the secret of the webhook for messages is not \"whsec_\" and 24 to 64 bytes in base64")]
    Secret,
    /// The client cannot be set up.
    #[error("a client for the webhook for messages cannot be set up")]
    Client,
}

/// Posts messages.
pub(crate) struct WebhookNotifier {
    client: Client,
    url: String,
    key: hmac::Key,
    per_minute: PerMinute,
}

impl WebhookNotifier {
    /// One that is called when there is something to send.
    pub(crate) fn new(webhook: Webhook) -> Result<Self, BadWebhook> {
        let secret = webhook.secret.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let secret = Zeroizing::new(secret.ok_or(BadWebhook::Secret)?);
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) {
            return Err(BadWebhook::Secret);
        }
        let client = outbound::client(DEADLINE, CONNECT).build().map_err(|_| BadWebhook::Client)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Ok(Self { client, url: webhook.url, key, per_minute: PerMinute::new(webhook.per_minute) })
    }

    /// A name that the tries at one message have in common, and that tells nothing of it.
    fn id(&self, body: &str, now: Timestamp) -> String {
        let tag = hmac::sign(&self.key, format!("id.{}.{body}", now.as_millis()).as_bytes());
        format!("msg_{}", URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default()))
    }

    fn signature(&self, id: &str, secs: u64, body: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{id}.{secs}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

#[async_trait]
impl Notifier for WebhookNotifier {
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let channel = match message.channel {
            Channel::Text => "text",
            Channel::Voice => "voice",
            Channel::Email => return Err(NotSent::Refused("the webhook for messages takes no mail")),
        };
        if !self.per_minute.reserve(now) {
            return Err(NotSent::Busy(NAME));
        }
        let Message { to, language, body, .. } = message;
        let body = json!({"channel": channel, "to": to, "language": language.tag(), "body": body}).to_string();
        let (id, secs) = (self.id(&body, now), now.as_secs());
        let request = self.client.post(&self.url).header(header::CONTENT_TYPE, "application/json");
        let signature = self.signature(&id, secs, &body);
        let request = request.header("webhook-id", id).header("webhook-timestamp", secs);
        // What it says about an error may hold the number: it is not read.
        let sent = request.header("webhook-signature", signature).body(body).send().await;
        match sent.map_err(|_| NotSent::Unreachable(NAME))?.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => Err(NotSent::Busy(NAME)),
            status if status.is_server_error() => Err(NotSent::Unreachable(NAME)),
            _ => Err(NotSent::Refused("the webhook for messages refused it")),
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

    /// The specification's own example of a secret.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn notifier(url: String, secret: &str, per_minute: u32) -> Result<WebhookNotifier, BadWebhook> {
        WebhookNotifier::new(Webhook { url, secret: Arc::new(Secret::new(secret.to_owned())), per_minute })
    }

    fn message(channel: Channel) -> Message {
        Message {
            channel,
            to: "+441632960123".into(),
            language: Language::Welsh,
            subject: "s".into(),
            body: "Eich cod yw: 1, 2, 3.".into(),
            code: None,
        }
    }

    fn head<'a>(request: &'a str, name: &str) -> &'a str {
        let line = request.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {request}"))
    }

    /// The specification's own example.
    #[test]
    fn a_message_is_signed_as_the_specification_signs_its_own() {
        let notifier = notifier(String::new(), SECRET, 1).expect("a notifier");
        let signature = notifier.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn a_call_is_asked_for_with_all_that_is_needed_to_make_it() {
        let (url, requests) = answering(&[204]).await;
        let notifier = notifier(format!("{url}/calls?x=1"), SECRET, 10).expect("a notifier");
        notifier.send(&message(Channel::Voice), world::NOW).await.expect("sent");
        let request = requests.await.expect("requests").remove(0);
        assert!(request.starts_with("POST /calls?x=1 HTTP/1.1\r\n"), "{request}");
        let (_, body) = request.split_once("\r\n\r\n").expect("a body");
        let said =
            json!({"channel": "voice", "to": "+441632960123", "language": "cy", "body": "Eich cod yw: 1, 2, 3."});
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("JSON"), said);
        let secs = head(&request, "webhook-timestamp").parse().expect("a number");
        assert_eq!(secs, world::NOW.as_secs());
        let signature = notifier.signature(head(&request, "webhook-id"), secs, body);
        assert_eq!(head(&request, "webhook-signature"), signature);
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_under_the_same_name_and_what_does_not_is_not() {
        const REFUSALS: [&[u16]; 2] = [&[301], &[400]];
        let (url, requests) = answering(&[500, 429, 200]).await;
        let retrying = Retrying(Arc::new(notifier(url, SECRET, 10).expect("a notifier")));
        retrying.send(&message(Channel::Text), world::NOW).await.expect("sent in the end");
        let requests = requests.await.expect("requests");
        let ids: Vec<_> = requests.iter().map(|request| head(request, "webhook-id")).collect();
        assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        for statuses in REFUSALS {
            let (url, requests) = answering(statuses).await;
            let refused = Retrying(Arc::new(notifier(url, SECRET, 10).expect("a notifier")));
            let refused = refused.send(&message(Channel::Text), world::NOW).await;
            assert!(matches!(refused, Err(NotSent::Refused(_))), "{refused:?}");
            assert_eq!(requests.await.expect("requests").len(), 1, "no redirection is followed");
        }
    }

    #[tokio::test]
    async fn mail_is_not_taken_and_no_more_than_a_minute_allows() {
        let (url, _requests) = answering(&[200]).await;
        let notifier = notifier(url, SECRET, 1).expect("a notifier");
        assert!(matches!(notifier.send(&message(Channel::Email), world::NOW).await, Err(NotSent::Refused(_))));
        notifier.send(&message(Channel::Text), world::NOW).await.expect("sent");
        assert!(matches!(notifier.send(&message(Channel::Text), world::NOW).await, Err(NotSent::Busy(_))));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_at_the_start() {
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8=", "whsec_%%%"] {
            assert!(matches!(notifier(String::new(), bad, 1), Err(BadWebhook::Secret)), "{bad}");
        }
    }
}
