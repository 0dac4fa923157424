//! One writer at a time: whoever writes into a folder holds its lock, and others are told who that is.
//!
//! The lock is one of the operating system on a file in the folder. It ends with the process that holds it, however that
//! ends, so a file that was left behind locks nothing. What the file says is for the messages of others alone. Reading needs
//! no lock: what is finished is replaced by renames.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use crate::atomic::parent;
use crate::error::DataError;

/// The name of the file of a lock, or how it begins: the lock of a folder that is exchanged as a whole lies beside it, and
/// the name of that folder follows.
pub const LOCK: &str = ".adepts-lock";

/// The longest line about a holder that is read.
const LONGEST: u64 = 512;

/// The right to write into a folder, until it is dropped. The thread that has it may take it again, so that work made of
/// several steps can hold it over all of them.
#[derive(Clone, Debug)]
pub struct Lock {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    file: File,
    // Dropped last: the folders that were made for the lock go if nothing was put into them.
    _made: Made,
}

thread_local! {
    static HELD: RefCell<BTreeMap<PathBuf, Weak<Held>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Lock {
    /// Takes the lock of a folder, which is made if it is not there; if nothing has been put into it by the time the lock is
    /// dropped, it is removed again.
    ///
    /// # Errors
    /// [`DataError::Locked`] if another process, or another thread, has it; [`DataError::Io`] if the system refuses.
    pub fn take(folder: &Path) -> Result<Self, DataError> {
        Self::at(folder, folder, |folder| Ok(folder.canonicalize()?.join(LOCK)))
    }

    /// Takes the lock of a folder that is replaced as a whole. The lock lies beside it, so that it stays where it is.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub fn beside(place: &Path) -> Result<Self, DataError> {
        // `..` and `.` have no name of their own.
        let place =
            if place.file_name().is_some() { place.to_owned() } else { place.canonicalize().unwrap_or_default() };
        let name = format!("{LOCK}-{}", place.file_name().unwrap_or_default().to_string_lossy());
        Self::at(&place, parent(&place), |folder| Ok(folder.canonicalize()?.join(&name)))
    }

    /// Takes the lock whose file is `file` of `folder`; messages are about `shown`.
    fn at(shown: &Path, folder: &Path, file: impl Fn(&Path) -> io::Result<PathBuf>) -> Result<Self, DataError> {
        let failed = || DataError::io("lock", shown);
        if let Some(file) = folder.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
            return Err(DataError::NotAFolder { path: file.to_owned() });
        }
        let mut made = Made::default();
        loop {
            made.make(folder).map_err(failed())?;
            let opened = file(folder).and_then(|path| {
                if let Some(held) = HELD.with_borrow(|held| held.get(&path)?.upgrade()) {
                    return Ok((path, Err(held)));
                }
                let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
                Ok((path, Ok(file)))
            });
            let (path, mut file) = match opened {
                Ok((_, Err(held))) => return Ok(Self { _held: held }),
                Ok((path, Ok(file))) => (path, file),
                // Whoever had made the folder has removed it in between.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed()(error)),
            };
            match file.try_lock() {
                // Whoever had it may have removed the file in between; then this is the lock of nothing.
                Ok(()) if !is_there(&file, &path).map_err(failed())? => continue,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(DataError::Locked { path: shown.to_owned(), by: said(&mut file), remove: None });
                }
                Err(TryLockError::Error(error)) if without_locks(&error) => {
                    // The file that was made is of no use here.
                    drop(fs::remove_file(&path));
                    let path = path.with_file_name(format!("{}.held", path.file_name().unwrap_or_default().display()));
                    let file = by_existence(shown, &path)?;
                    return Ok(Self::of(Held { path, file, _made: made }));
                }
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
            file.set_len(0).and_then(|()| say(&mut file)).map_err(failed())?;
            return Ok(Self::of(Held { path, file, _made: made }));
        }
    }

    fn of(held: Held) -> Self {
        let held = Arc::new(held);
        HELD.with_borrow_mut(|all| {
            all.retain(|_, held| held.strong_count() > 0);
            all.insert(held.path.clone(), Arc::downgrade(&held));
        });
        Self { _held: held }
    }
}

/// Who has the lock of a folder, or had it when it was killed, by the file of the lock alone.
#[must_use]
pub fn holder(folder: &Path) -> Option<String> {
    Some(said(&mut File::open(folder.join(LOCK)).ok()?))
}

impl Drop for Held {
    fn drop(&mut self) {
        // While the lock is held, and only if the file was not removed meanwhile, with the folder perhaps, and another's is there.
        // What cannot be removed locks nothing.
        if matches!(is_there(&self.file, &self.path), Ok(true)) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Folders that were made for a lock.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder and those that it is in.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        self.make(parent(folder))?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            Ok(()) => {
                self.0.push(folder.to_owned());
                Ok(())
            }
            failed => failed,
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // A folder in which something is stays.
        self.0.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Whether an open file is the one that is found at a path.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let mine = file.metadata()?;
    match path.metadata() {
        Ok(found) => Ok((mine.dev(), mine.ino()) == (found.dev(), found.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file is not removed.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn is_there(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Whether the file system has no locks, as some network file systems have none.
fn without_locks(error: &io::Error) -> bool {
    /// No locks are available.
    const ENOLCK: i32 = 37;
    error.kind() == ErrorKind::Unsupported || cfg!(target_os = "linux") && error.raw_os_error() == Some(ENOLCK)
}

/// The lock of a file system that has none: the file is there. One whose process is gone from this machine is taken over.
fn by_existence(shown: &Path, path: &Path) -> Result<File, DataError> {
    let failed = || DataError::io("lock", shown);
    loop {
        match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(mut file) => return say(&mut file).map(|()| file).map_err(failed()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed()(error)),
        }
        let by = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => said(&mut opened.map_err(failed())?),
        };
        if !is_gone(&by) {
            return Err(DataError::Locked { path: shown.to_owned(), by, remove: Some(path.to_owned()) });
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed()(error)),
            _ => {}
        }
    }
}

/// Whether a process of this machine is known to have ended.
fn is_gone(by: &str) -> bool {
    let process = by.strip_prefix("process ").and_then(|rest| rest.strip_suffix(&format!(" on {}", host())));
    let process = process.and_then(|process| process.parse::<u32>().ok());
    cfg!(target_os = "linux") && process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists())
}

/// Writes who has the lock.
fn say(file: &mut File) -> io::Result<()> {
    writeln!(file, "process {} on {}", std::process::id(), host())
}

/// What a holder said of itself.
fn said(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(LONGEST).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default().trim();
    if read.is_err() || line.is_empty() { "another process".to_owned() } else { line.to_owned() }
}

fn host() -> String {
    hostname::get().map_or_else(|_| "this machine".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(taken: Result<Lock, DataError>) -> String {
        let error = taken.unwrap_err();
        assert!(matches!(error, DataError::Locked { .. }), "{error}");
        error.to_string()
    }

    /// Takes a lock as another process would: on another thread.
    fn elsewhere(take: impl FnOnce() -> Result<Lock, DataError> + Send) -> Result<Lock, DataError> {
        std::thread::scope(|scope| scope.spawn(take).join().unwrap())
    }

    #[test]
    fn a_folder_has_one_writer_and_others_are_told_which() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("runs").join("a");
        let lock = Lock::take(&run).unwrap();
        let told = refused(elsewhere(|| Lock::take(&run)));
        assert!(told.contains(&format!("process {} on {}", std::process::id(), host())), "{told}");
        let again = Lock::take(&home.path().join("runs").join(".").join("a")).unwrap();
        drop(lock);
        refused(elsewhere(|| Lock::take(&run)));
        elsewhere(|| Lock::take(&home.path().join("runs").join("b"))).unwrap();
        drop(again);
        assert!(!home.path().join("runs").exists(), "what was made for a lock alone is removed");
        elsewhere(|| Lock::take(&run)).unwrap();
    }

    #[test]
    fn what_was_put_into_the_folder_stays_and_the_lock_goes() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let lock = Lock::take(&run).unwrap();
        File::create(run.join("model")).unwrap();
        drop(lock);
        let names: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["model"]);
    }

    #[test]
    fn a_file_that_a_dead_process_left_locks_nothing() {
        let home = tempfile::tempdir().unwrap();
        File::create(home.path().join(LOCK)).unwrap().write_all(b"process 4000000 on elsewhere\n").unwrap();
        let lock = Lock::take(home.path()).unwrap();
        assert!(refused(elsewhere(|| Lock::take(home.path()))).contains(&format!("process {}", std::process::id())));
        drop(lock);
    }

    #[test]
    fn a_folder_that_is_exchanged_is_locked_beside() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("prepared");
        let lock = Lock::beside(&place).unwrap();
        fs::create_dir(&place).unwrap();
        refused(elsewhere(|| Lock::beside(&place)));
        elsewhere(|| Lock::beside(&home.path().join("other"))).unwrap();
        drop(lock);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_threads_never_hold_a_lock_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let tries = || {
            for _ in 0..300 {
                if let Ok(lock) = Lock::take(&run) {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    taken.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    drop(lock);
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(tries))));
        assert!(taken.load(Ordering::SeqCst) > 0);
    }

    #[test]
    fn without_locks_of_the_system_a_file_stands_for_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("held");
        drop(by_existence(home.path(), &path).unwrap());
        let told = by_existence(home.path(), &path).unwrap_err().to_string();
        assert!(told.contains("if that process no longer runs, remove ") && told.contains("held"), "{told}");
        // No process has a number as large.
        File::create(&path).unwrap().write_all(format!("process 4194305 on {}\n", host()).as_bytes()).unwrap();
        if cfg!(target_os = "linux") {
            drop(by_existence(home.path(), &path).unwrap());
        }
        File::create(&path).unwrap().write_all(b"process 4194305 on another machine\n").unwrap();
        assert!(by_existence(home.path(), &path).is_err());
    }
}
