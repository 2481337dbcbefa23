//! The pages: one struct a page, each with its template in `backend/templates`.
//!
//! A page is a value that says what a person is to see. It knows no request, no store and no status code: a handler
//! fills its fields and renders it. Whatever is put into a field is escaped by askama; no template says `safe`.

mod account;
mod field_error;
mod home;
mod oidc;
mod passkey_problem;
mod problem;
mod recover;
mod register;
mod second_step;
mod services;
mod sign_in;
mod sign_in_step;
mod sign_out;

pub(crate) use account::{
    Account, PasskeyAdd, PasskeyOffer, PasskeyRemove, PasskeyRename, PasskeyRow, PasskeySignal, Passkeys,
    PasswordChange, SessionRow, Sessions, SignInMethod,
};
pub(crate) use field_error::{Errors, FieldError};
pub(crate) use home::Home;
pub(crate) use oidc::{AddAWay, Consent, EndSession, ServiceProblem, facts};
pub(crate) use passkey_problem::{PasskeyCeremony, PasskeyProblem, PasskeyReason};
pub(crate) use problem::Problem;
pub(crate) use recover::{Confirm, DonePage, LinkProblem, LinkPurpose, ResetEmail, ResetPassword, ResetSent, Undone};
pub(crate) use register::{RegisterCode, RegisterDone, RegisterEmail, RegisterMethod, RegisterPassword};
pub(crate) use second_step::{
    AccountClose, BrowserRow, Browsers, EmailChangePage, ProveContact, RecoveryCodesPage, RecoveryCodesShown,
    SecondStepApp, SecondStepPage, SecondStepPhone, StepRow,
};
pub(crate) use services::{ServiceRow, Services};
pub(crate) use sign_in::{SignIn, SignInPassword};
pub(crate) use sign_in_step::{SignInCode, SignInOther, SignInRecovery};
pub(crate) use sign_out::{SignOut, SignedOut};

/// What every page must keep to, whatever it says.
#[cfg(test)]
mod testing {
    use askama::Template;

    use super::{Errors, FieldError};

    /// Text that would run if a template forgot to escape it.
    pub(super) const HOSTILE: &str = "\"><script>alert(1)</script>'&";

    /// One error on one field.
    pub(super) fn one_error(field: &'static str) -> Errors {
        Errors::from(vec![FieldError::new(field, format!("Mend this {HOSTILE}"))])
    }

    /// Renders the page and asserts what holds for all of them.
    pub(super) fn rendered(page: &impl Template) -> String {
        let html = page.render().unwrap();
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"), "{html}");
        assert!(html.trim_end().ends_with("</html>"), "{html}");
        assert_eq!(html.matches("<h1").count(), 1, "one heading says what the page is: {html}");
        assert_eq!(html.matches("<main id=\"main\"").count(), 1, "{html}");
        assert!(html.contains("href=\"#main\""), "the skip link: {html}");
        assert!(!html.contains("{{") && !html.contains("{%"), "{html}");
        assert_nothing_inline(&html);
        assert_ids_are_unique(&html);
        html
    }

    /// As [`rendered`], for a page whose only field in error is `field`.
    pub(super) fn rendered_with_error(page: &impl Template, field: &str) -> String {
        let html = rendered(page);
        assert!(html.contains("<title>Error: "), "{html}");
        assert!(html.contains(&format!("<a href=\"#{field}\">Mend this")), "the summary leads to the field: {html}");
        assert!(html.contains(&format!(" id=\"{field}\"")), "{html}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{html}");
        assert!(html.contains(" aria-invalid=\"true\" aria-describedby=\""), "{html}");
        assert!(html.contains(&format!("{field}-error\">")), "the input names its error: {html}");
        html
    }

    /// The content security policy allows no inline script, style or handler.
    fn assert_nothing_inline(html: &str) {
        let script = "<script type=\"module\" src=\"/assets/passkey.js\"></script>";
        assert_eq!(html.matches("<script").count(), html.matches(script).count(), "{html}");
        for inline in
            ["<style", " style=\"", " onclick=", " onload=", " onsubmit=", "javascript:", "http://", "https://"]
        {
            assert!(!html.contains(inline), "{inline} in {html}");
        }
    }

    fn assert_ids_are_unique(html: &str) {
        let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(all, ids.len(), "{ids:?}");
    }
}
