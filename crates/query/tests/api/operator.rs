//! Tenants, domains and keys.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{ADMIN, Api};

#[tokio::test]
async fn a_tenant_is_made_once_shown_listed_page_by_page_and_deleted() {
    let api = Api::start_without_pipeline(Default::default()).await;
    for id in ["a", "b", "c"] {
        let answer = api.post("/admin/v1/tenants", json!({"id": id, "name": format!("Tenant {id}")})).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let tenant = answer.json();
        assert_eq!((tenant["id"].as_str(), tenant["name"].as_str()), (Some(id), Some(&*format!("Tenant {id}"))));
        assert!(!tenant["address"].as_str().unwrap().is_empty());
        assert_eq!(api.admin(&format!("/admin/v1/tenants/{id}")).await["address"], tenant["address"]);
    }
    api.post("/admin/v1/tenants", json!({"id": "a", "name": "again"})).await.is_problem(409, "tenant-taken");

    let first = api.admin("/admin/v1/tenants?limit=2").await;
    let second = api.admin(&format!("/admin/v1/tenants?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    let ids = |page: &serde_json::Value| {
        page["tenants"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(&first), ids(&second), &second["next_cursor"]),
        (vec!["a".into(), "b".into()], vec!["c".into()], &serde_json::Value::Null)
    );

    assert_eq!(api.delete("/admin/v1/tenants/b").await.status, StatusCode::NO_CONTENT);
    api.delete("/admin/v1/tenants/b").await.is_problem(404, "not-found");
    api.get("/admin/v1/tenants/b", ADMIN).await.is_problem(404, "not-found");
    assert_eq!(ids(&api.admin("/admin/v1/tenants").await), ["a", "c"]);
}

#[tokio::test]
async fn a_domain_has_one_owner_until_it_is_released() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &[]).await;
    api.tenant("b", &[]).await;
    let (a, b) = ("/admin/v1/tenants/a/domains", "/admin/v1/tenants/b/domains");

    let claimed = api.post(a, json!({"domain": "Bücher.Example."})).await;
    assert_eq!((claimed.status, claimed.json()["domain"].as_str()), (StatusCode::CREATED, Some("xn--bcher-kva.example")));
    assert_eq!(api.post(a, json!({"domain": "xn--bcher-kva.example"})).await.status, StatusCode::OK);
    let taken = api.post(b, json!({"domain": "bücher.example"})).await;
    taken.is_problem(409, "domain-taken");
    assert!(!taken.text().contains("tenant a"));
    api.post("/admin/v1/tenants/nobody/domains", json!({"domain": "x.example"})).await.is_problem(404, "not-found");
    api.post(a, json!({"domain": "co.uk"})).await.is_problem(422, "public-suffix");
    api.post(a, json!({"domain": "two words"})).await.is_problem(400, "invalid-body");

    assert_eq!(api.admin(a).await["domains"][0]["domain"], "xn--bcher-kva.example");
    api.delete(&format!("{b}/xn--bcher-kva.example")).await.is_problem(404, "not-found");
    assert_eq!(api.delete(&format!("{a}/b%C3%BCcher.example")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.admin(a).await, json!({"domains": []}));
    assert_eq!(api.post(b, json!({"domain": "bücher.example"})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_is_shown_once_and_stops_working_when_it_or_its_tenant_is_deleted() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let first = api.tenant("a", &["a.example"]).await;
    let keys = "/admin/v1/tenants/a/keys";
    let second = api.post(keys, json!({"name": "dashboard"})).await;
    assert_eq!(
        (second.status, second.json()["name"].as_str(), second.header("cache-control")),
        (StatusCode::CREATED, Some("dashboard"), "no-store")
    );
    let (id, second) = (second.json()["id"].as_str().unwrap().to_owned(), second.json()["key"].as_str().unwrap().to_owned());

    let listed = api.get(keys, ADMIN).await;
    assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 2);
    assert!(!listed.text().contains(&second) && !listed.text().contains(&first));
    assert_eq!(api.get("/v1/domains", &second).await.status, StatusCode::OK);

    api.tenant("b", &[]).await;
    api.delete(&format!("/admin/v1/tenants/b/keys/{id}")).await.is_problem(404, "not-found");
    assert_eq!(api.get("/v1/domains", &second).await.status, StatusCode::OK);
    assert_eq!(api.delete(&format!("{keys}/{id}")).await.status, StatusCode::NO_CONTENT);
    api.get("/v1/domains", &second).await.is_problem(401, "key-unknown");
    api.delete(&format!("{keys}/{id}")).await.is_problem(404, "not-found");

    assert_eq!(api.get("/v1/domains", &first).await.status, StatusCode::OK);
    assert_eq!(api.call(Method::DELETE, "/admin/v1/tenants/a", Some(ADMIN), None).await.status, StatusCode::NO_CONTENT);
    api.get("/v1/domains", &first).await.is_problem(401, "key-unknown");
}
