//! A real OpenID provider, which gives out access tokens to the clients of tenants.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tlsrpt_fetched::{cache_directory, version};

use crate::client::http_client;

/// What `scripts/fetch-oidc-provider` fetches.
const VERSION: &str = include_str!("../../../scripts/oidc-provider/version");
/// What runs it.
const PROGRAM: &str = include_str!("provider.mjs");

const SECRET: &str = "of-every-client";

/// A provider's certificate, in a file that its clients know it by.
pub struct OidcCertificate {
    cert: String,
    key: String,
    dir: TempDir,
}

impl OidcCertificate {
    /// A new one, for loopback.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (cert, key, dir) = (made.cert.pem(), made.signing_key.serialize_pem(), TempDir::new().unwrap());
        std::fs::write(dir.path().join("ca.pem"), &cert).unwrap();
        Self { cert, key, dir }
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

impl Default for OidcCertificate {
    fn default() -> Self {
        Self::new()
    }
}

/// A provider under way, with a client for each of the tenants. It ends with this value.
pub struct OidcProvider {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    issuer: String,
    audience: &'static str,
    http: reqwest::Client,
    dir: TempDir,
}

impl OidcProvider {
    /// Starts one at this address whose tokens are for `audience`, with these `scope`s, signed by a key for `algorithm`.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub fn start(
        listen: SocketAddr,
        certificate: &OidcCertificate,
        audience: &'static str,
        tenants: &[&str],
        scope: &str,
        algorithm: &str,
    ) -> Self {
        let modules = cache_directory().join("oidc-provider").join(version(VERSION)).join("node_modules");
        assert!(modules.is_dir(), "{} is missing: run `make oidc-provider`", modules.display());
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("provider.mjs"), PROGRAM).unwrap();
        let options = json!({
            "modules": modules, "port": listen.port(), "cert": certificate.cert, "key": certificate.key, "audience": audience,
            "secret": SECRET, "tenants": tenants, "scope": scope, "algorithm": algorithm,
        });
        let mut child = Command::new("node")
            .current_dir(dir.path())
            .args(["provider.mjs", &options.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .expect("node is there: scripts/setup installs it");
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut provider = Self { child, orders, answers, issuer: String::new(), audience, http: http_client(), dir };
        provider.issuer = provider.works();
        provider
    }

    /// Its name.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From now on it signs by a new key; the key before is known still, those before that one no longer.
    pub fn rotate(&mut self, algorithm: &str) {
        writeln!(self.orders, "{algorithm}").unwrap();
        self.works();
    }

    /// Waits until it says that it works.
    fn works(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        if line.is_empty() {
            panic!("the provider ended:\n{}", std::fs::read_to_string(self.dir.path().join("log")).unwrap());
        }
        line.trim().to_owned()
    }

    /// An access token for a tenant's client (RFC 6749 4.4, RFC 8707 2).
    ///
    /// # Panics
    /// When it gives none.
    pub async fn token(&self, tenant: &str, scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("resource", self.audience), ("scope", scope)];
        let body = form.map(|(name, value)| format!("{name}={value}")).join("&");
        let request = self.http.post(format!("{}/token", self.issuer)).basic_auth(tenant, Some(SECRET));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
