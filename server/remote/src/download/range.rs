//! `Content-Range` (RFC 9110, section 14.4): which stretch of a file an answer holds.

/// Such as `bytes 100-199/200`. Only stretches that go to the file's end are of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Number of its first byte.
    pub(super) first: u64,
    /// Bytes of the whole file.
    pub(super) total: u64,
}

impl Stretch {
    /// Reads the header; `None` for another unit, an unknown length and a stretch that ends early.
    pub(super) fn parse(header: &str) -> Option<Stretch> {
        let (unit, range) = header.trim().split_once(' ')?;
        let (range, total) = range.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| -> Option<u64> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok())?
        };
        let (first, last, total) = (number(first)?, number(last)?, number(total)?);
        let fits = unit.eq_ignore_ascii_case("bytes")
            && first <= last
            && last.checked_add(1) == Some(total);
        fits.then_some(Stretch { first, total })
    }
}

#[cfg(test)]
mod tests {
    use super::Stretch;

    #[test]
    fn only_what_goes_to_the_end_is_taken() {
        let read = |text| Stretch::parse(text).map(|stretch| (stretch.first, stretch.total));
        assert_eq!(read("bytes 100-199/200"), Some((100, 200)));
        assert_eq!(read("BYTES 0-0/1"), Some((0, 1)));
        for bad in [
            "",
            "bytes",
            "bytes */200",
            "bytes 100-149/200",
            "bytes 100-199/*",
            "bytes 200-199/200",
            "bytes -1-199/200",
            "bytes 1-18446744073709551615/18446744073709551616",
            "lines 1-9/10",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
