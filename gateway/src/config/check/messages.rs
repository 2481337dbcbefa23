//! `[messages]`: who carries what is sent to people.

use super::Faults;
use super::relying_party::{host_of, is_origin};
use crate::config::file::{FileGovUkNotify, FileMessages, FileSmtp, FileWebhook};
use crate::config::{Carrier, GovUkNotify, Messages, Smtp, SmtpSecurity, Webhook};
use std::net::IpAddr;

const NOTIFY: &str = "https://api.notifications.service.gov.uk";

/// What GOV.UK Notify takes a minute of a service unless that was raised.
const NOTIFY_PER_MINUTE: i64 = 3_000;

/// What a webhook takes a minute unless it says otherwise.
const WEBHOOK_PER_MINUTE: i64 = 600;

const PER_MINUTE_MAX: i64 = 1_000_000; // More is a typing error.

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mail,
    Text,
    Voice,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Mail => "messages.email",
            Self::Text => "messages.text",
            Self::Voice => "messages.voice",
        }
    }

    /// Who may carry it, for whoever named another.
    const fn known(self) -> &'static str {
        match self {
            Self::Mail => "\"outbox\", \"smtp\" or \"govuk-notify\"",
            Self::Text => "\"outbox\", \"govuk-notify\" or \"webhook\"",
            Self::Voice => "\"outbox\" or \"webhook\"",
        }
    }
}

/// Judges the table.
pub(super) fn messages(file: &FileMessages, faults: &mut Faults) -> Messages {
    let email = carrier(Kind::Mail, file.email.as_deref(), file, faults);
    let text = carrier(Kind::Text, file.text.as_deref(), file, faults);
    let voice = carrier(Kind::Voice, file.voice.as_deref(), file, faults);
    let used = |kind: fn(&Carrier) -> bool| [&email, &text, &voice].into_iter().any(kind);
    if file.smtp.is_some() && !used(|carrier| matches!(carrier, Carrier::Smtp(_))) {
        faults.add("messages.smtp", "needs messages.email = \"smtp\"");
    }
    if file.govuk_notify.is_some() && !used(|carrier| matches!(carrier, Carrier::GovUkNotify(_))) {
        faults.add("messages.govuk_notify", "needs messages.email or messages.text = \"govuk-notify\"");
    }
    if file.webhook.is_some() && !used(|carrier| matches!(carrier, Carrier::Webhook(_))) {
        faults.add("messages.webhook", "needs messages.text or messages.voice = \"webhook\"");
    }
    Messages { email, text, voice, countries: file.countries.clone() }
}

fn carrier(kind: Kind, named: Option<&str>, file: &FileMessages, faults: &mut Faults) -> Carrier {
    match (named, kind) {
        (None | Some("outbox"), _) => Carrier::Outbox,
        (Some("smtp"), Kind::Mail) => Carrier::Smtp(smtp(file.smtp.as_ref().unwrap_or(&FileSmtp::default()), faults)),
        (Some("govuk-notify"), Kind::Mail | Kind::Text) => {
            let none = FileGovUkNotify::default();
            Carrier::GovUkNotify(notify(kind, file.govuk_notify.as_ref().unwrap_or(&none), faults))
        }
        (Some("webhook"), Kind::Text | Kind::Voice) => {
            Carrier::Webhook(webhook(file.webhook.as_ref().unwrap_or(&FileWebhook::default()), faults))
        }
        (Some(other), _) => {
            faults.add(kind.path(), format!("must be {}, not {other:?}", kind.known()));
            Carrier::Outbox
        }
    }
}

fn needed(path: &str, value: Option<&String>, faults: &mut Faults) -> String {
    if value.is_none_or(String::is_empty) {
        faults.add(path, "is missing");
    }
    value.cloned().unwrap_or_default()
}

fn smtp(file: &FileSmtp, faults: &mut Faults) -> Smtp {
    let host = needed("messages.smtp.host", file.host.as_ref(), faults);
    let security = match file.security.as_deref() {
        None | Some("implicit") => SmtpSecurity::Implicit,
        Some("starttls") => SmtpSecurity::StartTls,
        Some("none") => SmtpSecurity::None,
        Some(other) => {
            faults.add(
                "messages.smtp.security",
                format!("must be \"implicit\", \"starttls\" or \"none\", not {other:?}"),
            );
            SmtpSecurity::Implicit
        }
    };
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if security == SmtpSecurity::None && !here {
        faults.add("messages.smtp.security", "must not be \"none\" where the relay is not on this machine");
    }
    if file.user.is_some() != file.password_file.is_some() {
        faults.add("messages.smtp.password_file", "and messages.smtp.user go together");
    }
    let default = if security == SmtpSecurity::StartTls { 587 } else { 465 };
    let port = file.port.unwrap_or(default);
    let port = faults.keep("messages.smtp.port", u16::try_from(port).map_err(|_| "must be from 1 to 65535"));
    let from = needed("messages.smtp.from", file.from.as_ref(), faults);
    if !from.is_empty() && !from.contains('@') {
        faults.add("messages.smtp.from", "is no address, such as \"Aldgate <no-reply@login.example.org>\"");
    }
    let login = file.user.clone().zip(file.password_file.as_ref().map(Into::into));
    Smtp { host, port: port.unwrap_or(465), security, login, from }
}

fn notify(kind: Kind, file: &FileGovUkNotify, faults: &mut Faults) -> GovUkNotify {
    let url = file.url.clone().unwrap_or_else(|| NOTIFY.to_owned());
    if !is_origin(&url) || !is_safe(&url) {
        faults.add("messages.govuk_notify.url", format!("must be https without a path, such as {NOTIFY:?}"));
    }
    let (template, key) = match kind {
        Kind::Mail => (&file.email_template, "email_template"),
        Kind::Text | Kind::Voice => (&file.text_template, "text_template"),
    };
    needed(&format!("messages.govuk_notify.{key}"), template.as_ref(), faults);
    let key_file = needed("messages.govuk_notify.api_key_file", file.api_key_file.as_ref(), faults);
    let path = "messages.govuk_notify.per_minute";
    let per_minute = super::count(path, file.per_minute, NOTIFY_PER_MINUTE, PER_MINUTE_MAX, faults);
    GovUkNotify {
        url,
        api_key_file: key_file.into(),
        email_template: file.email_template.clone().unwrap_or_default(),
        text_template: file.text_template.clone().unwrap_or_default(),
        per_minute: u32::try_from(per_minute).unwrap_or(u32::MAX),
    }
}

/// Nobody on the way reads it: by TLS, or on this machine.
fn is_safe(origin: &str) -> bool {
    origin.starts_with("https://") || matches!(host_of(origin), "localhost" | "127.0.0.1" | "[::1]")
}

/// The origin of an address, and the rest.
fn parts(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(authority..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| authority + at);
    url.split_at_checked(path).unwrap_or((url, ""))
}

fn webhook(file: &FileWebhook, faults: &mut Faults) -> Webhook {
    let url = needed("messages.webhook.url", file.url.as_ref(), faults);
    let (origin, path) = parts(&url);
    let is_path = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let is_good = is_origin(origin) && is_safe(origin) && is_path;
    if !url.is_empty() && !is_good {
        faults.add("messages.webhook.url", "must be https, such as \"https://calls.example.org/aldgate\"");
    }
    let secret_file = needed("messages.webhook.secret_file", file.secret_file.as_ref(), faults);
    let path = "messages.webhook.per_minute";
    let per_minute = super::count(path, file.per_minute, WEBHOOK_PER_MINUTE, PER_MINUTE_MAX, faults);
    let per_minute = u32::try_from(per_minute).unwrap_or(u32::MAX);
    Webhook { url, secret_file: secret_file.into(), per_minute }
}
