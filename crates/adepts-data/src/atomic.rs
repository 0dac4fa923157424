//! Files that are there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::DataError;
pub use crate::error::plain;

/// Writes a file so that `path` holds, at any moment, what it held before or all of the new content:
/// into a temporary file beside it, then fsync, then rename.
///
/// # Errors
/// [`DataError::Io`] if the system refuses; `path` is then as it was.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), DataError> {
    write_atomically_with(path, |out| write(out).map_err(DataError::io("write", path)))
}

/// As [`write_atomically`], for what is found on the way and may fail in ways of its own.
///
/// # Errors
/// What `write` returns, and [`DataError::Io`] if the system refuses; `path` is then as it was, unless only the folder could not be
/// written through.
pub fn write_atomically_with<T, E: From<DataError>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<T, E>,
) -> Result<T, E> {
    let failed = || DataError::io("write", path);
    let folder = parent(path);
    let mut temporary = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder).map_err(failed())?;
    let mut out = BufWriter::new(temporary.as_file_mut());
    let done = write(&mut out)?;
    out.flush().map_err(failed())?;
    drop(out);
    make_readable(temporary.as_file()).and_then(|()| temporary.as_file().sync_all()).map_err(failed())?;
    temporary.persist(path).map_err(|e| failed()(e.error))?;
    sync_folder(folder).map_err(failed())?;
    Ok(done)
}

/// The folder a path is in; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes renames in a folder last; systems that cannot open folders do without.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Temporary files are private; the file that comes of one is readable by others, as a file newly made would be.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// The same for a folder.
#[cfg(unix)]
pub(crate) fn make_readable_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
pub(crate) fn make_readable_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("a.txt");
        let error = write_atomically(&path, |f| f.write_all(b"one")).unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("a.txt"), "{error}");
        assert!(!error.contains(".writing-"), "{error}");
    }

    #[test]
    fn the_new_content_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomically(&path, |f| f.write_all(b"one")).unwrap();
        write_atomically(&path, |f| f.write_all(b"two")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomically(&path, |f| f.write_all(b"one")).unwrap();
        let failed = write_atomically(&path, |f| {
            f.write_all(b"half")?;
            Err(io::Error::other("out of paper"))
        });
        assert!(matches!(failed, Err(DataError::Io { action: "write", .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
