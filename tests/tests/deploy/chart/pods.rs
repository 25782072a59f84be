//! How pods are kept, begin and end.

use serde_json::{Value, json};
use tlsrpt_tests::helm::{Helm, Objects};

use super::{ROLES, SETS};

/// Longest time for the roles' end, which stands in the program.
const ROLES_SOURCE: &str = include_str!("../../../../crates/tlsrpt/src/wiring/roles.rs");

#[test]
fn pods_meet_the_restricted_pod_security_standard_and_hold_no_token() {
    for set in SETS {
        for (owner, _, spec) in Helm::new().values(set).objects().pods() {
            assert_eq!(spec["automountServiceAccountToken"], json!(false), "{set}: {owner}");
            for forbidden in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
                assert!(spec[forbidden].is_null(), "{set}: {owner}: {forbidden}");
            }
            let pod = &spec["securityContext"];
            assert_eq!((&pod["runAsNonRoot"], &pod["seccompProfile"]["type"]), (&json!(true), &json!("RuntimeDefault")), "{set}: {owner}");
            assert!(pod["runAsUser"].as_u64().unwrap() > 0 && pod["fsGroup"].as_u64().unwrap() > 0, "{set}: {owner}");
            for container in spec["containers"].as_array().unwrap() {
                let expected =
                    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
                assert_eq!(container["securityContext"], expected, "{set}: {owner}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{set}: {owner} has no limit of memory");
                for port in container["ports"].as_array().into_iter().flatten() {
                    assert!(port["containerPort"].as_u64().unwrap() >= 1024 && port["hostPort"].is_null(), "{set}: {owner}: {port}");
                }
            }
            for volume in spec["volumes"].as_array().into_iter().flatten() {
                assert!(volume["hostPath"].is_null(), "{set}: {owner}: {volume}");
            }
        }
    }
}

#[test]
fn a_pod_is_given_longer_than_the_program_takes_to_end() {
    let (_, after) = ROLES_SOURCE.split_once("const SHUTDOWN_MAX: Duration = Duration::from_secs(").unwrap();
    let program: u64 = after.split(')').next().unwrap().parse().unwrap();
    for set in SETS {
        let objects = Helm::new().values(set).objects();
        for role in ROLES {
            let spec = spec_of(&objects, role);
            let sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
            let grace = spec["terminationGracePeriodSeconds"].as_u64().unwrap();
            // Twice: closing the log and its spool comes after.
            assert!(sleep > 0 && grace >= sleep + 2 * program, "{set}: {role}: {grace} s with {sleep} s of sleep, and {program} s to end");
        }
    }
}

#[test]
fn probes_ask_where_the_program_tells_of_its_health() {
    let objects = Helm::new().values("minimal").objects();
    for role in ROLES {
        let container = &spec_of(&objects, role)["containers"][0];
        for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "ops"}), "{role}");
        }
        assert!(container["ports"].as_array().unwrap().contains(&json!({"name": "ops", "containerPort": 9090})), "{role}");
    }
}

#[test]
fn a_change_of_settings_or_secrets_makes_new_pods_and_nothing_else_does() {
    let checksums = |helm: Helm| -> Vec<Value> {
        let objects = helm.values("everything").objects();
        ROLES
            .map(|role| {
                let pods = objects.pods();
                let (_, metadata, _) = pods.iter().find(|(owner, ..)| owner.ends_with(&format!("-{role}"))).unwrap();
                json!([metadata["annotations"]["checksum/config"], metadata["annotations"]["checksum/secret"]])
            })
            .into()
    };
    let before = checksums(Helm::new());
    assert!(before.iter().all(|one| one[0].is_string() && one[1].is_string()), "{before:?}");
    for same in ["edge.replicas=7", "monitoring.serviceMonitor.interval=\"1m\""] {
        assert_eq!(checksums(Helm::new().set(same)), before, "{same}");
    }
    for (other, place) in
        [("config.writer.batch_linger_ms=7", 0), ("secretConfig.logs.filter=\"warn\"", 1), ("adminKey.value=\"another\"", 1)]
    {
        let after = checksums(Helm::new().set(other));
        for (one, was) in after.iter().zip(&before) {
            assert!(one[place] != was[place] && one[1 - place] == was[1 - place], "{other}: {one} was {was}");
        }
    }
}

#[test]
fn the_edge_has_a_volume_of_its_own_while_it_has_a_spool_and_is_a_deployment_without() {
    let with = Helm::new().values("minimal").objects();
    let set = with.one("StatefulSet", "-edge");
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    let mounts = |spec: &Value| spec["containers"][0]["volumeMounts"].clone();
    let data = json!({"name": claim["metadata"]["name"], "mountPath": "/var/lib/tlsrpt"});
    assert!(mounts(&set["spec"]["template"]["spec"]).as_array().unwrap().contains(&data), "{set}");
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"], json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));

    let without = Helm::new().values("minimal").set("edge.spool.enabled=false").objects();
    assert!(without.of("StatefulSet").is_empty());
    let container = &spec_of(&without, "edge")["containers"][0];
    assert!(container["env"].as_array().unwrap().contains(&json!({"name": "TLSRPT_SPOOL_LIMIT", "value": "0"})), "{container}");
}

#[test]
fn every_mount_has_its_volume() {
    for set in SETS {
        let objects = Helm::new().values(set).objects();
        for (owner, _, spec) in objects.pods() {
            let claims = objects.of("StatefulSet").into_iter().filter(|one| owner.ends_with("-edge") && one["metadata"]["name"] == owner);
            let claims = claims.flat_map(|one| one["spec"]["volumeClaimTemplates"].as_array().unwrap()).map(|one| &one["metadata"]["name"]);
            let volumes = spec["volumes"].as_array().into_iter().flatten().map(|one| &one["name"]);
            let mut there: Vec<_> = claims.chain(volumes).map(Value::to_string).collect();
            let mounts = spec["containers"][0]["volumeMounts"].as_array().into_iter().flatten();
            let mut mounted: Vec<_> = mounts.map(|one| one["name"].to_string()).collect();
            there.sort();
            mounted.sort();
            assert_eq!(there, mounted, "{set}: {owner}");
        }
    }
}

/// The pod of a role.
fn spec_of<'a>(objects: &'a Objects, role: &str) -> &'a Value {
    let pods = objects.pods();
    let (.., spec) = pods.into_iter().find(|(owner, ..)| owner.ends_with(&format!("-{role}"))).unwrap();
    spec
}
