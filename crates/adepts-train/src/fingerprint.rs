//! What a checkpoint belongs to, so that a training is not continued with other settings or data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Named values that must be the same when a training is resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Adds a value, a table with all that is in it: `with("model", …)` gives `model.kind`, `model.hidden` …
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        // What cannot be written as JSON, such as a map with keys that are no strings, counts by the message.
        let value = serde_json::to_value(value).unwrap_or_else(|error| Value::String(error.to_string()));
        self.add(name, &value);
        self
    }

    fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(table) => table.iter().for_each(|(key, value)| self.add(&format!("{name}.{key}"), value)),
            Value::String(text) => drop(self.0.insert(name.to_owned(), text.clone())),
            other => drop(self.0.insert(name.to_owned(), other.to_string())),
        }
    }

    /// What differs, one sentence each.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let differ = names.into_iter().filter_map(|name| match (self.0.get(name), now.0.get(name)) {
            (then, now) if then == now => None,
            (Some(then), Some(now)) => Some(format!("{name} was {then} and is now {now}")),
            (Some(then), None) => Some(format!("{name} was {then} and is now absent")),
            (None, now) => Some(format!("{name} was absent and is now {}", now.map_or("", String::as_str))),
        });
        differ.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_key_and_both_values() {
        let of = |batch: usize, seed: u64| {
            let train = serde_json::json!({"batch": batch, "stop": {"metric": ["ndcg@10"]}});
            Fingerprint::default().with("train", &train).with("seed", &seed).with("data", &"c0ffee")
        };
        assert!(of(512, 1).differences(&of(512, 1)).is_empty());
        let expected = ["seed was 1 and is now 2", "train.batch was 512 and is now 256"];
        assert_eq!(of(512, 1).differences(&of(256, 2)), expected);
        let more = of(512, 1).with("model.gate", &true);
        assert_eq!(of(512, 1).differences(&more), ["model.gate was absent and is now true"]);
        assert_eq!(more.differences(&of(512, 1)), ["model.gate was true and is now absent"]);
    }
}
