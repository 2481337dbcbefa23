//! Parameters of a query: each stands once or not at all, and is decoded once.

use pingora::http::RequestHeader;

/// The query cannot be read in one way: a parameter stands twice, or is badly escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadQuery;

/// The query of a request.
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) fn of(header: &'a RequestHeader) -> Self {
        Self(header.uri.query().unwrap_or_default())
    }

    /// The value of a parameter, if it is there.
    ///
    /// # Errors
    /// [`BadQuery`].
    pub(super) fn one(&self, name: &str) -> Result<Option<String>, BadQuery> {
        let mut values = self.0.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => decoded(value).map(Some).ok_or(BadQuery),
            (Some(_), Some(_)) => Err(BadQuery),
        }
    }
}

/// Undoes the escapes of RFC 3986, section 2.1. A plus is a plus: these queries are not forms.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
            let (high, low) = (digit()?, digit()?);
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::percent_encoded;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_stands_once_or_not_at_all() {
        let query = Query("a=%2Fx%3Fy&b=1&b=2&c&d=%2&e=%zz&f=%ff&g=1+2");
        assert_eq!(query.one("a"), Ok(Some("/x?y".into())));
        assert_eq!(query.one("b"), Err(BadQuery));
        assert_eq!(query.one("c"), Ok(Some(String::new())));
        assert_eq!(query.one("d"), Err(BadQuery));
        assert_eq!(query.one("e"), Err(BadQuery));
        assert_eq!(query.one("f"), Err(BadQuery), "no UTF-8");
        assert_eq!(query.one("g"), Ok(Some("1+2".into())));
        assert_eq!(query.one("h"), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_escaped_here_is_read_back(text in "\\PC{0,40}") {
            let query = format!("x=1&a={}&b=2", percent_encoded(&text));
            prop_assert_eq!(Query(&query).one("a"), Ok(Some(text)));
        }
    }
}
