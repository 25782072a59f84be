//! Sizes as people write them.

/// Bytes from `1073741824`, `512MiB`, `1 GiB`, `500MB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let refuse = || format!("{text} is no size: write bytes, or a number with KiB, MiB, GiB, TiB, kB, MB, GB or TB");
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refuse()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("1073741824"), Ok(1 << 30));
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes(" 1 GiB "), Ok(1 << 30));
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        for wrong in ["", "GiB", "-1", "1.5GiB", "1 gib", "99999999999TiB"] {
            assert!(bytes(wrong).is_err_and(|error| error.contains("is no size")), "{wrong}");
        }
    }
}
