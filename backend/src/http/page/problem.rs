//! The page for whatever went wrong outside a form.

use crate::words::Words;
use askama::Template;

/// Any 4xx or 5xx of the backend's own. The edge has a page of the same look for its refusals.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What happened, as a heading: "Page not found".
    pub(crate) title: &'a str,
    /// The same in a sentence or two.
    pub(crate) explanation: &'a str,
    /// What the person can do now.
    pub(crate) what_next: &'a str,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::Problem;
    use crate::words::Words;

    #[test]
    fn it_says_what_happened_and_what_to_do() {
        let page = Problem {
            words: Words::ENGLISH,
            title: "Page not found",
            explanation: HOSTILE,
            what_next: "Check the address.",
        };
        let html = rendered(&page);
        assert!(html.contains("<title>Page not found - Aldgate</title>"), "{html}");
        assert!(html.contains("<p>Check the address.</p>"), "{html}");
    }
}
