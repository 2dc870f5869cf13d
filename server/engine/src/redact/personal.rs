//! Addresses and accounts of people: found by form and check digits, without patterns to compile.

use std::ops::Range;

use super::{Finding, Secret};

pub(super) const EMAIL: Secret = Secret("EMAIL");
pub(super) const IBAN: Secret = Secret("IBAN");
pub(super) const CARD: Secret = Secret("CARD");

/// Domains that are reserved for examples (RFC 2606), and names that are nobody's address.
const NOBODY: [&str; 8] = [
    "example.com",
    "example.org",
    "example.net",
    ".example",
    ".invalid",
    ".test",
    ".localhost",
    "noreply.github.com",
];

/// Everything personal in the text.
pub(super) fn find(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |secret, span: Option<Range<usize>>| {
        found.extend(span.map(|span| Finding { secret, span }));
    };
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'@', bytes) {
        add(EMAIL, email(bytes, at));
    }
    let mut at = 0;
    while at < bytes.len() {
        let starts = at == 0 || !is_part(bytes[at - 1]);
        if starts && bytes[at].is_ascii_digit() {
            let card = card(bytes, at);
            let next = card.as_ref().map(|card| card.end);
            add(CARD, card);
            at = next.unwrap_or_else(|| run(bytes, at));
        } else if starts && bytes[at].is_ascii_uppercase() {
            let iban = iban(bytes, at);
            let next = iban.as_ref().map(|iban| iban.end);
            add(IBAN, iban);
            at = next.unwrap_or_else(|| run(bytes, at));
        } else {
            at += 1;
        }
    }
    found
}

/// Part of a longer word or number.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || !byte.is_ascii()
}

/// The end of the word at `at`.
fn run(bytes: &[u8], at: usize) -> usize {
    let rest = bytes[at..].iter();
    at + rest.take_while(|b| is_part(**b)).count().max(1)
}

/// The address around an `@`: a dotted name of RFC 5321's plain form, a domain with a letter-only last part.
fn email(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
    let of_domain = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let before = bytes[..at].iter().rev().take(64);
    let start = at - before.take_while(|b| of_name(**b)).count();
    let after = bytes[at + 1..].iter().take(255);
    let mut end = at + 1 + after.take_while(|b| of_domain(**b)).count();
    while end > at + 1 && b".-".contains(&bytes[end - 1]) {
        end -= 1;
    }
    let name = std::str::from_utf8(&bytes[start..at]).ok()?;
    let domain = std::str::from_utf8(&bytes[at + 1..end]).ok()?;
    let (host, last) = domain.rsplit_once('.')?;
    let low = domain.to_ascii_lowercase();
    // `git@host:path` is a login of everybody, `v1@2.x` a version.
    let real = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name != "git"
        && !host.is_empty()
        && last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphabetic())
        && !NOBODY.iter().any(|nobody| low.ends_with(nobody));
    real.then_some(start..end)
}

/// An account number of ISO 13616: country, two check digits, up to 30 more, in one or in groups of four; its remainder
/// by 97 is 1 when letters count as 10 to 35 and the first four stand last.
fn iban(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let mut kept: Vec<u8> = Vec::with_capacity(34);
    let mut end = at;
    while let Some(&byte) = bytes.get(end) {
        let blank = byte == b' ' && kept.len().is_multiple_of(4) && !kept.is_empty();
        if blank && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) {
            end += 1;
            continue;
        }
        if !(byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            break;
        }
        if kept.len() == 34 {
            return None;
        }
        kept.push(byte);
        end += 1;
    }
    let length = length(kept.get(..2)?)?;
    // A word behind the number, set apart by a blank, is not part of it.
    while kept.len() > length {
        kept.pop();
        end -= 1;
        if bytes[end - 1] == b' ' {
            end -= 1;
        }
    }
    if kept.len() != length || bytes.get(end).is_some_and(|b| is_part(*b) && *b != b'.') {
        return None;
    }
    let valid = kept[2..4].iter().all(u8::is_ascii_digit);
    let turned = kept[4..].iter().chain(&kept[..4]);
    let rest = turned.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    (valid && rest == 1).then_some(at..end)
}

/// How long the numbers of a country are (the registry of ISO 13616, its larger part).
fn length(country: &[u8]) -> Option<usize> {
    let length = match country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"NL" => 18,
        b"SI" | b"MK" => 19,
        b"AT" | b"BA" | b"EE" | b"LT" | b"LU" | b"XK" | b"KZ" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"BH" => 22,
        b"AE" | b"GI" | b"IL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"PK" => 24,
        b"PT" => 25,
        b"IS" | b"TR" => 26,
        b"FR" | b"GR" | b"IT" | b"MC" | b"SM" => 27,
        b"AL" | b"AZ" | b"CY" | b"DO" | b"HU" | b"LB" | b"PL" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" => 30,
        b"MT" | b"SC" => 31,
        _ => return None,
    };
    Some(length)
}

/// A card number of ISO/IEC 7812: the first digits and the length of a known scheme, groups set apart by one blank or
/// dash, the last digit by Luhn's sum.
fn card(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let mut digits: Vec<u8> = Vec::with_capacity(19);
    let mut end = at;
    let mut sign = None;
    while let Some(&byte) = bytes.get(end) {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
        } else if matches!(byte, b' ' | b'-')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
            && *sign.get_or_insert(byte) == byte
            && end - at >= 4
        {
            // One sign throughout, and not before the first group.
        } else {
            break;
        }
        if digits.len() > 19 {
            return None;
        }
        end += 1;
    }
    if bytes.get(end).is_some_and(|b| is_part(*b) && *b != b'.') {
        return None;
    }
    let first = digits.iter().take(4).fold(0, |n, d| n * 10 + u32::from(*d));
    let scheme = matches!(
        (first, digits.len()),
        (4_000..=4_999, 13 | 16 | 19)
            | (5_100..=5_599 | 2_221..=2_720, 16)
            | (3_400..=3_499 | 3_700..=3_799, 15)
            | (6_011 | 6_440..=6_599 | 3_528..=3_589, 16..=19)
    );
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    let varied = digits.iter().any(|d| Some(d) != digits.last());
    (scheme && varied && sum.is_multiple_of(10)).then_some(at..end)
}
