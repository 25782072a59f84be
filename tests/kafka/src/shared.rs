//! Clusters that all tests of a process use.

use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use parking_lot::Mutex;

use crate::{
    cluster::{Cluster, off_the_runtime},
    error::ClusterError,
    options::ClusterOptions,
};

type Started = OnceLock<Result<Cluster, Arc<ClusterError>>>;

/// One cluster for each set of options; they end with the process.
static SHARED: Mutex<Vec<(ClusterOptions, &'static Started)>> = Mutex::new(Vec::new());

/// The cluster with these options that all of this process share: started when it is first asked for, ended with the process.
///
/// # Errors
/// As [`Cluster::start`]; a cluster that did not start is not tried again.
pub async fn shared(options: ClusterOptions) -> Result<&'static Cluster, Arc<ClusterError>> {
    let started = place(&options);
    // Whoever asked first may be gone while others wait for the same cluster: it is never given up.
    let never = AtomicBool::new(false);
    let start = move |_: &AtomicBool| Ok(started.get_or_init(|| Cluster::start_blocking(&options, &never).map_err(Arc::new)));
    off_the_runtime(start).await?.as_ref().map_err(Arc::clone)
}

fn place(options: &ClusterOptions) -> &'static Started {
    let mut all = SHARED.lock();
    if let Some((_, place)) = all.iter().find(|(known, _)| known == options) {
        return place;
    }
    let place: &'static Started = Box::leak(Box::default());
    all.push((options.clone(), place));
    place
}
