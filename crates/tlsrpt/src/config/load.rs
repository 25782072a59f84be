//! Reading the configuration tree.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::CommandFactory;
use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

use super::{Config, Overrides, TlsMode, overrides::nest};

/// Variables of this program that are no settings of the tree.
const OTHER_VARIABLES: [&str; 4] =
    ["TLSRPT_CACHE_DIR", "TLSRPT_CORPUS_DIR", "TLSRPT_KAFKA_JARS", crate::commands::import::PASSWORD_VARIABLE];

/// What travels beside a payload, at most: media type, addresses, identities.
const ENVELOPE_MAX_BYTES: usize = 64 << 10;
/// Recipients of a mail whose addresses fit into that.
const RECIPIENTS_MAX: usize = 200;
/// What a command and its CRLF may have in any case (RFC 5321 4.5.3.1.4).
const COMMAND_BYTES: usize = 512;

/// Shortest password of the embedded engine's read-only user, bytes: guesses are not counted.
const READONLY_PASSWORD_MIN_BYTES: usize = 16;

/// Reads defaults, the TOML files, `TLSRPT_SECTION__KEY` variables and flags (or their variables), each over the ones before.
///
/// # Errors
/// For an unknown key, with the nearest known one, and for a value that does not fit.
pub(crate) fn load(overrides: &Overrides) -> anyhow::Result<Config> {
    let mut figment = Figment::new();
    for path in &overrides.config {
        // Read here: figment passes over a file that is missing.
        let text = std::fs::read_to_string(path).with_context(|| format!("read the configuration file {}", path.display()))?;
        figment = figment.merge(Named(path.display().to_string(), Toml::string(&text)));
    }
    figment = figment.merge(Tree("a TLSRPT_… variable", environment(std::env::vars())?)).merge(Tree("a flag", nest(overrides.values()?)));
    let config: Config = figment.extract().map_err(|error| anyhow::anyhow!(explain(error)))?;
    let files_missing = config.tls.mode == TlsMode::Files && (config.tls.cert.is_none() || config.tls.key.is_none());
    anyhow::ensure!(!files_missing, "tls.mode is files: give tls.cert and tls.key too (--https-cert, --https-key)");
    let half = config.tls.cert.is_some() != config.tls.key.is_some();
    anyhow::ensure!(!half, "tls.cert and tls.key go together: give both or none (--https-cert, --https-key)");
    let smtp = &config.edge.smtp;
    anyhow::ensure!(
        (1..=RECIPIENTS_MAX).contains(&smtp.recipients_max),
        "edge.smtp.recipients_max is {}: 1 to {RECIPIENTS_MAX} can be kept beside a mail",
        smtp.recipients_max
    );
    anyhow::ensure!(
        smtp.command_max_bytes >= COMMAND_BYTES,
        "edge.smtp.command_max_bytes is {}: a command may have {COMMAND_BYTES} in any case",
        smtp.command_max_bytes
    );
    let cluster_without_server = config.store.clickhouse_cluster.is_some() && config.store.clickhouse_url.is_none();
    anyhow::ensure!(!cluster_without_server, "store.clickhouse_cluster needs a server of it: give --clickhouse-url too");
    if let Some(password) = &config.store.embedded_readonly_password {
        let long_enough = password.reveal().len() >= READONLY_PASSWORD_MIN_BYTES;
        anyhow::ensure!(
            long_enough,
            "store.embedded_readonly_password is shorter than {READONLY_PASSWORD_MIN_BYTES} characters: make it longer"
        );
        let is_embedded = config.store.clickhouse_url.is_none();
        anyhow::ensure!(
            is_embedded,
            "store.embedded_readonly_password is for the embedded engine: make the user on the ClickHouse server instead (docs/grafana.md)"
        );
    }
    config.otlp.receiver().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let record = config.log.record_max_bytes;
    for (place, submission) in [
        ("edge.intake.submission_max_bytes", config.edge.intake.submission_max_bytes),
        ("query.submission_max_bytes", config.query.submission_max_bytes),
    ] {
        anyhow::ensure!(
            submission.saturating_add(ENVELOPE_MAX_BYTES) <= record,
            "{place} is {submission}, and with what travels beside it does not fit into log.record_max_bytes, {record}: lower the one \
             by {ENVELOPE_MAX_BYTES} or more below the other, or raise the other"
        );
    }
    Ok(config)
}

/// The settings among `variables` that are written `TLSRPT_SECTION__KEY`. Those with a flag of their own are read by the
/// flags; any other one is an error, since a misspelt setting must not be passed over.
fn environment(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<Dict> {
    let command = crate::cli::Cli::command();
    let known: Vec<String> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)).collect();
    let (mut values, mut properties, mut headers) = (Vec::new(), Dict::new(), Dict::new());
    for (name, value) in variables {
        let Some(setting) = name.strip_prefix("TLSRPT_") else { continue };
        if let Some((section, key)) = setting.split_once("__") {
            let place = format!("{}.{}", section.to_lowercase(), key.to_lowercase().replace("__", "."));
            if let Some(property) = place.strip_prefix("kafka.properties.") {
                // As it stands: a password of digits is no number.
                properties.insert(property.to_owned(), Value::from(value));
                continue;
            }
            if let Some(header) = place.strip_prefix("otlp.headers.") {
                // The same; and a variable's name has no hyphen.
                headers.insert(header.replace('_', "-"), Value::from(value));
                continue;
            }
            let value = value.parse::<Value>().unwrap_or_else(|never| match never {});
            values.push((place, value));
        } else if !known.contains(&name) && !OTHER_VARIABLES.contains(&name.as_str()) {
            let all = known.iter().map(String::as_str).chain(OTHER_VARIABLES);
            anyhow::bail!("unknown variable {name}{}", nearest(&name, all));
        }
    }
    if !properties.is_empty() {
        values.push(("kafka.properties".to_owned(), Value::from(properties)));
    }
    if !headers.is_empty() {
        values.push(("otlp.headers".to_owned(), Value::from(headers)));
    }
    Ok(nest(values.iter().map(|(place, value)| (place.as_str(), value.clone())).collect()))
}

/// A sentence for each error: what, where, and what to do.
fn explain(errors: figment::Error) -> String {
    let mut text = String::new();
    for error in errors {
        if !text.is_empty() {
            text.push('\n');
        }
        let place = error.path.join(".");
        let origin = error.metadata.as_ref().map_or_else(|| "the configuration".to_owned(), |metadata| metadata.name.to_string());
        // Writing to a String cannot fail.
        let _ = match &error.kind {
            Kind::UnknownField(field, known) => {
                let place = if place.is_empty() || place == *field {
                    field.clone()
                } else {
                    format!("{place}.{field}").replace(&format!("{field}.{field}"), field)
                };
                write!(text, "{origin}: unknown key {place}{}", nearest(field, known.iter().copied()))
            }
            kind => write!(text, "{origin}: {place}: {kind}"),
        };
    }
    text
}

/// `: did you mean …?` with the known name that is nearest, or all of them when none is near.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let best = known.clone().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= name.len().div_ceil(2) => format!(": did you mean {candidate}?"),
        _ => format!(": known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// A provider under a name of its own, for messages.
struct Named<P>(String, P);

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.clone())
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.1.data()
    }
}

/// A dictionary as a provider.
struct Tree(&'static str, Dict);

impl Provider for Tree {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.1.clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::{io::Write as _, path::PathBuf};

    use clap::Parser;

    use super::*;

    fn load_toml(toml: &str, flags: &[&str]) -> anyhow::Result<Config> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let arguments = ["tlsrpt", "config", "--config", &path].into_iter().chain(flags.iter().copied());
        load(&crate::cli::Cli::parse_from(arguments).overrides)
    }

    #[test]
    fn a_flag_overrides_the_file_and_the_file_overrides_the_default() {
        let toml = "data_dir = \"/from/file\"\n[listen]\nhttps = \"127.0.0.1:1\"\nops = \"127.0.0.1:2\"\n";
        let config = load_toml(toml, &["--https-listen", "127.0.0.1:9"]).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("/from/file"));
        assert_eq!(config.listen.https.port(), 9);
        assert_eq!(config.listen.ops.port(), 2);
        assert_eq!(config.listen.query.port(), 8080);
    }

    #[test]
    fn a_later_file_overrides_an_earlier_one_key_by_key() {
        let mut secrets = tempfile::NamedTempFile::new().unwrap();
        secrets.write_all(b"admin_key = \"k\"\n[listen]\nops = \"127.0.0.1:3\"\n").unwrap();
        let toml = "[listen]\nhttps = \"127.0.0.1:1\"\nops = \"127.0.0.1:2\"\n";
        let config = load_toml(toml, &["--config", secrets.path().to_str().unwrap()]).unwrap();
        assert_eq!((config.listen.https.port(), config.listen.ops.port()), (1, 3));
        assert_eq!(config.admin_key.unwrap().reveal(), "k");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_known_one() {
        let error = load_toml("data_dri = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("unknown key data_dri: did you mean data_dir?"), "{error}");
        let error = load_toml("[listen]\nhtps = \"127.0.0.1:1\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("unknown key listen.htps: did you mean https?"), "{error}");
    }

    #[test]
    fn the_password_of_the_readonly_user_is_long_and_for_the_embedded_engine() {
        let with = |password: &str, flags: &[&str]| load_toml(&format!("[store]\nembedded_readonly_password = \"{password}\"\n"), flags);
        assert!(with("0123456789abcde", &[]).unwrap_err().to_string().contains("shorter than 16"));
        let elsewhere = with("0123456789abcdef", &["--clickhouse-url", "http://192.0.2.1:8123"]).unwrap_err().to_string();
        assert!(elsewhere.contains("is for the embedded engine"), "{elsewhere}");
        let shown = toml::to_string(&with("0123456789abcdef", &[]).unwrap()).unwrap();
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }

    #[test]
    fn dns_servers_come_from_the_file_or_from_flags_and_are_shown() {
        let toml = "[origin]\nservers = [\"192.0.2.1:53\"]\nquery_timeout_ms = 700\n";
        let config = load_toml(toml, &[]).unwrap();
        assert_eq!((config.origin.servers.len(), config.origin.query_timeout_ms), (1, 700));
        let config = load_toml(toml, &["--dns-server", "192.0.2.2", "--dns-server", "[2001:db8::2]:5353"]).unwrap();
        assert_eq!(config.origin.servers, ["192.0.2.2:53".parse().unwrap(), "[2001:db8::2]:5353".parse().unwrap()]);
        let shown = toml::to_string(&config).unwrap();
        assert!(shown.contains("[origin]") && shown.contains("192.0.2.2:53"), "{shown}");
        assert!(load_toml("[origin]\nserver = 1\n", &[]).unwrap_err().to_string().contains("did you mean servers?"));
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_the_nearest_known_one() {
        let error = environment([("TLSRPT_DATADIR".to_owned(), "x".to_owned())].into_iter()).unwrap_err().to_string();
        assert!(error.contains("unknown variable TLSRPT_DATADIR: did you mean TLSRPT_DATA_DIR?"), "{error}");
    }

    #[test]
    fn a_variable_reaches_any_place_of_the_tree() {
        let dict = environment([("TLSRPT_WRITER__BATCH_LINGER_MS".to_owned(), "7".to_owned())].into_iter()).unwrap();
        let config: Config = Figment::new().merge(Tree("t", dict)).extract().unwrap();
        assert_eq!(config.writer.batch_linger_ms, 7);
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_its_place() {
        let error = load_toml("[listen]\nhttps = \"here\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("listen.https"), "{error}");
    }

    #[test]
    fn files_mode_without_files_says_what_to_give() {
        let error = load_toml("", &["--https-tls", "files"]).unwrap_err().to_string();
        assert!(error.contains("tls.cert"), "{error}");
    }

    #[test]
    fn mail_has_a_certificate_in_every_mode() {
        use tlsrpt_edge::CertificateSource::{Files, SelfSigned};
        let certificate = |flags: &[&str]| load_toml("", flags).unwrap().tls.certificate();
        let files = Files { cert: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(certificate(&[]), SelfSigned);
        assert_eq!(certificate(&["--https-tls", "off"]), SelfSigned);
        for mode in ["off", "files"] {
            assert_eq!(certificate(&["--https-tls", mode, "--https-cert", "c.pem", "--https-key", "k.pem"]), files);
        }
        let error = load_toml("", &["--https-tls", "off", "--https-cert", "c.pem"]).unwrap_err().to_string();
        assert!(error.contains("--https-key"), "{error}");
    }

    #[test]
    fn mail_listens_where_it_is_told_to() {
        let listen = load_toml("[listen]\nlmtp = \"unix:/run/lmtp\"\n", &["--smtps-listen", "127.0.0.1:465"]).unwrap().listen;
        assert_eq!((listen.smtp.port(), listen.smtps.unwrap().port()), (2525, 465));
        assert_eq!(listen.lmtp.unwrap().to_string(), "unix:/run/lmtp");
        let error = load_toml("[listen]\nlmtp = \"/run/lmtp\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("listen.lmtp") && error.contains("unix:"), "{error}");
    }

    #[test]
    fn limits_that_no_mail_could_keep_to_are_refused() {
        for (limit, word) in [("recipients_max = 0", "1 to 200"), ("recipients_max = 201", "1 to 200"), ("command_max_bytes = 511", "512")]
        {
            let error = load_toml(&format!("[edge.smtp]\n{limit}\n"), &[]).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_submission_that_no_record_can_hold_is_refused_at_the_start() {
        let error = load_toml("[log]\nrecord_max_bytes = 8000000\n", &[]).unwrap_err().to_string();
        assert!(error.contains("submission_max_bytes") && error.contains("8000000"), "{error}");
        let smaller = "[log]\nrecord_max_bytes = 8000000\n[edge.intake]\nsubmission_max_bytes = 4000000\n";
        let error = load_toml(smaller, &[]).unwrap_err().to_string();
        assert!(error.contains("query.submission_max_bytes"), "{error}");
        load_toml(&format!("{smaller}[query]\nsubmission_max_bytes = 4000000\n"), &[]).unwrap();
    }

    #[test]
    fn kafka_properties_come_from_tables_variables_and_flags_and_their_secrets_are_masked() {
        let toml =
            "[kafka]\nbrokers = \"k:9092\"\n[kafka.properties]\nlinger.ms = 7\nsasl.username = \"file\"\nsasl.password = \"hunter2\"\n";
        let config = load_toml(
            toml,
            &[
                "--kafka-property",
                "sasl.username=flag",
                "--kafka-property",
                "ssl.key.password=hunter2",
                "--kafka-property",
                "sasl.oauthbearer.assertion.private.key.passphrase=hunter2",
            ],
        )
        .unwrap();
        let property = |name: &str| config.kafka.properties.0.get(name).map(String::as_str);
        assert_eq!(property("linger.ms"), Some("7"));
        assert_eq!(property("sasl.username"), Some("flag"));
        assert_eq!(property("sasl.password"), Some("hunter2"));
        let shown = toml::to_string(&config).unwrap() + &format!("{config:?}");
        assert!(shown.contains("linger.ms") && !shown.contains("hunter2"), "{shown}");

        let variables = [("TLSRPT_KAFKA__PROPERTIES__SASL__PASSWORD", "007"), ("TLSRPT_KAFKA__PROPERTIES__CLIENT__RACK", "b")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let file = Toml::string("[kafka.properties]\n\"client.rack\" = \"a\"\nsasl.password = \"file\"\n");
        let figment = Figment::new().merge(file).merge(Tree("t", environment(variables.into_iter()).unwrap()));
        let config: Config = figment.extract().unwrap();
        assert_eq!(config.kafka.properties.0["sasl.password"], "007", "as it was written, over the file");
        assert_eq!(config.kafka.properties.0["client.rack"], "b");
    }

    #[test]
    fn a_property_without_a_value_is_refused_and_not_repeated() {
        let error = format!("{:#}", load_toml("", &["--kafka-property", "hunter2"]).unwrap_err());
        assert!(error.contains("name=value") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_issuer_of_tokens_comes_whole_or_not_at_all() {
        let both = "[query.oidc]\nissuer = \"https://login.example/a\"\naudience = \"api\"\n";
        let config = load_toml(both, &[]).unwrap();
        let shown = toml::to_string(&config).unwrap();
        let oidc = config.query.oidc.unwrap();
        assert_eq!((oidc.issuer.as_str(), oidc.audience.as_str(), &*oidc.tenant_claim), ("https://login.example/a", "api", "tenant"));
        assert!(shown.contains("[query.oidc]") && toml::from_str::<Config>(&shown).unwrap().query.oidc == Some(oidc), "{shown}");
        assert!(load_toml("", &[]).unwrap().query.oidc.is_none());
        for (toml, words) in [
            ("[query.oidc]\nissuer = \"https://login.example\"\n", "audience"),
            ("[query.oidc]\naudience = \"api\"\n", "issuer"),
            ("[query.oidc]\nissuer = \"http://login.example\"\naudience = \"api\"\n", "https"),
            ("[query.oidc]\nissuer = \"https://login.example\"\naudience = \"\"\n", "aud"),
            (&*format!("{both}tenant_clam = \"t\"\n"), "did you mean tenant_claim?"),
        ] {
            let error = load_toml(toml, &[]).unwrap_err().to_string();
            assert!(error.contains("query.oidc") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn telemetry_goes_nowhere_unless_an_endpoint_is_set_and_headers_are_secrets() {
        assert!(load_toml("[otlp]\nsample_ratio = 1.0\n", &[]).unwrap().otlp.receiver().unwrap().is_none());
        let toml = "[otlp]\nendpoint = \"https://collector:4317\"\nheaders = { authorization = \"Bearer hunter2\" }\n";
        let config = load_toml(toml, &[]).unwrap();
        let receiver = config.otlp.receiver().unwrap().unwrap();
        assert_eq!((receiver.endpoint(), receiver.traces, receiver.metrics), ("https://collector:4317/", true, false));
        let shown = toml::to_string(&config).unwrap() + &format!("{config:?}{receiver:?}");
        assert!(shown.contains("[otlp]") && shown.contains("authorization") && !shown.contains("hunter2"), "{shown}");

        let variables = [("TLSRPT_OTLP__HEADERS__X_API_KEY", "007"), ("TLSRPT_OTLP__ENDPOINT", "http://[::1]:4317")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config: Config = Figment::new().merge(Tree("t", environment(variables.into_iter()).unwrap())).extract().unwrap();
        assert_eq!(config.otlp.headers["x-api-key"].reveal(), "007");
        assert_eq!(config.otlp.endpoint.as_deref(), Some("http://[::1]:4317"));
    }

    #[test]
    fn telemetry_that_cannot_be_sent_is_refused_at_the_start_and_no_secret_is_repeated() {
        for (setting, words) in [
            ("endpoint = \"collector:4317\"", "http://collector:4317"),
            ("endpoint = \"ftp://collector\"", "ftp://collector"),
            ("endpoint = \"http://user:hunter2@collector\"", "header"),
            ("endpoint = \"http://c\"\nsample_ratio = 1.01", "sample_ratio is 1.01"),
            ("endpoint = \"http://c\"\nsample_ratio = nan", "sample_ratio"),
            ("endpoint = \"http://c\"\ntimeout_ms = 0", "timeout_ms is 0"),
            ("endpoint = \"http://c\"\nmetrics_interval_ms = 0", "metrics_interval_ms is 0"),
            ("endpoint = \"http://c\"\nheaders = { \"a b\" = \"hunter2\" }", "\"a b\""),
            ("endpoint = \"http://c\"\nheaders = { a = \"hunter2\\n\" }", "\"a\""),
            ("endpoint = \"http://c\"\nprotocol = \"udp\"", "otlp.protocol"),
        ] {
            let error = load_toml(&format!("[otlp]\n{setting}\n"), &[]).unwrap_err().to_string();
            assert!(error.contains("otlp") && error.contains(words) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_cluster_of_the_embedded_engine_is_refused() {
        let error = load_toml("", &["--clickhouse-cluster", "c"]).unwrap_err().to_string();
        assert!(error.contains("--clickhouse-url"), "{error}");
    }

    #[test]
    fn the_spools_limit_is_a_size() {
        assert_eq!(load_toml("", &["--spool-limit", "512MiB"]).unwrap().edge.spool.limit_bytes, 512 << 20);
        assert_eq!(load_toml("", &["--spool-limit", "0"]).unwrap().edge.spool.limit_bytes, 0);
    }

    #[test]
    fn secrets_are_masked_when_the_configuration_is_shown() {
        let config = load_toml("", &["--admin-key", "hunter2", "--clickhouse-password", "hunter2"]).unwrap();
        assert_eq!(config.admin_key.as_ref().unwrap().reveal(), "hunter2");
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
