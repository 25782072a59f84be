//! Fetching a policy (RFC 8461 3.3), and what it means when that fails.

use std::{error::Error, io};

use hickory_resolver::net::{DnsError, NetError};
use reqwest::{
    Response, Url,
    header::{CONTENT_TYPE, HeaderName, LOCATION},
};
use rustls::CertificateError;
use tlsrpt_outbound::{BodyError, Client, Forbidden, bounded};

use crate::{
    policy::POLICY_MAX_BYTES,
    published::{Fetched, PolicyFile, Unfetched},
};

/// Fetches what is at `url`.
pub(crate) async fn fetch(client: &Client, url: &str) -> PolicyFile {
    PolicyFile { url: url.to_owned(), answer: answer(client, url).await }
}

async fn answer(client: &Client, url: &str) -> Result<Fetched, Unfetched> {
    let url = Url::parse(url).map_err(|_| Unfetched::NoHost)?;
    let request = client.get(url).map_err(|_| Unfetched::Forbidden)?;
    let response = request.send().await.map_err(|error| cause(&error))?;
    let (status, content_type, location) = (response.status().as_u16(), header(&response, CONTENT_TYPE), header(&response, LOCATION));
    // Of anything else than a policy nothing is read.
    let body = if status == 200 {
        match bounded(response, POLICY_MAX_BYTES).await {
            Ok(body) => Some(body),
            Err(BodyError::TooLarge { .. }) => None,
            Err(BodyError::Read(_)) => return Err(Unfetched::Connection),
        }
    } else {
        None
    };
    Ok(Fetched { status, content_type, location, body })
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What made a request fail, by the causes within its error.
fn cause(error: &reqwest::Error) -> Unfetched {
    if Forbidden::within(error).is_some() {
        return Unfetched::Forbidden;
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
        match error.downcast_ref::<NetError>() {
            Some(NetError::Dns(DnsError::NoRecordsFound(_))) => return Unfetched::NoHost,
            Some(_) => return Unfetched::Dns,
            None => {}
        }
        // An I/O error has what it wraps within: its source is only the source of that.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    Unfetched::Connection
}

fn of_tls(error: &rustls::Error) -> Unfetched {
    let rustls::Error::InvalidCertificate(error) = error else { return Unfetched::Tls };
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Unfetched::CertificateExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Unfetched::CertificateHost,
        _ => Unfetched::CertificateUntrusted,
    }
}
