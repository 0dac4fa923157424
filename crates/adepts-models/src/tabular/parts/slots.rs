//! What a model consists of, by name: for the optimizer, for saving, and for prediction without gradients.

use adepts_core::{Parameter, Tensors, TensorsError, Values};

use super::running::Running;

/// A named piece of a model.
#[derive(Debug)]
pub enum Slot<'a> {
    /// It is learned.
    Parameter(Parameter<'a>),
    /// It is counted while others are learned.
    Running(&'a mut Running),
}

/// The pieces of a model with their names, always in the same order.
pub type Slots<'a> = Vec<(String, Slot<'a>)>;

/// Whatever has named pieces.
pub trait Named {
    /// All of them.
    fn slots(&mut self) -> Slots<'_>;
}

/// A matrix in its slot.
pub fn matrix<'a>(name: &str, tensor: &'a mut burn::tensor::Tensor<2>) -> (String, Slot<'a>) {
    (name.to_owned(), Slot::Parameter(tensor.into()))
}

/// A matrix of factors in its slot: at 1 they change nothing.
pub fn factors<'a>(name: &str, tensor: &'a mut burn::tensor::Tensor<2>) -> (String, Slot<'a>) {
    (name.to_owned(), Slot::Parameter(Parameter::factor(tensor)))
}

/// What is learned.
#[must_use]
pub fn parameters(slots: Slots<'_>) -> Vec<(String, Parameter<'_>)> {
    let of = |(name, slot)| match slot {
        Slot::Parameter(parameter) => Some((name, parameter)),
        Slot::Running(_) => None,
    };
    slots.into_iter().filter_map(of).collect()
}

/// Adds all pieces to `tensors`.
pub fn save(slots: Slots<'_>, tensors: &mut Tensors) {
    for (name, slot) in slots {
        match slot {
            Slot::Parameter(Parameter { values: Values::One(tensor), .. }) => tensors.insert_tensor(name, tensor),
            Slot::Parameter(Parameter { values: Values::Two(tensor), .. }) => tensors.insert_tensor(name, tensor),
            Slot::Parameter(Parameter { values: Values::Three(tensor), .. }) => tensors.insert_tensor(name, tensor),
            Slot::Running(running) => running.save(&name, tensors),
        }
    }
}

/// Replaces all pieces by saved ones of the same names and shapes, and says which arrays these were.
pub fn load(slots: Slots<'_>, tensors: &Tensors) -> Result<Vec<String>, TensorsError> {
    let mut known = Vec::new();
    for (name, slot) in slots {
        match slot {
            Slot::Parameter(Parameter { values: Values::One(slot), .. }) => {
                *slot = tensors.tensor(&name, slot.dims(), &slot.device())?.require_grad();
            }
            Slot::Parameter(Parameter { values: Values::Two(slot), .. }) => {
                *slot = tensors.tensor(&name, slot.dims(), &slot.device())?.require_grad();
            }
            Slot::Parameter(Parameter { values: Values::Three(slot), .. }) => {
                *slot = tensors.tensor(&name, slot.dims(), &slot.device())?.require_grad();
            }
            Slot::Running(running) => {
                running.load(&name, tensors)?;
                known.extend(Running::names(&name));
                continue;
            }
        }
        known.push(name);
    }
    Ok(known)
}

/// What is counted and not learned.
#[must_use]
pub fn counted(slots: Slots<'_>) -> Tensors {
    let mut tensors = Tensors::default();
    for (name, slot) in slots {
        if let Slot::Running(running) = slot {
            running.save(&name, &mut tensors);
        }
    }
    tensors
}

/// Replaces what is counted.
pub fn recount(slots: Slots<'_>, tensors: &Tensors) -> Result<(), TensorsError> {
    for (name, slot) in slots {
        if let Slot::Running(running) = slot {
            running.load(&name, tensors)?;
        }
    }
    Ok(())
}

/// Leaves the pieces without gradients.
pub fn freeze(slots: Slots<'_>) {
    for (_, slot) in slots {
        match slot {
            Slot::Parameter(Parameter { values: Values::One(tensor), .. }) => *tensor = tensor.clone().inner(),
            Slot::Parameter(Parameter { values: Values::Two(tensor), .. }) => *tensor = tensor.clone().inner(),
            Slot::Parameter(Parameter { values: Values::Three(tensor), .. }) => *tensor = tensor.clone().inner(),
            Slot::Running(_) => {}
        }
    }
}
