//! HTML that is written piece by piece.
//!
//! Rules
//! - Names of elements and attributes are spelled in this program (`&'static str`); whatever else goes in is escaped, so
//!   that nothing a chain, a peer or a prover says is ever read as markup.
//! - An element that is opened is closed by the same call.

/// HTML under construction.
#[derive(Debug, Default)]
pub struct Markup(String);

/// Attributes of an element: names and values.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// A document of HTML, without content.
    pub fn document() -> Self {
        Self("<!doctype html>\n".to_owned())
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Letters that no document may hold, or that turn the direction of the text around them.
                '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => self.0.push('\u{fffd}'),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                _ => self.0.push(letter),
            }
        }
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// An element that has no content by its nature, such as `meta`.
    pub fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.0.push('\n');
    }

    /// An element with what `inside` writes.
    pub fn element(&mut self, name: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    /// An element with this text.
    pub fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |markup| markup.text(text));
    }

    /// A link to another route of this node.
    pub fn link(&mut self, to: &str, text: &str) {
        self.leaf("a", &[("href", to)], text);
    }

    /// The text of the document.
    pub fn finish(self) -> String {
        self.0
    }
}
