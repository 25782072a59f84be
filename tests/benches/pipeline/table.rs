//! How results are shown.

/// Prints one ratio with what it is made of, and whether it reaches its aim, where it has one.
pub(crate) fn ratio(what: &str, ours: f64, reference: f64, unit: &str, aim: impl Into<Option<f64>>) {
    let ratio = ours / reference;
    let aim = aim.into().map_or_else(String::new, |aim: f64| {
        let verdict = if ratio >= aim { "reached" } else { "short" };
        format!(" (aim {aim:.2}, {verdict})")
    });
    println!("{what}: ratio {ratio:.2}{aim}; ours {ours:.0} {unit}, reference {reference:.0} {unit}");
}

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

/// The middle of `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
