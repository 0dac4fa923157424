//! What is summed over the batches of an epoch, and the log record that comes of it.

use std::collections::BTreeMap;

use adepts_core::{EpochGroup, GateStats};
use adepts_data::Grouping;
use adepts_ops::shares::relative_entropy;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that is written by its bits: what is read back is the same, NaN too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Exact(pub(crate) f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_bits().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|bits| Self(f64::from_bits(bits)))
    }
}

/// The sums over the rows of an epoch so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    rows: u64,
    losses: BTreeMap<String, Exact>,
    /// Over all users, then over those of each group; empty without a gate.
    gates: Vec<GateSums>,
}

/// Sums over the users of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct GateSums {
    users: u64,
    entropy: Exact,
    largest: Exact,
    shares: Vec<Exact>,
    /// Users for whom an expert's share is the largest; where several are equally large, each counts.
    preferred: Vec<u64>,
}

impl Sums {
    /// Adds the losses of a batch.
    pub(crate) fn add(&mut self, rows: usize, parts: &[(&'static str, f64)], total: f64) {
        self.rows += rows as u64;
        for (name, value) in parts.iter().copied().chain([("total", total)]) {
            self.losses.entry(name.to_owned()).or_default().0 += value * rows as f64;
        }
    }

    /// Adds the shares of a batch of users.
    ///
    /// # Panics
    /// If the shares are not `[users, experts]`.
    pub(crate) fn add_shares(&mut self, users: &[u32], shares: &[f32], experts: usize, groups: Option<&Grouping>) {
        if shares.is_empty() || experts < 2 {
            return;
        }
        assert_eq!(shares.len(), users.len() * experts, "shares of {} rows and {experts} experts", users.len());
        self.gates.resize_with(1 + groups.map_or(0, |groups| groups.names.len()), GateSums::default);
        for (user, shares) in users.iter().zip(shares.chunks_exact(experts)) {
            let seen = Gate::of(shares);
            self.gates[0].add(&seen, shares);
            if let Some(group) = groups.and_then(|groups| groups.of_user[*user as usize]) {
                self.gates[1 + usize::from(group)].add(&seen, shares);
            }
        }
    }

    /// Means of the losses by name.
    pub(crate) fn losses(&self) -> BTreeMap<String, f64> {
        self.losses.iter().map(|(name, sum)| (name.clone(), sum.0 / self.rows.max(1) as f64)).collect()
    }

    /// What the gate did, over all users (0) or those of group `i - 1`.
    pub(crate) fn gate(&self, i: usize) -> Option<GateStats> {
        self.gates.get(i).filter(|gate| gate.users > 0).map(GateSums::stats)
    }
}

/// How one user's shares are spread.
struct Gate {
    entropy: f64,
    largest: f32,
}

impl Gate {
    fn of(shares: &[f32]) -> Self {
        let largest = shares.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { entropy: relative_entropy(shares), largest }
    }
}

impl GateSums {
    fn add(&mut self, gate: &Gate, shares: &[f32]) {
        self.users += 1;
        self.entropy.0 += gate.entropy;
        self.largest.0 += f64::from(gate.largest);
        self.shares.resize(shares.len(), Exact(0.0));
        self.preferred.resize(shares.len(), 0);
        for ((share, sum), preferred) in shares.iter().zip(&mut self.shares).zip(&mut self.preferred) {
            sum.0 += f64::from(*share);
            *preferred += u64::from(*share == gate.largest);
        }
    }

    fn stats(&self) -> GateStats {
        let users = self.users as f64;
        GateStats {
            entropy: self.entropy.0 / users,
            largest_share: self.largest.0 / users,
            never_preferred: self.preferred.iter().filter(|users| **users == 0).count(),
            shares: self.shares.iter().map(|sum| sum.0 / users).collect(),
        }
    }
}

/// One record per group: row weights relative to their mean, and the gate. Users who are not learned from do not count; a
/// group without others has weight 0.
pub(crate) fn by_group(
    sums: &Sums,
    groups: &Grouping,
    learners: &[u32],
    weights: Option<&[f32]>,
    floor: Option<f32>,
) -> Vec<EpochGroup> {
    let weight = |user: u32| weights.map_or(1.0, |weights| f64::from(weights[user as usize]));
    let at_floor = |user: u32| weights.zip(floor).is_some_and(|(weights, floor)| weights[user as usize] <= floor);
    let overall = learners.iter().map(|user| weight(*user)).sum::<f64>() / learners.len().max(1) as f64;
    let mut totals = vec![(0_u64, 0.0, 0_u64); groups.names.len()];
    for user in learners {
        if let Some(group) = groups.of_user[*user as usize] {
            let (users, sum, low) = &mut totals[usize::from(group)];
            *users += 1;
            *sum += weight(*user);
            *low += u64::from(at_floor(*user));
        }
    }
    let record = |(i, name): (usize, &String)| {
        let (users, sum, low) = totals[i];
        let mean = sum / users.max(1) as f64;
        EpochGroup {
            name: name.clone(),
            validation: None,
            weight: if overall > 0.0 { mean / overall } else { 0.0 },
            at_floor: low as f64 / users.max(1) as f64,
            gate: sums.gate(1 + i),
        }
    };
    groups.names.iter().enumerate().map(record).collect()
}
