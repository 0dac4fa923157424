//! The named settings of the mixture: `multvae`, `wl`, `moe`, `lmoe`, `tall`.

use adepts_core::{ConfigError, HistoryModel, Memory, Recipe, Sizes, Spec, config};
use burn::tensor::Device;

use super::config::{Gate, MixtureConfig};
use super::expert::parameter_count;
use super::model::Mixture;

/// A variational autoencoder of histories.
pub static MULTVAE: Spec = Spec {
    name: "multvae",
    summary: "A variational autoencoder of histories with a multinomial likelihood; the strong single model",
    paper: "Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018",
    example: include_str!("examples/multvae.toml"),
    recipe: |table| recipe(include_str!("examples/multvae.toml"), table),
};

/// MultVAE with less mainstream users weighted more.
pub static WL: Spec = Spec {
    name: "wl",
    summary: "MultVAE whose loss weighs users more the less mainstream they are",
    paper: "Zhu & Caverlee, Fighting Mainstream Bias in Recommender Systems via Local Fine Tuning, WSDM 2022",
    example: include_str!("examples/wl.toml"),
    recipe: |table| recipe(include_str!("examples/wl.toml"), table),
};

/// MultVAE experts mixed by a network.
pub static MOE: Spec = Spec {
    name: "moe",
    summary: "MultVAE experts mixed by a network that sees the history (the TALL paper's MoE)",
    paper: "Pan et al., Combating Heterogeneous Preferences via Adaptive Mixture-of-Experts, ECIR 2024 (arXiv 2404.08887)",
    example: include_str!("examples/moe.toml"),
    recipe: |table| recipe(include_str!("examples/moe.toml"), table),
};

/// MultVAE experts mixed by their losses.
pub static LMOE: Spec = Spec {
    name: "lmoe",
    summary: "MultVAE experts mixed by how well each finds held-out items of the user (TALL without row weights)",
    paper: "Pan et al., ECIR 2024 (arXiv 2404.08887)",
    example: include_str!("examples/lmoe.toml"),
    recipe: |table| recipe(include_str!("examples/lmoe.toml"), table),
};

/// MultVAE experts mixed by their losses, with weights that bring users of different pace into step.
pub static TALL: Spec = Spec {
    name: "tall",
    summary: "Loss-driven mixture of MultVAE experts with adaptive row weights, for users of uncommon taste",
    paper: "Pan et al., ECIR 2024 (arXiv 2404.08887)",
    example: include_str!("examples/tall.toml"),
    recipe: |table| recipe(include_str!("examples/tall.toml"), table),
};

/// The preset's table, overlaid by the user's.
fn recipe(preset: &str, table: toml::Table) -> Result<Box<dyn Recipe>, ConfigError> {
    let mut merged: toml::Table = preset.parse().map_err(|e: toml::de::Error| ConfigError::Syntax(e.to_string()))?;
    merged.remove("kind");
    for (key, value) in table {
        overlay(&mut merged, key, value);
    }
    let config: MixtureConfig = config::read(merged)?;
    config.check()?;
    Ok(Box::new(config))
}

/// Puts a value in place; tables of the same kind are merged, so that one of their keys can be set alone.
fn overlay(table: &mut toml::Table, key: String, value: toml::Value) {
    match (table.get_mut(&key), value) {
        (Some(toml::Value::Table(have)), toml::Value::Table(new)) => {
            let other_kind = new.get("kind").is_some_and(|kind| have.get("kind") != Some(kind));
            if other_kind {
                have.clear();
            }
            have.extend(new);
        }
        (_, value) => {
            table.insert(key, value);
        }
    }
}

impl Recipe for MixtureConfig {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &Sizes) -> Memory {
        let parameters = parameter_count(self, sizes.items);
        let widest: usize = self.hidden.iter().sum::<usize>() + self.latent();
        let memory = Memory::default()
            .floats("parameters", parameters)
            .floats("their gradients", parameters)
            .floats("moments of Adam", 2 * parameters)
            .floats("hidden layers and their gradients", 4 * self.experts * sizes.batch * widest)
            .floats("mixed logits and their gradients", 4 * sizes.batch * sizes.items)
            .floats("training pairs", 4 * sizes.pairs);
        match self.gate {
            Gate::LossDriven { .. } if self.experts > 1 => {
                memory.floats("logits of the experts", self.experts * sizes.batch * sizes.items)
            }
            _ => memory,
        }
    }

    fn build(&self, sizes: &Sizes, seed: u64, device: &Device) -> Box<dyn HistoryModel> {
        Box::new(Mixture::new(self.clone(), sizes.items, seed, device))
    }
}
