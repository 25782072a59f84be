//! What the engine keeps from a tenant's statement by itself: statements here forget the tenant, as a fault of ours would.

use clickhouse::Client;
use tlsrpt_store::StoreConfig;

use crate::support::{client, config, id, insert, noon, policy, sent, store_in, tenant};

/// A database with two tenants' reports, and a client of it under the settings of acme's queries.
async fn walled() -> (StoreConfig, Client) {
    let config = config();
    let store = store_in(&config).await;
    let mine = vec![policy("acme", "example.com", 1), policy("acme", "example.org", 2)];
    let foreign = vec![policy("beta", "example.net", 3), policy("", "nobody.example", 4)];
    insert(&store, &[sent(noon(0), 1, mine), sent(noon(0), 2, foreign)]).await;
    let settings = store.tenant(tenant("acme")).settings();
    let client = settings.into_iter().fold(client(&config), |client, (name, value)| client.with_setting(name, value));
    (config, client)
}

async fn check(sql: &str, expected: &[&str]) {
    let (_, client) = walled().await;
    assert_eq!(client.query(sql).fetch_all::<String>().await.unwrap(), expected, "{sql}");
}

async fn refused(sql: &str) {
    let (_, client) = walled().await;
    let error = client.query(sql).fetch_all::<String>().await.expect_err(sql).to_string();
    assert!(error.contains("READONLY") || error.contains("readonly"), "{sql}: {error}");
}

#[tokio::test]
async fn a_statement_that_forgets_the_tenant_sees_the_tenants_rows_alone() {
    check("SELECT DISTINCT policy_domain FROM reports FINAL ORDER BY 1", &["example.com", "example.org"]).await;
    check("SELECT toString(count()) FROM reports", &["2"]).await;
}

#[tokio::test]
async fn neither_another_tenants_name_nor_a_condition_that_is_always_true_opens_the_wall() {
    check("SELECT policy_domain FROM reports FINAL WHERE tenant = 'beta'", &[]).await;
    check("SELECT policy_domain FROM reports FINAL WHERE tenant = 'beta' OR true ORDER BY 1", &["example.com", "example.org"]).await;
    check("SELECT policy_domain FROM (SELECT * FROM reports FINAL) WHERE tenant != 'acme'", &[]).await;
    check("SELECT b.policy_domain FROM reports a JOIN reports b ON a.day = b.day WHERE b.tenant != 'acme'", &[]).await;
    check("WITH all AS (SELECT * FROM reports) SELECT policy_domain FROM all WHERE tenant = ''", &[]).await;
    check("SELECT 'in' FROM system.one WHERE 'nobody.example' IN (SELECT policy_domain FROM reports)", &[]).await;
}

#[tokio::test]
async fn no_entry_of_the_ledger_is_there() {
    check("SELECT toString(count()) FROM submissions FINAL", &["0"]).await;
    let of_its_own = format!("SELECT payload FROM submissions WHERE submission_id = toUUID('{}')", id(noon(0), 1).0);
    check(&of_its_own, &[]).await;
}

#[tokio::test]
async fn a_statement_can_neither_loosen_its_settings_nor_change_anything() {
    refused("SELECT policy_domain FROM reports SETTINGS additional_table_filters = {}").await;
    refused("SELECT policy_domain FROM reports SETTINGS max_execution_time = 0").await;
    refused("ALTER TABLE reports DELETE WHERE true").await;
    refused("INSERT INTO reports (tenant) VALUES ('acme')").await;
}

#[tokio::test]
async fn a_query_that_takes_more_than_a_tenant_may_is_ended() {
    let (config, client) = walled().await;
    for sql in [
        // Time: a hash for each of very many numbers. Memory: all of them at once.
        "SELECT toString(max(sipHash128(number, number))) FROM numbers(100000000000)",
        "SELECT toString(length(groupArray(number))) FROM numbers(190000000)",
    ] {
        let error = client.query(sql).fetch_all::<String>().await.expect_err(sql).to_string();
        assert!(["TIMEOUT_EXCEEDED", "MEMORY_LIMIT", "TOO_MANY_ROWS"].iter().any(|code| error.contains(code)), "{sql}: {error}");
    }
    // Others are served as before.
    let store = tlsrpt_store::Store::new(&config);
    assert_eq!(store.tenant(tenant("beta")).summary(&crate::support::all()).await.unwrap().reports, 1);
}
