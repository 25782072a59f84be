//! The objects that the chart makes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tlsrpt_tests::{
    helm::{CHART, Helm, Objects, name},
    schemas::Schemas,
    yaml::document,
};

use super::{ROLES, SETS};

fn matches(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
}

/// The pods that a selector finds: who makes them.
fn found(objects: &Objects, selector: &Value) -> Vec<String> {
    let pods = objects.pods();
    pods.into_iter().filter(|(_, metadata, _)| matches(selector, &metadata["labels"])).map(|(owner, ..)| owner).collect()
}

#[test]
fn the_linter_finds_nothing_in_any_set_of_values() {
    for set in SETS {
        Helm::new().values(set).lint().unwrap_or_else(|said| panic!("{set}: {said}"));
    }
}

#[test]
fn every_object_is_one_by_the_schemas_of_kubernetes_and_of_its_custom_resources() {
    let schemas = Schemas::read();
    let mut kinds = BTreeSet::new();
    for set in SETS {
        let objects = Helm::new().values(set).objects();
        for object in &objects.0 {
            assert_eq!(schemas.faults(object), Vec::<String>::new(), "{set}: {object:#}");
            kinds.insert(object["kind"].as_str().unwrap().to_owned());
        }
        let mut names: Vec<_> = objects.0.iter().map(|object| (object["kind"].as_str().unwrap(), name(object))).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{set}: two objects of one name");
    }
    let expected = [
        "Certificate",
        "ConfigMap",
        "Deployment",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "PrometheusRule",
        "ScaledObject",
        "Secret",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
        "StatefulSet",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected, "a kind that no set of values makes is not checked");
}

#[test]
fn a_field_that_is_none_is_found_in_what_kubernetes_has_and_in_custom_resources() {
    let schemas = Schemas::read();
    let objects = Helm::new().values("everything").objects();
    for (kind, place) in [("Deployment", "/spec/template/spec"), ("ScaledObject", "/spec"), ("HTTPRoute", "/spec/rules/0")] {
        let mut object = objects.of(kind)[0].clone();
        object.pointer_mut(place).unwrap()["replica"] = json!(3);
        let faults = schemas.faults(&object);
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.contains("replica")), "{kind}: {faults:?}");
    }
}

#[test]
fn the_same_values_render_alike() {
    for set in SETS {
        assert_eq!(Helm::new().values(set).template(), Helm::new().values(set).template(), "{set}");
    }
}

#[test]
fn every_selector_finds_the_pods_that_it_means_and_every_port_is_one_of_theirs() {
    for set in SETS {
        let objects = Helm::new().values(set).objects();
        let own = |object: &Value| {
            let role = object["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap();
            objects.pods().into_iter().map(|(owner, ..)| owner).filter(|owner| owner.ends_with(&format!("-{role}"))).collect::<Vec<_>>()
        };
        for (kind, place) in [
            ("Deployment", "/spec/selector/matchLabels"),
            ("StatefulSet", "/spec/selector/matchLabels"),
            ("PodDisruptionBudget", "/spec/selector/matchLabels"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
            ("Service", "/spec/selector"),
        ] {
            for object in objects.of(kind) {
                let (selector, meant) = (object.pointer(place).unwrap(), own(object));
                assert!(meant.len() == 1 && found(&objects, selector) == meant, "{set}: {kind} {} finds {meant:?}", name(object));
            }
        }
        for service in objects.of("Service") {
            let role = own(service);
            let pods = objects.pods();
            let (.., spec) = pods.iter().find(|(owner, ..)| *owner == role[0]).unwrap();
            let ports: Vec<_> = spec["containers"][0]["ports"].as_array().unwrap().iter().map(|port| &port["name"]).collect();
            for port in service["spec"]["ports"].as_array().unwrap() {
                assert!(ports.contains(&&port["targetPort"]), "{set}: {} leads to {port}, {ports:?}", name(service));
            }
        }
        for (_, metadata, spec) in objects.pods() {
            for spread in spec["topologySpreadConstraints"].as_array().into_iter().flatten() {
                assert!(matches(&spread["labelSelector"]["matchLabels"], &metadata["labels"]), "{set}: {spread}");
            }
        }
    }
}

#[test]
fn what_scales_and_what_routes_names_objects_that_are_there() {
    let objects = Helm::new().values("everything").objects();
    let there: Vec<_> = objects.0.iter().map(|object| (object["kind"].as_str().unwrap().to_owned(), name(object))).collect();
    let is_there = |kind: &Value, name: &Value| there.contains(&(kind.as_str().unwrap().to_owned(), name.as_str().unwrap().to_owned()));
    for scaler in objects.of("HorizontalPodAutoscaler") {
        let target = &scaler["spec"]["scaleTargetRef"];
        assert!(is_there(&target["kind"], &target["name"]), "{target}");
    }
    for scaler in objects.of("ScaledObject") {
        assert!(is_there(&json!("Deployment"), &scaler["spec"]["scaleTargetRef"]["name"]), "{scaler}");
    }
    let scaled = objects.of("HorizontalPodAutoscaler").len() + objects.of("ScaledObject").len();
    assert_eq!(scaled, ROLES.len(), "each role is scaled by something");
    for owner in objects.of("Deployment").into_iter().chain(objects.of("StatefulSet")) {
        assert!(owner["spec"]["replicas"].is_null(), "{} has replicas that would undo what scales it", name(owner));
    }
    let port_of = |service: &str, port: &Value| {
        let service = objects.one("Service", service);
        service["spec"]["ports"].as_array().unwrap().iter().any(|one| one["port"] == *port || one["name"] == *port)
    };
    for route in objects.of("HTTPRoute") {
        for backend in route["spec"]["rules"][0]["backendRefs"].as_array().unwrap() {
            assert!(port_of(backend["name"].as_str().unwrap(), &backend["port"]), "{backend}");
        }
    }
    for ingress in objects.of("Ingress") {
        for path in ingress["spec"]["rules"][0]["http"]["paths"].as_array().unwrap() {
            let service = &path["backend"]["service"];
            assert!(port_of(service["name"].as_str().unwrap(), &service["port"]["name"]), "{service}");
        }
    }
}

#[test]
fn lag_is_asked_of_the_topics_and_groups_that_the_roles_work_on() {
    use tlsrpt_record::{AUDIT, AUDIT_GROUP, NORMALIZED, NORMALIZER_GROUP, SUBMISSIONS, WRITER_GROUP};
    let objects = Helm::new().values("everything").objects();
    let asked = |role: &str| -> Vec<(String, String)> {
        let triggers = objects.one("ScaledObject", role)["spec"]["triggers"].as_array().unwrap().clone();
        let text = |trigger: &Value, key: &str| trigger["metadata"][key].as_str().unwrap().to_owned();
        triggers.iter().map(|trigger| (text(trigger, "topic"), text(trigger, "consumerGroup"))).collect()
    };
    let prefixed = |topic: &str, group: &str| (format!("prod.{topic}"), format!("prod.{group}"));
    assert_eq!(asked("normalizer"), [prefixed(SUBMISSIONS.name, NORMALIZER_GROUP)]);
    assert_eq!(asked("writer"), [prefixed(NORMALIZED.name, WRITER_GROUP), prefixed(AUDIT.name, AUDIT_GROUP)]);
}

#[test]
fn prometheus_finds_every_role_under_the_labels_that_rules_go_by() {
    let objects = Helm::new().values("everything").objects();
    let monitor = objects.one("ServiceMonitor", "");
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    let services: Vec<_> = objects.of("Service").into_iter().filter(|one| matches(selector, &one["metadata"]["labels"])).collect();
    let roles: BTreeSet<_> =
        services.iter().map(|one| one["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap()).collect();
    assert_eq!((services.len(), roles), (ROLES.len(), ROLES.into_iter().collect()), "one Service a role, so that no pod is scraped twice");
    for service in services {
        assert_eq!(service["spec"]["ports"], json!([{"name": "ops", "port": 9090, "targetPort": "ops"}]));
    }
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!((&endpoint["port"], &endpoint["path"]), (&json!("ops"), &json!("/metrics")));
    let labels: Vec<_> = endpoint["relabelings"].as_array().unwrap().iter().map(|one| &one["targetLabel"]).collect();
    assert_eq!(labels, ["job", "role"]);
}

#[test]
fn rules_and_dashboards_are_those_of_deploy() {
    let objects = Helm::new().values("everything").objects();
    let deploy = std::path::Path::new(CHART).join("../../deploy");
    let groups = |file: &str| document(&std::fs::read_to_string(deploy.join("prometheus").join(file)).unwrap())["groups"].clone();
    let mut expected = groups("recording.yaml").as_array().unwrap().clone();
    expected.extend(groups("alerts.yaml").as_array().unwrap().clone());
    assert_eq!(objects.one("PrometheusRule", "")["spec"]["groups"], json!(expected));
    let linked = Helm::new().values("everything").set("monitoring.prometheusRule.docsUrl=\"https://docs.example/\"").objects();
    let links = linked.one("PrometheusRule", "").to_string();
    assert!(links.contains("https://docs.example/runbook.md#") && !links.contains("tlsrpt_docs"), "{links}");
    let mut dashboards = 0;
    for entry in std::fs::read_dir(deploy.join("grafana/dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let own = path.file_stem().unwrap().to_str().unwrap();
        let map = objects.one("ConfigMap", &format!("-dashboard-{own}"));
        let shown: Value = serde_json::from_str(map["data"][format!("tlsrpt-{own}.json")].as_str().unwrap()).unwrap();
        assert_eq!(shown, serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()).unwrap(), "{own}");
        dashboards += 1;
    }
    assert!(dashboards > 0);
}
