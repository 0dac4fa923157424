//! The named settings of the mixture: `multvae`, `wl`, `moe`, `lmoe`, `tall`.

use adepts_core::memory::elements;
use adepts_core::{
    ConfigError, HistoryModel, HistoryRecipe, HistorySizes, HistorySpec, Memory, Probe, Tensors, TensorsError, config,
};
use burn::tensor::Device;

use super::config::{Gate, MixtureConfig, Reduce, Signal, Weights, default_alpha};
use super::expert::parameter_count;
use super::model::{Mixture, block_rows};

/// Where TALL was published, with its ablations.
const TALL_PAPER: &str = "Pan et al., Countering Mainstream Bias via End-to-End Adaptive Local Learning, \
                          ECIR 2024 (arXiv 2404.08887)";

/// A variational autoencoder of histories.
pub static MULTVAE: HistorySpec = HistorySpec {
    name: "multvae",
    summary: "A variational autoencoder of histories with a multinomial likelihood; the strong single model",
    paper: "Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018; with the sizes of the TALL code (one \
            layer of 100, no dropout, noise .01), not those of the paper",
    example: include_str!("examples/multvae.toml"),
    recipe: |table| recipe(include_str!("examples/multvae.toml"), table),
};

/// MultVAE with less mainstream users weighted more.
pub static WL: HistorySpec = HistorySpec {
    name: "wl",
    summary: "MultVAE whose loss weighs users more the less mainstream they are",
    paper: "Zhu & Caverlee, Fighting Mainstream Bias in Recommender Systems via Local Fine Tuning, WSDM 2022",
    example: include_str!("examples/wl.toml"),
    recipe: |table| recipe(include_str!("examples/wl.toml"), table),
};

/// MultVAE experts mixed by a network.
pub static MOE: HistorySpec = HistorySpec {
    name: "moe",
    summary: "MultVAE experts mixed by a network that sees the history (the TALL paper's MoE)",
    paper: TALL_PAPER,
    example: include_str!("examples/moe.toml"),
    recipe: |table| recipe(include_str!("examples/moe.toml"), table),
};

/// MultVAE experts mixed by their losses.
pub static LMOE: HistorySpec = HistorySpec {
    name: "lmoe",
    summary: "MultVAE experts mixed by how well each finds held-out items of the user (TALL without row weights)",
    paper: TALL_PAPER,
    example: include_str!("examples/lmoe.toml"),
    recipe: |table| recipe(include_str!("examples/lmoe.toml"), table),
};

/// MultVAE experts mixed by their losses, with row weights that follow how the loss of each user changes.
pub static TALL: HistorySpec = HistorySpec {
    name: "tall",
    summary: "Loss-driven mixture of MultVAE experts whose row weights follow how the loss of each user changes",
    paper: TALL_PAPER,
    example: include_str!("examples/tall.toml"),
    recipe: |table| recipe(include_str!("examples/tall.toml"), table),
};

/// The preset's table, overlaid by the user's.
fn recipe(preset: &str, table: toml::Table) -> Result<Box<dyn HistoryRecipe>, ConfigError> {
    let mut merged: toml::Table = preset.parse().map_err(|e: toml::de::Error| ConfigError::Syntax(e.to_string()))?;
    merged.remove("kind");
    let own_alpha = table.get("weights").is_some_and(|weights| weights.get("alpha").is_some());
    for (key, value) in table {
        overlay(&mut merged, key, value);
    }
    if !own_alpha {
        set_alpha(&mut merged);
    }
    let config: MixtureConfig = config::read(merged)?;
    config.check()?;
    Ok(Box::new(config))
}

/// Gives adaptive weights whose α nobody chose the one that belongs to their signal.
fn set_alpha(merged: &mut toml::Table) {
    let Some(toml::Value::Table(weights)) = merged.get_mut("weights") else { return };
    let is = |key: &str, name: &str| weights.get(key).and_then(toml::Value::as_str) == Some(name);
    if !is("kind", "adaptive") {
        return;
    }
    let signal = if is("signal", "loss") { Signal::Loss } else { Signal::LossChange };
    let reduce = if is("reduce", "mean") { Reduce::Mean } else { Reduce::Sum };
    weights.insert("alpha".to_owned(), default_alpha(signal, reduce).into());
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

impl HistoryRecipe for MixtureConfig {
    fn resolved(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table")
    }

    fn memory(&self, sizes: &HistorySizes) -> Memory {
        let HistorySizes { users, items, pairs, batch } = *sizes;
        let (experts, parameters) = (self.experts, parameter_count(self, items));
        let widths = self.hidden.iter().copied().fold(0, usize::saturating_add);
        // A probe that is a part of the history is judged in a pass of its own.
        let passes = if self.probe() == Some(Probe::History) { 2 } else { 1 };
        let block = block_rows(experts, items);
        // Beside each row of mixed logits stand the experts' losses and shares.
        let row = items.saturating_add(elements(&[2, experts]));
        // Encoder and decoder have each width twice, before and after tanh; training has the gradients too.
        let memory = Memory::default()
            .floats("parameters", parameters)
            .floats("their gradients", parameters)
            .floats("moments of Adam", elements(&[2, parameters]))
            .floats("hidden layers and their gradients", elements(&[8, passes, experts, batch, widths]))
            .floats("mixed logits and their gradients", elements(&[4, passes, batch, row]))
            .floats("training pairs", elements(&[4, pairs]))
            .floats("hidden layers in prediction", elements(&[4, passes, experts, block, widths]))
            .floats("mixed logits in prediction", elements(&[2, passes, block, row]));
        let memory = match self.gate {
            Gate::LossDriven { .. } if experts > 1 => memory
                .floats("logits of the experts", elements(&[experts, batch, items]))
                .floats("logits of the experts in prediction", elements(&[experts, block, items])),
            Gate::Mlp { hidden } => memory
                .floats("network of the gate and its gradients", elements(&[4, batch, hidden.saturating_add(experts)]))
                .floats("network of the gate in prediction", elements(&[2, block, hidden.saturating_add(experts)])),
            _ => memory,
        };
        let memory = match self.weights {
            Weights::Adaptive { window, .. } => {
                memory.floats("losses of each user", elements(&[users, window.saturating_add(3)]))
            }
            _ => memory,
        };
        if experts > 1 { memory.floats("shares of each user", elements(&[users, experts])) } else { memory }
    }

    fn build(&self, sizes: &HistorySizes, seed: u64, device: &Device) -> Box<dyn HistoryModel> {
        Box::new(Mixture::new(self.clone(), sizes.items, seed, device))
    }

    fn restore(
        &self,
        sizes: &HistorySizes,
        _seed: u64,
        device: &Device,
        tensors: Tensors,
    ) -> Result<Box<dyn HistoryModel>, TensorsError> {
        Ok(Box::new(Mixture::restore(self.clone(), sizes.items, device, tensors)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: HistorySizes = HistorySizes { users: 900, items: 700, pairs: 20_000, batch: 128 };

    fn recipe_of(spec: &HistorySpec, settings: &str) -> Box<dyn HistoryRecipe> {
        (spec.recipe)(settings.parse().unwrap()).unwrap()
    }

    fn total(spec: &HistorySpec, settings: &str, sizes: &HistorySizes) -> u64 {
        recipe_of(spec, settings).memory(sizes).total()
    }

    #[test]
    fn more_of_anything_takes_more_memory() {
        for spec in [&MULTVAE, &WL, &MOE, &LMOE, &TALL] {
            let at = |sizes: &HistorySizes| total(spec, "experts = 4\nhidden = [8]", sizes);
            let base = at(&SIZES);
            assert!(at(&HistorySizes { items: 701, ..SIZES }) > base, "{}", spec.name);
            assert!(at(&HistorySizes { batch: 129, ..SIZES }) > base, "{}", spec.name);
            assert!(at(&HistorySizes { pairs: 20_001, ..SIZES }) > base, "{}", spec.name);
            assert!(at(&HistorySizes { users: 901, ..SIZES }) > base, "{}", spec.name);
            assert!(total(spec, "experts = 5\nhidden = [8]", &SIZES) > base, "{}", spec.name);
            assert!(total(spec, "experts = 4\nhidden = [9]", &SIZES) > base, "{}", spec.name);
            assert!(total(spec, "experts = 4\nhidden = [20, 8]", &SIZES) > base, "{}", spec.name);
        }
    }

    #[test]
    fn a_second_pass_and_the_network_of_a_gate_take_memory() {
        let history = "gate = { kind = \"loss_driven\", probe = \"history\" }";
        let mixed = 4 * (SIZES.batch * SIZES.items) as u64;
        assert!(total(&LMOE, history, &SIZES) >= total(&LMOE, "", &SIZES) + 4 * mixed);
        let network = |hidden: usize| {
            total(&MOE, &format!("experts = 100\ngate = {{ kind = \"mlp\", hidden = {hidden} }}"), &SIZES)
        };
        let parameters = |hidden: u64| 16 * hidden * (SIZES.items as u64 + 1 + 100);
        assert!(network(2000) > network(1000) + parameters(1000));
    }

    #[test]
    fn prediction_holds_a_block_of_logits_of_all_experts() {
        let one_row = HistorySizes { batch: 1, ..SIZES };
        let block = (100 * block_rows(100, SIZES.items) * SIZES.items) as u64;
        assert!(total(&TALL, "experts = 100\nhidden = [8]", &one_row) > 4 * block);
    }

    #[test]
    fn alpha_follows_the_signal_where_nobody_chose_it() {
        let alpha = |spec: &HistorySpec, weights: &str| {
            let resolved = recipe_of(spec, &format!("weights = {{ {weights} }}")).resolved();
            resolved["weights"]["alpha"].as_float().unwrap()
        };
        let at = |weights: &str| alpha(&TALL, weights);
        assert_eq!((at("gap = 10"), at("reduce = \"sum\"")), (0.08, 0.08));
        assert_eq!(at("reduce = \"mean\""), default_alpha(Signal::LossChange, Reduce::Mean));
        assert_eq!(at("signal = \"loss\""), default_alpha(Signal::Loss, Reduce::Sum));
        assert_eq!(at("signal = \"loss\", reduce = \"mean\""), default_alpha(Signal::Loss, Reduce::Mean));
        assert_eq!(at("signal = \"loss\", alpha = 0.08"), 0.08);
        assert_eq!(at("reduce = \"mean\", alpha = 0.08"), 0.08);
        assert_eq!(alpha(&LMOE, "kind = \"adaptive\", signal = \"loss\""), default_alpha(Signal::Loss, Reduce::Sum));
    }

    #[test]
    fn an_absurd_configuration_takes_absurdly_much() {
        for spec in [&MULTVAE, &WL, &MOE, &LMOE, &TALL] {
            for settings in ["experts = 9223372036854775807", "hidden = [9223372036854775807, 9223372036854775807]"] {
                let needed = total(spec, settings, &SIZES);
                assert!(needed > 1 << 62, "{}, {settings}: {needed}", spec.name);
            }
        }
        let needed = total(&TALL, "weights = { kind = \"adaptive\", window = 9223372036854775807 }", &SIZES);
        assert!(needed > 1 << 62, "{needed}");
    }
}
