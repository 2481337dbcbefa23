//! Where a line begins and ends, and what may stand in it (RFC 9112, sections 2.2, 3 and 5).

use super::gate::{Gate, SERVICE, refuse_all};

const HOST: &str = "host: localhost:8080";

#[tokio::test]
async fn odd_header_lines_are_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("folded with a space", "x: y\r\n z"),
        ("folded with a tab", "x: y\r\n\tz"),
        ("folded to a framing header", "x: y\r\n content-length: 5"),
        ("folded after nothing", "x:\r\n y"),
        ("a line of white space", " "),
        ("a line of a tab", "\t"),
        ("space before the colon", "x : y"),
        ("tab before the colon", "x\t: y"),
        ("no colon", "x"),
        ("no colon but a space", "x y"),
        ("no name", ": y"),
        ("a space in the name", "x z: y"),
        ("a parenthesis in the name", "x(: y"),
        ("a slash in the name", "x/y: z"),
        ("a semicolon in the name", "x;: z"),
        ("quotes in the name", "\"x\": z"),
        ("eight bits in the name", "\u{e9}: z"),
        ("NUL in the name", "x\0: z"),
        ("DEL in the name", "x\x7f: z"),
        ("NUL in the value", "x: \0"),
        ("DEL in the value", "x: \x7f"),
        ("ESC in the value", "x: \x1b[2J"),
        ("backspace in the value", "x: a\x08b"),
        ("vertical tab in the value", "x: a\x0bb"),
        ("bare CR in the value", "x: a\rb"),
        ("bare CR behind the value", "x: a\r\r\n"),
        ("bare CR before the value", "x: \ra"),
        ("bare LF between lines", "x: a\ny: b"),
        ("bare LF that hides a header", "x: a\ncontent-length: 40"),
        ("bare CR that hides a header", "x: a\rcontent-length: 40"),
        ("LF CR", "x: a\n\ry: b"),
    ];
    for (name, line) in rows {
        let first = format!("GET TARGET HTTP/1.1\r\n{line}\r\n{HOST}\r\n\r\n");
        let last = format!("GET TARGET HTTP/1.1\r\n{HOST}\r\n{line}\r\n\r\n");
        refuse_all(&gate, &[(name, &last), (&format!("{name}, first"), &first)], &[400]).await;
    }
}

#[tokio::test]
async fn odd_ends_of_a_header_are_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("bare LF throughout", format!("GET TARGET HTTP/1.1\n{HOST}\n\n")),
        ("bare LF at the end", format!("GET TARGET HTTP/1.1\r\n{HOST}\r\n\n")),
        ("bare LF twice at the end", format!("GET TARGET HTTP/1.1\r\n{HOST}\n\n")),
        ("bare LF behind the request line", format!("GET TARGET HTTP/1.1\n{HOST}\r\n\r\n")),
        ("CR CR LF", format!("GET TARGET HTTP/1.1\r\n{HOST}\r\n\r\r\n")),
        ("an empty line first", format!("\r\nGET TARGET HTTP/1.1\r\n{HOST}\r\n\r\n")),
        ("many empty lines first", format!("\r\n\r\n\r\nGET TARGET HTTP/1.1\r\n{HOST}\r\n\r\n")),
        ("a bare LF first", format!("\nGET TARGET HTTP/1.1\r\n{HOST}\r\n\r\n")),
        ("a space first", format!(" GET TARGET HTTP/1.1\r\n{HOST}\r\n\r\n")),
        ("a byte order mark first", format!("\u{feff}GET TARGET HTTP/1.1\r\n{HOST}\r\n\r\n")),
    ];
    for (name, request) in rows {
        refuse_all(&gate, &[(name, &request)], &[400]).await;
    }
}

#[tokio::test]
async fn odd_request_lines_are_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("two spaces before the target", "GET  TARGET HTTP/1.1"),
        ("two spaces behind the target", "GET TARGET  HTTP/1.1"),
        ("a tab before the target", "GET\tTARGET HTTP/1.1"),
        ("a tab behind the target", "GET TARGET\tHTTP/1.1"),
        ("a tab in the target", "GET TARGET\tx HTTP/1.1"),
        ("a space in the target", "GET TARGET x HTTP/1.1"),
        ("a second version", "GET TARGET HTTP/1.1 HTTP/1.1"),
        ("another request in the target", "GET TARGET HTTP/1.1 GET /raw/hidden HTTP/1.1"),
        ("a space behind the version", "GET TARGET HTTP/1.1 "),
        ("quotes in the target", "GET TARGET?\"x\" HTTP/1.1"),
        ("angle brackets in the target", "GET TARGET?<x> HTTP/1.1"),
        ("NUL in the target", "GET TARGET\0 HTTP/1.1"),
        ("DEL in the target", "GET TARGET\x7f HTTP/1.1"),
        ("ESC in the target", "GET TARGET\x1b HTTP/1.1"),
        ("eight bits in the target", "GET TARGET\u{e9} HTTP/1.1"),
        ("bare CR in the target", "GET TARGET\rx HTTP/1.1"),
        ("vertical tab as a space", "GET\x0bTARGET HTTP/1.1"),
        ("a fragment", "GET TARGET#x HTTP/1.1"),
        ("version in small letters", "GET TARGET http/1.1"),
        ("version 1.2", "GET TARGET HTTP/1.2"),
        ("version 1", "GET TARGET HTTP/1"),
        ("version 01.1", "GET TARGET HTTP/01.1"),
        ("version 1.10", "GET TARGET HTTP/1.10"),
        ("version 2.0", "GET TARGET HTTP/2.0"),
        ("version 3", "GET TARGET HTTP/3"),
        ("version 0.9", "GET TARGET HTTP/0.9"),
        ("no version", "GET TARGET"),
        ("no version but a space", "GET TARGET "),
        ("another protocol", "GET TARGET ICY/1.1"),
        ("no target", "GET  HTTP/1.1"),
        ("a method of nothing", " TARGET HTTP/1.1"),
        ("a colon in the method", "G:T TARGET HTTP/1.1"),
        ("a slash in the method", "GET/ TARGET HTTP/1.1"),
        ("NUL in the method", "GE\0T TARGET HTTP/1.1"),
        ("eight bits in the method", "G\u{c9}T TARGET HTTP/1.1"),
        ("the preface of HTTP/2", "PRI * HTTP/2.0"),
    ];
    for (name, line) in rows {
        refuse_all(&gate, &[(name, &format!("{line}\r\n{HOST}\r\n\r\n"))], &[400]).await;
    }
    gate.refuses("the whole preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400]).await;
}

#[tokio::test]
async fn methods_that_are_not_for_services_are_refused() {
    let gate = Gate::new().await;
    for method in ["CONNECT", "TRACE"] {
        refuse_all(&gate, &[(method, &format!("{method} TARGET HTTP/1.1\r\n{HOST}\r\n\r\n"))], &[400, 405]).await;
    }
    let connect = "CONNECT localhost:8080 HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
    gate.refuses("CONNECT as it should be", connect.as_bytes(), &[405]).await;
}

#[tokio::test]
async fn header_bombs_are_refused_for_their_size() {
    let gate = Gate::new().await;
    let rows = [
        ("a long value", format!("x: {}", "y".repeat(40_000))),
        ("a longer value", format!("x: {}", "y".repeat(200_000))),
        ("a long name", format!("{}: y", "x".repeat(40_000))),
        ("many lines", "x: y\r\n".repeat(150).trim_end().to_owned()),
        ("a long cookie", format!("cookie: {}", "y".repeat(30_000))),
    ];
    for (name, line) in rows {
        let request = format!("GET {SERVICE} HTTP/1.1\r\n{HOST}\r\n{line}\r\n\r\n");
        gate.refuses(name, request.as_bytes(), &[400, 431]).await;
    }
    let without_end = format!("GET {SERVICE} HTTP/1.1\r\n{HOST}\r\nx: {}", "y".repeat(70_000));
    gate.refuses("a header without end", without_end.as_bytes(), &[431]).await;
    let target = format!("GET {SERVICE}?{} HTTP/1.1\r\n{HOST}\r\n\r\n", "x".repeat(60_000));
    gate.refuses("a long target", target.as_bytes(), &[400, 414, 431]).await;
}

#[tokio::test]
async fn what_is_odd_but_clear_passes() {
    let gate = Gate::new().await;
    let request = |line: &str| format!("GET {SERVICE} HTTP/1.1\r\n{HOST}\r\nconnection: close\r\n{line}\r\n\r\n");
    let rows = [
        ("no space before the value", "x:y"),
        ("tabs around the value", "x:\ty\t"),
        ("an empty value", "x:"),
        ("letters of UTF-8 in a value", "x: \u{e9}\u{4e2d}"),
        ("every character of a name", "!#$%&'*+-.^_`|~09azAZ: y"),
        ("a colon in the value", "x: y: z"),
        ("a header twice", "x: y\r\nx: z"),
    ];
    for (name, line) in rows {
        gate.passes(name, request(line).as_bytes(), "GET", "").await;
    }
    let long = request(&format!("x: {}\r\ny: {}", "y".repeat(9_000), "z".repeat(9_000)));
    gate.passes("a header of several packets", long.as_bytes(), "GET", "").await;
}
