//! Where a service's host is reached by a browser.

/// The origin of a service's host: with the scheme and the port of the log-in host's (`issuer`), since both stand
/// behind the same listeners.
pub fn origin_of(host: &str, issuer: &str) -> String {
    let (scheme, authority) = issuer.split_once("://").unwrap_or(("https", issuer));
    // A colon within brackets belongs to an IPv6 address.
    let port = authority.rfind(':').filter(|_| !authority.ends_with(']')).and_then(|at| authority.get(at..));
    format!("{scheme}://{host}{}", port.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_port_are_the_log_in_hosts() {
        assert_eq!(origin_of("app.example", "https://login.example"), "https://app.example");
        assert_eq!(origin_of("app.localhost", "http://localhost:8080"), "http://app.localhost:8080");
        assert_eq!(origin_of("app.example", "https://[::1]:8443"), "https://app.example:8443");
        assert_eq!(origin_of("app.example", "https://[::1]"), "https://app.example");
    }
}
