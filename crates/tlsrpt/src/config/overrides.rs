//! Settings that have a flag and a variable of their own.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use figment::value::{Dict, Value};
use tlsrpt_edge::LmtpAddress;

use super::{TlsMode, kafka::property, size::bytes};

/// The flag of librdkafka's properties, and where they are.
const PROPERTIES: (&str, &str) = ("kafka_property", "kafka.properties");
/// Where DNS servers listen (RFC 1035 4.2).
const DNS_PORT: u16 = 53;

/// Flags that override the TOML file; each has a `TLSRPT_…` variable too.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// TOML file to read; repeatable, each over the ones before, by commas in the variable: secrets may have a file of their own
    #[arg(long, env = "TLSRPT_CONFIG", value_name = "FILE", value_delimiter = ',', global = true)]
    pub(crate) config: Vec<PathBuf>,
    /// Directory for the embedded log and database [default: tlsrpt-data]
    #[arg(long, env = "TLSRPT_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// HTTPS receiver [default: 127.0.0.1:8443]
    #[arg(long, env = "TLSRPT_HTTPS_LISTEN", value_name = "ADDR", global = true)]
    https_listen: Option<SocketAddr>,
    /// SMTP receiver, in plain text and with STARTTLS [default: 127.0.0.1:2525]
    #[arg(long, env = "TLSRPT_SMTP_LISTEN", value_name = "ADDR", global = true)]
    smtp_listen: Option<SocketAddr>,
    /// SMTP receiver within TLS [default: none]
    #[arg(long, env = "TLSRPT_SMTPS_LISTEN", value_name = "ADDR", global = true)]
    smtps_listen: Option<SocketAddr>,
    /// LMTP receiver, for a mail server of one's own that passes mail on: ADDR or unix:PATH [default: none]
    #[arg(long, env = "TLSRPT_LMTP_LISTEN", value_name = "ADDR|unix:PATH", global = true)]
    lmtp_listen: Option<LmtpAddress>,
    /// Tenant and operator API [default: 127.0.0.1:8080]
    #[arg(long, env = "TLSRPT_QUERY_LISTEN", value_name = "ADDR", global = true)]
    query_listen: Option<SocketAddr>,
    /// Operations: /metrics, /healthz, /readyz [default: 127.0.0.1:9090]
    #[arg(long, env = "TLSRPT_OPS_LISTEN", value_name = "ADDR", global = true)]
    ops_listen: Option<SocketAddr>,
    /// The operator's key; without one a random key is kept in the data directory. Prefer the variable: a flag shows in
    /// the list of processes
    #[arg(long, env = "TLSRPT_ADMIN_KEY", value_name = "KEY", hide_env_values = true, global = true)]
    admin_key: Option<String>,
    /// TLS of the HTTPS receiver, and where the certificate of both receivers comes from; with off, mail uses the files if given,
    /// else a self-signed one [default: self-signed]
    #[arg(long, env = "TLSRPT_HTTPS_TLS", value_enum, global = true)]
    https_tls: Option<TlsMode>,
    /// Certificate chain in PEM, for --https-tls files, and with off for mail
    #[arg(long, env = "TLSRPT_HTTPS_CERT", value_name = "FILE", global = true)]
    https_cert: Option<PathBuf>,
    /// Private key in PEM, beside --https-cert
    #[arg(long, env = "TLSRPT_HTTPS_KEY", value_name = "FILE", global = true)]
    https_key: Option<PathBuf>,
    /// Host part of reporting addresses; repeatable, by commas in the variable; none accepts any host part
    #[arg(long, env = "TLSRPT_MAIL_HOST", value_name = "HOST", value_delimiter = ',', global = true)]
    mail_host: Vec<String>,
    /// DNS server that resolves names for us, ADDR or ADDR:PORT; repeatable, by commas in the variable [default: the system's]
    #[arg(long, env = "TLSRPT_DNS_SERVER", value_name = "ADDR", value_delimiter = ',', value_parser = dns_server, global = true)]
    dns_server: Vec<SocketAddr>,
    /// Kafka brokers, host:port by commas [default: none, the embedded log]
    #[arg(long, env = "TLSRPT_KAFKA_BROKERS", value_name = "HOST:PORT,…", global = true)]
    kafka_brokers: Option<String>,
    /// librdkafka property, such as security.protocol=SASL_SSL; repeatable. For secrets prefer a variable of their own:
    /// TLSRPT_KAFKA__PROPERTIES__SASL__PASSWORD
    #[arg(long, env = "TLSRPT_KAFKA_PROPERTY", value_name = "NAME=VALUE", hide_env_values = true, global = true)]
    kafka_property: Vec<String>,
    /// Put before the names of topics, groups and transactional ids [default: nothing]
    #[arg(long, env = "TLSRPT_KAFKA_PREFIX", value_name = "PREFIX", global = true)]
    kafka_prefix: Option<String>,
    /// What the edge takes while Kafka is away, on disk in the data directory, at most; 0 takes nothing [default: 1GiB]
    #[arg(long, env = "TLSRPT_SPOOL_LIMIT", value_name = "SIZE", value_parser = bytes, global = true)]
    spool_limit: Option<u64>,
    /// URL of a ClickHouse server's HTTP interface [default: the embedded engine]
    #[arg(long, env = "TLSRPT_CLICKHOUSE_URL", value_name = "URL", global = true)]
    clickhouse_url: Option<String>,
    /// User on that server [default: default]
    #[arg(long, env = "TLSRPT_CLICKHOUSE_USER", value_name = "USER", global = true)]
    clickhouse_user: Option<String>,
    /// Password on that server; prefer the variable
    #[arg(long, env = "TLSRPT_CLICKHOUSE_PASSWORD", value_name = "PASSWORD", hide_env_values = true, global = true)]
    clickhouse_password: Option<String>,
    /// Database [default: tlsrpt]
    #[arg(long, env = "TLSRPT_CLICKHOUSE_DATABASE", value_name = "NAME", global = true)]
    clickhouse_database: Option<String>,
    /// ClickHouse cluster: migrations make replicated tables with distributed ones over them [default: one server]
    #[arg(long, env = "TLSRPT_CLICKHOUSE_CLUSTER", value_name = "NAME", global = true)]
    clickhouse_cluster: Option<String>,
    /// libchdb.so of the embedded engine [default: where `make libchdb` puts it]
    #[arg(long, env = "TLSRPT_LIBCHDB", value_name = "FILE", global = true)]
    libchdb: Option<PathBuf>,
    /// text or json [default: text]
    #[arg(long, env = "TLSRPT_LOG_FORMAT", value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// Level, or target=level pairs by commas [default: info, the log's engine warn]
    #[arg(long, env = "TLSRPT_LOG_FILTER", value_name = "FILTER", global = true)]
    log_filter: Option<String>,
}

impl Overrides {
    /// The places in the configuration tree that are set, such as `listen.https`, with their values.
    ///
    /// # Errors
    /// For a property that is none. Not left to the parser of flags, which would repeat the text, and that may be a secret.
    pub(crate) fn values(&self) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let properties = self.kafka_property.iter().map(|text| property(text).map(|(name, value)| (name, Value::from(value))));
        let properties = properties.collect::<Result<Dict, _>>()?;
        let properties = (!properties.is_empty()).then(|| (PROPERTIES.1, Value::from(properties)));
        Ok(self.fields().into_iter().filter_map(|(_, place, value)| Some((place, value?))).chain(properties).collect())
    }

    /// The flag, as its field above is called, and the place of each setting that has one.
    pub(super) fn places() -> Vec<(&'static str, &'static str)> {
        Self::default().fields().into_iter().map(|(flag, place, _)| (flag, place)).chain([PROPERTIES]).collect()
    }

    fn fields(&self) -> Vec<(&'static str, &'static str, Option<Value>)> {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let address = |address: &Option<SocketAddr>| address.map(|address| Value::from(address.to_string()));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| Value::from(path.to_string_lossy().into_owned()));
        let list = |list: Vec<String>| (!list.is_empty()).then(|| Value::from(list));
        let mode = self.https_tls.map(|mode| match mode {
            TlsMode::Off => "off",
            TlsMode::SelfSigned => "self-signed",
            TlsMode::Files => "files",
        });
        vec![
            ("data_dir", "data_dir", path(&self.data_dir)),
            ("https_listen", "listen.https", address(&self.https_listen)),
            ("smtp_listen", "listen.smtp", address(&self.smtp_listen)),
            ("smtps_listen", "listen.smtps", address(&self.smtps_listen)),
            ("lmtp_listen", "listen.lmtp", self.lmtp_listen.as_ref().map(|address| Value::from(address.to_string()))),
            ("query_listen", "listen.query", address(&self.query_listen)),
            ("ops_listen", "listen.ops", address(&self.ops_listen)),
            ("admin_key", "admin_key", text(&self.admin_key)),
            ("https_tls", "tls.mode", mode.map(Value::from)),
            ("https_cert", "tls.cert", path(&self.https_cert)),
            ("https_key", "tls.key", path(&self.https_key)),
            ("mail_host", "mail_hosts", list(self.mail_host.clone())),
            ("dns_server", "origin.servers", list(self.dns_server.iter().map(SocketAddr::to_string).collect())),
            ("kafka_brokers", "kafka.brokers", text(&self.kafka_brokers)),
            ("kafka_prefix", "kafka.prefix", text(&self.kafka_prefix)),
            ("spool_limit", "edge.spool.limit_bytes", self.spool_limit.map(Value::from)),
            ("clickhouse_cluster", "store.clickhouse_cluster", text(&self.clickhouse_cluster)),
            ("clickhouse_url", "store.clickhouse_url", text(&self.clickhouse_url)),
            ("clickhouse_user", "store.clickhouse_user", text(&self.clickhouse_user)),
            ("clickhouse_password", "store.clickhouse_password", text(&self.clickhouse_password)),
            ("clickhouse_database", "store.clickhouse_database", text(&self.clickhouse_database)),
            ("libchdb", "store.library", path(&self.libchdb)),
            ("log_format", "logs.format", text(&self.log_format)),
            ("log_filter", "logs.filter", text(&self.log_filter)),
        ]
    }
}

/// An address, with the port of DNS when it names none.
fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let addr = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT)));
    addr.map_err(|_| format!("{text} is no address of a DNS server: write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"))
}

/// Puts values at their places into one nested dictionary.
pub(super) fn nest(values: Vec<(&str, Value)>) -> Dict {
    let mut root = Dict::new();
    for (place, value) in values {
        match place.split_once('.') {
            None => {
                root.insert(place.to_owned(), value);
            }
            Some((section, rest)) => {
                let inner = figment::util::nest(rest, value);
                match (root.get_mut(section), inner) {
                    (Some(Value::Dict(_, section)), Value::Dict(_, inner)) => section.extend(inner),
                    (_, inner) => {
                        root.insert(section.to_owned(), inner);
                    }
                }
            }
        }
    }
    root
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::dns_server;

    #[test]
    fn a_dns_server_is_an_address_with_or_without_a_port() {
        for (text, addr) in [
            ("192.0.2.53", "192.0.2.53:53"),
            (" 192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ] {
            assert_eq!(dns_server(text).unwrap(), addr.parse().unwrap(), "{text}");
        }
        for wrong in ["", "dns.example", "192.0.2.53:", "192.0.2"] {
            assert!(dns_server(wrong).is_err_and(|error| error.contains("DNS server")), "{wrong}");
        }
    }
}
