//! Items by words of their titles.

use adepts_data::{Catalogue, Titles};

/// The items, those that most users have first, with what is searched in.
pub(super) struct Index {
    items: Vec<(u32, String)>,
}

impl Index {
    pub(super) fn new(catalogue: &Catalogue, titles: Option<&Titles>) -> Self {
        let mut order: Vec<u32> = (0..catalogue.users.len() as u32).collect();
        order.sort_by_key(|item| std::cmp::Reverse(catalogue.users[*item as usize]));
        let text = |item: u32| {
            let title = titles.and_then(|titles| titles.get(item)).unwrap_or_default();
            (item, format!("{title} {}", catalogue.ids.id(item)).to_lowercase())
        };
        Self { items: order.into_iter().map(text).collect() }
    }

    /// The items that hold all words of the query, in any case.
    pub(super) fn matching(&self, query: &str) -> impl Iterator<Item = u32> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let holds = move |text: &str| words.iter().all(|word| text.contains(word.as_str()));
        self.items.iter().filter(move |(_, text)| holds(text)).map(|(item, _)| *item)
    }
}
