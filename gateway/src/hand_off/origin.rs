//! Where the hosts are reached by a browser.

use crate::config::check::host_of;
use crate::state::EdgeState;

/// The origin of a service's host: with the scheme and the port of an origin of the log-in host's, since both stand
/// behind the same listeners.
pub fn origin_of(host: &str, login_origin: &str) -> String {
    let (scheme, authority) = login_origin.split_once("://").unwrap_or(("https", login_origin));
    // A colon within brackets belongs to an IPv6 address.
    let port = authority.rfind(':').filter(|_| !authority.ends_with(']')).and_then(|at| authority.get(at..));
    format!("{scheme}://{host}{}", port.unwrap_or_default())
}

/// The origin of the log-in host that a browser is led to. Where one is reached over TLS and in the clear, as on a
/// developer's machine, nobody is led from one to the other; behind somebody else's TLS it is the issuer's.
pub(super) fn login_origin(tls: bool, state: &EdgeState) -> &str {
    pick(tls, &state.relying_party.origins, &state.login_host, &state.issuer)
}

fn pick<'a>(tls: bool, origins: &'a [String], login_host: &str, issuer: &'a str) -> &'a str {
    let scheme = if tls { "https://" } else { "http://" };
    let fits = |origin: &&String| origin.starts_with(scheme) && host_of(origin) == login_host;
    if issuer.starts_with(scheme) { issuer } else { origins.iter().find(fits).map_or(issuer, String::as_str) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_scheme_where_there_are_two() {
        let origins = ["http://localhost:8080", "https://other.localhost", "https://localhost:8443"].map(String::from);
        assert_eq!(pick(false, &origins, "localhost", &origins[0]), "http://localhost:8080");
        assert_eq!(pick(true, &origins, "localhost", &origins[0]), "https://localhost:8443");
        let one = ["https://login.example".to_owned()];
        assert_eq!(pick(false, &one, "login.example", &one[0]), "https://login.example", "TLS ends before us");
    }

    #[test]
    fn scheme_and_port_are_the_log_in_hosts() {
        assert_eq!(origin_of("app.example", "https://login.example"), "https://app.example");
        assert_eq!(origin_of("app.localhost", "http://localhost:8080"), "http://app.localhost:8080");
        assert_eq!(origin_of("app.example", "https://[::1]:8443"), "https://app.example:8443");
        assert_eq!(origin_of("app.example", "https://[::1]"), "https://app.example");
    }
}
