//! The option that says how text is encoded.

use adepts::data;
use clap::ValueEnum;

/// The encoding of text files.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Encoding {
    Auto,
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    #[value(name = "latin1", alias = "latin-1", alias = "iso-8859-1")]
    Latin1,
    #[value(name = "windows-1252", alias = "cp1252")]
    Windows1252,
    #[value(name = "utf-16", alias = "utf16")]
    Utf16,
}

impl Encoding {
    pub(crate) fn of_data(self) -> data::Encoding {
        match self {
            Self::Auto => data::Encoding::Auto,
            Self::Utf8 => data::Encoding::Utf8,
            Self::Latin1 => data::Encoding::Latin1,
            Self::Windows1252 => data::Encoding::Windows1252,
            Self::Utf16 => data::Encoding::Utf16,
        }
    }
}
