//! `Connection` names what the next server shall not see (RFC 9110, section 7.6.1): never a header that matters.

use super::gate::{Gate, SERVICE, refuse_all};

fn request(connection: &str) -> String {
    format!("GET TARGET HTTP/1.1\r\nhost: localhost:8080\r\n{connection}\r\n\r\n")
}

#[tokio::test]
async fn a_header_that_matters_cannot_be_named() {
    let gate = Gate::new().await;
    let rows = [
        "Aldgate-Identity",
        "aldgate_identity",
        "close, Aldgate-Identity",
        "keep-alive, aldgate-subject, close",
        "cookie, host, authorization",
        "host",
        "cookie",
        "authorization",
        "content-length",
        "transfer-encoding",
        "connection",
        "x-forwarded-for",
        "forwarded",
        "close, x-real-ip",
        "x-real",
        "x-harmless",
        "origin",
        "upgrade-insecure-requests",
        "via",
        "close;x",
        "\"close\"",
        "close x-real",
        ":path",
        "*",
        ",,x",
        "close\tx",
    ];
    for named in rows {
        let one = request(&format!("connection: {named}"));
        let two = request(&format!("connection: keep-alive\r\nConnection: {named}"));
        refuse_all(&gate, &[(named, &one), (&format!("{named}, in a second line"), &two)], &[400]).await;
    }
}

#[tokio::test]
async fn what_clients_really_send_goes_on_working_and_goes_no_further() {
    let gate = Gate::new().await;
    let rows = [
        "connection: close",
        "connection: keep-alive, close",
        "connection: Keep-Alive, close\r\nkeep-alive: timeout=5, max=100",
        "connection: TE, close\r\nte: trailers",
        "connection: close, TE\r\nte: deflate,gzip;q=0.3",
        "connection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA",
        "connection: close\r\nproxy-connection: keep-alive",
    ];
    for headers in rows {
        let before = gate.log.heard();
        gate.passes(headers, request(headers).replace("TARGET", SERVICE).as_bytes(), "GET", "").await;
        for seen in gate.new_requests(headers, &before) {
            for name in ["connection", "keep-alive", "te", "upgrade", "http2-settings", "proxy-connection"] {
                assert_eq!(seen.headers.iter().find(|(n, _)| n == name), None, "{headers}: {seen:?}");
            }
        }
    }
}
