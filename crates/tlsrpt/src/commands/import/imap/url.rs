//! The name of a mailbox: `imaps://USER@HOST[:PORT]/FOLDER` (RFC 5092, without what we do not need).

use std::{borrow::Cow, fmt, str::FromStr};

use base64::{Engine as _, alphabet, engine::GeneralPurpose, engine::general_purpose::NO_PAD};

/// Longest user name, host and folder.
const PART_MAX_BYTES: usize = 512;

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    /// TLS from the first byte on (RFC 8314 3.2).
    Tls,
    /// STARTTLS (RFC 3501 6.2.1).
    StartTls,
}

/// Whose mailboxes on which server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    pub(crate) security: Security,
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// One folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MailboxUrl {
    pub(crate) account: Account,
    /// Its name, as people write it.
    pub(crate) folder: String,
}

/// Whether a source is meant as a mailbox on a server.
pub(crate) fn is_url(source: &str) -> bool {
    let scheme = source.split("://").next().unwrap_or_default();
    scheme.len() < source.len() && (scheme.eq_ignore_ascii_case("imap") || scheme.eq_ignore_ascii_case("imaps"))
}

/// Not the name of a mailbox. It repeats nothing, since a password may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error(
        "a mailbox is written imaps://USER@HOST/FOLDER, or imap://USER@HOST/FOLDER for STARTTLS; in names %40 stands for @ and %2F for /"
    )]
    Form,
    #[error(
        "a password does not belong into the URL, where every process of this machine can read it: TLSRPT_IMAP_PASSWORD or --password-file"
    )]
    Password,
}

impl FromStr for MailboxUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Form)?;
        let (security, default_port) = if scheme.eq_ignore_ascii_case("imaps") { (Security::Tls, 993) } else { (Security::StartTls, 143) };
        let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
        // A user name may be an address.
        let (user, host) = authority.rsplit_once('@').ok_or(UrlError::Form)?;
        if user.contains(':') {
            return Err(UrlError::Password);
        }
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| UrlError::Form)?),
            _ => (host, default_port),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let part = |text: &str| decoded(text).filter(|part| (1..=PART_MAX_BYTES).contains(&part.len()) && !part.contains(char::is_control));
        let folder = if folder.is_empty() { "INBOX" } else { folder };
        let account = Account { security, user: part(user).ok_or(UrlError::Form)?, host: part(host).ok_or(UrlError::Form)?, port };
        Ok(Self { account, folder: part(folder).ok_or(UrlError::Form)? })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { security, user, host, port } = self;
        let scheme = if *security == Security::Tls { "imaps" } else { "imap" };
        if host.contains(':') { write!(f, "{scheme}://{user}@[{host}]:{port}") } else { write!(f, "{scheme}://{user}@{host}:{port}") }
    }
}

impl fmt::Display for MailboxUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.folder)
    }
}

/// Takes percent signs off (RFC 3986 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// A folder's name as the protocol writes it: modified UTF-7 (RFC 3501 5.1.3).
pub(crate) fn encoded_folder(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'&') {
        return Cow::Borrowed(name);
    }
    let base64 = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);
    let mut encoded = String::with_capacity(name.len() + 16);
    let mut shifted: Vec<u8> = Vec::new();
    let flush = |shifted: &mut Vec<u8>, encoded: &mut String| {
        if !shifted.is_empty() {
            encoded.push('&');
            encoded.push_str(&base64.encode(shifted.as_slice()));
            encoded.push('-');
            shifted.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut shifted, &mut encoded);
            encoded.push(c);
            if c == '&' {
                encoded.push('-');
            }
        } else {
            shifted.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut shifted, &mut encoded);
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mailbox_is_named_by_user_host_port_and_folder() {
        for (text, shown) in [
            ("imaps://a@example.com@mail.example", "imaps://a@example.com@mail.example:993/INBOX"),
            ("imaps://a%40example.com@mail.example/", "imaps://a@example.com@mail.example:993/INBOX"),
            ("IMAP://a@mail.example:1143/Reports/TLS%20RPT", "imap://a@mail.example:1143/Reports/TLS RPT"),
            ("imaps://a@[::1]:9/x", "imaps://a@[::1]:9/x"),
            ("imaps://a@[::1]/x", "imaps://a@[::1]:993/x"),
        ] {
            assert!(is_url(text));
            assert_eq!(text.parse::<MailboxUrl>().unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "imaps://mail.example/x",
            "imaps://@mail.example",
            "imaps://a@",
            "imaps://a@h:x",
            "imaps://a%0d@h",
            "imaps://a%4@h",
            "imaps://a%ff@h",
        ] {
            assert_eq!(text.parse::<MailboxUrl>(), Err(UrlError::Form), "{text}");
        }
        assert_eq!("imaps://a:hunter2@h".parse::<MailboxUrl>(), Err(UrlError::Password));
        for path in ["imaps", "/imaps://", "http://a@h", "mail.mbox"] {
            assert!(!is_url(path), "{path}");
        }
    }

    #[test]
    fn a_folders_name_goes_out_in_modified_utf_7() {
        for (name, encoded) in [
            ("INBOX", "INBOX"),
            ("A & B", "A &- B"),
            ("Entwürfe", "Entw&APw-rfe"),
            // RFC 3501 5.1.3 has it as its example.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("🙂", "&2D3eQg-"),
        ] {
            assert_eq!(encoded_folder(name), encoded);
        }
    }
}
