//! Where requests may go.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration of requests to hosts that others name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    /// Networks beside the public internet that requests may reach, as CIDR blocks; without any, no private address is reached.
    #[schemars(with = "Vec<String>")]
    pub allow_networks: Vec<IpNet>,
}
