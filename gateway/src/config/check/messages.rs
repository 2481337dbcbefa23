//! `[messages]`: who carries what is sent to people.

use super::Faults;
use super::relying_party::{host_of, is_origin};
use crate::config::file::{FileGovUkNotify, FileMessages, FileSmtp};
use crate::config::{Carrier, GovUkNotify, Messages, Smtp, SmtpSecurity};
use std::net::IpAddr;

const NOTIFY: &str = "https://api.notifications.service.gov.uk";

/// What GOV.UK Notify takes a minute of a service unless that was raised.
const NOTIFY_PER_MINUTE: i64 = 3_000;

const NOTIFY_PER_MINUTE_MAX: i64 = 1_000_000; // More is a typing error.

/// Judges the table.
pub(super) fn messages(file: &FileMessages, faults: &mut Faults) -> Messages {
    let email = carrier("messages.email", file.email.as_deref(), true, file, faults);
    let text = carrier("messages.text", file.text.as_deref(), false, file, faults);
    let used = |kind: fn(&Carrier) -> bool| kind(&email) || kind(&text);
    if file.smtp.is_some() && !used(|carrier| matches!(carrier, Carrier::Smtp(_))) {
        faults.add("messages.smtp", "needs messages.email = \"smtp\"");
    }
    if file.govuk_notify.is_some() && !used(|carrier| matches!(carrier, Carrier::GovUkNotify(_))) {
        faults.add("messages.govuk_notify", "needs messages.email or messages.text = \"govuk-notify\"");
    }
    Messages { email, text, countries: file.countries.clone() }
}

fn carrier(path: &str, kind: Option<&str>, is_mail: bool, file: &FileMessages, faults: &mut Faults) -> Carrier {
    match kind {
        None | Some("outbox") => Carrier::Outbox,
        Some("smtp") if is_mail => Carrier::Smtp(smtp(file.smtp.as_ref().unwrap_or(&FileSmtp::default()), faults)),
        Some("govuk-notify") => {
            let none = FileGovUkNotify::default();
            Carrier::GovUkNotify(notify(path, file.govuk_notify.as_ref().unwrap_or(&none), faults))
        }
        Some(other) => {
            let known =
                if is_mail { "\"outbox\", \"smtp\" or \"govuk-notify\"" } else { "\"outbox\" or \"govuk-notify\"" };
            faults.add(path, format!("must be {known}, not {other:?}"));
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

fn notify(carrier: &str, file: &FileGovUkNotify, faults: &mut Faults) -> GovUkNotify {
    let url = file.url.clone().unwrap_or_else(|| NOTIFY.to_owned());
    let here = matches!(host_of(&url), "localhost" | "127.0.0.1" | "[::1]");
    if !is_origin(&url) || !(url.starts_with("https://") || here) {
        faults.add("messages.govuk_notify.url", format!("must be https without a path, such as {NOTIFY:?}"));
    }
    let template = if carrier == "messages.email" { &file.email_template } else { &file.text_template };
    let key = if carrier == "messages.email" { "email_template" } else { "text_template" };
    needed(&format!("messages.govuk_notify.{key}"), template.as_ref(), faults);
    let key_file = needed("messages.govuk_notify.api_key_file", file.api_key_file.as_ref(), faults);
    let path = "messages.govuk_notify.per_minute";
    let per_minute = super::count(path, file.per_minute, NOTIFY_PER_MINUTE, NOTIFY_PER_MINUTE_MAX, faults);
    GovUkNotify {
        url,
        api_key_file: key_file.into(),
        email_template: file.email_template.clone().unwrap_or_default(),
        text_template: file.text_template.clone().unwrap_or_default(),
        per_minute: u32::try_from(per_minute).unwrap_or(u32::MAX),
    }
}
