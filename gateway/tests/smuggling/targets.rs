//! Which host a request is for: said once (RFC 9112, section 3.2).

use super::gate::{Gate, refuse_all};

#[tokio::test]
async fn every_form_of_a_target_but_the_path_is_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("absolute, against Host", "http://other.example/raw/x"),
        ("absolute, as Host says", "http://localhost:8080/raw/x"),
        ("absolute, other port", "http://localhost:9090/raw/x"),
        ("absolute, other case", "HTTP://LOCALHOST:8080/raw/x"),
        ("absolute, userinfo", "http://x@localhost:8080/raw/x"),
        ("absolute, https", "https://localhost:8080/raw/x"),
        ("absolute, no host", "http:///raw/x"),
        ("absolute, one slash", "http:/localhost:8080/raw/x"),
        ("absolute, backslash", "http:\\\\localhost:8080/raw/x"),
        ("absolute, another scheme", "ftp://localhost:8080/raw/x"),
        ("authority", "localhost:8080"),
        ("authority alone", "localhost"),
        ("asterisk", "*"),
        ("no slash", "raw/x"),
        ("a question alone", "?x"),
        ("backslash", "\\raw\\x"),
    ];
    for (name, target) in rows {
        for method in ["GET", "OPTIONS"] {
            let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost:8080\r\n\r\n");
            gate.refuses(&format!("{method}: {name}"), request.as_bytes(), &[400]).await;
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_one_is_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("none", "x: y"),
        ("two that differ", "host: localhost:8080\r\nhost: other.example"),
        ("two that agree", "host: localhost:8080\r\nhost: localhost:8080"),
        ("two, the second empty", "host: localhost:8080\r\nhost:"),
        ("empty", "host:"),
        ("a list", "host: localhost:8080, other.example"),
        ("userinfo", "host: other.example@localhost:8080"),
        ("two names", "host: localhost:8080 other.example"),
        ("a path", "host: localhost:8080/raw/x"),
        ("a question", "host: localhost:8080?x"),
        ("a fragment", "host: localhost:8080#x"),
        ("a scheme", "host: http://localhost:8080"),
        ("a backslash", "host: localhost\\8080"),
        ("an escape", "host: localhost%3a8080"),
        ("a space before the colon", "host : localhost:8080"),
        ("eight bits", "host: localh\u{f6}st:8080"),
        ("NUL", "host: localhost:8080\0"),
        ("folded", "host:\r\n localhost:8080"),
        ("quotes", "host: \"localhost:8080\""),
    ];
    for (name, header) in rows {
        for version in ["1.1", "1.0"] {
            let request = format!("GET TARGET HTTP/{version}\r\n{header}\r\n\r\n");
            refuse_all(&gate, &[(&format!("{name} in HTTP/{version}"), &request)], &[400]).await;
        }
    }
    // A host of its own kind is a host that nobody has here.
    for host in ["localhost:80:80", "localhost:", "localhost:abc", "localhost.:8080", "[::1", "other.example"] {
        let request = format!("GET TARGET HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let said = gate.exchange(&[request.replace("TARGET", "/raw/x").as_bytes()]).await;
        assert!(!said.bytes.starts_with(b"HTTP/1.1 200") || host == "localhost:", "{host}");
    }
}
