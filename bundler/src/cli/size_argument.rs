use std::str::FromStr;

/// A number of bytes, as media are sold or as computers count: `4GiB`, `700MB`, `4.7GB`, `1TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeArgument(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];
/// Digits behind the point, at most.
const MOST_DECIMALS: u32 = 3;

impl FromStr for SizeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self).ok_or_else(|| {
            "expected a number and KiB, MiB, GiB, TiB, KB, MB, GB or TB, such as 4GiB or 4.7GB".to_owned()
        })
    }
}

fn parse(text: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let (whole, decimals) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let places = u32::try_from(decimals.len()).ok().filter(|places| *places <= MOST_DECIMALS)?;
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let fraction = decimals.parse::<u64>().ok()? * unit / 10_u64.pow(places);
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_media_are_sold_and_as_computers_count() {
        for (text, bytes) in [
            ("4GiB", 4 << 30),
            ("700MB", 700_000_000),
            ("4.7GB", 4_700_000_000),
            ("1.5KiB", 1536),
            ("0.5TiB", 512 << 30),
            ("1.999TB", 1_999_000_000_000),
            ("4 MiB", 4 << 20),
        ] {
            assert_eq!(text.parse(), Ok(SizeArgument(bytes)), "{text}");
        }
        for text in ["", "4", "GiB", "4G", "-1GiB", "4.GiB", ".5GiB", "1e3GB", "4gib", "99999999999999GiB"] {
            assert!(text.parse::<SizeArgument>().is_err(), "{text}");
        }
    }
}
