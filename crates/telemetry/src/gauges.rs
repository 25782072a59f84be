//! Gauges that are read when the metrics are: what were set by events would stand still between them.

use prometheus::{
    Error, Gauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Reads the values of `N` gauges, in order; none when they cannot be had at this moment, and then nothing is shown.
type Read<const N: usize> = Box<dyn Fn() -> Option<[f64; N]> + Send + Sync>;

/// Gauges and what reads them.
struct Gauges<const N: usize> {
    gauges: [Gauge; N],
    read: Read<N>,
}

/// Registers gauges, by name and help, whose values `read` gives at each scrape, in their order; it must not block for long.
///
/// # Errors
/// When one of the names is registered already.
pub fn register_gauges<const N: usize>(
    registry: &Registry,
    named: [(&str, &str); N],
    read: impl Fn() -> Option<[f64; N]> + Send + Sync + 'static,
) -> Result<(), Error> {
    let made: Vec<Gauge> = named.into_iter().map(|(name, help)| Gauge::new(name, help)).collect::<Result<_, _>>()?;
    let gauges = made.try_into().map_err(|_| Error::Msg("as many gauges as names".to_owned()))?;
    registry.register(Box::new(Gauges { gauges, read: Box::new(read) }))
}

impl<const N: usize> Collector for Gauges<N> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(values) = (self.read)() else { return Vec::new() };
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value);
        }
        self.gauges.iter().flat_map(Collector::collect).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::sync::{Arc, atomic::AtomicU32};

    use super::*;

    #[test]
    fn each_scrape_reads_anew_and_shows_nothing_where_nothing_can_be_read() {
        let registry = Registry::new();
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        let read = move || match counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => None,
            count => Some([f64::from(count), 7.0]),
        };
        register_gauges(&registry, [("a", "A"), ("b", "B")], read).unwrap();
        let values = || registry.gather().iter().map(|family| family.get_metric()[0].get_gauge().get_value()).collect::<Vec<_>>();
        assert_eq!(values(), Vec::<f64>::new());
        assert_eq!(values(), [1.0, 7.0]);
        assert_eq!(values(), [2.0, 7.0]);
    }
}
