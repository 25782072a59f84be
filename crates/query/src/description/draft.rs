//! One operation of the description, as the arguments and the answer of its handler draft it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, Content, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
        path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle},
        request_body::RequestBodyBuilder,
        schema::AdditionalProperties,
        security::SecurityRequirement,
    },
};

use super::{document::Summary, path};
use crate::{
    config::QueryConfig,
    parameters::{Parameter, Takes, VALUES_MAX},
    problem::{self, Kind},
    routes::Audience,
};

/// What is known of an operation so far.
pub(crate) struct Draft<'c> {
    config: &'c QueryConfig,
    path: &'static str,
    operation: OperationBuilder,
    responses: BTreeMap<u16, ResponseBuilder>,
    problems: Vec<Kind>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl<'c> Draft<'c> {
    pub(super) fn new(path: &'static str, summary: &Summary, audience: Audience, config: &'c QueryConfig) -> Self {
        let (scheme, needed, tag) = match audience {
            Audience::Operator(role) => ("operatorKey", role.as_str(), "Operators"),
            Audience::Tenant(scope) => ("tenantKey", scope.as_str(), "Tenants"),
        };
        let operation = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(summary.id))
            .summary(Some(summary.text))
            .security(SecurityRequirement::new(scheme, [needed]));
        let mut draft = Self { config, path, operation, responses: BTreeMap::new(), problems: Vec::new(), schemas: Vec::new() };
        // Whatever the route, its key may be refused, the asker told to come back later, and something be wrong here.
        draft.may_fail(&[Kind::KeyMissing, Kind::KeyUnknown, Kind::RateLimited, Kind::Overloaded, Kind::TimedOut, Kind::Internal]);
        match audience {
            Audience::Operator(_) => draft.may_fail(&[Kind::RoleMissing, Kind::LogUnavailable, Kind::RegistryUnavailable]),
            Audience::Tenant(_) => draft.may_fail(&[Kind::ScopeMissing, Kind::TenantBusy, Kind::IssuerUnavailable]),
        }
        draft.may_fail(&[Kind::StoreUnavailable]);
        draft
    }

    /// The segments of its path that vary.
    pub(crate) fn segments(&mut self) {
        let names = self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        for name in names {
            let (about, schema) = path::segment(self, self.path, name);
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
            self.add(|operation| operation.parameter(parameter.description(Some(about)).schema(Some(schema))));
        }
        self.may_fail(&[Kind::NotFound]);
    }

    /// The parameters of its query string.
    pub(crate) fn parameters(&mut self, parameters: &'static [Parameter]) {
        self.may_fail(&[Kind::UnknownParameter]);
        for asked in parameters {
            self.may_fail(&[if asked.name == "cursor" { Kind::InvalidCursor } else { Kind::InvalidParameter }]);
            let one = (asked.schema)(self.config);
            let (schema, explode) = match asked.takes {
                Takes::One => (one.into(), None),
                Takes::Listed => (list(one).unique_items(true).into(), Some(false)),
                Takes::Repeated => (list(one).max_items(Some(VALUES_MAX)).into(), Some(true)),
            };
            let parameter = ParameterBuilder::new()
                .name(asked.name)
                .parameter_in(ParameterIn::Query)
                .required(if asked.is_required { Required::True } else { Required::False })
                .description(Some(asked.about))
                .schema::<RefOr<Schema>>(Some(schema))
                .style(explode.map(|_| ParameterStyle::Form))
                .explode(explode)
                .example(asked.example.map(|text| match asked.takes {
                    Takes::One => value(text),
                    Takes::Listed | Takes::Repeated => text.split(',').map(value).collect(),
                }));
            self.add(|operation| operation.parameter(parameter));
        }
    }

    /// Its body: a JSON object, which may be left out when no field of it is required.
    pub(crate) fn fields<T: ToSchema>(&mut self, is_required: bool) {
        let mut schema = T::schema();
        // What is not known here is refused.
        if let RefOr::T(Schema::Object(fields)) = &mut schema {
            fields.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        let content = Content::new(Some(self.refer::<T>(schema)));
        self.request_body([("application/json", content)], is_required);
        self.may_fail(&[Kind::InvalidBody, Kind::UnknownField, Kind::BodyTooLarge]);
    }

    /// Its body: bytes of these media types.
    pub(crate) fn bytes<const N: usize>(&mut self, types: [(&'static str, Schema); N], is_required: bool) {
        self.request_body(types.map(|(name, schema)| (name, Content::new(Some(schema)))), is_required);
        self.may_fail(&[Kind::BodyTooLarge]);
    }

    fn request_body<const N: usize>(&mut self, contents: [(&'static str, Content); N], is_required: bool) {
        let required = if is_required { Required::True } else { Required::False };
        let body = contents
            .into_iter()
            .fold(RequestBodyBuilder::new().required(Some(required)), |body, (media_type, content)| body.content(media_type, content));
        self.add(|operation| operation.request_body(Some(body.build())));
    }

    /// An answer without a body.
    pub(crate) fn answers(&mut self, status: StatusCode, about: &str) {
        self.responses.insert(status.as_u16(), ResponseBuilder::new().description(about));
    }

    /// An answer of a `T` as JSON.
    pub(crate) fn answers_json<T: ToSchema>(&mut self, status: StatusCode, about: &str) {
        let content = Content::new(Some(self.named::<T>()));
        self.responses.insert(status.as_u16(), ResponseBuilder::new().description(about).content("application/json", content));
    }

    /// A successful answer in one of these media types.
    pub(crate) fn answers_in(&mut self, types: impl IntoIterator<Item = (&'static str, Schema)>, about: &str) {
        let response = ResponseBuilder::new().description(about);
        let response = types.into_iter().fold(response, |response, (name, schema)| response.content(name, Content::new(Some(schema))));
        self.responses.insert(StatusCode::OK.as_u16(), response);
    }

    /// Problems that it may answer.
    pub(crate) fn may_fail(&mut self, kinds: &[Kind]) {
        for &kind in kinds {
            if !self.problems.contains(&kind) {
                self.problems.push(kind);
            }
        }
    }

    /// A reference to the schema of `T`, which goes among the document's.
    pub(super) fn named<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.refer::<T>(T::schema())
    }

    fn refer<T: ToSchema>(&mut self, schema: RefOr<Schema>) -> RefOr<Schema> {
        let name = name_of::<T>();
        self.schemas.push((name.clone(), schema));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(name).into()
    }

    fn add(&mut self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) {
        self.operation = change(std::mem::take(&mut self.operation));
    }

    /// The operation and the schemas that it refers to.
    pub(super) fn finish(mut self) -> (Operation, Vec<(String, RefOr<Schema>)>) {
        let mut problems: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
        for &kind in &self.problems {
            problems.entry(kind.status().as_u16()).or_default().push(kind);
        }
        for (status, kinds) in problems {
            let content = ContentBuilder::new().schema(Some(self.named::<problem::Body<'static>>()));
            let lines: Vec<String> = kinds.iter().map(|kind| format!("`{}`: {}.", kind.slug(), kind.title())).collect();
            let response = ResponseBuilder::new().description(lines.join(" ")).content(problem::MEDIA_TYPE, content.build());
            self.responses.insert(status, response);
        }
        let responses = self.responses.into_iter().map(|(status, response)| (status.to_string(), response.build()));
        let operation =
            responses.fold(self.operation, |operation, (status, response): (String, Response)| operation.response(status, response));
        (operation.build(), self.schemas)
    }
}

/// The name of a type's schema, those of its arguments behind it: without them two types would have one.
fn name_of<T: ToSchema>() -> String {
    let arguments = std::any::type_name::<T>().split_once('<').map_or("", |(_, arguments)| arguments.trim_end_matches('>'));
    let arguments = arguments.split(", ").filter_map(|path| path.rsplit("::").next()).filter(|name| !name.is_empty());
    arguments.fold(T::name().into_owned(), |name, argument| format!("{name}_{argument}"))
}

/// One or more of these.
fn list(of: Schema) -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::T(of)).min_items(Some(1))
}

/// A number or a truth value as such, everything else as a text.
fn value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => text.into(),
    }
}

/// The schema of a type that is shown where it stands.
pub(crate) fn inline<T: PartialSchema>() -> Schema {
    match T::schema() {
        RefOr::T(schema) => schema,
        reference @ RefOr::Ref(_) => reference.into(),
    }
}
