//! Named arrays of 32-bit floats, and their file: safetensors, written deterministically, read with distrust.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adepts_data::DataError;
use adepts_data::atomic::write_atomically;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

/// The longest header that is read.
const LARGEST_HEADER: u64 = 64 << 20;
/// Bytes that are read or written at once: they stay in the cache until they are numbers.
const PIECE: usize = 1 << 20;

/// Named arrays, in ascending order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(BTreeMap<String, Array>);

/// An array of 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements, row-major. They may be shared with a model, so that what is large is not in memory twice.
    pub values: Arc<Vec<f32>>,
}

/// What can be wrong with a file of arrays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorsError {
    /// The file could not be read or written.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] DataError),
    /// The file is no safetensors file: truncated, or its header and its length disagree.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An array is not of 32-bit floats.
    #[error("{name} is of type {found}, expected 32-bit floats")]
    Type {
        /// The array.
        name: String,
        /// Its type.
        found: String,
    },
    /// An array is missing.
    #[error("{name} is missing; there are: {present}")]
    Missing {
        /// The array.
        name: String,
        /// The names that are there.
        present: String,
    },
    /// An array has another shape.
    #[error("{name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The array.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the model has.
        expected: Vec<usize>,
    },
    /// There is an array that nobody asks for.
    #[error("{name} belongs to no parameter of this model")]
    Unknown {
        /// The array.
        name: String,
    },
}

impl Tensors {
    /// Adds an array.
    ///
    /// # Panics
    /// If the shape does not fit the number of elements.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        self.insert_shared(name, shape, Arc::new(values));
    }

    /// Adds an array without a copy.
    ///
    /// # Panics
    /// As [`Tensors::insert`].
    pub fn insert_shared(&mut self, name: impl Into<String>, shape: &[usize], values: Arc<Vec<f32>>) {
        let name = name.into();
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}: shape {shape:?}");
        self.0.insert(name, Array { shape: shape.to_vec(), values });
    }

    /// Adds a tensor.
    pub fn insert_tensor<const D: usize>(&mut self, name: impl Into<String>, tensor: &Tensor<D>) {
        self.insert(name, &tensor.dims(), values(tensor));
    }

    /// The array of this name and shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f32], TensorsError> {
        self.of_shape(name, shape).map(|values| values.as_slice())
    }

    /// The array of this name and shape, shared with whoever gets it.
    pub fn share(&self, name: &str, shape: &[usize]) -> Result<Arc<Vec<f32>>, TensorsError> {
        self.of_shape(name, shape).map(Arc::clone)
    }

    fn of_shape(&self, name: &str, shape: &[usize]) -> Result<&Arc<Vec<f32>>, TensorsError> {
        let array = self.array(name)?;
        if array.shape != shape {
            let (found, expected) = (array.shape.clone(), shape.to_vec());
            return Err(TensorsError::Shape { name: name.to_owned(), found, expected });
        }
        Ok(&array.values)
    }

    /// The array of this name.
    pub fn array(&self, name: &str) -> Result<&Array, TensorsError> {
        let present = || self.names().collect::<Vec<_>>().join(", ");
        self.0.get(name).ok_or_else(|| TensorsError::Missing { name: name.to_owned(), present: present() })
    }

    /// A tensor of this name and shape.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>, TensorsError> {
        let values = self.get(name, &shape)?.to_vec();
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    }

    /// Takes out the array of this name and shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorsError> {
        self.get(name, shape)?;
        Ok(self.0.remove(name).map(|array| Arc::unwrap_or_clone(array.values)).unwrap_or_default())
    }

    /// Takes out the tensor of this name and shape.
    pub fn take_tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>, TensorsError> {
        Ok(Tensor::from_data(TensorData::new(self.take(name, &shape)?, shape), device))
    }

    /// Takes an array out.
    pub fn remove(&mut self, name: &str) -> Option<Array> {
        self.0.remove(name)
    }

    /// The names, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds all arrays of `other` under `prefix`.
    pub fn extend(&mut self, prefix: &str, other: Self) {
        self.0.extend(other.0.into_iter().map(|(name, array)| (format!("{prefix}{name}"), array)));
    }

    /// The arrays whose name begins with `prefix`, without it.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let of = |(name, array): (&String, &Array)| Some((name.strip_prefix(prefix)?.to_owned(), array.clone()));
        Self(self.0.iter().filter_map(of).collect())
    }

    /// Writes a safetensors file, atomically, without a copy of it in memory. Equal arrays give equal bytes.
    pub fn write(&self, path: &Path) -> Result<(), TensorsError> {
        let mut end = 0;
        let info = |(name, array): (&String, &Array)| {
            let begin = end;
            end += 4 * array.values.len();
            let (dtype, shape, data_offsets) = (Dtype::F32, array.shape.clone(), (begin, end));
            (name.clone(), TensorInfo { dtype, shape, data_offsets })
        };
        let metadata = Metadata::new(None, self.0.iter().map(info).collect());
        let header =
            metadata.map_err(|e| e.to_string()).and_then(|m| serde_json::to_vec(&m).map_err(|e| e.to_string()));
        let mut header = header.map_err(|reason| TensorsError::Damaged { path: path.to_owned(), reason })?;
        header.resize(header.len().next_multiple_of(8), b' ');
        write_atomically(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            let mut piece = vec![0; PIECE];
            for floats in self.0.values().flat_map(|array| array.values.chunks(PIECE / 4)) {
                let (words, _) = piece.as_chunks_mut::<4>();
                words.iter_mut().zip(floats).for_each(|(word, float)| *word = float.to_le_bytes());
                out.write_all(&piece[..4 * floats.len()])?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Reads a safetensors file of 32-bit floats.
    pub fn read(path: &Path) -> Result<Self, TensorsError> {
        let bytes = fs::read(path).map_err(|source| TensorsError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    /// Reads the bytes of a safetensors file; `path` is for messages.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TensorsError> {
        Self::read_from(path, bytes.len() as u64, &mut &*bytes)
    }

    /// Reads a safetensors file of `length` bytes from a stream, each byte once, in the order of the file and to its last;
    /// `path` is for messages. No more is taken in memory than the file is long.
    pub fn read_from(path: &Path, length: u64, source: &mut dyn Read) -> Result<Self, TensorsError> {
        let damaged = |reason: String| TensorsError::Damaged { path: path.to_owned(), reason };
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged(format!("it is shorter than {length} bytes")),
            _ => TensorsError::Read { path: path.to_owned(), source },
        };
        let mut head = vec![0; 8];
        source.read_exact(&mut head).map_err(failed)?;
        let header = head.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
        if header > length.saturating_sub(8) || header > LARGEST_HEADER {
            return Err(damaged(format!("a header of {header} bytes in a file of {length}")));
        }
        head.resize(8 + header as usize, 0);
        source.read_exact(&mut head[8..]).map_err(failed)?;
        let metadata: Metadata = serde_json::from_slice(&head[8..]).map_err(|e| damaged(e.to_string()))?;
        let (names, content) = (metadata.offset_keys(), length - head.len() as u64);
        if metadata.data_len() as u64 != content {
            return Err(damaged(format!("{content} bytes of content, the header describes {}", metadata.data_len())));
        }
        let mut tensors = Self::default();
        let mut piece = Vec::new();
        for name in names {
            let Some(info) = metadata.info(&name) else { continue };
            if info.dtype != Dtype::F32 {
                return Err(TensorsError::Type { name, found: format!("{:?}", info.dtype) });
            }
            // Offsets and shapes agree and leave no gaps: a header in which they do not is refused above.
            let count = (info.data_offsets.1 - info.data_offsets.0) / 4;
            let mut values = Vec::with_capacity(count);
            while values.len() < count {
                piece.resize((4 * (count - values.len())).min(PIECE), 0);
                source.read_exact(&mut piece).map_err(failed)?;
                let (floats, _) = piece.as_chunks::<4>();
                values.extend(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            tensors.insert(name, &info.shape, values);
        }
        Ok(tensors)
    }
}

/// The elements of a tensor, row-major.
///
/// # Panics
/// If they are not 32-bit floats.
#[must_use]
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    let data = tensor.clone().into_data().convert::<f32>();
    data.as_slice::<f32>().expect("converted to 32-bit floats").to_vec()
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn a_file_is_what_the_library_of_the_format_writes() {
        let mut tensors = Tensors::default();
        let long: Vec<f32> = (0..PIECE / 4 + 3).map(|n| n as f32).collect();
        tensors.insert("b", &[long.len()], long);
        tensors.insert("a", &[2, 1], vec![1.5, -2.0]);
        tensors.insert("none", &[0, 3], Vec::new());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        tensors.write(&path).unwrap();
        let bytes: BTreeMap<&str, Vec<u8>> = tensors
            .names()
            .map(|name| (name, tensors.0[name].values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, bytes)| (*name, TensorView::new(Dtype::F32, tensors.0[*name].shape.clone(), bytes).unwrap()));
        assert!(fs::read(&path).unwrap() == safetensors::serialize(views, None).unwrap());
        assert_eq!(Tensors::read(&path).unwrap(), tensors);
    }
}
