//! Pages of other origins in a real browser: what the gate says about them is what the browser does.

use crate::person::World;
use crate::support::browser::{PATIENCE, Page};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the service was asked: methods and paths.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that answers everything with an empty page, which tells who asked and lets nobody read it.
async fn server() -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Asked::default();
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut piece).await {
                    head.extend_from_slice(&piece[..n]);
                    if head.windows(4).any(|end| end == b"\r\n\r\n") {
                        break;
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                kept.lock().expect("a lock").push(line);
                let subject = head.lines().find_map(|line| line.strip_prefix("aldgate-subject: ")).unwrap_or("nobody");
                let body = format!("<!DOCTYPE html><link rel=icon href=data:,>{subject}");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nx-total: 7\r\nx-secret: 8\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (port, asked)
}

/// What a page's script learns of an answer.
async fn fetch(page: &Page, address: &str, options: &str) -> Value {
    let script = format!(
        "fetch({}, {options}).then(
           async (answer) => ({{
             status: answer.status, kind: answer.type, body: await answer.text(), total: answer.headers.get('x-total'),
             secret: answer.headers.get('x-secret'), told: answer.headers.get('www-authenticate'),
           }}),
           (error) => ({{error: error.name}}))",
        json!(address)
    );
    page.eval(&script).await
}

const UNREAD: &str = "TypeError";

#[tokio::test]
async fn a_listed_page_reads_and_changes_and_another_does_neither() {
    let (service, asked) = server().await;
    let ((listed, _), (stranger, _)) = tokio::join!(server(), server());
    let world = World::start_with(&format!(
        r#"
        [[service]]
        name = "service"
        upstream = "127.0.0.1:{service}"
        [[route]]
        path = "/api/"
        service = "service"
        [route.cors]
        origins = ["http://localhost:{listed}", "http://page.localhost:{listed}"]
        methods = ["GET", "PUT"]
        headers = ["content-type"]
        expose = ["x-total"]
        credentials = true
        [[route]]
        path = "/api/verified/"
        service = "service"
        demand = {{ identity = "P9" }}
        cors = {{ origins = ["http://localhost:{listed}"], credentials = true }}
        "#
    ))
    .await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "ada@example.org").await;
    let account = page.session().await.expect("registering signs in")["account"].clone();
    let account = account.as_str().expect("an account");
    let api = format!("http://localhost:{}/api/x", world.instance.ports.http);
    let verified = format!("http://localhost:{}/api/verified/", world.instance.ports.http);
    let put = "{method: 'PUT', credentials: 'include', headers: {'content-type': 'application/json'}, body: '{}'}";
    let simple_post = "{method: 'POST', mode: 'no-cors', credentials: 'include', body: 'x'}";

    // Another origin of the same site: the cookie is sent along.
    page.open(&format!("http://localhost:{listed}/")).await;
    for options in ["{credentials: 'include'}", put] {
        let read = fetch(&page, &api, options).await;
        assert!(read["status"] == 200 && read["body"].as_str().expect("a body").contains(account), "{read}");
        assert!(read["total"] == "7" && read["secret"].is_null(), "{read}");
    }
    let told = fetch(&page, &verified, "{credentials: 'include'}").await;
    assert_eq!(told["status"], 401, "{told}");
    assert!(told["told"].as_str().expect("told").contains("insufficient_user_authentication"), "{told}");
    assert_eq!(fetch(&page, &api, "{method: 'DELETE', credentials: 'include'}").await["error"], UNREAD);

    // A listed page of another site: the cookie stays at home, and the refusal can be read.
    page.open(&format!("http://page.localhost:{listed}/")).await;
    let told = fetch(&page, &api, "{credentials: 'include'}").await;
    assert_eq!((&told["status"], &told["told"]), (&json!(401), &json!(r#"Bearer realm="aldgate""#)), "{told}");

    // A page of the same site that is not listed: the cookie is sent along, and nothing comes of it.
    page.open(&format!("http://localhost:{stranger}/")).await;
    for options in ["{credentials: 'include'}", "{}", put] {
        assert_eq!(fetch(&page, &api, options).await["error"], UNREAD, "{options}");
    }
    let unseen = fetch(&page, &api, simple_post).await;
    assert_eq!(unseen["kind"], "opaque", "{unseen}");

    let asked = asked.lock().expect("a lock").clone();
    let is = |line: &&String| ["POST", "DELETE", "OPTIONS"].iter().any(|method| line.starts_with(method));
    assert_eq!(asked.iter().find(is), None, "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.starts_with("PUT")).count(), 1, "{asked:?}");
    hear_of_blocked(&world, 4).await;
}

/// The browser complains of each answer that a page may not read, and of nothing else.
async fn hear_of_blocked(world: &World, times: usize) {
    let mut heard = Vec::new();
    let hearing = async {
        while heard.len() < times {
            heard.extend(world.browser.take_noise());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, hearing).await;
    assert!(in_time.is_ok() && heard.iter().all(|line| line.contains("CORS")), "{heard:#?}");
}
