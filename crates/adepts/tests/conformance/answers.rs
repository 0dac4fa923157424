//! What a run answers: the same to a user and to his history, to one and among many, and as an evaluation sees it.

use std::path::Path;

use adepts::Artefact;
use adepts::contract::{Batcher, NOBODY, Probe, ProbeSplit, fold_in};
use adepts::data::Id;
use adepts::serve::history::POPULAR;
use adepts::serve::{Answer, AnswerError, Answerer, Asked, Exclude, Fallback, HistoryAnswerer, Question};

use crate::support::{COMMUNITY, RUNS, Trained, bits, trained};

fn opened(folder: &Path) -> HistoryAnswerer {
    Artefact::open(folder).unwrap().answerer()
}

fn of(trained: &Trained) -> HistoryAnswerer {
    opened(&trained.folder)
}

fn user(index: u32) -> Id {
    COMMUNITY.users.id(index)
}

fn ids(items: &[u32]) -> Vec<Id> {
    items.iter().map(|item| COMMUNITY.items.id(*item)).collect()
}

/// What is recommended to a user with what is held out among it, as to whoever has the history.
fn learned(user: Id) -> Question {
    Question { exclude: Some(Exclude::Learned), ..Question::of_user(user) }
}

fn one(answerer: &HistoryAnswerer, asked: impl Into<Asked>) -> Answer {
    answerer.answer(&[asked.into()]).remove(0).unwrap()
}

/// The list to the bit.
fn list(answer: &Answer) -> Vec<(Id, u32)> {
    answer.items.iter().map(|row| (row.item.clone(), row.score.to_bits())).collect()
}

#[test]
fn a_user_has_the_list_of_his_history_alone_and_among_others() {
    for trained in RUNS.iter() {
        let answerer = of(trained);
        let mut asked: Vec<Asked> = Vec::new();
        for index in 0..40 {
            let history = answerer.history(&user(index)).unwrap();
            let mut known = [COMMUNITY.train.row(index as usize), COMMUNITY.validation.row(index as usize)].concat();
            known.sort_unstable();
            assert_eq!(history, ids(&known));
            asked.push(learned(user(index)).into());
            asked.push(Question { n: 7 + index as usize, ..Question::of_history(history) }.into());
        }
        asked.push(Question::of_history(Vec::new()).into());
        asked.push(Question::of_user(Id::Text("nobody".into())).into());
        let together = answerer.answer(&asked);
        for (asked, answer) in asked.iter().zip(&together) {
            assert_eq!(answerer.answer(std::slice::from_ref(asked)), std::slice::from_ref(answer));
        }
        for pair in together[..80].chunks(2) {
            let [of_user, of_history] = [0, 1].map(|i| list(pair[i].as_ref().unwrap()));
            let n = of_user.len().min(of_history.len());
            assert_eq!(of_user[..n], of_history[..n], "{}", trained.spec.name);
        }
        assert!(matches!(together.last(), Some(Err(AnswerError::UnknownUser { users: 300, .. }))));
    }
}

#[test]
fn answers_have_the_scores_of_an_evaluation_that_looks_at_histories() {
    let items = COMMUNITY.items.len();
    for trained in RUNS.iter() {
        let answerer = of(trained);
        let (model, seed) = (&answerer.parts().model, trained.experiment.seed);
        let probe = model.probe().map(|_| Probe::History);
        let batcher = Batcher {
            histories: &COMMUNITY.train,
            validation: &COMMUNITY.validation,
            items,
            probe,
            seed,
            split: ProbeSplit::default(),
        };
        let users: Vec<u32> = (0..50).collect();
        let mut scores = vec![0.0; users.len() * items];
        model.score(&batcher.batch(&users), &mut scores, &mut []);
        for (user, scores) in users.iter().zip(scores.chunks(items)) {
            let history = ids(COMMUNITY.train.row(*user as usize));
            let question = Question { n: items, exclude: Some(Exclude::None), ..Question::of_history(history) };
            for row in one(&answerer, question).items {
                let item = COMMUNITY.items.index(&row.item).unwrap();
                assert_eq!(row.score.to_bits(), scores[item as usize].to_bits(), "{}", trained.spec.name);
            }
        }
    }
}

#[test]
fn a_batch_of_histories_names_nobody_and_its_gate_sees_a_part_of_each() {
    let histories: [&[u32]; 2] = [&[1, 4, 5, 9, 11, 20], &[3]];
    let batch = fold_in(7, ProbeSplit::default(), 30, true, histories.into_iter());
    assert_eq!((batch.users, batch.weights), (vec![NOBODY; 2], vec![1.0; 2]));
    let gate = batch.gate.unwrap();
    assert_eq!((gate.seen.row(0).len(), gate.probe.row(0).len()), (4, 2));
    assert_eq!((gate.seen.row(1), gate.probe.row(1).len()), (&[3][..], 0));
    assert!(fold_in(7, ProbeSplit::default(), 30, false, histories.into_iter()).gate.is_none());
}

#[test]
fn without_a_known_item_the_answer_is_what_most_users_have_and_says_so() {
    let popular = {
        let places = COMMUNITY.tie_order();
        let mut order: Vec<u32> = (0..places.len() as u32).collect();
        order.sort_by_key(|item| places[*item as usize]);
        ids(&order[..10])
    };
    for trained in RUNS.iter() {
        let answerer = of(trained);
        for history in [vec![], vec![Id::Text("nothing".into()), Id::Text("-5".into())]] {
            let unknown = history.clone();
            let answer = one(&answerer, Question { explain: true, ..Question::of_history(history) });
            assert_eq!(answer.items.iter().map(|row| row.item.clone()).collect::<Vec<_>>(), popular);
            assert_eq!((answer.fallback, answer.note.as_deref()), (Some(Fallback::Popularity), Some(POPULAR)));
            assert_eq!((answer.unknown.count, &answer.unknown.ids), (unknown.len(), &unknown));
            assert!(answer.experts.is_none() && answer.items.iter().all(|row| row.because.is_empty()));
        }
    }
}

#[test]
fn lists_hold_what_was_asked_for() {
    let answerer = of(trained("tall"));
    let history = ids(&[3, 9, 14, 40, 41, 77]);
    let all = one(&answerer, Question { n: 1000, ..Question::of_history(history.clone()) });
    assert_eq!(all.items.len(), COMMUNITY.items.len() - history.len());
    let used =
        one(&answerer, Question { n: 1000, exclude: Some(Exclude::None), ..Question::of_history(history.clone()) });
    assert_eq!(used.items.len(), COMMUNITY.items.len());
    // Allowed items keep their scores and their order; ids twice, of the history and of nothing change nothing.
    let mut allow = ids(&[80, 81, 3, 82, 81]);
    allow.push(Id::Text("nothing".into()));
    let allowed = one(&answerer, Question { allow: Some(allow), ..Question::of_history(history.clone()) });
    let wanted = ids(&[80, 81, 82]);
    let expected: Vec<_> = list(&all).into_iter().filter(|(item, _)| wanted.contains(item)).collect();
    assert_eq!((list(&allowed), allowed.unknown.count), (expected, 1));
    let deny: Vec<Id> = all.items[..3].iter().map(|row| row.item.clone()).collect();
    let denied = one(&answerer, Question { deny, n: 5, ..Question::of_history(history) });
    assert_eq!(list(&denied), list(&all)[3..8]);
}

#[test]
fn what_happened_since_is_part_of_the_history() {
    let answerer = of(trained("tall"));
    let mut known = answerer.history(&user(5)).unwrap();
    let since = ids(&[2, 50, 51]);
    let asked = Asked { question: learned(user(5)), since: since.clone() };
    let answer = one(&answerer, asked);
    known.extend(since.iter().cloned());
    assert_eq!(list(&answer), list(&one(&answerer, Question::of_history(known))));
    assert_ne!(list(&answer), list(&one(&answerer, learned(user(5)))));
    // Someone who came after the training is known by it.
    let newcomer = Id::Text("newcomer".into());
    let asked = Asked { question: Question::of_user(newcomer.clone()), since: since.clone() };
    assert_eq!(list(&one(&answerer, asked)), list(&one(&answerer, Question::of_history(since))));
    let asked = Asked { question: Question::of_user(newcomer.clone()), since: Vec::new() };
    assert!(
        matches!(answerer.answer(&[asked]).remove(0), Err(AnswerError::UnknownUser { user, .. }) if user == newcomer)
    );
}

#[test]
fn exact_reasons_are_the_terms_of_the_score() {
    for name in ["ease", "itemknn"] {
        let answerer = of(trained(name));
        let history = answerer.history(&user(8)).unwrap();
        let known: Vec<u32> = history.iter().map(|id| COMMUNITY.items.index(id).unwrap()).collect();
        let answer = one(&answerer, Question { explain: true, n: 20, ..Question::of_user(user(8)) });
        for row in &answer.items {
            let terms = answerer.parts().model.terms(&known, COMMUNITY.items.index(&row.item).unwrap()).unwrap();
            let sum: f32 = terms.iter().sum();
            assert!((sum - row.score).abs() <= 1e-5 * row.score.abs().max(1.0), "{name}: {sum} and {}", row.score);
            let largest = terms.iter().copied().fold(0.0, f32::max);
            assert_eq!(row.because.first().map(|reason| reason.effect), (largest > 0.0).then_some(largest));
            assert!(row.because.len() <= 3 && row.because.is_sorted_by(|a, b| a.effect >= b.effect));
            assert!(row.because.iter().all(|reason| history.contains(&reason.item)));
        }
    }
}

#[test]
fn reasons_of_a_mixture_are_what_the_score_loses_without_an_item() {
    let answerer = of(trained("tall"));
    let history = ids(&[3, 9, 14, 40, 41, 77, 90]);
    let answer = one(&answerer, Question { explain: true, n: 5, ..Question::of_history(history.clone()) });
    assert!(answer.items.iter().any(|row| !row.because.is_empty()));
    for (row, reason) in answer.items.iter().flat_map(|row| row.because.iter().map(move |reason| (row, reason))) {
        let without = history.iter().filter(|item| **item != reason.item).cloned().collect();
        let without = one(&answerer, Question { n: 1000, ..Question::of_history(without) });
        let score = without.items.iter().find(|other| other.item == row.item).unwrap().score;
        assert_eq!(reason.effect, row.score - score);
    }
    let experts = answer.experts.unwrap();
    let mean = experts.iter().sum::<f32>() / experts.len() as f32;
    assert!(experts.len() == 3 && (mean - 1.0).abs() < 1e-5, "{experts:?}");
    assert!(answer.gate_entropy.is_some_and(|entropy| entropy > 0.0 && entropy <= 1.0 + 1e-6));
    let popular = one(&of(trained("popularity")), Question { explain: true, ..Question::of_history(history) });
    assert!(popular.fallback.is_none() && popular.items.iter().all(|row| row.because.is_empty()));
}

#[test]
fn users_fall_into_groups_of_equal_size_from_niche_to_mainstream() {
    let answerer = of(trained("ease"));
    let users: Vec<Asked> =
        (0..300).map(|index| Question { explain: true, n: 1, ..Question::of_user(user(index)) }.into()).collect();
    let groups: Vec<_> = answerer.answer(&users).into_iter().map(|answer| answer.unwrap().group.unwrap()).collect();
    for name in adepts::serve::history::GROUPS {
        let of_group = groups.iter().filter(|group| group.name == name).count();
        assert!((55..=65).contains(&of_group), "{name}: {of_group}");
    }
    let mut ordered = groups.clone();
    ordered.sort_by(|a, b| a.score.total_cmp(&b.score));
    assert_eq!((&*ordered[0].name, &*ordered[299].name), ("low", "high"));
}

#[test]
fn items_are_found_by_their_ids() {
    let answerer = of(trained("ease"));
    let id = COMMUNITY.items.id(17);
    assert_eq!(answerer.items(&id.to_string(), 3)[0].item, id);
    assert_eq!(answerer.item(&id).unwrap().item, id);
    assert!(answerer.item(&Id::Text("nothing".into())).is_none() && answerer.items("nothing", 9).is_empty());
    let popular = answerer.items("", 400);
    assert!(popular.len() == COMMUNITY.items.len() && popular.is_sorted_by(|a, b| a.users >= b.users));
}

#[test]
fn threads_change_no_answer() {
    let answerer = of(trained("tall"));
    let asked: Vec<Asked> = (0..60).map(|index| Question::of_user(user(index)).into()).collect();
    let by = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| answerer.answer(&asked)).into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let scores = |answers: &[Answer]| -> Vec<u32> {
        answers.iter().flat_map(|answer| bits(&answer.items.iter().map(|row| row.score).collect::<Vec<_>>())).collect()
    };
    let (one, three) = (by(1), by(3));
    assert_eq!(scores(&one), scores(&three));
    assert_eq!(one, three);
}
