//! Who sends: the resource of all spans and metrics of a process.

use opentelemetry::KeyValue;
use opentelemetry_proto::{tonic::resource::v1::Resource, transform::common::tonic::ResourceAttributesWithSchema};
use opentelemetry_sdk::resource::EnvResourceDetector;
use uuid::Uuid;

/// Name, version and instance of a process of this role. What `OTEL_RESOURCE_ATTRIBUTES` has goes before.
pub(super) fn of(role: &str, version: &'static str) -> Resource {
    let resource = opentelemetry_sdk::Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", format!("tlsrpt-{role}")),
            KeyValue::new("service.version", version),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
            KeyValue::new("telemetry.sdk.language", "rust"),
            KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()))
        .build();
    let attributes = ResourceAttributesWithSchema::from(&resource).attributes.0;
    Resource { attributes, ..Resource::default() }
}
