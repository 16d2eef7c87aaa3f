//! The one place that draws randomness; cores have it handed in.

/// `N` bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has none to give: no key may be made then.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random 64-bit number.
#[must_use]
pub fn u64() -> u64 {
    u64::from_le_bytes(bytes())
}
