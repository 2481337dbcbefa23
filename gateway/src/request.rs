//! What a request's header says, for whoever has to read it.

use aldgate_core::language::Language;
use pingora::http::RequestHeader;

/// The values of the request's `Cookie` headers.
pub fn cookies(header: &RequestHeader) -> impl Iterator<Item = &[u8]> {
    header.headers.get_all(http::header::COOKIE).iter().map(http::HeaderValue::as_bytes)
}

/// The language of whoever looks at the answer.
pub fn language(header: &RequestHeader) -> Language {
    let accepted = header.headers.get(http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::of_request(header.uri.query(), cookies(header), accepted)
}

/// Whether a person is looking at this in a browser, and a page or a redirection is the right answer.
pub fn is_navigation(header: &RequestHeader) -> bool {
    let text = |name: &str| header.headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Whether the answer will be what the whole window shows. Only a browser can say that it will not: for a script, an
/// image or a frame within another page.
pub fn is_for_the_whole_window(header: &RequestHeader) -> bool {
    header.headers.get("sec-fetch-dest").is_none_or(|dest| dest.as_bytes() == b"document")
}

/// The length of the body as the header declares it.
pub fn declared_length(header: &RequestHeader) -> Option<u64> {
    header.headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
