//! Names as they are and as they should be.

/// The candidate that `name` comes close to; of several the closest.
pub(crate) fn closest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<(usize, &'c str)> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| distance * 5 <= candidate.len().min(name.len()) * 2)
        .min()
}

/// `FIRST_name` as a type is called: `FirstName`.
pub(crate) fn type_name(name: &str) -> String {
    let parts = name.split('_').filter(|part| !part.is_empty());
    parts.map(|part| capitalized(&quiet(part))).collect()
}

/// `FIRST_name` as a member is called: `firstName`.
pub(crate) fn member_name(name: &str) -> String {
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    let mut first = quiet(parts.next().unwrap_or_default());
    first.get_mut(..1).map(str::make_ascii_lowercase);
    parts.fold(first, |all, part| all + &capitalized(&quiet(part)))
}

/// Small letters for what is all capitals.
fn quiet(part: &str) -> String {
    if part.bytes().any(|byte| byte.is_ascii_lowercase()) {
        part.to_owned()
    } else {
        part.to_ascii_lowercase()
    }
}

fn capitalized(part: &str) -> String {
    let mut part = part.to_owned();
    part.get_mut(..1).map(str::make_ascii_uppercase);
    part
}

/// Levenshtein's distance, letters of either case alike.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, pair), left) in b.iter().zip(row.windows(2)).zip(0..) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => (0, 0),
            };
            let before: usize = next.get(left).copied().unwrap_or(0);
            next.push(
                (diagonal + usize::from(x != *y))
                    .min(above + 1)
                    .min(before + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_words() {
        for (name, ty, member) in [
            ("my_struct", "MyStruct", "myStruct"),
            ("DARK_GREEN", "DarkGreen", "darkGreen"),
            ("MAX", "Max", "max"),
            ("firstName", "FirstName", "firstName"),
            ("_x__y_", "XY", "xY"),
            ("_", "", ""),
        ] {
            assert_eq!(
                (type_name(name), member_name(name)),
                (ty.into(), member.into())
            );
        }
    }

    #[test]
    fn the_closest_name_is_found() {
        let known = ["Text", "Int16", "Int32"];
        assert_eq!(closest("Txt", known), Some((1, "Text")));
        assert_eq!(closest("INT32", known), Some((0, "Int32")));
        assert_eq!(closest("Person", known), None);
    }
}
