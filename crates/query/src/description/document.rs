//! The document: every route of the table as an operation, and what they refer to.

use axum::http::StatusCode;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Paths, PathsBuilder, RefOr, Schema,
    path::HttpMethod,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

use super::draft::Draft;
use crate::{config::QueryConfig, routes::routes};

/// What an operation is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    /// Its name in programs that are made from the description.
    pub(crate) id: &'static str,
    /// What it does, in a few words.
    pub(crate) text: &'static str,
}

const ABOUT: &str = "SMTP TLS reports (RFC 8460) of many tenants, as figures and as they came. Every error is \
`application/problem+json` (RFC 9457), whose `type` names the kind and whose `detail` says what to do. Days are UTC. Answers to a key \
say by `RateLimit` and `RateLimit-Policy` how much it has left; every answer has an `X-Request-Id`.";

const TENANT_KEY: &str =
    "A tenant's key, or, where the operator set up an issuer, a JWT of it. The scope that a route needs stands beside it.";
const OPERATOR_KEY: &str = "An operator's key. The role that a route needs stands beside it.";

/// What the routes refer to, by name, each once.
fn by_name(mut schemas: Vec<(String, RefOr<Schema>)>) -> Vec<(String, RefOr<Schema>)> {
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    schemas.dedup_by(|(a, _), (b, _)| a == b);
    schemas
}

/// Every route as an operation, and all the schemas that they refer to, as often as they do.
fn operations(config: &QueryConfig) -> (Paths, Vec<(String, RefOr<Schema>)>) {
    let (mut paths, mut schemas) = (PathsBuilder::new(), Vec::new());
    for route in routes() {
        let mut draft = Draft::new(route.path, &route.summary, route.audience, config);
        (route.describe)(&mut draft);
        draft.may_fail(route.problems);
        if route.is_reusable {
            draft.answers(StatusCode::NOT_MODIFIED, "The asker has it already, by its `If-None-Match`.");
        }
        let (operation, referred) = draft.finish();
        schemas.extend(referred);
        let method = match route.method.as_str() {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "PATCH" => HttpMethod::Patch,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        // The builder adds to what stands there for the path.
        paths = paths.path(route.path, PathItem::new(method, operation));
    }
    (paths.build(), schemas)
}

/// The description of all routes under this configuration, whose limits it names.
pub(crate) fn document(config: &QueryConfig) -> OpenApi {
    let (paths, schemas) = operations(config);
    let bearer = |about: &str| SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build());
    let components = ComponentsBuilder::new()
        .schemas_from_iter(by_name(schemas))
        .security_scheme("tenantKey", bearer(TENANT_KEY))
        .security_scheme("operatorKey", bearer(OPERATOR_KEY))
        .build();
    let info = InfoBuilder::new()
        .title("tlsrpt")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components))
        .tags(Some([tag("Tenants", "A tenant's own figures and reports."), tag("Operators", "The operator's: tenants, keys, the ledger.")]))
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_two_types_have_one_name() {
        let (_, schemas) = operations(&QueryConfig::default());
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for (name, schema) in schemas {
            let schema = serde_json::to_string(&schema).unwrap();
            let first = named.entry(name.clone()).or_insert_with(|| schema.clone());
            // A type that is a body refuses what it does not know, wherever else it stands.
            assert_eq!(*first, schema, "two types are called {name}: give one another name by `#[schema(as = …)]`");
        }
    }
}
