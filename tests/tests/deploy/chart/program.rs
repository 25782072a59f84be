//! The rendered configuration and arguments, given to the real program.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tlsrpt_tests::{
    helm::{Helm, Objects, RELEASE},
    program,
};

use super::{ROLES, SETS};

/// What a Secret that is made elsewhere holds, here.
const ELSEWHERE: &str = "from-elsewhere";

/// Runs `tlsrpt config` as the pod of a role would run the role: with its arguments, its variables and its files, which are put below a
/// directory of the test.
fn config_of(objects: &Objects, role: &str) -> Output {
    let root = TempDir::new().unwrap();
    let pods = objects.pods();
    let (.., spec) = pods.iter().find(|(owner, ..)| owner.ends_with(&format!("-{role}"))).unwrap();
    let container = &spec["containers"][0];
    let volumes = spec["volumes"].as_array().unwrap();
    for mount in container["volumeMounts"].as_array().unwrap() {
        let Some(volume) = volumes.iter().find(|one| one["name"] == mount["name"]) else { continue };
        let path = root.path().join(mount["mountPath"].as_str().unwrap().trim_start_matches('/'));
        fs::create_dir_all(&path).unwrap();
        for (file, content) in files(objects, volume) {
            fs::write(path.join(file), content).unwrap();
        }
    }
    let mut arguments = container["args"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
    assert_eq!(arguments.next().unwrap(), role);
    let mut run = program();
    run.arg("config").args(arguments.map(|one| one.replace("--config=/", &format!("--config={}/", root.path().display()))));
    for variable in container["env"].as_array().into_iter().flatten() {
        run.env(variable["name"].as_str().unwrap(), value(objects, variable));
    }
    run.output().unwrap()
}

/// The files of a volume.
fn files(objects: &Objects, volume: &Value) -> Vec<(String, String)> {
    if let Some(map) = volume["configMap"]["name"].as_str() {
        let found = objects.of("ConfigMap").into_iter().find(|one| one["metadata"]["name"] == map);
        let data = found.map(|one| one["data"].as_object().unwrap().clone()).unwrap_or_default();
        return data.into_iter().map(|(name, text)| (name, text.as_str().unwrap().to_owned())).collect();
    }
    let Some(secret) = volume["secret"]["secretName"].as_str() else { return Vec::new() };
    let found = objects.of("Secret").into_iter().find(|one| one["metadata"]["name"] == secret);
    let items = volume["secret"]["items"].as_array().into_iter().flatten();
    items
        .map(|item| {
            let key = item["key"].as_str().unwrap();
            // An empty file is one that the program reads.
            let text = found.map_or_else(String::new, |one| {
                one["stringData"][key].as_str().unwrap_or_else(|| panic!("{secret} has no {key}")).to_owned()
            });
            (item["path"].as_str().unwrap().to_owned(), text)
        })
        .collect()
}

/// The value of a variable.
fn value(objects: &Objects, variable: &Value) -> String {
    if let Some(value) = variable["value"].as_str() {
        return value.to_owned();
    }
    let from = &variable["valueFrom"]["secretKeyRef"];
    let found = objects.of("Secret").into_iter().find(|one| one["metadata"]["name"] == from["name"]);
    found.map_or_else(|| ELSEWHERE.to_owned(), |one| one["stringData"][from["key"].as_str().unwrap()].as_str().unwrap().to_owned())
}

/// What is in force in the pod of a role.
fn in_force(objects: &Objects, role: &str) -> Value {
    let ran = config_of(objects, role);
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{role}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::to_value(toml::from_str::<toml::Table>(&shown).unwrap()).unwrap()
}

#[test]
fn the_program_takes_the_rendered_arguments_variables_and_files_of_each_role() {
    for set in SETS {
        let objects = Helm::new().values(set).objects();
        for role in ROLES.into_iter().chain(["migrate"]) {
            let config = in_force(&objects, role);
            for (place, port) in [("https", 8443), ("smtp", 2525), ("query", 8080), ("ops", 9090)] {
                let listen = config["listen"][place].as_str().unwrap();
                assert!(listen.ends_with(&format!(":{port}")) && !listen.starts_with("127."), "{set}: {role}: {place} listens on {listen}");
            }
            assert_eq!(config["data_dir"], "/var/lib/tlsrpt", "{set}: {role}");
            let is_given = |there: bool, value: &Value| assert_eq!(!value.is_null(), there, "{set}: {role}: {value}");
            is_given(role == "query", &config["admin_key"]);
            let passwords = set != "minimal";
            is_given(passwords && ["writer", "query", "migrate"].contains(&role), &config["store"]["clickhouse_password"]);
            is_given(passwords && role != "migrate", &config["kafka"]["properties"]["sasl.password"]);
        }
    }
}

#[test]
fn what_stands_in_the_values_is_what_is_in_force() {
    let objects = Helm::new().values("everything").objects();
    let config = in_force(&objects, "edge");
    for (place, expected) in [
        ("/mail_hosts", json!(["reports.example.net", "tlsrpt.example.org"])),
        ("/kafka/prefix", json!("prod.")),
        ("/kafka/create_topics", json!(false)),
        ("/kafka/properties/ssl.ca.location", json!("/etc/tlsrpt/ca/ca.pem")),
        ("/store/audit_retention_days", json!(3650)),
        ("/writer/batch_linger_ms", json!(250)),
        ("/edge/intake/submission_max_bytes", json!(4_194_304)),
        ("/edge/smtp/recipients_max", json!(50)),
        ("/edge/smtp/proxy_networks", json!(["10.0.0.0/24"])),
        ("/edge/spool/limit_bytes", json!(1_u64 << 30)),
        ("/log/in_flight_max_bytes", json!(268_435_456)),
        ("/query/oidc/audience", json!("https://api.example.net?a=1&b=<2>")),
        ("/listen/smtps", json!("[::]:4465")),
        ("/tls/mode", json!("off")),
        ("/logs/format", json!("json")),
        ("/logs/filter", json!("debug")),
    ] {
        assert_eq!(config.pointer(place), Some(&expected), "{place}");
    }
    let user = |role| in_force(&objects, role)["store"]["clickhouse_user"].clone();
    assert_eq!([user("writer"), user("query"), user("migrate")], ["w", "q", "m"]);
    let strict = Helm::new().values("minimal").set("config.writer.batch_linger_mss=1").objects();
    let refused = String::from_utf8(config_of(&strict, "writer").stderr).unwrap();
    assert!(refused.contains("did you mean batch_linger_ms?"), "{refused}");
}

#[test]
fn a_secret_stands_in_secrets_alone() {
    let values = fs::read_to_string(Path::new(tlsrpt_tests::helm::CHART).join("ci/everything.yaml")).unwrap();
    let secrets = ["kafka-secret", "writer-secret", "query-secret", "migrate-secret", "an-operators-key-of-some-length-0123456789", "😀"];
    let objects = Helm::new().values("everything").objects();
    for secret in secrets {
        assert!(values.contains(secret), "{secret} is in the values");
        let holders: Vec<_> = objects.0.iter().filter(|one| one.to_string().contains(secret)).map(|one| &one["kind"]).collect();
        assert!(!holders.is_empty() && holders.iter().all(|kind| **kind == "Secret"), "{secret} stands in {holders:?}");
    }
    for (set, place) in [
        ("config.admin_key=\"k\"", "config.admin_key"),
        ("config.store.clickhouse_password=\"k\"", "config.store.clickhouse_password"),
        ("config.kafka.properties={\"sasl.password\":\"k\"}", "config.kafka.properties.sasl.password"),
        ("config.kafka.properties={\"ssl\":{\"key\":{\"pem\":\"k\"}}}", "config.kafka.properties.ssl.key.pem"),
        ("config.notifications.smtp={\"password\":\"k\"}", "config.notifications.smtp.password"),
        ("config.otlp.headers={\"authorization\":\"k\"}", "config.otlp.headers"),
        ("config.otlp.headers=\"authorization=k\"", "config.otlp.headers"),
    ] {
        let refused = Helm::new().values("minimal").set(set).template().unwrap_err();
        assert!(refused.contains(place) && refused.contains("secretConfig"), "{set}: {refused}");
    }
    Helm::new().values("minimal").set("config.kafka.properties={\"ssl.key.location\":\"/k.pem\"}").objects();
}

#[test]
fn the_variables_of_services_named_after_the_release_do_not_reach_the_program() {
    // What a cluster gives to the pods of a namespace with a Service `tlsrpt`, unless it is told not to.
    let with_links = program().arg("config").env("TLSRPT_PORT", "tcp://10.0.0.1:80").output().unwrap();
    assert!(!with_links.status.success(), "the program has nothing against such a variable any more");
    for set in SETS {
        for (owner, _, spec) in Helm::new().values(set).objects().pods() {
            assert_eq!(spec["enableServiceLinks"], json!(false), "{set}: {owner} of release {}", RELEASE.0);
        }
    }
}
