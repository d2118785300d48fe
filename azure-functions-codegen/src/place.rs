//! Where in its source file an attribute stands: what it goes on does not tell whether it lies in an `impl` block, and what is
//! written beside it there makes the compiler speak of things that the user never wrote.

use proc_macro2::Span;

/// Whether the attribute that is being expanded stands directly in an `impl` or `trait` block. False where the source cannot be
/// read.
pub(crate) fn is_in_impl_or_trait() -> bool {
    if !proc_macro::is_available() {
        return false;
    }
    let span = Span::call_site().unwrap();
    // What stands in a block is indented. So the files of most apps are never read.
    if span.column() == 1 {
        return false;
    }
    let text = span.local_file().and_then(|file| std::fs::read_to_string(file).ok());
    text.is_some_and(|text| innermost_is_impl_or_trait(&text, span.line(), span.column()))
}

/// What an open bracket begins.
struct Open {
    bracket: char,
    /// Of a brace: whether `impl` or `trait` stands before it.
    of_impl_or_trait: bool,
    /// The first word of the item or statement that is being read inside, but for what can stand before `impl` and `trait`.
    word: String,
}

/// Whether the innermost bracket that is open at this place, counted from 1 in characters, is the brace of an `impl` or `trait`
/// block.
fn innermost_is_impl_or_trait(text: &str, line: usize, column: usize) -> bool {
    let place = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(|line| line.chars().count())
        .sum::<usize>()
        + column
        - 1;
    let letters: Vec<char> = text.chars().take(place).collect();
    let mut open = vec![Open::new('{', false)];
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let Some(top) = open.last_mut() else { return false };
        at += match *rest {
            ['/', '/', ..] => length_until(rest, |rest| rest[0] == '\n'),
            ['/', '*', ..] => comment(rest),
            ['"', ..] => string(rest),
            ['\'', ..] => character(rest),
            ['{' | '(' | '[', ..] => {
                let of_impl_or_trait = rest[0] == '{' && ["impl", "trait"].contains(&top.word.as_str());
                open.push(Open::new(rest[0], of_impl_or_trait));
                1
            }
            ['}' | ')' | ']', ..] => {
                open.pop();
                if let ('}', Some(around)) = (rest[0], open.last_mut()) {
                    around.word.clear();
                }
                1
            }
            [';', ..] => {
                top.word.clear();
                1
            }
            [letter, ..] if letter.is_alphanumeric() || letter == '_' => word(rest, &mut top.word),
            _ => 1,
        };
    }
    // Inside a string or a comment nothing stands.
    at == letters.len()
        && open
            .last()
            .is_some_and(|top| top.bracket == '{' && top.of_impl_or_trait)
}

impl Open {
    fn new(bracket: char, of_impl_or_trait: bool) -> Self {
        Self {
            bracket,
            of_impl_or_trait,
            word: String::new(),
        }
    }
}

/// The length of a word, with the string that it is the prefix of.
fn word(letters: &[char], first: &mut String) -> usize {
    let length = length_until(letters, |rest| !(rest[0].is_alphanumeric() || rest[0] == '_'));
    let word: String = letters[..length].iter().collect();
    let rest = &letters[length..];
    match (word.as_str(), rest) {
        ("r" | "br" | "cr", ['"' | '#', ..]) => {
            let hashes = length_until(rest, |rest| rest[0] != '#');
            if rest.get(hashes) == Some(&'"') {
                return length + raw_string(rest, hashes);
            }
        }
        ("b" | "c", ['"', ..]) => return length + string(rest),
        ("b", ['\'', ..]) => return length + character(rest),
        _ => {}
    }
    if first.is_empty() && !["pub", "unsafe", "default", "auto", "const"].contains(&word.as_str()) {
        *first = word;
    }
    length
}

/// How many letters come before the place where this holds; all, if there is none.
fn length_until(letters: &[char], holds: impl Fn(&[char]) -> bool) -> usize {
    (0..letters.len())
        .find(|at| holds(&letters[*at..]))
        .unwrap_or(letters.len())
}

fn comment(letters: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < letters.len() {
        match letters[at..] {
            ['/', '*', ..] => depth += 1,
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    letters.len() + 1
}

fn string(letters: &[char]) -> usize {
    let mut at = 1;
    while at < letters.len() {
        match letters[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    letters.len() + 1
}

fn raw_string(letters: &[char], hashes: usize) -> usize {
    let ends = |rest: &[char]| rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|c| *c == '#');
    let inside = &letters[hashes + 1..];
    hashes + 1 + length_until(inside, ends) + 1 + hashes
}

/// The length of a character, or of the quote before a lifetime.
fn character(letters: &[char]) -> usize {
    match letters {
        [_, '\\', _, rest @ ..] => 3 + length_until(rest, |rest| rest[0] == '\'') + 1,
        [_, _, '\'', ..] => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::innermost_is_impl_or_trait;

    /// Whether `#[func]` in the text stands in such a block.
    fn stands_in_a_block(text: &str) -> bool {
        let place = text.find("#[func]").unwrap();
        let line = text[..place].matches('\n').count() + 1;
        let column = text[..place].rsplit('\n').next().unwrap().chars().count() + 1;
        innermost_is_impl_or_trait(text, line, column)
    }

    #[test]
    fn functions_of_impl_and_trait_blocks_are_told_from_free_ones() {
        for text in [
            "impl App { #[func] fn f() {} }",
            "struct App;\nimpl App {\n    fn g() { let x = '{'; }\n    #[func]\n    fn f() {}\n}",
            "mod m { impl<'a> Trait for App<'a> where Self: Sized {\n const X: char = '\\'';  #[func] fn f() {} } }",
            "pub unsafe trait T { #[func] fn f(); }",
            "use x::{a, b};\nimpl App { /* } */ // }\n #[doc = \"}\"] #[func] fn f() {} }",
            "#[cfg(a)]\nimpl App { const R: &str = r#\"\"}\"#; #[func] fn f() {} }",
            "const X: &str = \"größe {\"; impl App { #[func] fn f() {} }",
        ] {
            assert!(stands_in_a_block(text), "{text}");
        }
        for text in [
            "#[func] fn f() {}",
            "mod m { #[func] fn f() {} }",
            "impl App { fn g() {} }\nmod tests {\n    #[func]\n    fn f() {}\n}",
            "impl App { fn g() { #[func] fn f() {} } }",
            "fn g() -> impl Fn() { #[func] fn f() {} }",
            "fn g<'a>(x: &'a str) -> impl Trait + 'a { { } #[func] fn f() {} }",
            "macro_rules! m { ($n:ident) => { #[func] fn $n() {} } }",
            "const _: () = { #[func] fn f() {} };",
            "// impl App {\nmod m { #[func] fn f() {} }",
            "const A: &str = \"impl App {\"; mod m { #[func] fn f() {} }",
            "impl App { m! { #[func] fn f() {} } }",
            "extern \"C\" { #[func] fn f(); }",
        ] {
            assert!(!stands_in_a_block(text), "{text}");
        }
    }
}
