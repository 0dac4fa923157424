//! Named arrays of 32-bit floats, and their file: safetensors, written deterministically, read with distrust.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use adepts_data::DataError;
use adepts_data::atomic::write_atomically;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// Named arrays, in ascending order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(BTreeMap<String, Array>);

/// An array of 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub values: Vec<f32>,
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

    /// Writes a safetensors file, atomically. Equal arrays give equal bytes.
    pub fn write(&self, path: &Path) -> Result<(), TensorsError> {
        let bytes: BTreeMap<&String, Vec<u8>> = self
            .0
            .iter()
            .map(|(name, array)| (name, array.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = self.0.iter().map(|(name, array)| {
            TensorView::new(Dtype::F32, array.shape.clone(), &bytes[name]).map(|view| (name.as_str(), view))
        });
        let damaged =
            |e: safetensors::SafeTensorError| TensorsError::Damaged { path: path.to_owned(), reason: e.to_string() };
        let views = views.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
        let file = safetensors::serialize(views, None).map_err(damaged)?;
        write_atomically(path, |out| out.write_all(&file))?;
        Ok(())
    }

    /// Reads a safetensors file of 32-bit floats.
    pub fn read(path: &Path) -> Result<Self, TensorsError> {
        let bytes = fs::read(path).map_err(|source| TensorsError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    /// Reads the bytes of a safetensors file; `path` is for messages.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TensorsError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| TensorsError::Damaged { path: path.to_owned(), reason: e.to_string() })?;
        let mut tensors = Self::default();
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(TensorsError::Type { name: name.to_owned(), found: format!("{:?}", view.dtype()) });
            }
            let (values, _) = view.data().as_chunks::<4>();
            tensors.insert(name, view.shape(), values.iter().map(|b| f32::from_le_bytes(*b)).collect());
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
