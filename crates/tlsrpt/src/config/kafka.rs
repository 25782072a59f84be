//! The Kafka cluster.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::secret::MASK;

/// The Kafka cluster that the roles share. Without brokers the log is the embedded one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KafkaSection {
    /// `host:port`, several by commas.
    pub(crate) brokers: Option<String>,
    /// Put before the names of topics, groups and transactional ids, so that several set-ups share a cluster.
    pub(crate) prefix: String,
    /// Whether missing topics are created.
    pub(crate) create_topics: bool,
    /// Partitions of the submissions and normalized topics when they are created: as many normalizers, and as many writers, can
    /// share the work at most.
    pub(crate) partitions: u32,
    /// Copies of each partition of topics that are created; without it the brokers' default.
    pub(crate) replication_factor: Option<u16>,
    /// librdkafka's properties by name.
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) properties: Properties,
}

impl Default for KafkaSection {
    fn default() -> Self {
        Self {
            brokers: None,
            prefix: String::new(),
            create_topics: true,
            partitions: 12,
            replication_factor: None,
            properties: Properties::default(),
        }
    }
}

/// Properties by name. What may be a secret is masked wherever it is shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties(pub(crate) BTreeMap<String, String>);

/// What names of secret properties have in them (`sasl.password`, `ssl.key.pem`, `sasl.oauthbearer.client.secret`, …). A place of a
/// secret (`ssl.key.location`) is none.
const SECRET_WORDS: [&str; 6] = ["password", "passphrase", "secret", "key", "jaas", "oauthbearer.config"];

impl Properties {
    fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| {
            let is_secret = SECRET_WORDS.iter().any(|word| name.contains(word)) && !name.ends_with(".location");
            (name.as_str(), if is_secret { MASK } else { value.as_str() })
        })
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.shown())
    }
}

/// A value as a file or a variable may have it: `linger.ms = 5` is a number in a table to TOML.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Number(i64),
    Flag(bool),
    Table(BTreeMap<String, Written>),
}

impl Written {
    fn flatten(self, name: String, into: &mut BTreeMap<String, String>) {
        match self {
            Self::Text(text) => drop(into.insert(name, text)),
            Self::Number(number) => drop(into.insert(name, number.to_string())),
            Self::Flag(flag) => drop(into.insert(name, flag.to_string())),
            Self::Table(table) => {
                for (key, value) in table {
                    value.flatten(format!("{name}.{key}"), into);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = BTreeMap::<String, Written>::deserialize(deserializer)
            .map_err(|_| D::Error::custom("properties are names with a text, a number or true or false each"))?;
        let mut properties = BTreeMap::new();
        for (name, value) in written {
            value.flatten(name, &mut properties);
        }
        Ok(Self(properties))
    }
}

/// `name=value` of a flag.
///
/// # Errors
/// Without the text, which may be a secret that lost its name.
pub(super) fn property(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => anyhow::bail!("--kafka-property is written name=value, such as security.protocol=SASL_SSL"),
    }
}
