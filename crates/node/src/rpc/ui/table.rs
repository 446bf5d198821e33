//! Tables and pairs of name and value, as the panels of the page use them.

use super::markup::Markup;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What stands above it.
    pub name: &'static str,
    /// How it is drawn: `number` to the right, `wide` only where there is room.
    pub class: &'static str,
}

/// A column of words.
pub const fn words(name: &'static str) -> Column {
    Column { name, class: "words" }
}

/// A column of numbers.
pub const fn numbers(name: &'static str) -> Column {
    Column { name, class: "number" }
}

/// A column that a narrow screen leaves out.
pub const fn wide(name: &'static str) -> Column {
    Column { name, class: "wide" }
}

/// A column of numbers that a narrow screen leaves out.
pub const fn wide_numbers(name: &'static str) -> Column {
    Column { name, class: "number wide" }
}

/// A field of a table or the value of a pair.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Text.
    Text(String),
    /// Text that leads to another route of this node.
    Link {
        /// Where to.
        to: String,
        /// What is read.
        text: String,
    },
    /// Text that is good news or bad news; the words say which, the colour repeats it.
    Judged {
        /// What is read.
        text: String,
        /// Whether it is as it should be.
        is_good: bool,
    },
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Text that leads to another route of this node.
    pub fn link(to: String, text: impl Into<String>) -> Self {
        Self::Link { to, text: text.into() }
    }

    /// Good news or bad news.
    pub fn judged(text: impl Into<String>, is_good: bool) -> Self {
        Self::Judged { text: text.into(), is_good }
    }

    fn write(&self, markup: &mut Markup) {
        match self {
            Self::Text(text) => markup.text(text),
            Self::Link { to, text } => markup.link(to, text),
            Self::Judged { text, is_good } => {
                markup.leaf("span", &[("class", if *is_good { "good" } else { "bad" })], text);
            }
        }
    }
}

/// Pairs of name and value.
pub fn pairs(markup: &mut Markup, pairs: &[(&'static str, Cell)]) {
    markup.element("dl", &[], |markup| {
        for (name, value) in pairs {
            markup.element("div", &[], |markup| {
                markup.leaf("dt", &[], name);
                markup.element("dd", &[], |markup| value.write(markup));
            });
        }
    });
}

/// A table whose first column names its rows. `title` is the id of its heading.
pub fn table<const N: usize>(markup: &mut Markup, title: &str, columns: [Column; N], rows: &[[Cell; N]]) {
    markup.element("table", &[("aria-labelledby", title)], |markup| {
        markup.element("thead", &[], |markup| {
            markup.element("tr", &[], |markup| {
                for column in columns {
                    markup.leaf("th", &[("scope", "col"), ("class", column.class)], column.name);
                }
            });
        });
        markup.element("tbody", &[], |markup| rows.iter().for_each(|row| line(markup, &columns, row)));
    });
}

fn line<const N: usize>(markup: &mut Markup, columns: &[Column; N], row: &[Cell; N]) {
    markup.element("tr", &[], |markup| {
        for (place, (column, cell)) in columns.iter().zip(row).enumerate() {
            if place == 0 {
                markup.element("th", &[("scope", "row"), ("class", column.class)], |markup| cell.write(markup));
            } else {
                markup.element("td", &[("class", column.class)], |markup| cell.write(markup));
            }
        }
    });
}
