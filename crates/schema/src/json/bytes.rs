//! Bytes as text: hex digits and Base64. Few lines, where a library that knows every alphabet adds
//! a tenth to the compiler's module.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Two small digits for each byte.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    digits.collect()
}

/// Digits of either size; `None` unless they are all digits, and even in number.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(value(*high)? << 4 | value(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// Base64 with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let value = bits >> (18 - 6 * index) & 63;
            let letter = ALPHABET.get(value as usize).copied();
            text.push(match letter {
                Some(letter) if index as usize <= chunk.len() => char::from(letter),
                _ => '=',
            });
        }
    }
    text
}

/// `None` unless it is what [`to_base64`] would make of some bytes.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let value = |letter: u8| ALPHABET.iter().position(|known| *known == letter);
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let mut bytes = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let last = index + 1 == groups.len();
        let padding = match group {
            [.., b'=', b'='] if last => 2,
            [.., b'='] if last => 1,
            _ => 0,
        };
        let mut bits = 0;
        for letter in group.iter().take(4 - padding) {
            bits = bits << 6 | u32::try_from(value(*letter)?).ok()?;
        }
        bits <<= 6 * padding;
        let [_, high, middle, low] = bits.to_be_bytes();
        bytes.extend([high, middle, low].iter().take(3 - padding));
    }
    // Bits beyond the last byte would be lost.
    (rest.is_empty() && to_base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_goes_through_hex() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = to_hex(&bytes);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"));
        assert_eq!(from_hex(&text), Some(bytes.clone()));
        assert_eq!(from_hex(&text.to_uppercase()), Some(bytes));
        assert_eq!(from_hex(""), Some(Vec::new()));
        for bad in ["0", "0g", "abc", "é", " 00"] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
            assert_eq!(from_base64(text), Some(bytes.as_bytes().to_vec()));
        }
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        for bad in [
            "Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Z===", "====", "Zm9-", "Zm9v\n", "é===",
        ] {
            assert_eq!(from_base64(bad), None, "{bad}");
        }
    }
}
