//! Links in messages: all of them to our own pages, below the origin of the configuration.

/// The origin that people sign in at.
pub(crate) struct Links(String);

impl Links {
    /// Links below `origin`, which has no slash at its end.
    pub(crate) const fn new(origin: String) -> Self {
        Self(origin)
    }

    /// The address of a page that takes a token. Tokens are base64url: nothing in them needs to be escaped.
    pub(super) fn to(&self, page: &str, token: &str) -> String {
        format!("{}{page}?token={token}", self.0)
    }
}
