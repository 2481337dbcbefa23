//! Finding the system under test before anything is measured: its address, and its process.

use crate::client::Target;
use crate::plan::Plan;
use crate::trouble::Trouble;
use hyper::Uri;
use hyper::header::HeaderValue;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a connection may take to be opened on one machine.
const CONNECT: Duration = Duration::from_secs(2);

/// Resolves the target and connects once.
///
/// # Errors
/// [`Trouble`], if the URL cannot be used or nobody listens.
pub(crate) async fn find(plan: &Plan) -> Result<Target, Trouble> {
    Ok(Target { headers: plan.header.clone(), ..at(&plan.target, plan.origin()).await? })
}

/// Where people log in: the target, unless the plan names another.
///
/// # Errors
/// [`Trouble`], if the URL cannot be used or nobody listens.
pub(crate) async fn for_log_ins(plan: &Plan, target: &Arc<Target>) -> Result<Arc<Target>, Trouble> {
    match &plan.log_in_at {
        None => Ok(target.clone()),
        Some(url) => at(url, plan.origin.as_deref().unwrap_or(url).trim_end_matches('/')).await.map(Arc::new),
    }
}

async fn at(url: &str, origin: &str) -> Result<Target, Trouble> {
    let authority = authority(url)?;
    let origin = origin.to_owned();
    let host = HeaderValue::from_str(&self::authority(&origin)?)
        .map_err(|_| Trouble::new(format!("{origin} has no usable host"), "give --origin as http://host:port"))?;
    let address = reachable(&authority).await?;
    Ok(Target { address, host, origin, headers: Vec::new() })
}

/// `host:port` of a plain HTTP URL.
fn authority(url: &str) -> Result<String, Trouble> {
    let bad = |fault: &str| Trouble::new(format!("{url}: {fault}"), "give a URL such as http://localhost:8080");
    let uri: Uri = url.parse().map_err(|_| bad("is not a URL"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(bad("TLS is not spoken here; measure the plain listener")),
        _ => return Err(bad("does not begin with http://")),
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(bad("has a path; paths have options of their own"));
    }
    let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
    Ok(if authority.port().is_some() { authority.to_string() } else { format!("{authority}:80") })
}

/// The first of the host's addresses at which somebody listens.
async fn reachable(authority: &str) -> Result<SocketAddr, Trouble> {
    let unreachable = |fault: String| {
        let next = "start the gateway (./scripts/up), or name it with --target";
        Trouble::new(format!("{authority} cannot be reached: {fault}"), next)
    };
    let addresses = tokio::net::lookup_host(authority).await.map_err(|error| unreachable(error.to_string()))?;
    let mut fault = "it has no address".to_owned();
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => fault = error.to_string(),
            Err(_) => fault = "no answer".to_owned(),
        }
    }
    Err(unreachable(fault))
}

/// The processes under test: as given, else as the PID file says, if that process lives.
///
/// # Errors
/// [`Trouble`], if a PID was given and there is no such process.
pub(crate) fn processes(plan: &Plan) -> Result<Vec<u32>, Trouble> {
    let lives = |pid: u32| Path::new("/proc").join(pid.to_string()).join("task").is_dir();
    if let Some(gone) = plan.pid.iter().find(|pid| !lives(**pid)) {
        return Err(Trouble::new(format!("there is no process {gone}"), "look up the gateway's PID again"));
    }
    if !plan.pid.is_empty() {
        return Ok(plan.pid.clone());
    }
    let written = std::fs::read_to_string(&plan.pidfile).ok().and_then(|text| text.trim().parse().ok());
    Ok(written.filter(|pid| lives(*pid)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_without_a_path_are_targets() {
        assert_eq!(authority("http://localhost:8080").expect("a URL"), "localhost:8080");
        assert_eq!(authority("http://127.0.0.1/").expect("a URL"), "127.0.0.1:80");
        for url in ["https://localhost:8443", "localhost:8080", "http://localhost:8080/session", "nonsense"] {
            assert!(authority(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_home_comes_with_advice() {
        let trouble = reachable("127.0.0.1:1").await.expect_err("nobody listens on port 1");
        assert!(trouble.to_string().contains("./scripts/up"), "{trouble}");
    }
}
