//! How long a body is: said once, in one way, or the request is refused (RFC 9112, section 6.3).

use super::gate::{BACKEND, Gate, SERVICE, refuse_all};

/// A request that hides another one, with these headers and this body.
fn smuggler(headers: &str, body: &str) -> String {
    format!("POST TARGET HTTP/1.1\r\nhost: localhost:8080\r\n{headers}\r\n\r\n{body}")
}

const HIDDEN: &str = "GET /raw/hidden HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";

async fn refuse(rows: &[(&str, &str)], body: &str) {
    let gate = Gate::new().await;
    let requests: Vec<_> = rows.iter().map(|(name, headers)| (*name, smuggler(headers, body))).collect();
    let rows: Vec<_> = requests.iter().map(|(name, request)| (*name, request.as_str())).collect();
    refuse_all(&gate, &rows, &[400]).await;
}

#[tokio::test]
async fn both_framing_headers_are_refused() {
    let rows = [
        ("CL.TE", "content-length: 6\r\ntransfer-encoding: chunked"),
        ("TE.CL", "transfer-encoding: chunked\r\ncontent-length: 6"),
        ("CL.TE, length right for the chunks", "content-length: 5\r\ntransfer-encoding: chunked"),
        ("CL.TE, no length", "content-length: 0\r\ntransfer-encoding: chunked"),
        ("CL.TE, upper case", "CONTENT-LENGTH: 6\r\nTRANSFER-ENCODING: CHUNKED"),
        ("CL.TE, coding unknown", "content-length: 6\r\ntransfer-encoding: xchunked"),
        ("CL.TE, coding empty", "content-length: 6\r\ntransfer-encoding:"),
        ("CL.TE, identity", "content-length: 6\r\ntransfer-encoding: identity"),
        ("CL.TE, as CGI names the first", "content_length: 6\r\ntransfer-encoding: chunked"),
        ("CL.TE, as CGI names the second", "content-length: 6\r\ntransfer_encoding: chunked"),
        ("CL.TE, with a dot", "content-length: 6\r\ntransfer.encoding: chunked"),
        ("CL.CL.TE", "content-length: 6\r\ncontent-length: 6\r\ntransfer-encoding: chunked"),
    ];
    refuse(&rows, &format!("0\r\n\r\n{HIDDEN}")).await;
}

#[tokio::test]
async fn any_other_spelling_of_chunked_is_refused() {
    let rows = [
        ("identity last", "transfer-encoding: chunked, identity"),
        ("identity first", "transfer-encoding: identity, chunked"),
        ("identity", "transfer-encoding: identity"),
        ("gzip", "transfer-encoding: gzip"),
        ("gzip first", "transfer-encoding: gzip, chunked"),
        ("a letter before", "transfer-encoding: xchunked"),
        ("a letter behind", "transfer-encoding: chunkedx"),
        ("a parameter", "transfer-encoding: chunked;q=1"),
        ("quotes", "transfer-encoding: \"chunked\""),
        ("single quotes", "transfer-encoding: 'chunked'"),
        ("a comma behind", "transfer-encoding: chunked,"),
        ("a comma before", "transfer-encoding: ,chunked"),
        ("twice in a list", "transfer-encoding: chunked, chunked"),
        ("twice", "transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        ("twice, the second unknown", "transfer-encoding: chunked\r\ntransfer-encoding: x"),
        ("twice, the first unknown", "transfer-encoding: x\r\ntransfer-encoding: chunked"),
        ("twice, the second empty", "transfer-encoding: chunked\r\ntransfer-encoding:"),
        ("empty", "transfer-encoding:"),
        ("vertical tab", "transfer-encoding: \x0bchunked"),
        ("form feed", "transfer-encoding: \x0cchunked"),
        ("NUL", "transfer-encoding: chunked\0"),
        ("no-break space", "transfer-encoding: \u{a0}chunked"),
        ("Kelvin sign", "transfer-encoding: chun\u{212a}ed"),
        ("space before the colon", "transfer-encoding : chunked"),
        ("tab before the colon", "transfer-encoding\t: chunked"),
        ("space before the name", "x: y\r\n transfer-encoding: chunked"),
        ("folded value", "transfer-encoding:\r\n chunked"),
        ("bare CR in the value", "transfer-encoding: chun\rked"),
        ("bare CR as the end of the line", "x: y\rtransfer-encoding: chunked"),
        ("bare LF as the end of the line", "x: y\ntransfer-encoding: chunked"),
        ("as CGI names it", "transfer_encoding: chunked"),
    ];
    refuse(&rows, &format!("0\r\n\r\n{HIDDEN}")).await;
}

#[tokio::test]
async fn any_other_spelling_of_a_length_is_refused() {
    let rows = [
        ("two that differ", "content-length: 5\r\ncontent-length: 6"),
        ("two that agree", "content-length: 5\r\ncontent-length: 5"),
        ("a list that differs", "content-length: 5, 6"),
        ("a list that agrees", "content-length: 5, 5"),
        ("a comma behind", "content-length: 5,"),
        ("a comma before", "content-length: ,5"),
        ("plus", "content-length: +5"),
        ("minus", "content-length: -5"),
        ("minus nothing", "content-length: -0"),
        ("hexadecimal", "content-length: 0x5"),
        ("octal", "content-length: 05"),
        ("two numbers", "content-length:  5 5"),
        ("a fraction", "content-length: 5.0"),
        ("an exponent", "content-length: 5e0"),
        ("an underscore", "content-length: 5_0"),
        ("empty", "content-length:"),
        ("a word", "content-length: five"),
        ("quotes", "content-length: \"5\""),
        ("a digit of another script", "content-length: \u{665}"),
        ("more than 64 bits", "content-length: 18446744073709551621"),
        ("more than 63 bits", "content-length: 9223372036854775813"),
        ("far more than 64 bits", "content-length: 184467440737095516160000000000000000000005"),
        ("space before the colon", "content-length : 5"),
        ("folded", "content-length:\r\n 5"),
        ("vertical tab", "content-length: \x0b5"),
        ("as CGI names it", "content_length: 5"),
        ("as CGI names it, beside the right one", "content-length: 5\r\ncontent_length: 6"),
    ];
    refuse(&rows, &format!("hello{HIDDEN}")).await;
}

#[tokio::test]
async fn a_body_of_a_method_that_has_none_is_refused() {
    let gate = Gate::new().await;
    for method in ["GET", "HEAD"] {
        for (name, framing) in [("CL", "content-length: 5"), ("TE", "transfer-encoding: chunked")] {
            let body = if name == "CL" { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" };
            let request = smuggler(framing, body).replacen("POST", method, 1);
            refuse_all(&gate, &[(&format!("{method} with {name}"), &request)], &[400]).await;
        }
    }
}

#[tokio::test]
async fn http_1_0_has_no_chunks() {
    let gate = Gate::new().await;
    let request = smuggler("transfer-encoding: chunked", &format!("0\r\n\r\n{HIDDEN}"))
        .replace("HTTP/1.1\r\nhost: localhost:8080\r\ntransfer", "HTTP/1.0\r\nhost: localhost:8080\r\ntransfer");
    refuse_all(&gate, &[("chunked", &request)], &[400]).await;
    let keeps = smuggler("connection: keep-alive\r\ntransfer-encoding: chunked", "0\r\n\r\n").replace("1.1", "1.0");
    refuse_all(&gate, &[("chunked and kept", &keeps)], &[400]).await;
}

#[tokio::test]
async fn what_is_framed_in_one_way_passes() {
    let gate = Gate::new().await;
    for target in [SERVICE, BACKEND] {
        let request = |headers: &str, body: &str| {
            smuggler(&format!("connection: close\r\n{headers}"), body).replace("TARGET", target)
        };
        let rows = [
            ("a length", request("content-length: 5", "hello"), "hello"),
            ("a length in odd case and with tabs", request("cOnTeNt-LeNgTh:\t5\t", "hello"), "hello"),
            ("no length", request("content-length: 0", ""), ""),
            ("nothing said", request("x: y", ""), ""),
            ("chunks", request("transfer-encoding: chunked", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "hello"),
            ("chunks in odd case", request("Transfer-Encoding: CHUNKED", "5\r\nhello\r\n0\r\n\r\n"), "hello"),
            ("no chunks", request("transfer-encoding: chunked", "0\r\n\r\n"), ""),
        ];
        for (name, request, body) in rows {
            gate.passes(&format!("{name} at {target}"), request.as_bytes(), "POST", body).await;
        }
    }
    let get = "GET /raw/x HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    gate.passes("GET that says it has no body", get.as_bytes(), "GET", "").await;
    let old = "POST /raw/x HTTP/1.0\r\nhost: localhost:8080\r\ncontent-length: 5\r\n\r\nhello";
    gate.passes("HTTP/1.0 with a length", old.as_bytes(), "POST", "hello").await;
    let delete =
        "DELETE /raw/x HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    gate.passes("DELETE with a body", delete.as_bytes(), "DELETE", "hello").await;
}
