//! What a first run says to type next.

use std::{net::SocketAddr, path::Path};

use super::edge::Listens;
use crate::{
    admin_key::ADMIN_KEY_FILE,
    config::{Config, TlsMode},
};

/// The first-run message; it names the admin key's place, never the key.
pub(crate) fn text(config: &Config, listens: &Listens, query: SocketAddr, ops: SocketAddr) -> String {
    let Listens { https: edge, smtp } = listens;
    let scheme = if config.tls.mode == TlsMode::Off { "http" } else { "https" };
    let key_file = std::path::absolute(config.data_dir.join(ADMIN_KEY_FILE)).unwrap_or_else(|_| Path::new(ADMIN_KEY_FILE).to_owned());
    let admin = if config.admin_key.is_some() {
        "ADMIN=…the admin key that you set…".to_owned()
    } else {
        format!("ADMIN=$(cat {})", key_file.display())
    };
    format!(
        r#"
tlsrpt is ready. Reports: {scheme}://{edge} and mail to smtp://{smtp}  API: http://{query}  Operations: http://{ops}/metrics
There is no tenant yet. In another terminal:

  {admin}
  API=http://{query}
  # a tenant: the answer holds its reporting address
  curl -s -H "Authorization: Bearer $ADMIN" $API/admin/v1/tenants -H 'Content-Type: application/json' -d '{{"id":"acme","name":"Acme"}}'
  # its domain, and a key to read with (shown once)
  curl -s -H "Authorization: Bearer $ADMIN" $API/admin/v1/tenants/acme/domains -H 'Content-Type: application/json' -d '{{"domain":"acme.example"}}'
  curl -s -H "Authorization: Bearer $ADMIN" $API/admin/v1/tenants/acme/keys -H 'Content-Type: application/json' -d '{{"name":"first"}}'
  # a report, as a sender posts it
  curl -sk {scheme}://{edge}/v1/tlsrpt -H 'Content-Type: application/tlsrpt+json' -d '{{"organization-name":"Sender","report-id":"1","date-range":{{"start-datetime":"'$(date -u -d yesterday +%F)'T00:00:00Z","end-datetime":"'$(date -u -d yesterday +%F)'T23:59:59Z"}},"policies":[{{"policy":{{"policy-type":"sts","policy-domain":"acme.example"}},"summary":{{"total-successful-session-count":10,"total-failure-session-count":1}}}}]}}'
  # the answer, within two seconds
  curl -s -H "Authorization: Bearer $KEY" $API/v1/summary

Or fill a demo tenant with 90 days of traffic: make demo
"#
    )
}
