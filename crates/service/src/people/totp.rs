//! One-time codes from the clock: RFC 6238 (and RFC 4226) with SHA-1, six digits and steps of thirty seconds, as every authenticator reads them.
//!
//! Rules: the step before and the one after are taken, too, since clocks differ; which step a code was of is told, so that it is taken once.
//! SHA-1 stands here because authenticators know nothing else; it keeps nothing secret but through HMAC, whose key is random.

use subtle::ConstantTimeEq;

pub const STEP_SECONDS: i64 = 30;
/// Bytes of a new secret: as long as the hash.
pub(crate) const SECRET: usize = 20;
const BLOCK: usize = 64;
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn sha1_block(state: &mut [u32; 5], block: &[u8; BLOCK]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for at in 16..80 {
        words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let mut turned = *state;
    for (at, word) in words.iter().enumerate() {
        let [first, b, c, d, last] = turned;
        let (mix, constant) = match at {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = first.rotate_left(5).wrapping_add(mix).wrapping_add(last);
        let next = next.wrapping_add(constant).wrapping_add(*word);
        turned = [next, first, b.rotate_left(30), c, d];
    }
    for (sum, part) in state.iter_mut().zip(turned) {
        *sum = sum.wrapping_add(part);
    }
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % BLOCK != 56 {
        padded.push(0);
    }
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.as_chunks::<BLOCK>().0 {
        sha1_block(&mut state, block);
    }
    let mut out = [0; 20];
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    out
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 20] {
    let hashed = sha1(key);
    let key = if key.len() > BLOCK { &hashed[..] } else { key };
    let padded = |with: u8| -> Vec<u8> {
        let filled = key.iter().copied().chain(std::iter::repeat(0)).take(BLOCK);
        filled.map(|byte| byte ^ with).collect()
    };
    let inner = sha1(&[&padded(0x36)[..], message].concat());
    sha1(&[&padded(0x5c)[..], &inner].concat())
}

/// The code of a step, as so many digits.
pub fn code(secret: &[u8], step: i64, digits: u32) -> String {
    let mac = hmac(secret, &step.to_be_bytes());
    let offset = usize::from(mac[19] & 15);
    let mut number = [0; 4];
    number.copy_from_slice(&mac[offset..offset + 4]);
    let number = u32::from_be_bytes(number) & 0x7fff_ffff;
    format!("{:0width$}", number % 10_u32.pow(digits), width = digits as usize)
}

/// The step of which this code is: the present one, the one before, or the one after.
pub(crate) fn step_of(secret: &[u8], typed: &str, now_ms: i64) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let now = now_ms.div_euclid(STEP_SECONDS * 1000);
    let fits = |step: &i64| bool::from(code(secret, *step, 6).as_bytes().ct_eq(typed.as_bytes()));
    [now - 1, now, now + 1].into_iter().find(fits)
}

/// Base32 without padding, as authenticators want secrets typed.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let mut number = [0; 8];
        number[3..3 + group.len()].copy_from_slice(group);
        let number = u64::from_be_bytes(number);
        let letters = (group.len() * 8).div_ceil(5);
        for at in 0..letters {
            let letter = (number >> (35 - 5 * at)) & 31;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

/// What an authenticator reads from a picture.
pub(crate) fn address(issuer: &str, name: &str, secret: &[u8]) -> String {
    let (issuer, name) = (percent(issuer), percent(name));
    let secret = base32(secret);
    format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

fn percent(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::{address, base32, code, hmac, sha1, step_of};

    /// RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        let vectors = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (seconds, expected) in vectors {
            assert_eq!(code(SECRET, seconds / 30, 8), expected, "{seconds}");
        }
    }

    #[test]
    fn the_vectors_of_rfc_4226_hold() {
        let codes: Vec<String> = (0..10).map(|count| code(SECRET, count, 6)).collect();
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn the_vectors_of_sha_1_and_its_hmac_hold() {
        let digest = |text: &str| hex::encode(sha1(text.as_bytes()));
        assert_eq!(digest("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digest(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(digest(long), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(
            digest(&"a".repeat(1_000_000)),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f"
        );
        // RFC 2202, cases 2 and 6.
        let mac = |key: &[u8], text: &str| hex::encode(hmac(key, text.as_bytes()));
        assert_eq!(
            mac(b"Jefe", "what do ya want for nothing?"),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        let long = "Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(mac(&[0xaa; 80], long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    }

    #[test]
    fn a_code_of_a_neighbouring_step_is_taken_and_none_further_away() {
        let now = 1_000_000_000_000;
        let step = now / 30_000;
        for (away, expected) in [(-2, None), (-1, Some(-1)), (0, Some(0)), (1, Some(1)), (2, None)] {
            let typed = code(SECRET, step + away, 6);
            assert_eq!(
                step_of(SECRET, &typed, now),
                expected.map(|away| step + away),
                "{away}"
            );
        }
        let typed = code(SECRET, step, 6);
        let spaced = format!("{} {}", &typed[..3], &typed[3..]);
        assert_eq!(step_of(SECRET, &spaced, now), Some(step));
        for wrong in ["", "1", "12345678901234567890"] {
            assert_eq!(step_of(SECRET, wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_written_as_rfc_4648_says() {
        let vectors = [("", ""), ("f", "MY"), ("foo", "MZXW6"), ("foob", "MZXW6YQ")];
        for (text, expected) in vectors {
            assert_eq!(base32(text.as_bytes()), expected);
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(
            address("Cairn", "ann lee", b"foobar"),
            "otpauth://totp/Cairn:ann%20lee?secret=MZXW6YTBOI&issuer=Cairn&algorithm=SHA1&digits=6&period=30"
        );
    }
}
