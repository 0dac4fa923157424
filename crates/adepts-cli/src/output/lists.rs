//! A list of recommendations as a table, which fits the terminal if it goes to one, with what is to be known of it.

use adepts::page::table::TextTable;
use adepts::serve::{Answer, Reason, Recommended};

/// Fewer characters of a title or a reason tell nothing.
const FEWEST: usize = 12;

/// An answer as text, its lines no longer than `width` where that is given.
pub(crate) fn shown(answer: &Answer, width: Option<usize>) -> String {
    let mut lines = vec![table(answer, width)];
    if let Some(experts) = &answer.experts {
        let mut order: Vec<(usize, &f32)> = experts.iter().enumerate().collect();
        order.sort_by(|(i, a), (j, b)| b.total_cmp(a).then(i.cmp(j)));
        let named: Vec<String> = order.iter().take(5).map(|(nth, share)| format!("{} ({share:.3})", nth + 1)).collect();
        let (count, named) = (experts.len(), named.join(", "));
        lines.push(format!("largest shares among {count} experts (1 is an equal share): {named}"));
    }
    lines.extend(answer.group.as_ref().map(|g| format!("mainstream group: {} (score {:.4})", g.name, g.score)));
    let quoted: Vec<String> = answer.unknown.ids.iter().map(|id| format!("`{id}`")).collect();
    lines.extend((!quoted.is_empty()).then(|| format!("not in the catalogue: {}", quoted.join(", "))));
    lines.extend(answer.note.clone());
    lines.join("\n")
}

/// The items, with a line for each reason. Titles are shortened to what is left of a line of so many characters; ids, and what a
/// reason did, are never cut.
fn table(answer: &Answer, terminal: Option<usize>) -> String {
    let titles = answer.items.iter().any(|row| row.title.is_some());
    let reasons = answer.items.iter().any(|row| !row.because.is_empty());
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let width = |text: &str| text.chars().count();
    let items = &answer.items;
    let id = longest(&mut items.iter().map(|row| width(&row.item.to_string()))).max(4);
    let score = longest(&mut items.iter().map(|row| width(&scored(row)))).max(5);
    // The rank, and what stands between five columns.
    let left = terminal.map_or(usize::MAX, |width| width.saturating_sub(4 + id + score + 2 * 4).max(2 * FEWEST));
    let title = longest(&mut items.iter().map(|row| row.title.as_deref().map_or(0, width)));
    let title = title.min(if reasons { left / 5 * 2 } else { left });
    let reason = left.saturating_sub(if titles { title } else { 0 });

    let mut head = vec!["rank", "item"];
    head.extend(titles.then_some("title"));
    head.push("score");
    head.extend(reasons.then_some("because of"));
    let texts = [titles.then_some(2), reasons.then_some(if titles { 4 } else { 3 })];
    let mut table = TextTable::new(head).flush_left(texts.into_iter().flatten());
    for (rank, row) in items.iter().enumerate() {
        let mut cells = vec![(rank + 1).to_string(), row.item.to_string()];
        cells.extend(titles.then(|| shortened(row.title.as_deref().unwrap_or_default(), title)));
        cells.push(scored(row));
        let before = cells.len();
        let mut because = row.because.iter().map(|of| told(of, reason));
        cells.extend(because.next());
        table.row(cells);
        because.for_each(|line| table.row(vec![String::new(); before].into_iter().chain([line])));
    }
    table.render()
}

fn scored(row: &Recommended) -> String {
    format!("{:.4}", row.score)
}

/// A reason and what it did, in so many characters.
fn told(reason: &Reason, width: usize) -> String {
    let effect = format!(" (+{:.3})", reason.effect);
    let what = reason.title.clone().unwrap_or_else(|| reason.item.to_string());
    shortened(&what, width.saturating_sub(effect.chars().count())) + &effect
}

/// A text of at most so many characters.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut head: String = text.chars().take(width.saturating_sub(1)).collect();
    head.truncate(head.trim_end().len());
    head + "…"
}

#[cfg(test)]
mod tests {
    use adepts::data::Id;

    use super::*;

    const TERMINAL: usize = 100;

    fn answer(title: &str, id: &dyn Fn(i64) -> Id) -> Answer {
        let named = |text: &str| (!title.is_empty()).then(|| format!("{text} {title}"));
        let because = |nth: i64| Reason { item: id(nth), title: named("Reason"), effect: 0.5 + nth as f32 };
        let item = |nth: i64| Recommended {
            item: id(nth),
            title: named("Item"),
            score: 12.5 - nth as f32,
            because: (0..3 - nth % 2).map(because).collect(),
        };
        serde_json::from_value::<Answer>(serde_json::json!({ "items": (0..4).map(item).collect::<Vec<_>>() })).unwrap()
    }

    #[test]
    fn long_titles_are_shortened_and_every_reason_has_a_line_of_its_own() {
        let long =
            "of a title that goes on and on, as titles of scholarly books do (second edition, revised and enlarged)";
        let small = |nth| Id::Int(7 + nth);
        let large = |nth| Id::Int(1_000_000_000_000_000_000 + nth);
        let uuid = |nth: i64| Id::Text(format!("8f14e45f-ceea-467f-a0e6-{nth:012}").into());
        let cases: [(&str, &dyn Fn(i64) -> Id); 5] =
            [(long, &small), (long, &large), (long, &uuid), ("short", &small), ("", &small)];
        for (title, id) in cases {
            let text = shown(&answer(title, id), Some(TERMINAL));
            assert!(text.lines().all(|line| line.chars().count() <= TERMINAL), "{text}");
            for effect in ["(+0.500)", "(+1.500)", "(+2.500)"] {
                assert_eq!(text.matches(effect).count(), if effect == "(+2.500)" { 2 } else { 4 }, "{text}");
            }
            if !title.is_empty() {
                assert_eq!(text.matches("Reason").count(), 10, "{text}");
                assert_eq!(text.matches("Item").count(), 4, "{text}");
            }
        }
    }

    #[test]
    fn without_reasons_a_title_has_the_room_that_is_left() {
        let title = "of sixty characters or nearly so, more than a column had";
        let mut answer = answer(title, &|nth| Id::Int(7 + nth));
        answer.items.iter_mut().for_each(|row| row.because.clear());
        assert!(shown(&answer, Some(TERMINAL)).contains(&format!("Item {title}")));
        let narrow = shown(&answer, Some(60));
        assert!(narrow.lines().all(|line| line.chars().count() <= 60) && narrow.contains('…'), "{narrow}");
    }

    #[test]
    fn nothing_is_cut_where_there_is_no_terminal() {
        let title = "of a book ".repeat(30);
        let text = shown(&answer(&title, &|nth| Id::Text(format!("{nth}{}", "x".repeat(80)).into())), None);
        assert_eq!(text.matches(title.trim_end()).count(), 4 + 10, "{text}");
        assert!(text.contains(&"x".repeat(80)) && !text.contains('…'), "{text}");
    }
}
