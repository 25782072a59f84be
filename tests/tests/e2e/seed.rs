//! The seed of a run, so that a failure can be repeated.

/// `TLSRPT_E2E_SEED`, else a new one; printed either way.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("TLSRPT_E2E_SEED").map_or_else(|_| rand::random(), |text| text.parse().expect("TLSRPT_E2E_SEED is a number"));
    eprintln!("repeat this run with TLSRPT_E2E_SEED={seed}");
    seed
}
