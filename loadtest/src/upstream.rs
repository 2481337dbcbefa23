//! A tiny service to stand behind the gate: it answers every request with the same small body, so that proxied
//! requests can be measured with the service in a process of its own, and so cheap that the gate is what is measured.

use crate::trouble::Trouble;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

const BODY: &[u8] = b"{\"service\":\"aldgate-loadtest upstream\",\"says\":\"hello\"}\n";

/// `aldgate-loadtest upstream`; runs until Ctrl-C.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) async fn command(listen: SocketAddr) -> Result<(), Trouble> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Trouble::new(
            format!("cannot listen on {listen}: {error}"),
            "choose another with --listen, or end what holds it",
        )
    })?;
    eprintln!("answering on http://{listen} until Ctrl-C");
    tokio::select! {
        () = accept(&listener) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

async fn accept(listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream));
            }
            // Out of file descriptors, most likely: those that are open go on.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn serve(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    // A client that breaks off is no concern of a fixed answer.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
