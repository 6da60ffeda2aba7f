//! The texts of errors, put together without `core::fmt`: where nothing else formats, as in the package's WebAssembly
//! module for messages, none of its machinery has to be loaded.

use alloc::string::String;

/// A `String` of parts: text, numbers, and what else is a [`Part`].
#[doc(hidden)]
#[macro_export]
macro_rules! text {
    ($($part:expr),* $(,)?) => {{
        let mut text = $crate::wording::Text::default();
        $($crate::wording::Part::add_to($part, &mut text);)*
        text.0
    }};
}

/// A text that is being put together.
#[derive(Default)]
pub struct Text(pub String);

/// What a text may consist of.
pub trait Part {
    /// Puts it at the end.
    fn add_to(self, text: &mut Text);
}

impl Part for &str {
    #[inline(never)]
    fn add_to(self, text: &mut Text) {
        text.0.push_str(self);
    }
}

impl Part for u64 {
    #[inline(never)]
    fn add_to(self, text: &mut Text) {
        let mut digits = [b'0'; 20];
        let mut rest = self;
        let mut first = digits.len() - 1;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (rest % 10) as u8;
            first = at;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(first..).unwrap_or_default();
        core::str::from_utf8(digits)
            .unwrap_or_default()
            .add_to(text);
    }
}

impl Part for i64 {
    fn add_to(self, text: &mut Text) {
        if self < 0 {
            "-".add_to(text);
        }
        self.unsigned_abs().add_to(text);
    }
}

impl Part for u32 {
    fn add_to(self, text: &mut Text) {
        u64::from(self).add_to(text);
    }
}

impl Part for usize {
    fn add_to(self, text: &mut Text) {
        (self as u64).add_to(text);
    }
}

impl Part for crate::Position {
    /// In parentheses, with a space in front.
    fn add_to(self, text: &mut Text) {
        " (segment ".add_to(text);
        self.segment.add_to(text);
        ", word ".add_to(text);
        self.word.add_to(text);
        ")".add_to(text);
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    #[test]
    fn numbers_read_as_those_of_the_standard_library() {
        for number in [
            0,
            1,
            9,
            10,
            100,
            12345,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            assert_eq!(text!(number), format!("{number}"));
        }
        for number in [0, -1, i64::MAX, i64::MIN] {
            assert_eq!(text!("at ", number, "!"), format!("at {number}!"));
        }
        assert_eq!(
            text!(u32::MAX, usize::MAX),
            format!("{}{}", u32::MAX, usize::MAX)
        );
    }
}
