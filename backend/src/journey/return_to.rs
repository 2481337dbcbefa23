//! Where a person goes when a journey has ended: a path of this host, and never anything else (CWE-601, open redirect).

use aldgate_core::policy::path::NormalPath;
use std::fmt;

/// Longest path with query: the sealed cookie that carries it has to fit in 4 KiB.
const RETURN_TO_BYTES_MAX: usize = 2 * 1024;

/// Where people go who came for nothing else.
const DEFAULT: &str = "/account";

/// Pages that nobody wants to return to: they would begin the journey again, or end the session.
const NEVER: [&str; 5] = ["/sign-in", "/sign-out", "/signed-out", "/register", "/passkey"];

/// A path and query of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl Default for ReturnTo {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl ReturnTo {
    /// Reads what a query, a form or a cookie says; anything unfit becomes the account page.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        text.filter(|text| is_fit(text)).map_or_else(Self::default, |text| Self(text.to_owned()))
    }

    /// Reads where a browser came from, any page of ours; anything unfit becomes the start page.
    pub(crate) fn page(text: Option<&str>) -> Self {
        let text = text.filter(|text| is_path(text)).unwrap_or("/");
        Self(text.strip_suffix("/resend").unwrap_or(text).to_owned()) // The one path that only takes forms.
    }

    /// The path and query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads to one of the account's own pages.
    pub(crate) fn is_of_the_account(&self) -> bool {
        is_at_or_below(self.path(), DEFAULT)
    }

    fn path(&self) -> &str {
        path_of(&self.0)
    }

    /// As the value of a query parameter.
    pub(crate) fn query_value(&self) -> QueryValue<'_> {
        QueryValue(&self.0)
    }
}

fn path_of(text: &str) -> &str {
    text.split_once('?').map_or(text, |(path, _)| path)
}

fn is_at_or_below(path: &str, page: &str) -> bool {
    path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_fit(text: &str) -> bool {
    is_path(text) && !NEVER.iter().any(|page| is_at_or_below(path_of(text), page))
}

fn is_path(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    text.len() <= RETURN_TO_BYTES_MAX
        && text.bytes().all(is_of_an_address)
        && !path.starts_with("//")
        && NormalPath::parse(path).is_ok()
        && !query.contains('?')
}

/// The characters of RFC 3986 without the fragment's `#`: no space, quote, bracket, backslash or control.
fn is_of_an_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)
}

/// A text as it stands in a query: everything but the unreserved characters is escaped (RFC 3986, section 2.3).
pub(crate) struct QueryValue<'a>(&'a str);

impl fmt::Display for QueryValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_host_pass_as_they_are() {
        for path in ["/", "/account", "/demo/a%20b?x=1&y=/z", "/demo?return=https://a.example/", "/sign-inn"] {
            assert_eq!(ReturnTo::parse(Some(path)).as_str(), path);
        }
    }

    #[test]
    fn the_step_that_gives_a_session_to_another_host_is_returned_to() {
        let step =
            "/hand-off?host=app.example&return_to=/x%3Fy%3D1&binding=E1ry5lbcXdXhhRlInfLvFhmMh_oYz7C3vUhBcTJBLbw";
        assert_eq!(ReturnTo::parse(Some(step)).as_str(), step);
    }

    #[test]
    fn everything_else_is_the_account_page() {
        for text in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/%5cevil.example",
            "/%2f/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/..//evil.example",
            "/a/../b",
            "/a\r\nSet-Cookie: x=1",
            "/a b",
            "/\t/evil.example",
            "/é",
            "/a#b",
            "/a?\"x",
            "/a?b?c",
            "/sign-in",
            "/sign-in?return_to=/sign-in",
            "/sign-in/password",
            "/sign-out",
            "/signed-out",
            "/register/code",
            "@evil.example",
            " /account2",
        ] {
            assert_eq!(ReturnTo::parse(Some(text)), ReturnTo::default(), "{text}");
        }
        assert_eq!(ReturnTo::parse(None), ReturnTo::default());
        let long = format!("/{}", "a".repeat(RETURN_TO_BYTES_MAX));
        assert_eq!(ReturnTo::parse(Some(&long)), ReturnTo::default());
    }

    #[test]
    fn the_accounts_own_pages_are_told_from_others() {
        for (path, own) in
            [("/account", true), ("/account/passkeys?x", true), ("/accounts", false), ("/?/account", false)]
        {
            assert_eq!(ReturnTo::parse(Some(path)).is_of_the_account(), own, "{path}");
        }
    }

    #[test]
    fn a_query_value_is_escaped() {
        assert_eq!(ReturnTo::parse(Some("/a?b=c&d")).query_value().to_string(), "%2Fa%3Fb%3Dc%26d");
    }
}
