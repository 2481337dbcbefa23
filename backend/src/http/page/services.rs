//! The page of the services that a person uses.

use crate::words::Words;
use aldgate_core::assurance::IdentityLevel;
use askama::Template;

/// `GET /account/services`: each service, what it may know, and the way to end that.
#[derive(Debug, Template)]
#[template(path = "services.html")]
pub(crate) struct Services<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The services, in the order to show them.
    pub(crate) rows: Vec<ServiceRow>,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

/// One service as a person sees it.
#[derive(Debug, Clone)]
pub(crate) struct ServiceRow {
    /// What it is called.
    pub(crate) name: String,
    /// What it may know.
    pub(crate) facts: Vec<&'static str>,
    /// What else it could know before.
    pub(crate) formerly: Vec<&'static str>,
    /// How well the person's identity was verified when they allowed it.
    pub(crate) level: IdentityLevel,
    /// The day on which it was first allowed anything.
    pub(crate) first: String,
    /// The day on which the person last signed in to it, if ever.
    pub(crate) used: Option<String>,
    /// Where one ends it.
    pub(crate) withdraw: String,
}

impl ServiceRow {
    const fn level_text(&self, words: Words) -> &'static str {
        match self.level {
            IdentityLevel::P0 => words.level_low(),
            IdentityLevel::P5 => words.level_medium(),
            IdentityLevel::P9 => words.level_high(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::*;

    #[test]
    fn each_service_is_told_of_and_can_be_stopped() {
        let row = |formerly: &[&'static str]| ServiceRow {
            name: HOSTILE.to_owned(),
            facts: vec!["your email address"],
            formerly: formerly.to_vec(),
            level: IdentityLevel::P9,
            first: "12 March 2026".to_owned(),
            used: None,
            withdraw: "/account/services/cnA/withdraw".to_owned(),
        };
        let page = |rows| rendered(&Services { words: Words::ENGLISH, rows, notice: None });
        let html = page(vec![row(&[]), row(&["your mobile phone number"])]);
        assert_eq!(html.matches("href=\"/account/services/cnA/withdraw\"").count(), 2, "{html}");
        assert_eq!(html.matches("<li>your mobile phone number</li>").count(), 1, "{html}");
        assert!(html.contains("12 March 2026") && html.contains("Not used yet") && html.contains("High"), "{html}");
        assert!(page(Vec::new()).contains("You have not shared anything"));
    }
}
