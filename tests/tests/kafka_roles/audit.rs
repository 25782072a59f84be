//! The audit log goes from whichever query service was asked to all of them.

use serde_json::json;
use tlsrpt_tests::{Role, until};

use crate::parts::{Database, Kafka, Roles, broker, operator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_does_at_one_query_service_is_listed_by_another() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let roles = Roles::start(&kafka, &database, |setup| setup).await;
    let other = database.of(kafka.role(Role::Query)).start().await;
    for id in ["acme", "bolt", "acme"] {
        operator(&other).post("/admin/v1/tenants", &json!({"id": id, "name": id})).await;
    }
    until("the entries", async || {
        let listed = roles.operator().json("/admin/v1/audit?action=tenant.create").await;
        let entries = listed["entries"].as_array().unwrap();
        let seen: Vec<_> = entries.iter().map(|entry| (entry["target"].as_str().unwrap_or(""), entry["status"].as_u64())).collect();
        let expected = [("acme", Some(409)), ("bolt", Some(201)), ("acme", Some(201))];
        if seen == expected { Ok(()) } else { Err(listed.to_string()) }
    })
    .await;
    other.finish().await;
    roles.finish().await;
    database.stop().await;
}
