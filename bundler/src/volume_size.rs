use std::str::FromStr;

/// How large a volume may be, as media are sold or as computers count: `4GiB`, `700MB`, `4.7GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeSize(pub u64);

const UNITS: [(&str, u64); 6] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];
/// Digits behind the point, at most.
const MOST_DECIMALS: u32 = 3;

impl FromStr for VolumeSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self).ok_or_else(|| {
            "expected a number and KiB, MiB, GiB, KB, MB or GB, such as 4GiB or 4.7GB".to_owned()
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
            ("4 MiB", 4 << 20),
        ] {
            assert_eq!(text.parse(), Ok(VolumeSize(bytes)), "{text}");
        }
        for text in ["", "4", "GiB", "4G", "-1GiB", "4.GiB", ".5GiB", "1e3GB", "4gib", "99999999999999GiB"] {
            assert!(text.parse::<VolumeSize>().is_err(), "{text}");
        }
    }
}
