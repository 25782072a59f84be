//! What tenants are told: by a webhook that a real HTTP server takes, and by mail that a real mail server takes.

use std::{collections::BTreeSet, fmt::Write as _, net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tlsrpt_mail_peers::{Peers, Sink};
use tlsrpt_query::{NotificationsConfig, SmtpConfig, SmtpTls};

use crate::harness::{ADMIN, Api, report};

const SETTINGS: &str = "/v1/notifications/settings";
const LOOPBACK: &[&str] = &["127.0.0.0/8"];

/// Looks and tries come soon.
fn config() -> NotificationsConfig {
    NotificationsConfig {
        interval_ms: 50,
        delivery_interval_ms: 50,
        retry_first_ms: 50,
        retry_max_ms: 100,
        timeout_ms: 5_000,
        allow_http: true,
        ..NotificationsConfig::default()
    }
}

/// A request that a receiver got, and what it answered.
#[derive(Clone, Debug)]
struct Got {
    key: String,
    signature: String,
    body: Vec<u8>,
    answered: u16,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks the signature as a receiver does.
    #[track_caller]
    fn is_signed_by(&self, secrets: &[&str]) {
        let (moment, signatures) = self.signature.split_once(',').unwrap();
        let mut signed = moment.strip_prefix("t=").unwrap().as_bytes().to_vec();
        signed.push(b'.');
        signed.extend_from_slice(&self.body);
        let expected: Vec<String> = secrets
            .iter()
            .map(|secret| {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &signed);
                tag.as_ref().iter().fold("v1=".to_owned(), |mut text, byte| {
                    write!(text, "{byte:02x}").unwrap();
                    text
                })
            })
            .collect();
        assert_eq!(signatures.split(',').collect::<Vec<_>>(), expected);
    }
}

/// An HTTP server that takes notices, or refuses them with a status for so many requests.
#[derive(Clone)]
struct Hook {
    addr: SocketAddr,
    state: Taking,
}

impl Hook {
    async fn start(refusals: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, refusals)
    }

    fn serve(listener: tokio::net::TcpListener, refusals: &[u16]) -> Self {
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((refusals.to_vec(), Vec::new())));
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { addr, state }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    fn got(&self) -> Vec<Got> {
        self.state.lock().1.clone()
    }

    /// Keys of what it took.
    fn taken(&self) -> BTreeSet<String> {
        self.got().into_iter().filter(|got| got.answered == 200).map(|got| got.key).collect()
    }
}

/// What is to be answered, and what came.
type Taking = Arc<Mutex<(Vec<u16>, Vec<Got>)>>;

async fn take(State(state): State<Taking>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut state = state.lock();
    let answered = if state.0.is_empty() { 200 } else { state.0.remove(0) };
    state.1.push(Got { key: header("idempotency-key"), signature: header("tlsrpt-signature"), body: body.to_vec(), answered });
    StatusCode::from_u16(answered).unwrap()
}

fn today() -> String {
    tlsrpt_record::SubmissionId::now().received_at().day().to_string()
}

/// A report that mail to the domain is refused, at this mail server.
fn refused(id: &str, domain: &str, mx: &str) -> String {
    let report = report("Big Mail", id, &today(), &[("sts", domain, 5, 2)]);
    report
        .replace("mode: testing", "mode: enforce")
        .replace(&format!("\"receiving-mx-hostname\":\"mx.{domain}\""), &format!("\"receiving-mx-hostname\":\"{mx}\""))
}

async fn set(api: &Api, key: &str, settings: &Value) -> Value {
    let answer = api.call(Method::PUT, SETTINGS, Some(key), Some(settings)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn of_kind<'v>(list: &'v Value, kind: &str) -> Vec<&'v Value> {
    list["notices"].as_array().unwrap().iter().filter(|notice| notice["kind"] == kind).collect()
}

/// Waits until notices of this kind are there and each of their deliveries is in this state.
async fn until(api: &Api, key: &str, kind: &str, state: &str) -> Value {
    api.until_as(key, "/v1/notifications", |list| {
        let notices = of_kind(list, kind);
        let is_in_state = |notice: &&Value| {
            let deliveries = notice["deliveries"].as_array().unwrap();
            !deliveries.is_empty() && deliveries.iter().all(|delivery| delivery["state"] == state)
        };
        !notices.is_empty() && notices.iter().all(is_in_state)
    })
    .await
}

#[tokio::test]
async fn a_domain_at_risk_is_told_to_a_webhook_that_was_down_with_one_key_and_a_good_signature() {
    let api = Api::start_telling(&config(), LOOPBACK).await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    api.submit(refused("1", "a.example", "mx.a.example")).await;
    api.settled().await;
    let hook = Hook::start(&[500, 503, 302]).await;
    let made = set(&api, &a, &json!({"webhook_url": hook.url()})).await;
    let secret = made["webhook_secret"].as_str().unwrap().to_owned();

    let list = until(&api, &a, "at-risk", "delivered").await;
    let notice = of_kind(&list, "at-risk")[0];
    let delivery = &notice["deliveries"][0];
    assert_eq!((&delivery["channel"], &delivery["last_error"], &delivery["next_try_at"]), (&json!("webhook"), &Value::Null, &Value::Null));
    assert!(delivery["attempts"].as_u64() >= Some(4), "{delivery}");
    let got = hook.got();
    assert!(got.len() >= 4);
    for got in &got {
        assert_eq!((got.key.as_str(), &got.json()["key"]), (notice["key"].as_str().unwrap(), &notice["key"]));
        // Two processes may have noted it, each at its own moment, until the earlier one is settled on.
        let told = |got: &Got| {
            let mut told = got.json();
            told.as_object_mut().unwrap().remove("noted_at");
            told
        };
        assert_eq!(told(got), told(&hook.got()[0]), "the same at every try");
        got.is_signed_by(&[&secret]);
    }
    let body = got[0].json();
    assert_eq!(
        (&body["version"], &body["tenant"], &body["domain"], &body["test"]),
        (&json!(1), &json!("a"), &json!("a.example"), &json!(false))
    );
    // What was there at the first look is noted and not told.
    assert_eq!(of_kind(&list, "failure-class")[0]["told"], false, "{list}");

    // What is new after it is told, each once; and by two secrets after a rotation.
    let rotated = api.call(Method::POST, "/v1/notifications/webhook/secret", Some(&a), None).await.json();
    api.submit(refused("2", "a.example", "other.a.example")).await;
    api.until_as(&a, "/v1/notifications", |list| of_kind(list, "failure-class").len() == 2).await;
    let told = api.until_as(&a, "/v1/notifications", |list| list["notices"][0]["deliveries"][0]["state"] == "delivered").await;
    assert_eq!(
        (&told["notices"][0]["kind"], &told["notices"][0]["subject"]),
        (&json!("failure-class"), &json!("certificate-expired other.a.example"))
    );
    assert_eq!(of_kind(&told, "at-risk").len(), 1);
    assert_eq!(hook.taken().len(), 2);
    hook.got().last().unwrap().is_signed_by(&[rotated["webhook_secret"].as_str().unwrap(), &secret]);

    // Nobody else sees any of it, and nobody sees a secret again.
    assert_eq!(api.get("/v1/notifications", &b).await.json()["notices"], json!([]));
    assert_eq!(api.get(SETTINGS, &b).await.json()["webhook_url"], Value::Null);
    let shown = [api.get(SETTINGS, &a).await, api.get("/admin/v1/tenants/a/notifications/settings", ADMIN).await];
    for answer in shown {
        assert_eq!(answer.json()["webhook_url"], hook.url());
        assert!(!answer.text().contains("tlsrptwh_"), "{}", answer.text());
    }
    let page = api.get("/v1/notifications?limit=1", &a).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = api.get(&format!("/v1/notifications?cursor={cursor}"), &a).await.json();
    assert_eq!(rest["notices"].as_array().unwrap().len(), told["notices"].as_array().unwrap().len() - 1);
}

#[tokio::test]
async fn a_webhook_that_nobody_listens_at_gets_its_notice_once_somebody_does() {
    let api = Api::start_telling(&config(), LOOPBACK).await;
    let a = api.tenant("a", &["a.example"]).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    set(&api, &a, &json!({"webhook_url": url})).await;
    api.submit(refused("1", "a.example", "mx.a.example")).await;
    api.until_as(&a, "/v1/notifications", |list| list["notices"].to_string().contains("could not be connected to")).await;
    let hook = Hook::serve(socket.listen(16).unwrap(), &[]);
    until(&api, &a, "at-risk", "delivered").await;
    assert!(!hook.taken().is_empty());
}

#[tokio::test]
async fn a_private_address_is_refused_and_a_test_says_so_once_in_a_while() {
    let api = Api::start_telling(&config(), &[]).await;
    let a = api.tenant("a", &["a.example"]).await;
    let hook = Hook::start(&[]).await;
    set(&api, &a, &json!({"webhook_url": hook.url()})).await;
    let tries = api.call(Method::POST, "/v1/notifications/test", Some(&a), None).await.json();
    let one = &tries["tries"][0];
    assert_eq!((&one["channel"], &one["delivered"]), (&json!("webhook"), &json!(false)));
    assert!(one["error"].as_str().unwrap().contains("private address"), "{tries}");
    let again = api.call(Method::POST, "/v1/notifications/test", Some(&a), None).await;
    again.is_problem(429, "rate-limited");
    api.submit(refused("1", "a.example", "mx.a.example")).await;
    api.until_as(&a, "/v1/notifications", |list| list["notices"].to_string().contains("private address")).await;
    assert!(hook.got().is_empty());
}

#[tokio::test]
async fn in_quiet_hours_nothing_is_told_but_what_may_break_through() {
    let api = Api::start_telling(&config(), LOOPBACK).await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    let (quiet, urgent) = (Hook::start(&[]).await, Hook::start(&[]).await);
    // All day but for a minute that is hours away.
    let hour = (tlsrpt_record::SubmissionId::now().received_at().0.div_euclid(3_600_000) + 12).rem_euclid(24);
    let hours = json!({"from": format!("{hour:02}:01"), "to": format!("{hour:02}:00"), "time_zone": "UTC"});
    set(&api, &a, &json!({"webhook_url": quiet.url(), "quiet_hours": hours})).await;
    set(&api, &b, &json!({"webhook_url": urgent.url(), "quiet_hours": hours, "breakthrough": true})).await;
    api.submit(refused("1", "a.example", "mx.a.example")).await;
    api.until_as(&a, "/v1/notifications", |list| !of_kind(list, "at-risk").is_empty()).await;
    api.submit(refused("2", "b.example", "mx.b.example")).await;
    until(&api, &b, "at-risk", "delivered").await;
    let held = api.get("/v1/notifications", &a).await.json();
    let delivery = &of_kind(&held, "at-risk")[0]["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("pending"), &json!(0)));
    assert!(quiet.got().is_empty() && !urgent.got().is_empty());
    set(&api, &a, &json!({"webhook_url": quiet.url()})).await;
    until(&api, &a, "at-risk", "delivered").await;
    assert!(!quiet.taken().is_empty());
}

#[tokio::test]
async fn a_digest_comes_by_mail_once_the_relay_is_there_again() {
    let Some(peers) = Peers::here() else { return };
    let mut sink = Sink::start(&peers);
    let relay = SmtpConfig {
        host: sink.smtp().ip().to_string(),
        port: Some(sink.smtp().port()),
        tls: SmtpTls::None,
        user: None,
        password: None,
        from: tlsrpt_notify::Address::parse("tlsrpt@reports.example").unwrap(),
    };
    let api = Api::start_telling(&NotificationsConfig { smtp: Some(relay), ..config() }, &[]).await;
    let a = api.tenant("a", &["a.example", "b.example"]).await;
    for (id, domain) in [("1", "a.example"), ("2", "b.example")] {
        api.submit(refused(id, domain, "mx.a.example")).await;
    }
    api.settled().await;
    sink.stop();
    set(&api, &a, &json!({"mail_to": ["ops@a.example"]})).await;
    let is_tried = |notice: &&Value| notice["deliveries"][0]["last_error"] == "The mail relay could not be used.";
    api.until_as(&a, "/v1/notifications", |list| of_kind(list, "at-risk").iter().filter(|notice| is_tried(notice)).count() == 2).await;
    sink.start_again();
    let list = until(&api, &a, "at-risk", "delivered").await;
    let keys: Vec<String> = of_kind(&list, "at-risk").iter().map(|notice| notice["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 2);
    let mails = sink.await_mails(1, "in the API, under notifications.", String::new);
    let all = mails.concat();
    for key in keys {
        assert!(all.contains(&format!("Notice: {key}")), "{all}");
    }
    assert!(all.contains("Auto-Submitted: auto-generated") && all.contains("ops@a.example"), "{all}");
}

#[tokio::test]
async fn a_tenant_is_told_when_a_domain_is_ready_for_its_next_step_and_when_a_reporter_falls_silent() {
    let api = Api::start_telling(&config(), LOOPBACK).await;
    let a = api.tenant("a", &["a.example", "b.example"]).await;
    api.submit(refused("1", "b.example", "mx.b.example")).await;
    api.settled().await;
    let hook = Hook::start(&[]).await;
    set(&api, &a, &json!({"webhook_url": hook.url()})).await;
    // By the time that it is told of one domain, the other was looked at too.
    until(&api, &a, "at-risk", "delivered").await;

    let reported = async |organization: &str, days_ago: i32| {
        let day = tlsrpt_record::SubmissionId::now().received_at().day().plus(-days_ago).to_string();
        api.submit(report(organization, &format!("{organization}-{days_ago}"), &day, &[("sts", "a.example", 10, 0)])).await;
    };
    // The newest first, so that it never looks as if nothing came for long.
    for days_ago in 1..=20 {
        reported("Alpha", days_ago).await;
    }
    for days_ago in (20..=30).rev() {
        reported("Beta", days_ago).await;
    }
    until(&api, &a, "ready-for-enforce", "delivered").await;
    let list = until(&api, &a, "reporter-silent", "delivered").await;
    let told: Vec<_> = of_kind(&list, "reporter-silent").iter().map(|notice| (&notice["subject"], &notice["told"])).collect();
    assert_eq!(told, [(&json!("Beta"), &json!(true))], "{list}");
    let of_kind = |kind: &str| hook.got().iter().map(Got::json).filter(|body| body["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of_kind("ready-for-enforce")[0]["domain"], "a.example");
    assert!(of_kind("reporter-silent")[0]["look_first"].as_str().unwrap().contains("_smtp._tls.a.example"));
}

#[tokio::test]
async fn settings_that_are_none_are_refused_with_the_field_that_is_meant() {
    let api = Api::start_telling(&NotificationsConfig::default(), &[]).await;
    let a = api.tenant("a", &["a.example"]).await;
    for (settings, name) in [
        (json!({"webhook_url": "http://hooks.example/"}), "webhook_url"),
        (json!({"webhook_url": "https://u:p@hooks.example/"}), "webhook_url"),
        (json!({"webhook_url": 1}), "webhook_url"),
        (json!({"mail_to": ["no address"]}), "mail_to"),
        (json!({"mail_to": vec!["ops@a.example"; 6]}), "mail_to"),
        (json!({"kinds": ["at-rest"]}), "kinds"),
        (json!({"quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "Mars"}}), "quiet_hours"),
        (json!({"breakthrough": "yes"}), "breakthrough"),
    ] {
        let answer = api.call(Method::PUT, SETTINGS, Some(&a), Some(&settings)).await;
        assert_eq!(answer.is_problem(400, "invalid-body")["name"], name, "{settings}");
    }
    api.call(Method::POST, "/v1/notifications/webhook/secret", Some(&a), None).await.is_problem(404, "not-found");
    assert_eq!(api.call(Method::DELETE, SETTINGS, Some(&a), None).await.status, StatusCode::NO_CONTENT);
}
