//! Values that many machines share, and that therefore identify none.
//!
//! Sources: oshi/oshi#2417, henrygd/beszel#1556, rockstor/rockstor-core#1964, siderolabs/talos#8804; machine ids of images:
//! debuerreotype/docker-debian-artifacts#151, weaveworks/footloose#280, hartwork/image-bootstrap#13; and the strings that
//! board makers leave in DMI.

/// Lower case, as [`normalised`] gives it.
const WORDS: [&str; 35] = [
    "00020003-0004-0005-0006-000700080009",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "0123456789",
    "0123456789abcdef",
    "12345678",
    "123456789",
    "1234567890",
    "3766705eb195582e8168a9a1b913c7c7", // machine ids that came with images of Debian
    "85f94e57ab75f80918cab17d001eac85",
    "88544b92092430bc5d3fbbffc12a2f04",
    "base board serial number",
    "cdb7f92199c748a7a20d33ab52974cbb",
    "chassis serial number",
    "default",
    "default string",
    "empty",
    "filled by oem",
    "invalid",
    "n/a",
    "no asset tag",
    "none",
    "not applicable",
    "not available",
    "not provided",
    "not specified",
    "null",
    "o.e.m.",
    "oem",
    "serial number",
    "system serial number",
    "to be filled by o.e.m",
    "to be filled by o.e.m.",
    "uninitialized",
    "unknown",
];

/// What QEMU gives every emulated disk: `QEMU HARDDISK QM00001`.
const EMULATED_DISK: &str = "qm0000";

/// The form in which values are compared and tagged.
pub fn normalised(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether a normalised, non-empty value is shared by many machines.
pub fn is_junk(value: &str) -> bool {
    let mut characters = value.chars().filter(|c| c.is_alphanumeric());
    let first = characters.next();
    characters.all(|c| Some(c) == first) || WORDS.contains(&value) || value.contains(EMULATED_DISK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_many_machines_share_are_junk() {
        for junk in [
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "03000200-0400-0500-0006-000700080009",
            "To be filled by O.E.M.",
            " To  Be Filled By O.E.M. ",
            "Default string",
            "System Serial Number",
            "None",
            "123456789",
            "88544b92092430bc5d3fbbffc12a2f04",
            "XXXXXXXX",
            "..............",
            "Not Specified",
            "t10.ATA     QEMU HARDDISK                           QM00001",
        ] {
            assert!(is_junk(&normalised(junk)), "{junk}");
        }
        for good in [
            "4c4c4544-0051-3010-8052-b4c04f5a4d32",
            "CZC2340VXK",
            "/51QZM2/CN7475137I00AB/",
            "eui.0025385b11b0e2f4",
        ] {
            assert!(!is_junk(&normalised(good)), "{good}");
        }
    }
}
