//! The compose file by itself.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::{Value, json};
use tlsrpt_fetched::{cache_directory, version};
use tlsrpt_tests::{repository, schemas::faults_of_compose, yaml::document};

use super::{OURS, compose, secrets, services};

/// What `scripts/fetch-prometheus` fetches.
const PROMETHEUS: &str = include_str!("../../../../scripts/prometheus/package");

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn it_is_one_by_the_compose_specification() {
    assert_eq!(faults_of_compose(&compose()), Vec::<String>::new());
    let mut misspelt = compose();
    misspelt["services"]["edge"]["read_onyl"] = json!(true);
    assert!(!faults_of_compose(&misspelt).is_empty());
}

#[test]
fn no_container_has_more_rights_than_it_needs_and_each_is_bounded() {
    for (name, service) in services() {
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        for forbidden in ["privileged", "cap_add", "network_mode", "pid", "devices"] {
            assert!(service[forbidden].is_null(), "{name}: {forbidden}");
        }
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["memory"].is_string() && limits["cpus"].is_string(), "{name}: {limits}");
        // The image of Kafka has a user of its own, and writes its configuration into itself.
        if name != "kafka" {
            assert_eq!(service["read_only"], json!(true), "{name}");
            let user = service["user"].as_str().unwrap_or_else(|| panic!("{name} has no user"));
            assert!(user.split(':').next().unwrap().parse::<u32>().unwrap() > 0, "{name}: {user}");
        }
        let mounts = texts(&service["volumes"]);
        assert!(mounts.iter().all(|mount| !mount.starts_with("./") || mount.ends_with(":ro")), "{name}: {mounts:?}");
        assert!(mounts.iter().all(|mount| !mount.contains("docker.sock")), "{name}");
    }
}

#[test]
fn every_image_is_pinned_to_a_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag"));
        assert!(tag.trim_start_matches('v').split('.').filter(|part| part.parse::<u32>().is_ok()).count() >= 2, "{name}: {image}");
        if OURS.contains(&name.as_str()) {
            assert_eq!(image, format!("tlsrpt:{version}"), "{name}");
        }
    }
}

#[test]
fn whatever_can_tell_its_health_is_asked_and_whoever_needs_it_waits() {
    for (name, service) in services() {
        // One ends by itself, the other's image holds nothing that could ask.
        if ["migrate", "collector"].contains(&name.as_str()) {
            continue;
        }
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
    }
    let services = compose()["services"].clone();
    let waits = |name: &str, on: &str| services[name]["depends_on"][on]["condition"].clone();
    for role in OURS.into_iter().filter(|role| *role != "migrate") {
        assert_eq!(waits(role, "kafka"), "service_healthy", "{role}");
    }
    for role in ["writer", "query"] {
        assert_eq!(waits(role, "migrate"), "service_completed_successfully", "{role}");
    }
    assert_eq!(waits("migrate", "clickhouse"), "service_healthy");
}

#[test]
fn every_file_that_is_mounted_is_there_or_made_by_make_secrets() {
    let (file, made) = (compose(), secrets());
    let exists = |place: &str| {
        let path = place.strip_prefix("./secrets/").map_or_else(|| repository("deploy").join(place), |name| made.path().join(name));
        assert!(path.exists(), "{}", path.display());
    };
    for kind in ["configs", "secrets"] {
        for one in file[kind].as_object().unwrap().values() {
            exists(one["file"].as_str().unwrap());
        }
    }
    for (name, service) in services() {
        for mount in texts(&service["volumes"]) {
            let (source, _) = mount.split_once(':').unwrap();
            if source.starts_with('.') {
                exists(source);
            } else {
                assert!(file["volumes"].as_object().unwrap().contains_key(source), "{name}: {mount}");
            }
        }
        for network in texts(&service["networks"]) {
            assert!(file["networks"].as_object().unwrap().contains_key(network), "{name}: {network}");
        }
        texts(&service["env_file"]).into_iter().for_each(exists);
    }
}

#[test]
fn the_database_and_the_log_are_reached_by_whoever_needs_them_and_nobody_else() {
    let on = |network: &str| -> Vec<String> {
        services().into_iter().filter(|(_, service)| texts(&service["networks"]).contains(&network)).map(|(name, _)| name).collect()
    };
    assert_eq!(on("log"), ["edge", "normalizer", "writer", "query", "kafka"]);
    assert_eq!(on("database"), ["writer", "query", "migrate", "clickhouse", "grafana"]);
    let networks = compose()["networks"].clone();
    assert_eq!((&networks["log"]["internal"], &networks["database"]["internal"]), (&json!(true), &json!(true)));
    for (name, service) in services() {
        for port in texts(&service["ports"]) {
            let is_for_senders = name == "edge" && ["443:8443", "25:2525"].contains(&port);
            assert!(is_for_senders || port.starts_with("127.0.0.1:"), "{name}: {port} is open to the world");
        }
    }
}

#[test]
fn prometheus_takes_its_configuration_with_the_rules_and_scrapes_every_role_under_its_name() {
    let promtool = cache_directory().join("prometheus").join(version(PROMETHEUS)).join("promtool");
    assert!(promtool.is_file(), "{} is missing: run `make prometheus`", promtool.display());
    let (_, service) = services().into_iter().find(|(name, _)| name == "prometheus").unwrap();
    let given =
        texts(&service["command"]).into_iter().find_map(|one| one.strip_prefix("--config.file=/etc/prometheus/")).unwrap().to_owned();
    let path = repository("deploy/prometheus").join(given);
    let ran = Command::new(promtool).args(["check", "config"]).arg(&path).output().unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));

    let file = document(&fs::read_to_string(path).unwrap());
    let job = file["scrape_configs"].as_array().unwrap().iter().find(|job| job["job_name"] == "tlsrpt").unwrap().clone();
    let looked_up = &job["dns_sd_configs"][0];
    assert_eq!((texts(&looked_up["names"]), &looked_up["port"]), (vec!["edge", "normalizer", "writer", "query"], &json!(9090)));
    assert_eq!(job["relabel_configs"], json!([{"source_labels": ["__meta_dns_name"], "target_label": "role"}]));
    let told = &file["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"];
    assert!(texts(told).contains(&"alertmanager:9093"), "{told}");
}

#[test]
fn secrets_are_made_once_each_at_random_and_nobody_else_on_the_machine_reads_them() {
    let (one, other) = (secrets(), secrets());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(one.path()), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(one.path()).unwrap() {
        let path = entry.unwrap().path();
        // Whoever reads it in a container is another user than the one who made it.
        assert_eq!(mode(&path), 0o644, "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read(&path).unwrap();
        assert_ne!(text, fs::read(other.path().join(&name)).unwrap(), "{name}");
        names.push((name, text));
    }
    assert!(names.len() > 5, "{}", names.len());
    let again = Command::new(repository("deploy/make-secrets")).arg(one.path()).output().unwrap();
    assert!(again.status.success());
    for (name, text) in names {
        assert_eq!(fs::read(one.path().join(&name)).unwrap(), text, "{name} is kept");
    }
    let ignored = fs::read_to_string(repository("deploy/secrets/.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "*"), "git must not take them");
}

#[test]
fn the_collector_is_of_the_release_that_the_tests_send_to() {
    let (_, service) = services().into_iter().find(|(name, _)| name == "collector").unwrap();
    let module = fs::read_to_string(repository("tests/otel-collector/go.mod")).unwrap();
    let (_, version) = service["image"].as_str().unwrap().split_once(':').unwrap();
    assert!(module.contains(&format!("go.opentelemetry.io/collector/otelcol v{version}\n")), "{version}");
}

#[test]
fn grafana_is_given_the_variables_and_the_files_that_it_is_provisioned_by() {
    let (_, service) = services().into_iter().find(|(name, _)| name == "grafana").unwrap();
    let secret = fs::read_to_string(secrets().path().join("grafana.env")).unwrap();
    let mut given: Vec<_> = service["environment"].as_object().unwrap().keys().cloned().collect();
    given.extend(secret.lines().map(|line| line.split('=').next().unwrap().to_owned()));
    let sources = fs::read_to_string(repository("deploy/grafana/provisioning/datasources/tlsrpt.yaml")).unwrap();
    let named: Vec<_> = sources.split("${").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    assert!(!named.is_empty() && named.iter().all(|name| given.contains(&(*name).to_owned())), "{named:?} of {given:?}");
    let users = fs::read_to_string(repository("deploy/clickhouse/users.xml")).unwrap();
    let user = document(&sources)["datasources"].to_string();
    assert!(user.contains("\"username\":\"tlsrpt_readonly\"") && users.contains("<tlsrpt_readonly>"), "{user}");

    let provider = document(&fs::read_to_string(repository("deploy/grafana/provisioning/dashboards/tlsrpt.yaml")).unwrap());
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    let mounts = texts(&service["volumes"]);
    assert!(mounts.contains(&&*format!("./grafana/dashboards:{path}:ro")), "{path}: {mounts:?}");
}
