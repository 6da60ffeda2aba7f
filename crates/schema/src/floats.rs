//! Floats as text, in the form that the reference tool prints: C's `%g` with the fewest of two
//! numbers of digits that read back as the same value.

pub(crate) fn from_f32(value: f32) -> String {
    special(f64::from(value)).unwrap_or_else(|| {
        let short = general(f64::from(value), 6);
        match short.parse::<f32>() {
            Ok(read) if value == read => short,
            _ => general(f64::from(value), 8),
        }
    })
}

pub(crate) fn from_f64(value: f64) -> String {
    special(value).unwrap_or_else(|| {
        let short = general(value, 15);
        match short.parse::<f64>() {
            Ok(read) if value == read => short,
            _ => general(value, 17),
        }
    })
}

fn special(value: f64) -> Option<String> {
    let name = match value {
        _ if value.is_nan() => "nan",
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => return None,
    };
    Some(name.to_owned())
}

/// `%.{digits}g`, without the plus sign of exponents.
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let decimals = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
    if exponent < -4 || decimals < 0 {
        let sign = if exponent < 0 { "-" } else { "" };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs())
    } else {
        trimmed(&format!("{value:.*}", decimals.unsigned_abs() as usize)).to_owned()
    }
}

/// Without zeros at the end of the fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_digits_as_read_back_the_same() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (1e-7, "1e-07"),
            (1.5e-10, "1.5e-10"),
            (1e15, "1e15"),
            (123_456_789.0, "123456789"),
            (12_345_678_912_345_678.0, "12345678912345678"),
            (1e300, "1e300"),
            (-2.5, "-2.5"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(from_f64(value), expected);
        }
        for (value, expected) in [
            (0.1, "0.1"),
            (100_000.0, "100000"),
            (1e6, "1e06"),
            (123_456_789.0, "1.2345679e08"),
            (f32::NAN, "nan"),
        ] {
            assert_eq!(from_f32(value), expected);
        }
    }
}
