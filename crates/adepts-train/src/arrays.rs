//! Files of arrays that are larger than anyone wants to hold twice: safetensors, streamed from where the floats lie in
//! memory and back, with notes (text by name) in the header.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adepts_core::{Array, Parameter, TensorsError, Values};
use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;
use safetensors::tensor::{Dtype, Metadata};
use serde_json::{Map, Value, json};

use crate::TrainError;

/// Floats per write and read.
const CHUNK: usize = 1 << 16;

/// The longest header that is read: what the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// An array to be written.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) floats: Floats<'a>,
}

/// Floats, wherever they lie.
#[derive(Debug)]
pub(crate) enum Floats<'a> {
    /// In a slice.
    Slice(&'a [f32]),
    /// In the memory of a tensor, shared with it.
    Shared(FlexTensor),
    /// In a copy, from another device or layout.
    Copied(Arc<Vec<f32>>),
}

impl Floats<'_> {
    fn of<const D: usize>(tensor: &Tensor<D>) -> Self {
        match tensor.clone().inner().try_into_primitive::<Flex>() {
            Ok(shared) if shared.as_slice::<f32>().is_some() => Self::Shared(shared),
            _ => Self::Copied(adepts_core::tensors::values(tensor).into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        match self {
            Self::Slice(floats) => floats,
            Self::Shared(tensor) => tensor.as_slice().unwrap_or_default(),
            Self::Copied(floats) => floats,
        }
    }
}

impl<'a> Entry<'a> {
    /// A list of numbers.
    pub(crate) fn list(name: impl Into<String>, floats: &'a [f32]) -> Self {
        Self { name: name.into(), shape: vec![floats.len()], floats: Floats::Slice(floats) }
    }
}

impl Entry<'static> {
    /// An array that is copied.
    pub(crate) fn array(name: impl Into<String>, array: &Array) -> Self {
        Self { name: name.into(), shape: array.shape.clone(), floats: Floats::Copied(Arc::clone(&array.values)) }
    }

    /// A parameter, without a copy where it is on the CPU.
    pub(crate) fn parameter(name: impl Into<String>, parameter: &Parameter<'_>) -> Self {
        let (shape, floats) = match &parameter.values {
            Values::One(tensor) => (tensor.dims().to_vec(), Floats::of(tensor)),
            Values::Two(tensor) => (tensor.dims().to_vec(), Floats::of(tensor)),
            Values::Three(tensor) => (tensor.dims().to_vec(), Floats::of(tensor)),
        };
        Self { name: name.into(), shape, floats }
    }
}

/// The shape of a parameter.
pub(crate) fn shape(parameter: &Parameter<'_>) -> Vec<usize> {
    match &parameter.values {
        Values::One(tensor) => tensor.dims().to_vec(),
        Values::Two(tensor) => tensor.dims().to_vec(),
        Values::Three(tensor) => tensor.dims().to_vec(),
    }
}

/// Replaces a parameter by one of the same shape.
pub(crate) fn replace(parameter: &mut Parameter<'_>, floats: Vec<f32>) {
    fn put<const D: usize>(slot: &mut Tensor<D>, floats: Vec<f32>) {
        let leaf = Tensor::<D>::from_data(TensorData::new(floats, slot.dims()), &slot.device());
        *slot = Tensor::from_inner(leaf.inner()).require_grad();
    }
    match &mut parameter.values {
        Values::One(slot) => put(slot, floats),
        Values::Two(slot) => put(slot, floats),
        Values::Three(slot) => put(slot, floats),
    }
}

/// Writes a file into a temporary one beside it, then renames. `durable` files survive a loss of power, the others only a
/// death of the process, which is many times cheaper.
pub(crate) fn write(
    path: &Path,
    notes: &[(&str, String)],
    entries: &[Entry<'_>],
    durable: bool,
) -> Result<(), TrainError> {
    let mut fields = Map::new();
    let notes: Map<String, Value> = notes.iter().map(|(name, note)| ((*name).to_owned(), json!(note))).collect();
    fields.insert("__metadata__".to_owned(), Value::Object(notes));
    let mut start = 0;
    for entry in entries {
        let end = start + 4 * entry.floats.as_slice().len();
        let field = json!({"dtype": "F32", "shape": entry.shape, "data_offsets": [start, end]});
        fields.insert(entry.name.clone(), field);
        start = end;
    }
    let mut header = Value::Object(fields).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');

    // One fixed name, so that what a killed process leaves is overwritten by the next write.
    let temporary = path.with_extension("safetensors.new");
    let write = || {
        let mut out = File::create(&temporary)?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        let mut bytes = vec![0; 4 * CHUNK];
        for chunk in entries.iter().flat_map(|entry| entry.floats.as_slice().chunks(CHUNK)) {
            let (words, _) = bytes.as_chunks_mut::<4>();
            words.iter_mut().zip(chunk).for_each(|(word, float)| *word = float.to_le_bytes());
            out.write_all(&bytes[..4 * chunk.len()])?;
        }
        if durable {
            out.sync_all()?;
        }
        std::fs::rename(&temporary, path)?;
        if durable { sync_folder(path) } else { Ok(()) }
    };
    write().map_err(|source| TrainError::Io { action: "write", path: path.to_owned(), source })
}

/// Makes a file last that was written without being durable.
pub(crate) fn sync(path: &Path) -> Result<(), TrainError> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|source| TrainError::Io { action: "write", path: path.to_owned(), source })
}

/// Makes renames last; systems that cannot open folders do without.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) && folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file of arrays, open to be read array by array.
#[derive(Debug)]
pub(crate) struct ArrayFile {
    path: PathBuf,
    file: File,
    header: Metadata,
    start: u64,
}

impl ArrayFile {
    /// Reads and checks the header.
    pub(crate) fn open(path: &Path) -> Result<Self, TrainError> {
        let io = |source| TrainError::Io { action: "read", path: path.to_owned(), source };
        let damaged = |reason: String| TrainError::Damaged { path: path.to_owned(), reason };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|_| damaged(format!("it ends after {length} bytes")))?;
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER || size + 8 > length {
            return Err(damaged(format!("its header of {size} bytes is longer than the file of {length} bytes")));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(io)?;
        let header: Metadata = serde_json::from_slice(&header).map_err(|e| damaged(e.to_string()))?;
        let start = 8 + size;
        let expected = start + header.data_len() as u64;
        if length != expected {
            return Err(damaged(format!("it has {length} bytes, its header says {expected}")));
        }
        Ok(Self { path: path.to_owned(), file, header, start })
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The note of this name.
    pub(crate) fn note(&self, name: &str) -> Result<&str, TrainError> {
        let note = self.header.metadata().as_ref().and_then(|notes| notes.get(name));
        let reason = || format!("its header has no note `{name}`");
        note.map(String::as_str).ok_or_else(|| TrainError::Damaged { path: self.path.clone(), reason: reason() })
    }

    /// The array of this name and shape.
    pub(crate) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TrainError> {
        // The header was checked to describe the whole file, so no array is longer than the file.
        let (begin, end) = self.place(name, shape)?;
        let mut floats = vec![0.0; (end - begin) / 4];
        self.fill(begin, &mut floats)?;
        Ok(floats)
    }

    /// Reads the array of this name and shape to where it is to stand.
    ///
    /// # Panics
    /// If that is of another size.
    pub(crate) fn read_into(&mut self, name: &str, shape: &[usize], into: &mut [f32]) -> Result<(), TrainError> {
        assert_eq!(shape.iter().product::<usize>(), into.len(), "{name}: shape {shape:?}");
        let (begin, _) = self.place(name, shape)?;
        self.fill(begin, into)
    }

    /// Where the bytes of the array of this name and shape begin and end.
    fn place(&self, name: &str, shape: &[usize]) -> Result<(usize, usize), TrainError> {
        let wrong = |source| TrainError::Array { path: self.path.clone(), source: Box::new(source) };
        let Some(info) = self.header.info(name) else {
            let present = self.header.offset_keys().join(", ");
            return Err(wrong(TensorsError::Missing { name: name.to_owned(), present }));
        };
        if info.dtype != Dtype::F32 {
            return Err(wrong(TensorsError::Type { name: name.to_owned(), found: format!("{:?}", info.dtype) }));
        }
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(wrong(TensorsError::Shape { name: name.to_owned(), found, expected }));
        }
        Ok(info.data_offsets)
    }

    fn fill(&mut self, begin: usize, floats: &mut [f32]) -> Result<(), TrainError> {
        let mut bytes = vec![0; 4 * CHUNK];
        let mut read = || {
            self.file.seek(SeekFrom::Start(self.start + begin as u64))?;
            for part in floats.chunks_mut(CHUNK) {
                let bytes = &mut bytes[..4 * part.len()];
                self.file.read_exact(bytes)?;
                let (words, _) = bytes.as_chunks::<4>();
                part.iter_mut().zip(words).for_each(|(float, word)| *float = f32::from_le_bytes(*word));
            }
            Ok(())
        };
        read().map_err(|source| TrainError::Io { action: "read", path: self.path.clone(), source })
    }
}

/// A text for a note.
pub(crate) fn note(value: &impl serde::Serialize) -> String {
    // Maps with text as keys and numbers can always be written.
    serde_json::to_string(value).unwrap_or_default()
}
