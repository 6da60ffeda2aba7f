// Included once for each library: `api` and `catrank_capnp` are in scope.

use catrank_capnp::{hit, results};

pub struct Catrank;

const WORDS: [&str; 13] = [
    "foo ", "bar ", "baz ", "qux ", "quux ", "corge ", "grault ", "garply ", "waldo ", "fred ",
    "plugh ", "xyzzy ", "thud ",
];

impl super::Case for Catrank {
    type Request = results::Owned;
    type Response = results::Owned;
    /// How many snippets have a cat in them and no dog.
    type Expected = u32;

    fn fill(random: &mut Random, request: results::Builder<'_>) -> u32 {
        let count = random.below(1000);
        let mut good = 0;
        let mut hits = request.init_hits(count);
        let mut text = String::new();
        for index in 0..count {
            let mut hit: hit::Builder<'_> = hits.reborrow().get(index);
            hit.set_score(f64::from(1000 - index));
            text.clear();
            text.push_str("http://example.com/");
            for _ in 0..random.below(100) {
                text.push(char::from(b'a' + random.below(26) as u8));
            }
            hit.set_url(&text[..]);
            let cat = random.below(8) == 0;
            let dog = random.below(8) == 0;
            good += u32::from(cat && !dog);
            text.clear();
            text.push(' ');
            for _ in 0..random.below(20) {
                text.push_str(WORDS[random.below(13) as usize]);
            }
            if cat {
                text.push_str("cat ");
            }
            if dog {
                text.push_str("dog ");
            }
            for _ in 0..random.below(20) {
                text.push_str(WORDS[random.below(13) as usize]);
            }
            hit.set_snippet(&text[..]);
        }
        good
    }

    fn answer(request: results::Reader<'_>, response: results::Builder<'_>) -> api::Result<()> {
        let mut ranked = Vec::new();
        for hit in request.get_hits()? {
            let snippet = hit.get_snippet()?.to_str()?;
            let mut score = hit.get_score();
            if snippet.contains(" cat ") {
                score *= 10_000.0;
            }
            if snippet.contains(" dog ") {
                score /= 10_000.0;
            }
            ranked.push((score, hit));
        }
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut hits = response.init_hits(ranked.len() as u32);
        for (index, (score, hit)) in (0..).zip(&ranked) {
            let mut copy: hit::Builder<'_> = hits.reborrow().get(index);
            copy.set_score(*score);
            copy.set_url(hit.get_url()?);
            copy.set_snippet(hit.get_snippet()?);
        }
        Ok(())
    }

    fn check(response: results::Reader<'_>, expected: &u32) -> api::Result<bool> {
        let hits = response.get_hits()?;
        let good = hits
            .iter()
            .take_while(|hit| hit.get_score() > 1001.0)
            .count();
        Ok(good as u32 <= *expected)
    }
}
