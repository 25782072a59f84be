//! The filters that every tenant query takes, and what figures count.

use std::{convert::Infallible, net::IpAddr};

use ipnet::IpNet;
use tlsrpt_report::{Domain, PolicyClass, ResultType, Trust};
use tlsrpt_store::Filter;

use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    description::{inline, schemas},
    parameters::{FromParameters, Parameter, Parameters, Takes},
    period::period,
    problem::Problem,
};

/// Days of the default period, today included.
pub(crate) const DEFAULT_DAYS: i32 = 30;

/// The filters; a route with more parameters of its own puts them behind these.
macro_rules! filters {
    ($($own:expr),*) => {
        &[
            $crate::parameters::FROM,
            $crate::parameters::TO,
            $crate::tenant_routes::narrow::DOMAIN,
            $crate::tenant_routes::narrow::SUBDOMAINS,
            $crate::tenant_routes::narrow::REPORTER,
            $crate::tenant_routes::narrow::POLICY_TYPE,
            $crate::tenant_routes::narrow::RESULT_TYPE,
            $crate::tenant_routes::narrow::RECEIVING_MX,
            $crate::tenant_routes::narrow::SENDING_NET,
            $crate::tenant_routes::narrow::TRUST,
            $($own),*
        ]
    };
}
pub(crate) use filters;

pub(crate) const DOMAIN: Parameter =
    Parameter::new("domain", "Only these policy domains.", |_| inline::<Domain>()).takes(Takes::Repeated).example("acme.example");
pub(crate) const SUBDOMAINS: Parameter =
    Parameter::new("subdomains", "Also the domains below those of `domain`.", schemas::flag).example("true");
pub(crate) const REPORTER: Parameter =
    Parameter::new("reporter", "Only reports of these organisations.", schemas::text).takes(Takes::Repeated).example("Google Inc.");
pub(crate) const POLICY_TYPE: Parameter =
    Parameter::new("policy_type", "Only policies of these types.", |_| inline::<PolicyClass>()).takes(Takes::Listed).example("sts,tlsa");
pub(crate) const RESULT_TYPE: Parameter =
    Parameter::new("result_type", "Only failures of these types, and reports with such failures.", |_| inline::<ResultType>())
        .takes(Takes::Listed)
        .example("certificate-expired");
pub(crate) const RECEIVING_MX: Parameter =
    Parameter::new("receiving_mx", "Only failures at these mail servers.", schemas::text).takes(Takes::Repeated).example("mx.acme.example");
pub(crate) const SENDING_NET: Parameter =
    Parameter::new("sending_net", "Only failures of senders in these networks: an address or CIDR.", schemas::network)
        .takes(Takes::Repeated)
        .example("198.51.100.0/24");
pub(crate) const TRUST: Parameter = Parameter::new("trust", "Only reports whose origin was verified like this.", |_| inline::<Trust>())
    .takes(Takes::Listed)
    .example("none");

/// The filters of a route that gives figures. They cannot be asked for without the key of the tenant that says what counts for it.
pub(crate) struct Counted(Filter);

impl Counted {
    /// What a filter matches, as far as it counts.
    pub(crate) fn of(filter: Filter) -> Self {
        Self(filter)
    }

    /// For the tenant: with `trust` what was asked for, else what has its minimum trust at least.
    pub(crate) fn by<S>(self, key: &TenantKey<S>) -> Filter {
        self.0.above(key.minimum_trust())
    }
}

/// A list of figures: what it is of, in which order, and how much of it.
pub(crate) struct Sorted<S> {
    pub(crate) counted: Counted,
    pub(crate) by: S,
    pub(crate) descending: bool,
    pub(crate) limit: Option<usize>,
}

impl<S: Copy> Sorted<S> {
    /// Reads the filters, `sort` out of `sorts`, and `limit`; sorted by `otherwise` when nothing is said.
    pub(crate) fn read(parameters: &Parameters, config: &QueryConfig, sorts: &[(&'static str, S)], otherwise: S) -> Result<Self, Problem> {
        let (by, descending) = parameters.sort(sorts)?.unwrap_or((otherwise, false));
        Ok(Self { counted: Counted::read(parameters, config)?, by, descending, limit: parameters.limit_if_any(config)? })
    }
}

/// A route of figures that takes the filters and nothing else.
impl FromParameters for Counted {
    const PARAMETERS: &'static [Parameter] = filters!();
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        filter(parameters, config).map(Self)
    }
}

/// Reads the filters of a route that shows reports as they are.
pub(crate) fn filter(parameters: &Parameters, config: &QueryConfig) -> Result<Filter, Problem> {
    let (from, to) = period(parameters, config, today(), DEFAULT_DAYS)?;
    Ok(Filter {
        from,
        to,
        domains: parameters.each("domain", Domain::parse)?,
        subdomains: parameters.flag("subdomains")?,
        reporters: parameters.each("reporter", |text| Ok::<_, Infallible>(text.trim().to_owned()))?,
        policy_types: parameters.names("policy_type", &PolicyClass::ALL.map(|class| (class.as_str(), class)))?,
        result_types: parameters
            .names("result_type", &ResultType::ALL.map(|result| (result.as_str(), result.as_str())))?
            .into_iter()
            .map(str::to_owned)
            .collect(),
        receiving_mx: parameters.each("receiving_mx", |text| Ok::<_, Infallible>(host(text)))?,
        sending_nets: parameters.each("sending_net", network)?,
        trust: parameters.names("trust", &Trust::ALL.map(|trust| (trust.as_str(), trust)))?,
    })
}

/// A host name as rows hold it: lower case, no final dot.
fn host(text: &str) -> String {
    let text = text.trim();
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

/// Not a network.
#[derive(Debug, thiserror::Error)]
#[error("not a network: write an IP address or a CIDR block, for example 192.0.2.0/24 or 2001:db8::/32")]
struct NetworkError;

/// A network in CIDR form with its host bits cleared; an address stands for itself alone.
fn network(text: &str) -> Result<String, NetworkError> {
    let text = text.trim();
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| NetworkError)?;
    Ok(net.trunc().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_network_is_read_with_its_host_bits_cleared_and_an_address_as_itself() {
        for (text, net) in [
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8:1::9/32", "2001:db8::/32"),
            ("2001:DB8::1", "2001:db8::1/128"),
        ] {
            assert_eq!(network(text).unwrap(), net);
        }
        for text in ["192.0.2.0/33", "192.0.2", "mx.example", "::1/-1", "[2001:db8::1]"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
