//! One Rust file, taken apart just far enough to tell code from comments, literals and tests.

use std::ops::Range;

/// A Rust file with its comments and literals told apart from its code.
pub(crate) struct Source {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// The text with comments blanked out; every byte keeps its place.
    pub(crate) without_comments: String,
    /// The same with the insides of literals blanked out too.
    code: String,
    literals: Vec<Range<usize>>,
    production: usize,
}

/// A path such as `crate::flows::send`, written from the root of its crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// The line it stands on.
    pub(crate) line: usize,
    /// Its segments, without `crate`.
    pub(crate) segments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Span {
    Comment,
    Literal,
}

impl Source {
    /// Takes the text apart.
    pub(crate) fn new(path: String, text: String) -> Self {
        let spans = spans(&text);
        let ranges = |wanted| {
            let of_kind = spans.iter().filter(move |(kind, _)| *kind == wanted);
            of_kind.map(|(_, range)| range.clone())
        };
        let literals: Vec<_> = ranges(Span::Literal).collect();
        let without_comments = blank(&text, ranges(Span::Comment));
        let code = blank(&without_comments, literals.iter().cloned());
        let production = production_length(&code);
        Self { path, text, without_comments, code, literals, production }
    }

    /// Whether the whole file is a test: it lies below `tests/` or is a `tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// How many lines it has before its trailing test module.
    pub(crate) fn production_lines(&self) -> usize {
        self.text[..self.production].lines().count()
    }

    /// Returns the line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// The insides of the string literals outside tests, with the lines they start on.
    pub(crate) fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.literals
            .iter()
            .filter(|range| range.start < self.production)
            .map(|range| (self.line(range.start), &self.text[range.clone()]))
    }

    /// The lines outside comments and tests that hold `word` as a whole word, in any case.
    pub(crate) fn lines_with_word(&self, word: &str) -> Vec<usize> {
        let text = self.without_comments[..self.production].to_ascii_lowercase();
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
        text.match_indices(word)
            .filter(|(at, _)| {
                let bytes = text.as_bytes();
                let before = at.checked_sub(1).and_then(|before| bytes.get(before));
                !is_part(before) && !is_part(bytes.get(at + word.len()))
            })
            .map(|(at, _)| self.line(at))
            .collect()
    }

    /// The paths that the code outside tests starts from `crate`, `self` or `super`.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let code = &self.code.as_bytes()[..self.production];
        let mut uses = Vec::new();
        let mut at = 0;
        while at < code.len() {
            let word = word_at(code, at);
            let continues = at > 0 && code[at - 1] == b':';
            if !continues && ["crate", "self", "super"].contains(&word) {
                let mut found = Vec::new();
                let end = read_path(code, at, &[], &mut found);
                let line = self.line(at);
                uses.extend(found.into_iter().filter_map(|segments| {
                    let segments = self.absolute(&segments);
                    (!segments.is_empty()).then_some(Use { line, segments })
                }));
                at = end.max(at + word.len());
            } else {
                at += word.len().max(1);
            }
        }
        uses
    }

    /// The module this file is, from the root of its crate.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.split_once("/src/").map_or("", |(_, file)| file);
        let parts = inside.trim_end_matches(".rs").split('/');
        parts.filter(|part| !["", "mod", "lib", "main"].contains(part)).collect()
    }

    fn absolute(&self, segments: &[String]) -> Vec<String> {
        let mut absolute: Vec<String> = self.module().into_iter().map(str::to_owned).collect();
        for segment in segments {
            match segment.as_str() {
                "crate" => absolute.clear(),
                "super" => drop(absolute.pop()),
                "self" => {}
                name => absolute.push(name.to_owned()),
            }
        }
        absolute
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word_at(code: &[u8], at: usize) -> &str {
    let end = code[at..].iter().position(|byte| !is_word(*byte));
    let word = &code[at..end.map_or(code.len(), |end| at + end)];
    std::str::from_utf8(word).expect("word characters are ASCII")
}

/// Reads one path or group from `at`, adds what it names to `found`, and returns where it ends.
fn read_path(code: &[u8], at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = skip_blanks(code, at);
    if code.get(at) == Some(&b'{') {
        while let Some(b'{' | b',') = code.get(at) {
            at = read_path(code, at + 1, before, found);
            // An alias after `as` is not part of the path.
            while code.get(at).is_some_and(|byte| !b",{}".contains(byte)) {
                at += 1;
            }
        }
        return at + 1;
    }
    let word = word_at(code, at);
    let mut path = before.to_vec();
    if !word.is_empty() {
        path.push(word.to_owned());
    }
    at += word.len();
    let follows = code.get(at + 2).copied().unwrap_or_default();
    if code[at..].starts_with(b"::") && (is_word(follows) || b"{*".contains(&follows)) {
        return read_path(code, at + 2, &path, found);
    }
    // A lone `self` or `crate` names nothing.
    if path.len() > 1 {
        found.push(path);
    }
    at
}

fn skip_blanks(code: &[u8], at: usize) -> usize {
    let blanks = code[at..].iter().take_while(|b| b.is_ascii_whitespace());
    at + blanks.count()
}

/// The length of the text before a trailing `#[cfg(test)] mod … {`.
fn production_length(code: &str) -> usize {
    const MARK: &str = "#[cfg(test)]\n";
    code.match_indices(MARK)
        .filter(|(at, _)| *at == 0 || code.as_bytes()[at - 1] == b'\n')
        .find(|(at, _)| {
            let mut items = code[at + MARK.len()..].lines();
            let item = items.find(|line| !line.starts_with(['#', ' ', ')']));
            item.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        })
        .map_or(code.len(), |(at, _)| at)
}

fn blank(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in &mut bytes[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(bytes).expect("comments and literals begin and end between characters")
}

/// Finds comments whole, and the insides of string and character literals.
fn spans(text: &str) -> Vec<(Span, Range<usize>)> {
    let bytes = text.as_bytes();
    let find = |from: usize, what: &str| {
        let found = text[from..].find(what);
        found.map_or(bytes.len(), |found| from + found)
    };
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let raw = raw_string_quote(rest).filter(|_| at == 0 || !is_word(bytes[at - 1]));
        if rest.starts_with("//") {
            let end = find(at, "\n");
            spans.push((Span::Comment, at..end));
            at = end;
        } else if rest.starts_with("/*") {
            let end = at + block_comment_length(rest);
            spans.push((Span::Comment, at..end));
            at = end;
        } else if let Some((start, closing)) = raw {
            let end = find(at + start, &closing);
            spans.push((Span::Literal, at + start..end));
            at = end + closing.len();
        } else if bytes[at] == b'"' {
            let end = quoted_end(bytes, at + 1, b'"');
            spans.push((Span::Literal, at + 1..end));
            at = end + 1;
        } else if let Some(end) = character_end(rest) {
            spans.push((Span::Literal, at + 1..at + end));
            at += end + 1;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    spans
}

/// Where the inside of a raw string starts, and what closes it.
fn raw_string_quote(rest: &str) -> Option<(usize, String)> {
    let after = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let is_raw = after[hashes..].starts_with('"') && rest.len() - after.len() <= 2;
    is_raw.then(|| {
        let start = rest.len() - after.len() + hashes + 1;
        (start, format!("\"{}", "#".repeat(hashes)))
    })
}

fn block_comment_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Where a character literal that starts here closes; `None` for a lifetime or anything else.
fn character_end(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        return Some(quoted_end(rest.as_bytes(), 1, b'\''));
    }
    let end = 1 + first.len_utf8();
    rest[end..].starts_with('\'').then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.to_owned(), text.to_owned())
    }

    #[test]
    fn comments_literals_and_lifetimes_are_told_apart() {
        let text = "let a = \"x // \\\" y\"; // \"no\"\nlet b: &'a str = r#\"q\"r\"#; /* /* */ \"z\" */ let c = '\"'; 'ü'";
        let literals: Vec<_> = source("crates/x/src/a.rs", text)
            .literals()
            .map(|(line, text)| (line, text.to_owned()))
            .collect();
        let expected = [(1, "x // \\\" y"), (2, "q\"r"), (2, "\""), (2, "ü")];
        assert_eq!(literals, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn words_are_whole_and_outside_comments_and_tests() {
        let text = "// telegram\nfn telegram_x() {}\nlet a = \"/Telegram/\";\n#[cfg(test)]\nmod tests {\n    telegram\n}\n";
        assert_eq!(source("crates/x/src/a.rs", text).lines_with_word("telegram"), [3]);
    }

    #[test]
    fn uses_are_written_from_the_root() {
        let text = "use crate::{api::error, flows::{self, send as s}};\nfn f() { super::api::x(); self.y }\nuse super::super::console::*;\n// use crate::no;\n";
        let uses = source("crates/posta/src/flows/send/mod.rs", text).uses();
        let shown: Vec<_> = uses
            .iter()
            .map(|found| format!("{} {}", found.line, found.segments.join("::")))
            .collect();
        assert_eq!(
            shown,
            ["1 api::error", "1 flows", "1 flows::send", "2 flows::api::x", "3 console"]
        );
    }

    #[test]
    fn a_trailing_test_module_does_not_count_as_production() {
        let text = "//! A.\n\n#[cfg(test)]\nuse x;\n\nfn f() {}\n\n#[cfg(test)]\n#[expect(\n    a,\n)]\nmod tests {\n}\n";
        assert_eq!(source("crates/x/src/a.rs", text).production_lines(), 7);
    }
}
