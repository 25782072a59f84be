//! Tenant API, operator API
