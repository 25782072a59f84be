//! The PROXY protocol, versions 1 and 2: a load balancer says whom it connects.

use std::{io, net::IpAddr};

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2 up to its length, that included.
const V2_FIXED_BYTES: usize = 16;
/// The rest of version 2, addresses and whatever else the balancer tells, at most.
const V2_REST_MAX_BYTES: usize = 4 << 10;
/// Version 1 with its CRLF, at most.
const V1_MAX_BYTES: usize = 107;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("read the header")]
    Read(#[from] io::Error),
    #[error("no PROXY protocol header")]
    Malformed,
}

/// Reads the header and not a byte more: what follows may be the client's TLS. Answers whom it names; none when the balancer
/// speaks for itself.
pub(crate) async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, ProxyError> {
    // Both versions are longer than that.
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        let mut rest = [0; V2_FIXED_BYTES - SIGNATURE.len()];
        stream.read_exact(&mut rest).await?;
        let [_, _, high, low] = rest;
        let rest_bytes = usize::from(u16::from_be_bytes([high, low]));
        if rest_bytes > V2_REST_MAX_BYTES {
            return Err(ProxyError::Malformed);
        }
        header.extend_from_slice(&rest);
        let mut rest = vec![0; rest_bytes];
        stream.read_exact(&mut rest).await?;
        header.append(&mut rest);
    } else {
        while header.last() != Some(&b'\n') {
            if header.len() == V1_MAX_BYTES || !header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
                return Err(ProxyError::Malformed);
            }
            header.push(stream.read_u8().await?);
        }
    }
    named(&header)
}

fn named(header: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(found)) if found.header.len() == header.len() => Ok(match found.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(found)) if found.command == v2::Command::Local => Ok(None),
        HeaderResult::V2(Ok(found)) => Ok(match found.addresses {
            v2::Addresses::IPv4(addresses) => Some(addresses.source_address.into()),
            v2::Addresses::IPv6(addresses) => Some(addresses.source_address.into()),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        }),
        _ => Err(ProxyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    /// What is read of a header with SMTP behind it, as text, and what is left.
    async fn check(header: &[u8], expected: Option<Option<&str>>) {
        let bytes = [header, b"EHLO client.example\r\n"].concat();
        let mut stream = &bytes[..];
        let found = read_header(&mut stream).await;
        assert_eq!(found.as_ref().ok().copied(), expected.map(|ip| ip.map(|ip| ip.parse().unwrap())), "{header:?}: {found:?}");
        if expected.is_some() {
            assert_eq!(stream, b"EHLO client.example\r\n", "{header:?}");
        }
    }

    fn version_2(command: v2::Command, addresses: impl Into<v2::Addresses>) -> Vec<u8> {
        let builder = v2::Builder::with_addresses(v2::Version::Two | command, v2::Protocol::Stream, addresses);
        builder.write_tlv(v2::Type::ALPN, b"anything").unwrap().build().unwrap()
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_what_follows_is_left() {
        check(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n", Some(Some("192.0.2.7"))).await;
        check(b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n", Some(Some("2001:db8::7"))).await;
        let v4: v2::IPv4 = v2::IPv4::new([192, 0, 2, 7], [192, 0, 2, 1], 40_000, 25);
        check(&version_2(v2::Command::Proxy, v4), Some(Some("192.0.2.7"))).await;
        let v6 = v2::IPv6::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 40_000, 25);
        check(&version_2(v2::Command::Proxy, v6), Some(Some("2001:db8::7"))).await;
    }

    #[tokio::test]
    async fn a_balancer_that_speaks_for_itself_names_nobody() {
        check(b"PROXY UNKNOWN\r\n", Some(None)).await;
        check(&version_2(v2::Command::Local, v2::IPv4::new([192, 0, 2, 7], [192, 0, 2, 1], 40_000, 25)), Some(None)).await;
    }

    #[tokio::test]
    async fn anything_else_is_no_header() {
        let endless = format!("PROXY TCP4 {}", "1".repeat(500));
        let mut huge = version_2(v2::Command::Proxy, v2::IPv4::new([192, 0, 2, 7], [192, 0, 2, 1], 1, 25));
        huge[14] = 0xff;
        for header in [
            &b""[..],
            b"EHLO client.example\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000\r\n",
            b"PROXY TCP4 2001:db8::7 192.0.2.1 40000 25\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\rEHLO\r\n",
            endless.as_bytes(),
            &huge,
            b"\r\n\r\n\0\r\nQUIT\n\x99\x99\0\0",
        ] {
            check(header, None).await;
        }
    }
}
