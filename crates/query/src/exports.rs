//! How many exports run at a time: they may take long, so they are counted by themselves, and no tenant takes all the places.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tlsrpt_record::TenantId;

use crate::{
    config::QueryConfig,
    problem::{Kind, Problem},
};

/// The exports that run.
#[derive(Clone)]
pub(crate) struct Exports(Arc<Inner>);

struct Inner {
    in_flight_max: usize,
    per_tenant_max: usize,
    running: Mutex<HashMap<TenantId, usize>>,
}

/// The place of one export, given back when it is dropped.
pub(crate) struct ExportSlot {
    exports: Exports,
    tenant: TenantId,
}

impl Exports {
    pub(crate) fn new(config: &QueryConfig) -> Self {
        let (in_flight_max, per_tenant_max) = (config.exports_in_flight_max, config.exports_per_tenant_max);
        Self(Arc::new(Inner { in_flight_max, per_tenant_max, running: Mutex::default() }))
    }

    /// Takes a place for the tenant.
    ///
    /// # Errors
    /// 429 when the tenant has as many as it may, 503 when everybody together has.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<ExportSlot, Problem> {
        let mut running = self.0.running.lock();
        let own = running.get(tenant).copied().unwrap_or(0);
        if own >= self.0.per_tenant_max {
            let detail = format!("{own} exports of yours are running, and there may be no more at a time. Wait until one has ended.");
            return Err(Problem::new(Kind::TooManyExports, detail));
        }
        if running.values().sum::<usize>() >= self.0.in_flight_max {
            return Err(Problem::new(Kind::Overloaded, "As many exports as may be are running. Try again in a while."));
        }
        running.insert(tenant.clone(), own + 1);
        Ok(ExportSlot { exports: self.clone(), tenant: tenant.clone() })
    }
}

impl Drop for ExportSlot {
    fn drop(&mut self) {
        let mut running = self.exports.0.running.lock();
        if let Some(own) = running.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_tenant_has_its_own_bound_all_have_one_together_and_what_ends_makes_room() {
        let exports = Exports::new(&QueryConfig { exports_in_flight_max: 3, exports_per_tenant_max: 2, ..QueryConfig::default() });
        let tenant = |id: &str| TenantId::parse(id).unwrap();
        let first = exports.enter(&tenant("a")).ok();
        let second = exports.enter(&tenant("a")).ok();
        assert!(first.is_some() && second.is_some() && exports.enter(&tenant("a")).is_err());
        let third = exports.enter(&tenant("b")).ok();
        assert!(third.is_some() && exports.enter(&tenant("c")).is_err());
        drop(first);
        assert!(exports.enter(&tenant("c")).is_ok());
        assert!(exports.enter(&tenant("a")).is_ok());
        drop((second, third));
        assert!(exports.0.running.lock().is_empty());
    }
}
