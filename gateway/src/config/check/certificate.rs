//! `client_certificate` of a route: which clients must show a certificate, and of which names.

use super::Faults;
use crate::certificate::{is_dns_name, is_uri};
use crate::config::file::{FileCertificate, FileEdge, FileRoute};
use aldgate_core::policy::route::{CertificateDemand, Service};
use std::sync::Arc;

const NAMES_MAX: usize = 100; // Compared one by one with each request's; a route for more should take any.

pub(super) fn demand(
    path: &str,
    file: &FileRoute,
    edge: Option<&FileEdge>,
    services: &[Arc<Service>],
    faults: &mut Faults,
) -> Option<Arc<CertificateDemand>> {
    let path = format!("{path}.client_certificate");
    let demand = match file.client_certificate.as_ref()? {
        FileCertificate::Demanded(false) => return None,
        FileCertificate::Demanded(true) => CertificateDemand::Any,
        FileCertificate::Named(names) => CertificateDemand::Named(checked(&path, names, faults)),
    };
    if services.iter().any(|service| service.upstream.is_none() && file.service.as_ref() == Some(&service.name)) {
        faults.add(
            &path,
            "needs a service with an upstream: another proxy cannot show this gate its client's certificate",
        );
    }
    if edge.is_none_or(|edge| edge.client_authorities.is_none()) {
        faults.add(&path, "needs edge.client_authorities: whose word is taken on certificates");
    }
    if edge.and_then(|edge| edge.https.as_deref()) == Some("") {
        faults.add(&path, "needs edge.https: certificates are shown there only");
    }
    Some(Arc::new(demand))
}

fn checked(path: &str, names: &[String], faults: &mut Faults) -> Vec<String> {
    if !(1..=NAMES_MAX).contains(&names.len()) {
        faults.add(path, format!("must be 1 to {NAMES_MAX} names, or true for any"));
    }
    for (at, name) in names.iter().enumerate() {
        let plain = is_uri(name) || is_dns_name(name) && !name.bytes().any(|b| b.is_ascii_uppercase());
        if !plain {
            faults.add(
                &format!("{path}[{at}]"),
                format!("{name:?} is neither a whole DNS name in lower case nor a URI such as \"spiffe://example/a\""),
            );
        }
    }
    names.to_vec()
}
