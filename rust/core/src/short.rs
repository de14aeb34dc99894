//! Looking at short texts and copying them by steps of fixed lengths, which need no call and no loop.
use wide::u8x16;

/// The longest that is copied in one step.
pub const SHORT: usize = 32;

/// A one in every byte.
pub const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
pub const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of the lowest byte that is a control character, a quote or a backslash is set, and none below it.
#[inline]
pub fn special_bytes(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_space | is_quote | is_backslash) & HIGHS
}

/// Of each byte: it does not stand for itself in a JSON string. With `ASCII`, or it is not ASCII.
///
/// Left to the compiler, sixteen comparisons of bytes become many more instructions than these.
#[inline]
fn special<const ASCII: bool>(block: &[u8; 16]) -> u8x16 {
    let block = u8x16::new(*block);
    let control = block.min(u8x16::splat(0x1f)).simd_eq(block);
    let found = control | block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\'));
    if ASCII { found | block } else { found } // of each byte only the highest bit counts
}

/// Both can be copied as they are into a JSON string. With `ASCII`, and they are a text without another look at them.
#[inline]
fn are_plain<const ASCII: bool>(one: &[u8; 16], other: &[u8; 16]) -> bool {
    (special::<ASCII>(one) | special::<ASCII>(other)).to_bitmask() == 0
}

/// All bytes can be copied as they are into a JSON string.
#[inline]
pub fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return copy_plain::<false>(&mut [0; SHORT], bytes);
    };
    let mut blocks = bytes.chunks_exact(16);
    let plain = |block| special::<false>(block).to_bitmask() == 0;
    plain(last) && blocks.all(|block| block.first_chunk().is_some_and(plain))
}

/// Copy up to [`SHORT`] bytes: whatever they are, so that it is always `true`, where [`copy_plain`] may refuse.
#[inline]
pub fn copy(to: &mut [u8], bytes: &[u8]) -> bool {
    match bytes.len() {
        16.. => ends::<16>(to, bytes, |_, _| true),
        8.. => ends::<8>(to, bytes, |_, _| true),
        4.. => ends::<4>(to, bytes, |_, _| true),
        2.. => ends::<2>(to, bytes, |_, _| true),
        1 => {
            to[0] = bytes[0];
            true
        }
        _ => true,
    }
}

/// Copy up to [`SHORT`] bytes; `false` where they cannot be copied into a JSON string as they are. With `ASCII`, or where
/// they are not ASCII: what is, is a text without another look at it.
#[allow(clippy::inline_always)] // called, it takes a tenth longer
#[inline(always)]
pub fn copy_plain<const ASCII: bool>(to: &mut [u8], bytes: &[u8]) -> bool {
    // What is shorter than a block is looked at with itself, or spaces, behind it.
    let block = |first: [u8; 8], last: [u8; 8]| {
        let both: [u8; 16] = join(&first, &last);
        special::<ASCII>(&both).to_bitmask() == 0
    };
    match bytes.len() {
        16.. => ends::<16>(to, bytes, are_plain::<ASCII>),
        8.. => ends::<8>(to, bytes, |first, last| block(*first, *last)),
        4.. => ends::<4>(to, bytes, |first, last| {
            let both = join(first, last);
            block(both, both)
        }),
        2.. => ends::<2>(to, bytes, |first, last| {
            let both: [u8; 4] = join(first, last);
            block(join(&both, &both), [b' '; 8])
        }),
        1 => {
            to[0] = bytes[0];
            block([bytes[0]; 8], [b' '; 8])
        }
        _ => true,
    }
}

#[inline]
fn join<const N: usize, const BOTH: usize>(first: &[u8; N], last: &[u8; N]) -> [u8; BOTH] {
    let mut both = [0; BOTH];
    both[..N].copy_from_slice(first);
    both[N..].copy_from_slice(last);
    both
}

/// Copy the first and the last bytes, which overlap where there are fewer than twice as many, if they are good.
#[allow(clippy::inline_always)] // called, it takes a tenth longer
#[inline(always)]
fn ends<const N: usize>(
    to: &mut [u8],
    bytes: &[u8],
    good: impl Fn(&[u8; N], &[u8; N]) -> bool,
) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else {
        return false;
    };
    if !good(first, last) {
        return false;
    }
    to[..N].copy_from_slice(first);
    to[bytes.len() - N..bytes.len()].copy_from_slice(last);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_told_and_copied() {
        for length in 0..=SHORT {
            for position in 0..length {
                for byte in 0..=255u8 {
                    let mut bytes = vec![b'x'; length];
                    bytes[position] = byte;
                    let plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    let mut to = [b'.'; SHORT];
                    assert_eq!(copy_plain::<false>(&mut to, &bytes), plain, "{bytes:?}");
                    if plain {
                        assert_eq!(&to[..length], bytes);
                        assert!(to[length..].iter().all(|&byte| byte == b'.'));
                    }
                    let ascii = plain && byte.is_ascii();
                    assert_eq!(copy_plain::<true>(&mut to, &bytes), ascii, "{bytes:?}");
                    assert_eq!(is_plain(&bytes), plain, "{bytes:?}");
                    let mut to = [b'.'; SHORT];
                    assert!(copy(&mut to, &bytes));
                    assert_eq!(&to[..length], bytes);
                }
            }
        }
    }

    #[test]
    fn a_long_text_is_looked_at_to_its_end() {
        for length in [33, 47, 48, 49, 200] {
            let mut bytes = vec![b'x'; length];
            assert!(is_plain(&bytes));
            for position in 0..length {
                bytes[position] = b'"';
                assert!(!is_plain(&bytes), "{position} of {length}");
                bytes[position] = 0xc3;
                assert!(is_plain(&bytes));
            }
        }
    }
}
