//! Writing a prepared folder.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};

use super::columns::{BATCH, field, id_array, id_type, write};
use super::{FolderError, GROUP, INTERACTIONS, ITEMS, MANIFEST, USERS};
use crate::atomic::{make_readable_folder, parent, sync_folder};
use crate::dataset::{HistoryDataset, UserColumn};
use crate::error::DataError;
use crate::lock::Lock;

impl HistoryDataset {
    /// Writes a prepared folder: whole, or not at all. A prepared folder that is there is replaced.
    ///
    /// # Errors
    /// [`FolderError::WouldReplace`] if something else is there, which is then left as it is;
    /// [`DataError::Io`] if the system refuses, with an old folder intact.
    pub fn save(&self, dir: &Path) -> Result<(), DataError> {
        let _lock = Lock::beside(dir)?;
        let replaces = check_place(dir)?;
        let beside = parent(dir);
        std::fs::create_dir_all(beside).map_err(DataError::io("create", beside))?;
        let temporary = tempfile::Builder::new()
            .prefix(".preparing-")
            .tempdir_in(beside)
            .map_err(DataError::io("create", beside))?;
        let new = temporary.path();
        self.write_files(new).map_err(DataError::io("write", dir))?;
        let moved = make_readable_folder(new)
            .and_then(|()| if replaces { exchange(new, dir) } else { std::fs::rename(new, dir) });
        moved.map_err(DataError::io("write", dir))?;
        if !replaces {
            // Nothing is left at the temporary place.
            let _gone = temporary.keep();
        }
        sync_folder(beside).map_err(DataError::io("write", beside))
        // Where a folder was exchanged, the temporary place now holds the old one and is removed here.
    }

    fn write_files(&self, dir: &Path) -> io::Result<()> {
        self.write_interactions(&dir.join(INTERACTIONS))?;
        self.write_users(&dir.join(USERS))?;
        self.write_items(&dir.join(ITEMS))?;
        let mut manifest = File::create_new(dir.join(MANIFEST))?;
        let text = serde_json::to_string_pretty(&self.manifest).map_err(io::Error::other)?;
        manifest.write_all(text.as_bytes())?;
        manifest.write_all(b"\n")?;
        manifest.sync_all()?;
        sync_folder(dir)
    }

    fn write_interactions(&self, path: &Path) -> io::Result<()> {
        let fields = [("user", DataType::UInt32), ("item", DataType::UInt32), ("part", DataType::Utf8)];
        let schema = Arc::new(Schema::new(fields.map(|(name, kind)| field(name, kind)).to_vec()));
        let pieces = self.parts().into_iter().flat_map(|(part, rows)| {
            let mut user = 0;
            pieces(rows.pairs()).map(move |piece| {
                let users = piece.clone().map(|at| {
                    while rows.starts()[user + 1] <= at {
                        user += 1;
                    }
                    user as u32
                });
                let users = UInt32Array::from_iter_values(users);
                let items = UInt32Array::from(rows.items()[piece.clone()].to_vec());
                let part = StringArray::from_iter_values(piece.map(|_| part));
                vec![Arc::new(users) as ArrayRef, Arc::new(items), Arc::new(part)]
            })
        });
        written(path, &schema, pieces)
    }

    fn write_users(&self, path: &Path) -> io::Result<()> {
        let mut fields = vec![
            field("id", id_type(&self.users)),
            field("learns", DataType::Boolean),
            field("mainstream", DataType::Float32),
        ];
        fields.extend(self.columns.iter().map(group_field));
        let schema = Arc::new(Schema::new(fields));
        let pieces = pieces(self.users.len()).map(|piece| {
            let mut arrays: Vec<ArrayRef> = vec![
                id_array(&self.users, piece.clone()),
                Arc::new(BooleanArray::from(self.learns[piece.clone()].to_vec())),
                Arc::new(Float32Array::from(self.mainstream[piece.clone()].to_vec())),
            ];
            for column in &self.columns {
                let values =
                    column.of_user[piece.clone()].iter().map(|v| v.map(|v| column.values[v as usize].as_str()));
                arrays.push(Arc::new(values.collect::<StringArray>()));
            }
            arrays
        });
        written(path, &schema, pieces)
    }

    fn write_items(&self, path: &Path) -> io::Result<()> {
        let schema = Arc::new(Schema::new(vec![field("id", id_type(&self.items)), field("train", DataType::UInt32)]));
        let counts = self.train.item_counts(self.items.len());
        let pieces = pieces(self.items.len()).map(|piece| {
            let counts = UInt32Array::from(counts[piece.clone()].to_vec());
            vec![id_array(&self.items, piece), Arc::new(counts) as ArrayRef]
        });
        written(path, &schema, pieces)
    }
}

/// The column of a group, with the order of its values, which the values of the users do not tell.
fn group_field(column: &UserColumn) -> Field {
    let values = serde_json::Value::from(column.values.clone()).to_string();
    let metadata = HashMap::from([("values".to_owned(), values)]);
    Field::new(format!("{GROUP}{}", column.name), DataType::Utf8, true).with_metadata(metadata)
}

fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(BATCH).map(move |start| start..(start + BATCH).min(len))
}

fn written(path: &Path, schema: &Arc<Schema>, pieces: impl Iterator<Item = Vec<ArrayRef>>) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    write(&mut file, schema, pieces)?;
    file.sync_all()
}

/// Whether there is a prepared folder to replace; an error if there is anything else, or anything else in it.
fn check_place(dir: &Path) -> Result<bool, DataError> {
    let refuse = |reason: String| Err(FolderError::WouldReplace { path: dir.to_path_buf(), reason }.into());
    let kind = match dir.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(DataError::io("read", dir)(e)),
        Ok(meta) => meta.file_type(),
    };
    if !kind.is_dir() {
        return refuse(if kind.is_symlink() { "it is a link" } else { "it is a file" }.into());
    }
    let mut names = BTreeSet::new();
    for entry in dir.read_dir().map_err(DataError::io("read", dir))? {
        names.insert(entry.map_err(DataError::io("read", dir))?.file_name().to_string_lossy().into_owned());
    }
    let own = [INTERACTIONS, ITEMS, MANIFEST, USERS];
    if let Some(other) = names.iter().find(|n| !own.contains(&n.as_str())) {
        return refuse(format!("it holds {other}"));
    }
    if let Some(missing) = own.iter().find(|n| !names.contains(**n)) {
        return refuse(format!("it has no {missing}"));
    }
    match super::open::manifest(dir) {
        Ok(_) => Ok(true),
        Err(e) => refuse(e.to_string()),
    }
}

/// Puts `new` in the place of `old` and `old` in the place of `new`, at once where the system can.
pub(crate) fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
            // Some file systems cannot.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            other => return other.map_err(Into::into),
        }
    }
    let aside = tempfile::Builder::new().prefix(".replaced-").tempdir_in(parent(old))?.keep();
    std::fs::rename(old, &aside)?;
    if let Err(e) = std::fs::rename(new, old) {
        std::fs::rename(&aside, old)?;
        return Err(e);
    }
    std::fs::rename(&aside, new)
}
