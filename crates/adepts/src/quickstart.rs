//! The folder of a quickstart of either family.

use std::io::Write;
use std::path::Path;

use adepts_data::atomic::write_atomically;
use adepts_data::lock::LOCK;

use crate::error::{Error, RunError};
use crate::files::PAGE;

/// Marks a folder as a quickstart's, so that nobody else's `data` or `runs` are ever removed.
const MARK: &str = ".adepts-quickstart";

/// The names of what is made in the folder, by this version and earlier ones.
pub(crate) const MADE: [&str; 6] = ["interactions.csv", "data", "runs", PAGE, "rows.csv", "examples.csv"];

/// Makes a folder ready for a quickstart: new, empty, or one of a quickstart that is to be replaced.
pub(crate) fn claim(folder: &Path, overwrite: bool) -> Result<(), Error> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::from(RunError::Io { action, path, source })
    };
    let mut occupied = false;
    if folder.exists() {
        for entry in folder.read_dir().map_err(io("read", folder))? {
            let name = entry.map_err(io("read", folder))?.file_name();
            occupied |= !name.to_string_lossy().starts_with(LOCK);
        }
    }
    if occupied && !overwrite {
        let folder = folder.display();
        return Err(Error::Request(format!(
            "{folder} exists and is not empty; use another folder with --out, or --overwrite"
        )));
    }
    if occupied && !folder.join(MARK).exists() {
        return Err(Error::Request(format!("{} is not of a quickstart; it is not overwritten", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    write_atomically(&folder.join(MARK), |out| {
        out.write_all(b"Made by adepts quickstart; --overwrite replaces it.\n")
    })?;
    for path in MADE.map(|name| folder.join(name)) {
        if path.is_dir() {
            std::fs::remove_dir_all(&path).map_err(io("remove", &path))?;
        } else if path.exists() {
            std::fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}
