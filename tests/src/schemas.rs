//! The schemas that `scripts/fetch-deploy-schemas` fetched: of Kubernetes, of custom resources, of Compose.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};
use tlsrpt_fetched::cache_directory;

use crate::yaml::documents;

/// What `scripts/fetch-deploy-schemas` fetches.
const LOCKS: [(&str, &str); 3] = [
    ("modules.lock", include_str!("../../scripts/deploy-schemas/modules.lock")),
    ("requirements.lock", include_str!("../../scripts/deploy-schemas/requirements.lock")),
    ("kubernetes", include_str!("../../scripts/deploy-schemas/kubernetes")),
];

/// Validators by kind, for each version of Kubernetes that is looked at.
pub struct Schemas {
    kubernetes: Vec<(String, Value)>,
    custom: BTreeMap<(String, String), Value>,
}

impl Schemas {
    /// Reads them.
    ///
    /// # Panics
    /// When they are not fetched.
    pub fn read() -> Self {
        let mut schemas = Self { kubernetes: Vec::new(), custom: BTreeMap::new() };
        for entry in std::fs::read_dir(directory()).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            if let Some(version) = file.strip_prefix("kubernetes-") {
                schemas.kubernetes.push((version.trim_end_matches(".json").to_owned(), serde_json::from_str(&text).unwrap()));
            } else if file.ends_with(".yaml") {
                documents(&text).iter().for_each(|definition| schemas.add(definition));
            }
        }
        assert!(schemas.kubernetes.len() > 1 && schemas.custom.len() > 3, "the schemas in {}", directory().display());
        schemas
    }

    /// A CustomResourceDefinition: each of its versions.
    fn add(&mut self, definition: &Value) {
        if definition["kind"] != "CustomResourceDefinition" {
            return;
        }
        let spec = &definition["spec"];
        for version in spec["versions"].as_array().unwrap() {
            let api = format!("{}/{}", spec["group"].as_str().unwrap(), version["name"].as_str().unwrap());
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            close(&mut schema);
            self.custom.insert((api, spec["names"]["kind"].as_str().unwrap().to_owned()), schema);
        }
    }

    /// What is wrong with an object by the schema of its kind, in every version of Kubernetes.
    ///
    /// # Panics
    /// For a kind that has no schema here.
    pub fn faults(&self, object: &Value) -> Vec<String> {
        let (api, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        if let Some(schema) = self.custom.get(&(api.to_owned(), kind.to_owned())) {
            return faults(&format!("{kind} by its CustomResourceDefinition"), schema, object);
        }
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        let own = json!({"group": group, "kind": kind, "version": version});
        let mut all = Vec::new();
        for (release, definitions) in &self.kubernetes {
            let known = definitions["$defs"].as_object().unwrap();
            let is_own = |one: &Value| one["x-kubernetes-group-version-kind"].as_array().is_some_and(|kinds| kinds.contains(&own));
            let found = known.iter().find(|(_, one)| is_own(one));
            let (name, _) = found.unwrap_or_else(|| panic!("Kubernetes {release} has no {api} {kind}"));
            let mut schema = definitions.clone();
            schema["$ref"] = json!(format!("#/$defs/{name}"));
            all.extend(faults(&format!("{kind} in Kubernetes {release}"), &schema, object));
        }
        all
    }
}

/// What is wrong with a compose file by the Compose specification.
///
/// # Panics
/// When the schemas are not fetched.
pub fn faults_of_compose(file: &Value) -> Vec<String> {
    let schema = std::fs::read_to_string(directory().join("compose-spec.json")).unwrap();
    faults("the compose file", &serde_json::from_str(&schema).unwrap(), file)
}

fn faults(what: &str, schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("the schema of {what}: {error}"));
    validator.iter_errors(value).map(|error| format!("{what}: {}: {error}", error.instance_path())).collect()
}

/// Fields that are not in the schema are passed over by a cluster, or warned of: here they are wrong.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_open = map.contains_key("additionalProperties") || map.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            // The metadata of an object is Kubernetes' own, and stands here without its fields.
            if map.contains_key("properties") && !is_open {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            if map.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
                map.remove("type");
            }
            // What stands under these limits what was said before, and names a part of the fields.
            let parts = ["allOf", "anyOf", "not", "oneOf"];
            map.iter_mut().filter(|(name, _)| !parts.contains(&name.as_str())).for_each(|(_, inner)| close(inner));
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

fn directory() -> PathBuf {
    let directory = cache_directory().join("deploy-schemas/tree");
    for (name, lock) in LOCKS {
        let fetched = std::fs::read_to_string(directory.join("locks").join(name)).unwrap_or_default();
        assert_eq!(fetched, lock, "{} is missing or old: run `make deploy-schemas`", directory.display());
    }
    directory
}
