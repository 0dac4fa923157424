//! Which experts serve which domain: the weights of a gate, added up block by block.

use super::summary::ExpertSummary;
use super::truth::TabularEvalError;

/// Below this part of an equal share in every domain an expert is dead.
const DEAD: f64 = 0.01;

/// Adds up the weights that a gate gives its experts.
#[derive(Clone, Debug)]
pub struct GateTally {
    experts: usize,
    /// Sum of the shares of each expert: `[domains, experts]`.
    shares: Vec<f64>,
    /// Rows of each domain that have an expert at all.
    rows: Vec<usize>,
    /// Experts selected, over all rows.
    selected: usize,
}

impl GateTally {
    /// Nothing yet.
    #[must_use]
    pub fn new(domains: usize, experts: usize) -> Self {
        Self { experts, shares: vec![0.0; domains * experts], rows: vec![0; domains], selected: 0 }
    }

    /// Adds some rows: the domain of each (`[rows]`) and its weights, 0 where an expert is not selected (`[rows, experts]`). What
    /// counts is the share of an expert in the weights of a row; a row without any weight is left out.
    ///
    /// # Errors
    /// If the weights are not of these rows, one is negative or no number, or a domain is unknown; then nothing is added.
    pub fn add(&mut self, domain: &[u32], gates: &[f32]) -> Result<(), TabularEvalError> {
        let (experts, domains) = (self.experts, self.rows.len());
        if gates.len() != domain.len() * experts {
            return Err(TabularEvalError::GateSize { found: gates.len(), experts, rows: domain.len() });
        }
        if let Some(at) = gates.iter().position(|weight| !(0.0..f32::INFINITY).contains(weight)) {
            return Err(TabularEvalError::Gate { row: at / experts, expert: at % experts, value: gates[at] });
        }
        if let Some(row) = domain.iter().position(|&domain| domain as usize >= domains) {
            return Err(TabularEvalError::Domain { row, domain: domain[row], domains });
        }
        for (&domain, weights) in domain.iter().zip(gates.chunks_exact(experts.max(1))) {
            let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
            if total > 0.0 {
                let domain = domain as usize;
                let shares = &mut self.shares[domain * experts..(domain + 1) * experts];
                shares.iter_mut().zip(weights).for_each(|(share, &weight)| *share += f64::from(weight) / total);
                self.rows[domain] += 1;
                self.selected += weights.iter().filter(|&&weight| weight > 0.0).count();
            }
        }
        Ok(())
    }

    /// What the rows so far say.
    #[must_use]
    pub fn summary(&self) -> ExpertSummary {
        let experts = self.experts;
        let rows = self.rows.iter().sum::<usize>() as f64;
        let of_domain = |domain: usize| &self.shares[domain * experts..(domain + 1) * experts];
        let load: Vec<Vec<f64>> = (0..self.rows.len())
            .map(|domain| of_domain(domain).iter().map(|sum| sum / self.rows[domain].max(1) as f64).collect())
            .collect();
        let of_expert =
            |expert: usize| (0..self.rows.len()).map(|domain| of_domain(domain)[expert]).sum::<f64>() / rows.max(1.0);
        let mut information = 0.0;
        for (domain, load) in load.iter().enumerate() {
            let part = self.rows[domain] as f64 / rows.max(1.0);
            for (expert, &share) in load.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                information += part * share * (share / of_expert(expert)).ln();
            }
        }
        let parts = self.rows.iter().filter(|&&rows| rows > 0).map(|&of_domain| of_domain as f64 / rows);
        let entropy = -parts.map(|part| part * part.ln()).sum::<f64>();
        let alive = |expert: usize| load.iter().any(|load| load[expert] >= DEAD / experts as f64);
        ExpertSummary {
            experts,
            selected: self.selected as f64 / rows.max(1.0),
            dead: (0..experts).filter(|&expert| !alive(expert)).collect(),
            load,
            // Rounding may carry a sum of terms that cancel below zero; adding 0 makes of −0 a 0.
            mutual_information: information.max(0.0) + 0.0,
            mutual_information_bound: entropy.min((experts.max(1) as f64).ln()).max(0.0) + 0.0,
            duplicates: Vec::new(),
            by_selected: Vec::new(),
            compared_rows: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_of_one_domain_each_have_all_the_information() {
        let mut tally = GateTally::new(2, 3);
        tally.add(&[0, 1], &[0.5, 0.0, 0.0, 0.0, 2.0, 0.0]).unwrap();
        tally.add(&[1, 0], &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
        let summary = tally.summary();
        assert_eq!(summary.load, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!((summary.experts, summary.selected, &summary.dead[..]), (3, 1.0, &[2][..]));
        assert!((summary.mutual_information - 2f64.ln()).abs() < 1e-12);
        assert!((summary.mutual_information_bound - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn equal_use_has_no_information_and_no_dead_expert() {
        let mut tally = GateTally::new(3, 4);
        tally.add(&[0, 0, 2], &[0.25; 12]).unwrap();
        let summary = tally.summary();
        assert!(summary.mutual_information < 1e-12 && summary.dead.is_empty() && summary.selected == 4.0);
        assert_eq!(summary.load[1], [0.0; 4], "no row is of this domain");
        let domains = -(2.0 / 3.0 * (2f64 / 3.0).ln() + 1.0 / 3.0 * (1f64 / 3.0).ln());
        assert!((summary.mutual_information_bound - domains).abs() < 1e-12);
    }

    #[test]
    fn blocks_give_what_all_rows_give_at_once() {
        let gates: Vec<f32> = (0..24).map(|n| (n * 7 % 5) as f32).collect();
        let domain = [0, 1, 0, 1, 1, 0, 0, 1];
        let (mut whole, mut blocks) = (GateTally::new(2, 3), GateTally::new(2, 3));
        whole.add(&domain, &gates).unwrap();
        domain.chunks(3).zip(gates.chunks(9)).for_each(|(domain, gates)| blocks.add(domain, gates).unwrap());
        assert_eq!(whole.summary(), blocks.summary());
    }

    #[test]
    fn no_rows_are_survived_and_wrong_ones_refused() {
        let mut tally = GateTally::new(2, 2);
        assert_eq!(tally.summary().mutual_information_bound.to_bits(), 0);
        let size = "3 gate weights are no 2 for each of 1 rows";
        assert_eq!(tally.add(&[0], &[0.0; 3]).unwrap_err().to_string(), size);
        let weight = "the gate gives expert 1 in row 0 the weight -1, expected a number of at least 0";
        assert_eq!(tally.add(&[0], &[0.0, -1.0]).unwrap_err().to_string(), weight);
        assert!(matches!(
            tally.add(&[2], &[0.0, 1.0]),
            Err(TabularEvalError::Domain { row: 0, domain: 2, domains: 2 })
        ));
        assert_eq!(tally.summary().selected, 0.0);
    }
}
