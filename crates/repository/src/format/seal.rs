//! Sealing: AES-256-CTR with Poly1305-AES, as restic does it.
//!
//! Nouns: a [`Key`] is 64 bytes, `E` (AES-256), `k` (AES-128) and `r` (Poly1305). A sealed thing is
//! `IV (16) ‖ ciphertext ‖ MAC (16)`; the MAC covers the ciphertext only.
//!
//! Rules: an IV is fresh randomness, also when the same bytes are sealed twice; the MAC is compared in constant time
//! before anything is decrypted; the counter is 128 bits wide and wraps.

use std::cell::RefCell;

use aes::cipher::{Block, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use model::{Problem, Result};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// What sealing adds to a length.
pub const OVERHEAD: usize = 32;

const IV: usize = 16;
const MAC: usize = 16;
/// Work goes in pieces that stay in the first caches between copying, encrypting and summing.
const PIECE: usize = 16 << 10;
/// The same for comparing, where the piece lies on the stack.
const COMPARED: usize = 4 << 10;

type Keystream<'k> = StreamCipherCoreWrapper<CtrCore<&'k Aes256, Ctr128BE>>;

/// The key that seals everything in a repository, or a key file's contents.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; 64]>,
    encrypt: Aes256,
    mac: Aes128,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl PartialEq for Key {
    /// Keys that differ only in bits that Poly1305 masks are the same key.
    fn eq(&self, other: &Self) -> bool {
        masked(&self.bytes).ct_eq(&masked(&other.bytes)).into()
    }
}

fn masked(bytes: &[u8; 64]) -> [u8; 64] {
    let mut bytes = *bytes;
    for at in [3, 7, 11, 15] {
        bytes[48 + at] &= 0x0f;
    }
    for at in [4, 8, 12] {
        bytes[48 + at] &= 0xfc;
    }
    bytes
}

/// The JSON inside a key file.
#[derive(Serialize, Deserialize)]
struct MasterKey {
    mac: MacKey,
    encrypt: String,
}

#[derive(Serialize, Deserialize)]
struct MacKey {
    k: String,
    r: String,
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.encrypt.zeroize();
        self.mac.k.zeroize();
        self.mac.r.zeroize();
    }
}

impl Key {
    /// `E ‖ k ‖ r`.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        let (e, rest) = bytes.split_at(32);
        let encrypt = Aes256::new_from_slice(e).expect("32 bytes are a key of AES-256");
        let mac = Aes128::new_from_slice(&rest[..16]).expect("16 bytes are a key of AES-128");
        Key {
            bytes: Zeroizing::new(bytes),
            encrypt,
            mac,
        }
    }

    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        random(&mut bytes[..]);
        Key::from_bytes(*bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }

    /// restic refuses keys of which a part is all zero.
    pub fn is_valid(&self) -> bool {
        let parts = [&self.bytes[..32], &self.bytes[32..48], &self.bytes[48..]];
        parts.iter().all(|part| part.iter().any(|byte| *byte != 0))
    }

    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        let mac = MacKey {
            k: encode(&self.bytes[32..48]),
            r: encode(&self.bytes[48..]),
        };
        let master = MasterKey {
            mac,
            encrypt: encode(&self.bytes[..32]),
        };
        Zeroizing::new(serde_json::to_vec(&master).expect("strings always serialise"))
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        let damaged = || Problem::damaged("the master key in the key file is malformed");
        let master: MasterKey = serde_json::from_slice(json).map_err(|_| damaged())?;
        let mut bytes = Zeroizing::new([0; 64]);
        for (text, range) in [
            (&master.encrypt, 0..32),
            (&master.mac.k, 32..48),
            (&master.mac.r, 48..64),
        ] {
            let part = Zeroizing::new(STANDARD.decode(text).map_err(|_| damaged())?);
            if part.len() != range.len() {
                return Err(damaged());
            }
            bytes[range].copy_from_slice(&part);
        }
        let key = Key::from_bytes(*bytes);
        if key.is_valid() { Ok(key) } else { Err(damaged()) }
    }

    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
        self.seal_append(plain, &mut out);
        out
    }

    /// Appends the sealed bytes to `out`, without a buffer in between.
    pub fn seal_append(&self, plain: &[u8], out: &mut Vec<u8>) {
        out.reserve(plain.len() + OVERHEAD);
        let iv = fresh_iv();
        out.extend_from_slice(&iv);
        let mut keystream = self.keystream(&iv);
        let mut mac = Mac::new(self, &iv);
        for piece in plain.chunks(PIECE) {
            let start = out.len();
            out.extend_from_slice(piece);
            keystream.apply_keystream(&mut out[start..]);
            mac.update(&out[start..]);
        }
        out.extend_from_slice(&mac.finish());
    }

    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(sealed.len().saturating_sub(OVERHEAD));
        self.open_append(sealed, &mut plain)?;
        Ok(plain)
    }

    /// Appends the opened bytes to `out`; on an error `out` is as before.
    pub fn open_append(&self, sealed: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (iv, cipher) = self.checked(sealed)?;
        out.reserve(cipher.len());
        let mut keystream = self.keystream(&iv);
        for piece in cipher.chunks(PIECE) {
            let start = out.len();
            out.extend_from_slice(piece);
            keystream.apply_keystream(&mut out[start..]);
        }
        Ok(())
    }

    /// What was sealed becomes what is opened; on an error it is as before.
    pub fn open_in_place(&self, sealed: &mut Vec<u8>) -> Result<()> {
        let (iv, cipher) = self.checked(sealed)?;
        let end = IV + cipher.len();
        sealed.truncate(end);
        self.keystream(&iv).apply_keystream(&mut sealed[IV..]);
        sealed.drain(..IV);
        Ok(())
    }

    /// The IV and what is sealed, whose checksum is right.
    fn checked<'a>(&self, sealed: &'a [u8]) -> Result<([u8; IV], &'a [u8])> {
        if sealed.len() < OVERHEAD {
            return Err(Problem::damaged(format!(
                "{} bytes are too few for something sealed",
                sealed.len()
            )));
        }
        let (iv, rest) = sealed.split_at(IV);
        let (cipher, mac) = rest.split_at(rest.len() - MAC);
        let iv: [u8; IV] = iv.try_into().expect("split at this length");
        let mut expected = Mac::new(self, &iv);
        expected.update(cipher);
        let zero = iv == [0; IV];
        if zero || !bool::from(expected.finish().ct_eq(mac)) {
            return Err(Problem::damaged(
                "the checksum of sealed data does not match: it was changed, or the key is another",
            ));
        }
        Ok((iv, cipher))
    }

    /// Does it open as exactly these bytes? One pass, and nothing is kept of what was opened.
    pub fn opens_as(&self, sealed: &[u8], plain: &[u8]) -> bool {
        let Some((iv, rest)) = sealed.split_first_chunk::<IV>() else {
            return false;
        };
        let Some((cipher, mac)) = rest.split_last_chunk::<MAC>() else {
            return false;
        };
        if cipher.len() != plain.len() || *iv == [0; IV] {
            return false;
        }
        let mut keystream = self.keystream(iv);
        let mut expected = Mac::new(self, iv);
        let mut opened = [0; COMPARED];
        let mut same = true;
        for (cipher, plain) in cipher.chunks(COMPARED).zip(plain.chunks(COMPARED)) {
            expected.update(cipher);
            let opened = &mut opened[..cipher.len()];
            keystream.apply_keystream_b2b(cipher, opened);
            same &= opened == plain;
        }
        same && bool::from(expected.finish().ct_eq(mac))
    }

    fn keystream(&self, iv: &[u8; IV]) -> Keystream<'_> {
        Keystream::from_core(CtrCore::inner_iv_init(&self.encrypt, iv.into()))
    }
}

/// Poly1305-AES over pieces of which all but the last have a length divisible by 16.
struct Mac {
    sum: Poly1305,
    rest: [u8; 16],
    rest_length: usize,
}

impl Mac {
    fn new(key: &Key, iv: &[u8; IV]) -> Self {
        let mut once = Zeroizing::new([0; 32]);
        once[..16].copy_from_slice(&key.bytes[48..]);
        let mut block = Block::<Aes128>::from(*iv);
        key.mac.encrypt_block(&mut block);
        once[16..].copy_from_slice(&block);
        Mac {
            sum: Poly1305::new((&*once).into()),
            rest: [0; 16],
            rest_length: 0,
        }
    }

    fn update(&mut self, piece: &[u8]) {
        debug_assert_eq!(self.rest_length, 0, "only the last piece may have an odd length");
        let (blocks, rest) = poly1305::Block::slice_as_chunks(piece);
        self.sum.update(blocks);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_length = rest.len();
    }

    fn finish(self) -> [u8; MAC] {
        self.sum.compute_unpadded(&self.rest[..self.rest_length]).into()
    }
}

/// Fills a buffer with the operating system's randomness.
pub fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has randomness");
}

/// IVs are drawn in batches: one system call for 64 of them.
fn fresh_iv() -> [u8; IV] {
    const BATCH: usize = 64 * IV;
    thread_local! {
        static POOL: RefCell<(Box<[u8; BATCH]>, usize)> = RefCell::new((Box::new([0; BATCH]), BATCH));
    }
    POOL.with_borrow_mut(|(pool, used)| {
        if *used == BATCH {
            random(&mut pool[..]);
            *used = 0;
        }
        let iv = &mut pool[*used..*used + IV];
        *used += IV;
        let fresh: [u8; IV] = (&*iv).try_into().expect("a slice of this length");
        iv.fill(0);
        if fresh == [0; IV] { [1; IV] } else { fresh }
    })
}
