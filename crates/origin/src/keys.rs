//! The keys that signatures need, and what their records say beside the key.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, sync::Arc, time::Instant};

use futures_util::future::join_all;
use mail_auth::{
    DnsError, Error, ResolverCache, Txt,
    common::{
        parse::TxtRecordParser as _,
        resolver::ToFqdn as _,
        verify::{DomainKey, VerifySignature as _},
    },
    dkim::Signature,
};

use crate::dns::{Dns, NoAnswer};

/// The keys of one mail's signatures. To the library it is a cache that knows everything, so that verifying asks nothing.
pub(crate) struct Keys(HashMap<Box<str>, Key>);

/// A key record.
struct Key {
    txt: Txt,
    /// The service types that it names (RFC 6376 3.6.1), when `tlsrpt` is not among them (RFC 8460 3).
    other_services: Option<String>,
    /// Whether the signer is only testing (RFC 6376 3.6.1, `t=y`).
    is_testing: bool,
}

impl Keys {
    /// Asks for all keys at one time.
    pub(crate) async fn of(signatures: impl Iterator<Item = &Signature>, dns: &Arc<Dns>) -> Self {
        let mut names: Vec<String> = signatures.map(name).collect();
        names.sort_unstable();
        names.dedup();
        let keys = names.into_iter().map(async |name| {
            let key = match dns.texts(&name).await {
                Ok(records) => Key::read(&records),
                // The library's own error for it says no more than this one.
                Err(NoAnswer::NotFound) => Key::none(Error::Dns(DnsError::InvalidRecordType)),
                Err(NoAnswer::Temporary) => Key::none(unknown()),
            };
            (name.into_boxed_str(), key)
        });
        Self(join_all(keys).await.into_iter().collect())
    }

    /// The service types that a signature's key names, when `tlsrpt` is not among them.
    pub(crate) fn other_services(&self, signature: &Signature) -> Option<&str> {
        self.0.get(&*name(signature)).and_then(|key| key.other_services.as_deref())
    }

    pub(crate) fn is_testing(&self, signature: &Signature) -> bool {
        self.0.get(&*name(signature)).is_some_and(|key| key.is_testing)
    }
}

fn name(signature: &Signature) -> String {
    signature.domain_key().to_fqdn().into_owned()
}

/// That a key is not known for the moment, in the library's words.
fn unknown() -> Error {
    Error::Dns(DnsError::Resolver(String::new()))
}

impl Key {
    fn none(error: Error) -> Self {
        Self { txt: Txt::Error(error), other_services: None, is_testing: false }
    }

    /// The first record that is a key (RFC 6376 3.6.2.2 leaves open which of several).
    fn read(records: &[Vec<u8>]) -> Self {
        let mut failure = Error::Dns(DnsError::InvalidRecordType);
        for record in records {
            match DomainKey::parse(record) {
                Ok(key) => {
                    let text = String::from_utf8_lossy(record);
                    let allows = |list: &str| {
                        let mut services = list.split(':').map(str::trim);
                        services.any(|service| service == "*" || service.eq_ignore_ascii_case("tlsrpt"))
                    };
                    return Self {
                        txt: Txt::DomainKey(Arc::new(key)),
                        other_services: tag(&text, "s").filter(|list| !allows(list)).map(str::to_owned),
                        is_testing: tag(&text, "t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == "y")),
                    };
                }
                Err(error) => failure = error,
            }
        }
        Self::none(failure)
    }
}

/// The value of a tag in a list of them (RFC 6376 3.2).
fn tag<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    let mut tags = record.split(';').filter_map(|tag| tag.split_once('='));
    tags.find(|(tag, _)| tag.trim() == name).map(|(_, value)| value.trim())
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).map_or_else(|| Txt::Error(unknown()), |key| key.txt.clone()))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[track_caller]
    fn check(tags: &str, other_services: Option<&str>, is_testing: bool) {
        let key = Key::read(&[format!("v=DKIM1; k=ed25519; {tags}p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").into_bytes()]);
        assert!(matches!(key.txt, Txt::DomainKey(_)), "{tags}");
        assert_eq!((key.other_services.as_deref(), key.is_testing), (other_services, is_testing), "{tags}");
    }

    #[test]
    fn a_keys_record_tells_what_it_is_for() {
        check("", None, false);
        check("s=*; ", None, false);
        check("s=tlsrpt; t=s; ", None, false);
        check("s = email : TLSRPT ; t = s:y ; ", None, true);
        check("s=email; ", Some("email"), false);
        check("s=email:fax; t=y; ", Some("email:fax"), true);
    }

    #[test]
    fn of_several_records_the_one_that_is_a_key_counts() {
        let records = [b"v=spf1 -all".to_vec(), b"v=DKIM1; k=ed25519; s=email; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_vec()];
        assert_eq!(Key::read(&records).other_services.as_deref(), Some("email"));
        assert!(matches!(Key::read(&records[..1]).txt, Txt::Error(_)));
        assert!(matches!(Key::read(&[]).txt, Txt::Error(_)));
    }
}
