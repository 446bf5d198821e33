//! Columns as named cells: one struct per table, read from and written to a row without `unsafe`.
//!
//! A column struct is generic over what stands in a cell: a field element when a trace is generated, a
//! symbolic variable when constraints are read. The order of the fields is the order of the columns.
//!
//! Read next: any `columns.rs` beside this file.

/// Cells that follow each other in a row: one cell, or an array of them.
pub trait Cells<T>: Sized {
    /// How many columns they take.
    const WIDTH: usize;

    /// Takes them from the front of a row.
    ///
    /// # Panics
    /// When the row is shorter: the caller gives a whole row.
    fn take(row: &mut impl Iterator<Item = T>) -> Self;

    /// Appends them to a row.
    fn put(self, row: &mut Vec<T>);
}

impl<T> Cells<T> for T {
    const WIDTH: usize = 1;

    fn take(row: &mut impl Iterator<Item = T>) -> Self {
        row.next().expect("a row has every column of its table")
    }

    fn put(self, row: &mut Vec<T>) {
        row.push(self);
    }
}

impl<T, const N: usize> Cells<T> for [T; N] {
    const WIDTH: usize = N;

    fn take(row: &mut impl Iterator<Item = T>) -> Self {
        std::array::from_fn(|_| <T as Cells<T>>::take(row))
    }

    fn put(self, row: &mut Vec<T>) {
        row.extend(self);
    }
}

/// Declares the columns of a table.
macro_rules! columns {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $( $(#[$field_about:meta])* pub $field:ident: $cells:ty, )+
        }
    ) => {
        $(#[$about])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<T> {
            $( $(#[$field_about])* pub $field: $cells, )+
        }

        impl<T> $name<T> {
            /// Columns of the table.
            pub const WIDTH: usize = 0 $( + <$cells as $crate::airs::cells::Cells<T>>::WIDTH )+;

            /// Reads the columns from a row of the table.
            ///
            /// # Panics
            /// When the row is shorter than [`Self::WIDTH`].
            pub fn read(row: &[T]) -> Self
            where
                T: Clone,
            {
                let mut row = row.iter().cloned();
                Self { $( $field: $crate::airs::cells::Cells::take(&mut row), )+ }
            }

            /// Appends the columns to a trace, in order.
            pub fn write(self, trace: &mut Vec<T>) {
                $( $crate::airs::cells::Cells::put(self.$field, trace); )+
            }
        }
    };
}
pub(crate) use columns;
