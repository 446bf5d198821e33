//! Rust source with comments and literals blanked out, so that rules see identifiers and braces only.
//!
//! Every character of a comment, string or character literal becomes a space; newlines stay, so lines and
//! columns keep their numbers. The scanner knows nested block comments, raw strings with any number of `#`, and
//! the difference between a character literal and a lifetime. It never fails: text that does not
//! lex is blanked to the end of the file, and the compiler says the rest.

/// `source` with spaces instead of comments and literals.
pub(crate) fn blank(source: &str) -> String {
    let mut scanner = Scanner { input: source.chars().collect(), at: 0, output: String::with_capacity(source.len()) };
    scanner.run();
    scanner.output
}

struct Scanner {
    input: Vec<char>,
    at: usize,
    output: String,
}

impl Scanner {
    fn run(&mut self) {
        while let Some(here) = self.peek(0) {
            match (here, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                _ if is_word(here) => self.word(),
                _ => self.keep(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.input.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        if let Some(here) = self.peek(0) {
            self.output.push(here);
            self.at += 1;
        }
    }

    fn drop(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(here) = self.peek(0) {
                self.output.push(if here == '\n' { '\n' } else { ' ' });
                self.at += 1;
            }
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|here| here != '\n') {
            self.drop(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.drop(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.drop(2);
                    if depth == 0 {
                        return;
                    }
                }
                (Some(_), _) => self.drop(1),
                (None, _) => return,
            }
        }
    }

    /// A string with escapes, from its opening quote.
    fn string(&mut self) {
        self.drop(1);
        while let Some(here) = self.peek(0) {
            match here {
                '\\' => self.drop(2),
                '"' => return self.drop(1),
                _ => self.drop(1),
            }
        }
    }

    /// A character literal is blanked; the tick of a lifetime or label is kept.
    fn quote(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                self.drop(3);
                while self.peek(0).is_some_and(|here| here != '\'') {
                    self.drop(1);
                }
                self.drop(1);
            }
            (Some(_), Some('\'')) => self.drop(3),
            _ => self.keep(),
        }
    }

    /// An identifier or number, which may turn out to be the prefix of a raw string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.keep();
        }
        let word: String = self.input[start..self.at].iter().collect();
        if matches!(word.as_str(), "r" | "br" | "cr") {
            let mut hashes = 0;
            while self.peek(hashes) == Some('#') {
                hashes += 1;
            }
            if self.peek(hashes) == Some('"') {
                self.drop(hashes + 1);
                self.raw_string(hashes);
            }
        }
    }

    /// The rest of a raw string after its opening quote.
    fn raw_string(&mut self, hashes: usize) {
        while let Some(here) = self.peek(0) {
            let closes = here == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                return self.drop(hashes + 1);
            }
            self.drop(1);
        }
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn comments_and_literals_become_spaces() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x \\\" y\") + g", "f(        ) + g"),
            ("f(r#\"a\"b\"#, c)", "f(r       , c)"),
            ("f(br\"\\\", c)", "f(br   , c)"),
            ("m('{', '\\'', '\\u{7d}')", "m(   ,     ,         )"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("r#type \"{\"", "r#type    "),
        ] {
            assert_eq!(blank(source), expected, "of {source:?}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let source = "let a = \"one\ntwo\"; /* three\nfour */ b();\n";
        let blanked = blank(source);
        assert_eq!(blanked.lines().count(), source.lines().count());
        assert!(blanked.lines().nth(2).unwrap().contains("b();"));
    }

    #[test]
    fn unfinished_text_ends() {
        for source in ["\"", "/*", "'", "r#\"", "'\\", "\"\\"] {
            assert_eq!(blank(source).chars().count(), source.chars().count(), "of {source:?}");
        }
    }
}
