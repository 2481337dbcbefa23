//! For tests: somebody at the other end who answers as told.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Answers with these statuses in turn; gives where, and the requests as they came.
pub(super) async fn answering(statuses: &'static [u16]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.expect("connection");
            let (mut request, mut piece) = (String::new(), [0; 4096]);
            while !is_whole(&request) {
                let read = stream.read(&mut piece).await.expect("read");
                request.push_str(&String::from_utf8_lossy(&piece[..read]));
            }
            requests.push(request);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
        requests
    });
    (url, requests)
}

/// Whether as much has come as the request says.
fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
