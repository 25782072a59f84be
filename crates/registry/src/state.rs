//! The topic's records: the state of one entity each.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tlsrpt_log::Record;
use tlsrpt_notify::Settings;
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    entity::{ApiKey, OperatorKey},
    scope::{Role, Scopes},
    secret::SecretHash,
    settings::TenantSettings,
};

/// The state of one entity, as the topic's last record of its key says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// `tenant/<id>`; never a tombstone, for a deleted tenant's id stays reserved.
    Tenant { id: TenantId, state: TenantState },
    /// `domain/<domain>`; none is a tombstone: nobody's.
    Domain { domain: Domain, claim: Option<Claim> },
    /// `key/<id>`; none is a tombstone: no such key.
    Key { id: String, key: Option<StoredKey> },
    /// `operator-key/<id>`; none is a tombstone: no such key.
    OperatorKey { id: String, key: Option<StoredOperatorKey> },
    /// `notify/<tenant>`; none is a tombstone: the tenant is told nothing.
    Notify { tenant: TenantId, settings: Option<Settings> },
}

/// A tenant's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum TenantState {
    /// It is there.
    Live {
        name: Box<str>,
        address: Box<str>,
        created_at: UnixMillis,
        #[serde(default, skip_serializing_if = "TenantSettings::is_default")]
        settings: TenantSettings,
    },
    /// It was.
    Deleted {
        deleted_at: UnixMillis,
        /// What finds its traces, until they are erased.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traces: Option<Traces>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        erased_at: Option<UnixMillis>,
    },
}

/// What only a tenant's own records told of it, and what is needed to find what else is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traces {
    pub(crate) address: Box<str>,
    /// Ids of the keys that it had.
    pub(crate) keys: Vec<Box<str>>,
}

/// Who owns a domain, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) tenant: TenantId,
    pub(crate) claimed_at: UnixMillis,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pub(crate) tenant: TenantId,
    pub(crate) name: Box<str>,
    #[serde(with = "hash_text")]
    pub(crate) sha256: SecretHash,
    pub(crate) created_at: UnixMillis,
    #[serde(default, skip_serializing_if = "Scopes::is_all")]
    pub(crate) scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixMillis>,
    /// The id of the key that was made to follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) followed_by: Option<Box<str>>,
}

/// A key of an operator's as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredOperatorKey {
    pub(crate) name: Box<str>,
    pub(crate) role: Role,
    #[serde(with = "hash_text")]
    pub(crate) sha256: SecretHash,
    pub(crate) created_at: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixMillis>,
}

impl StoredKey {
    /// As it is shown.
    pub(crate) fn shown(&self, id: &str) -> ApiKey {
        let Self { name, created_at, scopes, expires_at, followed_by, .. } = self;
        ApiKey {
            id: id.to_owned(),
            name: name.to_string(),
            created_at: *created_at,
            scopes: *scopes,
            expires_at: *expires_at,
            followed_by: followed_by.as_deref().map(str::to_owned),
        }
    }
}

impl StoredOperatorKey {
    /// As it is shown.
    pub(crate) fn shown(&self, id: &str) -> OperatorKey {
        let Self { name, role, created_at, expires_at, .. } = self;
        OperatorKey { id: id.to_owned(), name: name.to_string(), role: *role, created_at: *created_at, expires_at: *expires_at }
    }
}

/// A record that is not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("the record has no key, or one that is not of the form entity/id")]
    Key,
    #[error("the key names an entity that is not known here")]
    Entity,
    #[error("the key's id is not valid")]
    Id,
    #[error("the value is not the entity's state")]
    Value(#[source] serde_json::Error),
}

const TENANT: &str = "tenant";
const DOMAIN: &str = "domain";
const KEY: &str = "key";
const OPERATOR_KEY: &str = "operator-key";
const NOTIFY: &str = "notify";

impl State {
    /// The record that says so.
    pub(crate) fn to_record(&self) -> Result<Record, serde_json::Error> {
        let (entity, id, value) = match self {
            Self::Tenant { id, state } => (TENANT, id.as_str(), serde_json::to_vec(state)?),
            Self::Domain { domain, claim } => (DOMAIN, domain.as_str(), value(claim.as_ref())?),
            Self::Key { id, key } => (KEY, id.as_str(), value(key.as_ref())?),
            Self::OperatorKey { id, key } => (OPERATOR_KEY, id.as_str(), value(key.as_ref())?),
            Self::Notify { tenant, settings } => (NOTIFY, tenant.as_str(), value(settings.as_ref())?),
        };
        Ok(Record { key: Some(format!("{entity}/{id}").into()), value: value.into(), headers: Vec::new() })
    }

    /// What a record says.
    pub(crate) fn from_record(record: &Record) -> Result<Self, StateError> {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).ok_or(StateError::Key)?;
        let (entity, id) = key.split_once('/').ok_or(StateError::Key)?;
        match entity {
            TENANT => Ok(Self::Tenant {
                id: TenantId::parse(id).map_err(|_| StateError::Id)?,
                state: serde_json::from_slice(&record.value).map_err(StateError::Value)?,
            }),
            DOMAIN => Ok(Self::Domain { domain: Domain::parse(id).map_err(|_| StateError::Id)?, claim: parse(&record.value)? }),
            KEY => Ok(Self::Key { id: id.to_owned(), key: parse(&record.value)? }),
            OPERATOR_KEY => Ok(Self::OperatorKey { id: id.to_owned(), key: parse(&record.value)? }),
            NOTIFY => Ok(Self::Notify { tenant: TenantId::parse(id).map_err(|_| StateError::Id)?, settings: parse(&record.value)? }),
            _ => Err(StateError::Entity),
        }
    }
}

fn value<T: Serialize>(state: Option<&T>) -> Result<Vec<u8>, serde_json::Error> {
    state.map_or(Ok(Vec::new()), serde_json::to_vec)
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<Option<T>, StateError> {
    if value.is_empty() { Ok(None) } else { serde_json::from_slice(value).map(Some).map_err(StateError::Value) }
}

mod hash_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{BASE64_STANDARD, Engine, SecretHash};

    pub(super) fn serialize<S: Serializer>(hash: &SecretHash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretHash, D::Error> {
        let bytes = BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(Error::custom)?;
        bytes.try_into().map_err(|_| Error::custom("a SHA-256 has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::settings::RuleSettings;

    fn record(key: &str, value: &str) -> Record {
        Record { key: Some(key.to_owned().into()), value: value.to_owned().into(), headers: Vec::new() }
    }

    /// The first format that was ever written: these texts stand in topics for ever and must stay readable as they are.
    #[test]
    fn records_of_the_first_format_are_written_and_read_as_they_stand() {
        let tenant = TenantId::parse("acme").unwrap();
        let cases = [
            (
                record("tenant/acme", r#"{"state":"live","name":"Acme","address":"abc","created_at":1}"#),
                State::Tenant {
                    id: tenant.clone(),
                    state: TenantState::Live {
                        name: "Acme".into(),
                        address: "abc".into(),
                        created_at: UnixMillis(1),
                        settings: TenantSettings::default(),
                    },
                },
            ),
            (
                record("tenant/acme", r#"{"state":"deleted","deleted_at":2}"#),
                State::Tenant {
                    id: tenant.clone(),
                    state: TenantState::Deleted { deleted_at: UnixMillis(2), traces: None, erased_at: None },
                },
            ),
            (
                record("domain/example.com", r#"{"tenant":"acme","claimed_at":3}"#),
                State::Domain {
                    domain: Domain::parse("example.com").unwrap(),
                    claim: Some(Claim { tenant: tenant.clone(), claimed_at: UnixMillis(3) }),
                },
            ),
            (record("domain/example.com", ""), State::Domain { domain: Domain::parse("example.com").unwrap(), claim: None }),
            (
                record("key/k1", r#"{"tenant":"acme","name":"ci","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","created_at":4}"#),
                State::Key {
                    id: "k1".to_owned(),
                    key: Some(StoredKey {
                        tenant,
                        name: "ci".into(),
                        sha256: [0; 32],
                        created_at: UnixMillis(4),
                        scopes: Scopes::ALL,
                        expires_at: None,
                        followed_by: None,
                    }),
                },
            ),
            (record("key/k1", ""), State::Key { id: "k1".to_owned(), key: None }),
        ];
        for (record, state) in cases {
            assert_eq!(state.to_record().unwrap(), record);
            assert_eq!(State::from_record(&record).unwrap(), state);
        }
    }

    /// What came to the format with the advice on MTA-STS.
    #[test]
    fn a_rule_of_the_tenants_own_is_written_and_read_as_it_stands() {
        let rule = RuleSettings { testing_days: Some(21), sessions_min: Some(5_000_000_000), ..RuleSettings::default() };
        let settings = TenantSettings { rule, ..TenantSettings::default() };
        let text = r#"{"state":"live","name":"Acme","address":"abc","created_at":1,"settings":{"rule":{"testing_days":21,"sessions_min":5000000000}}}"#;
        let state = State::Tenant {
            id: TenantId::parse("acme").unwrap(),
            state: TenantState::Live { name: "Acme".into(), address: "abc".into(), created_at: UnixMillis(1), settings },
        };
        assert_eq!(state.to_record().unwrap(), record("tenant/acme", text));
        assert_eq!(State::from_record(&record("tenant/acme", text)).unwrap(), state);
    }

    /// What came to the format with scopes, expiry, settings and operators' keys.
    #[test]
    fn records_of_the_second_format_are_written_and_read_as_they_stand() {
        let tenant = TenantId::parse("acme").unwrap();
        let settings = TenantSettings {
            retention_days: Some(90_u64.try_into().unwrap()),
            minimum_trust: Some(tlsrpt_report::Trust::DkimAligned),
            ..TenantSettings::default()
        };
        let cases = [
            (
                record(
                    "tenant/acme",
                    r#"{"state":"live","name":"Acme","address":"abc","created_at":1,"settings":{"retention_days":90,"minimum_trust":"dkim-aligned"}}"#,
                ),
                State::Tenant {
                    id: tenant.clone(),
                    state: TenantState::Live { name: "Acme".into(), address: "abc".into(), created_at: UnixMillis(1), settings },
                },
            ),
            (
                record(
                    "key/k1",
                    r#"{"tenant":"acme","name":"ci","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","created_at":4,"scopes":["read","metrics"],"expires_at":9,"followed_by":"k2"}"#,
                ),
                State::Key {
                    id: "k1".to_owned(),
                    key: Some(StoredKey {
                        tenant,
                        name: "ci".into(),
                        sha256: [0; 32],
                        created_at: UnixMillis(4),
                        scopes: [crate::Scope::Read, crate::Scope::Metrics].into_iter().collect(),
                        expires_at: Some(UnixMillis(9)),
                        followed_by: Some("k2".into()),
                    }),
                },
            ),
            (
                record(
                    "operator-key/o1",
                    r#"{"name":"night shift","role":"support","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","created_at":4}"#,
                ),
                State::OperatorKey {
                    id: "o1".to_owned(),
                    key: Some(StoredOperatorKey {
                        name: "night shift".into(),
                        role: Role::Support,
                        sha256: [0; 32],
                        created_at: UnixMillis(4),
                        expires_at: None,
                    }),
                },
            ),
            (record("operator-key/o1", ""), State::OperatorKey { id: "o1".to_owned(), key: None }),
        ];
        for (record, state) in cases {
            assert_eq!(state.to_record().unwrap(), record);
            assert_eq!(State::from_record(&record).unwrap(), state);
        }
        let role = r#"{"name":"n","role":"owner","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","created_at":4}"#;
        assert!(State::from_record(&record("operator-key/o1", role)).is_err(), "a role that is not known here opens nothing");
    }

    /// What came to the format with erasure.
    #[test]
    fn records_of_the_third_format_are_written_and_read_as_they_stand() {
        let tenant = TenantId::parse("acme").unwrap();
        let traces = Some(Traces { address: "abc".into(), keys: vec!["k1".into(), "k2".into()] });
        let cases = [
            (r#"{"state":"deleted","deleted_at":2,"traces":{"address":"abc","keys":["k1","k2"]}}"#, traces, None),
            (r#"{"state":"deleted","deleted_at":2,"erased_at":9}"#, None, Some(UnixMillis(9))),
        ];
        for (text, traces, erased_at) in cases {
            let state = State::Tenant { id: tenant.clone(), state: TenantState::Deleted { deleted_at: UnixMillis(2), traces, erased_at } };
            assert_eq!(state.to_record().unwrap(), record("tenant/acme", text));
            assert_eq!(State::from_record(&record("tenant/acme", text)).unwrap(), state);
        }
    }

    /// What came to the format with notifications.
    #[test]
    fn records_of_the_fourth_format_are_written_and_read_as_they_stand() {
        let tenant = TenantId::parse("acme").unwrap();
        for text in [
            r#"{"since":7,"webhook":{"url":"https://hooks.example/a","secret":"tlsrptwh_x","old_secret":{"secret":"tlsrptwh_y","until":9}},"mail_to":["ops@acme.example"],"kinds":["at-risk","ready-for-enforce"],"quiet_hours":{"from":"22:00","to":"07:00","time_zone":"Europe/Berlin"},"breakthrough":true}"#,
            r#"{"since":7,"kinds":["at-risk","failure-class","reporter-silent","ready-for-testing","ready-for-enforce"],"breakthrough":false}"#,
            "",
        ] {
            let state = State::from_record(&record("notify/acme", text)).unwrap();
            assert!(matches!(&state, State::Notify { tenant: of, settings } if *of == tenant && settings.is_none() == text.is_empty()));
            assert_eq!(state.to_record().unwrap(), record("notify/acme", text));
            assert!(!format!("{state:?}").contains("tlsrptwh"), "a secret is never printed");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_a_field_more_is_none() {
        for (key, value) in
            [("tenant/acme", ""), ("tenant/-", "{}"), ("domain/a..b", ""), ("key/k", "[]"), ("fax/1", "{}"), ("tenant", "{}")]
        {
            assert!(State::from_record(&record(key, value)).is_err(), "{key}");
        }
        assert!(State::from_record(&record("domain/a.example", r#"{"tenant":"a","claimed_at":3,"later":true}"#)).is_ok());
    }
}
