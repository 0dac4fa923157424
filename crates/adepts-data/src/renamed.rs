//! Errors about a file that stands for something else, such as a stream: named as what it stands for.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::error::TabularError;
use crate::place::Place;

impl DataError {
    /// The same error, which says `name` where it would say the path of this file.
    #[must_use]
    pub fn renamed(mut self, file: &Path, name: &str) -> Self {
        let spelled = file.display().to_string();
        let path = |path: &mut PathBuf| {
            if path == file {
                *path = PathBuf::from(name);
            }
        };
        let place = |place: &mut Place| path(&mut place.path);
        let text = |text: &mut String| *text = text.replace(&spelled, name);
        match &mut self {
            Self::Io { path: at, .. }
            | Self::MissingFile { path: at }
            | Self::EmptyFolder { path: at, .. }
            | Self::UnknownFormat { path: at, .. }
            | Self::EmptyFile { path: at }
            | Self::Truncated { path: at, .. }
            | Self::Corrupt { path: at, .. }
            | Self::DuplicateColumn { path: at, .. }
            | Self::UnknownColumn { path: at, .. }
            | Self::NoSuchPosition { path: at, .. }
            | Self::NoColumnFor { path: at, .. }
            | Self::ColumnType { path: at, .. } => path(at),
            Self::MalformedRow { place: at, .. }
            | Self::MissingValue { place: at, .. }
            | Self::BadValue { place: at, .. } => place(at),
            Self::GroupNotConstant { places, .. } => places.iter_mut().for_each(place),
            Self::Tabular(TabularError::UnknownDomain { place: at, .. }) => {
                place(at);
            }
            Self::NoRows { origin } => text(origin),
            Self::Tabular(TabularError::AllSkipped { origin, reasons, .. }) => {
                text(origin);
                for reason in reasons {
                    text(&mut reason.first);
                }
            }
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::SkippedReason;

    #[test]
    fn every_error_about_rows_of_a_file_is_renamed() {
        let file = Path::new("/tmp/x/stream.csv");
        let at = || Place { path: file.into(), unit: "line", number: 3 };
        let (column, value) = ("a".to_owned(), "b".to_owned());
        let group = DataError::GroupNotConstant {
            places: Box::new([at(), at()]),
            column: column.clone(),
            user: value.clone(),
            first: value.clone(),
            second: value.clone(),
        };
        let first = format!("{}: bad", at());
        let reasons = vec![SkippedReason { reason: "bad".into(), rows: 2, first }];
        let (origin, known) = (file.display().to_string(), vec!["d".to_owned()]);
        for error in [
            DataError::EmptyFile { path: file.into() },
            DataError::Truncated { path: file.into(), kind: "gzip" },
            DataError::MalformedRow { place: at(), reason: "bad".into() },
            DataError::MissingValue { place: at(), column: column.clone(), expected: "x" },
            DataError::BadValue { place: at(), column, value: value.clone(), expected: "x" },
            DataError::NoRows { origin: origin.clone() },
            group,
            TabularError::UnknownDomain { place: Box::new(at()), domain: value, known }.into(),
            TabularError::AllSkipped { origin, rows: 2, reasons }.into(),
        ] {
            let told = error.renamed(file, "stdin").to_string();
            assert!(told.contains("stdin") && !told.contains("/tmp"), "{told}");
        }
        let other = DataError::EmptyFile { path: "/tmp/y.csv".into() }.renamed(file, "stdin");
        assert_eq!(other.to_string(), "/tmp/y.csv is empty");
    }
}
