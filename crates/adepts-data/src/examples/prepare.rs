//! From raw rows to a prepared folder: one pass cuts and counts, a second one writes codes.

use std::ops::ControlFlow;
use std::path::Path;

use super::batch::NO_USER;
use super::catalogue::Collecting;
use super::coder::Coder;
use super::config::{ExampleSplit, ExamplesConfig, Transform};
use super::dense::{Moments, Sample, transformed};
use super::error::ExamplesError;
use super::folder::{note, write_manifest, write_vocabulary};
use super::listed::Listed;
use super::manifest::{
    CATALOGUE, CatalogueNote, Coding, Counts, DenseColumn, DomainColumn, ExamplesManifest, FORMAT, FieldColumn, PARTS,
    file_name, origin_name, part_name,
};
use super::origin::OriginWriter;
use super::read::{Need, Needs, Passed, RawFiles, Row, Wanted, categories};
use super::split::Cutter;
use super::vocabulary::{Counting, check_domains, refused};
use super::write::PartWriter;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::interactions::Part;
use crate::intern::Interner;
use crate::progress::Progress;
use crate::source::{At, Cell, Source};

/// Fills the new folder `dir`; `split` has its seed, `seed` is for samples, `group` is the size of row groups.
pub(super) fn prepare(
    config: &ExamplesConfig,
    split: &ExampleSplit,
    seed: u64,
    dir: &Path,
    group: usize,
    progress: Progress,
) -> Result<(), DataError> {
    config.check(split)?;
    let mut files = RawFiles::from(config);
    let source = files.open(config.columns(), progress)?;
    let config = &ExamplesConfig { delimiter: files.delimiter, header: files.header, ..config.clone() };
    let temporal = matches!(split, ExampleSplit::Temporal { .. });
    // Who is cut by users must have one; otherwise the user serves measures alone.
    let by_user = matches!(split, ExampleSplit::Users { .. });
    let user = if by_user { Need::Always } else { Need::IfThere };
    let wanted = Wanted::new(&source, config, Needs { label: Need::Always, user, time: temporal })?;
    check_names(config, &wanted)?;

    let times = if temporal { Some(times(config, &source, &wanted, progress)?) } else { None };
    let mut cutter = Cutter::new(split, times.clone());
    let mut count = Count::new(config, &wanted, seed);
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("count", done, total);
    let mut listed = Listed::new(config);
    let first = wanted.pass(
        &source,
        config.bad_rows,
        &mut |at, row| {
            if !listed.has(row.domain) {
                return Ok(ControlFlow::Continue(()));
            }
            count.row(at, row, &mut cutter).map(ControlFlow::Continue)
        },
        named,
    )?;
    listed.check()?;
    count.check(split, &first)?;

    let Found { mut manifest, vocabularies, mut users, items } = count.finish(config, split, &first);
    let mut ids = Vec::new();
    let mut nth_vocabulary = vocabularies.into_iter();
    for field in &manifest.fields {
        if let Coding::Vocabulary { file, .. } = &field.coding {
            let (vocabulary, counts) = nth_vocabulary.next().expect("a vocabulary for each field that has one");
            write_vocabulary(&dir.join(file), &vocabulary, &counts)?;
            ids.push(vocabulary);
        }
    }
    let coder = Coder::new(&manifest, &ids);
    let mut catalogue = items.as_ref().map(|(ids, _)| Collecting::new(ids, coder.schema()));
    let changed = |second: u64| ExamplesError::Changed { origin: config.source.clone(), first: first.rows, second };
    let mut cutter = Cutter::new(split, times);
    let (mut parts, mut origins) = (Vec::new(), Vec::new());
    for part in PARTS {
        parts.push(PartWriter::new(&dir.join(file_name(part)), coder.schema(), group)?);
        let origin = origin_name(part).map(|name| OriginWriter::new(&dir.join(name), config.user.is_some(), group));
        origins.push(origin.transpose()?);
    }
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("write", done, total);
    let mut write = |at: At<'_>, row: &Row<'_>| {
        if !listed.has(row.domain) {
            manifest.other_domains += 1;
            return Ok(ControlFlow::Continue(()));
        }
        let item = match &mut catalogue {
            Some(catalogue) => Some(catalogue.meet(row, &coder).ok_or_else(|| changed(row.number))?),
            None => None,
        };
        if item.is_some() && row.label == 0.0 {
            return Ok(ControlFlow::Continue(()));
        }
        let user = number(&mut users, at, row)?;
        let part = cutter.part(row.time, user);
        let Some(domain) = coder.domain(row.domain) else {
            manifest.left_out.add(part, 1);
            return Ok(ControlFlow::Continue(()));
        };
        manifest.rows.add(part, 1);
        let of_domain = &mut manifest.domains[domain as usize];
        of_domain.rows.add(part, 1);
        of_domain.positives.add(part, u64::from(row.label > 0.0));
        if let Some(origin) = &mut origins[part as usize] {
            origin.push(row.number, user.map(|(_, id)| id))?;
        }
        let number = user.map(|(number, _)| number);
        if manifest.users > 0 && number.is_none() {
            manifest.without_user.add(part, 1);
        }
        let writer = &mut parts[part as usize];
        coder.push(row, domain, number.or((manifest.users > 0).then_some(NO_USER)), &mut writer.waiting);
        writer.waiting.examples.item.extend(item);
        writer.appended().map(ControlFlow::Continue)
    };
    let second = wanted.pass(&source, config.bad_rows, &mut write, named)?;
    if first != second || users.len() != manifest.users {
        return Err(changed(second.rows).into());
    }
    origins.into_iter().flatten().try_for_each(OriginWriter::finish)?;
    let of_catalogue = match (catalogue, &items) {
        (Some(catalogue), Some((ids, counts))) => {
            Some(catalogue.write(dir, ids, counts, group)?.ok_or_else(|| changed(second.rows))?)
        }
        _ => None,
    };
    finish(dir, parts, manifest, of_catalogue)
}

/// Ends the parts and writes the manifest.
fn finish(
    dir: &Path,
    parts: Vec<PartWriter>,
    mut manifest: ExamplesManifest,
    of_catalogue: Option<blake3::Hash>,
) -> Result<(), DataError> {
    let mut hash = blake3::Hasher::new_derive_key("adepts 1 prepared examples");
    for (part, writer) in PARTS.into_iter().zip(parts) {
        some_rows(manifest.rows.of(part), part, &manifest.split, manifest.rows.total() + manifest.left_out.total())?;
        let (of_part, coded) = writer.finish()?;
        hash.update(of_part.as_bytes());
        for (field, (missing, unknown)) in manifest.fields.iter_mut().zip(coded.missing.iter().zip(&coded.unknown)) {
            field.missing.add(part, *missing);
            field.unknown.add(part, *unknown);
        }
        for (dense, missing) in manifest.dense.iter_mut().zip(&coded.dense_missing) {
            dense.missing.add(part, *missing);
        }
    }
    let vocabularies = manifest.fields.iter().filter_map(|field| match &field.coding {
        Coding::Vocabulary { file, .. } => Some(file.clone()),
        _ => None,
    });
    let names = PARTS.map(|part| file_name(part).to_owned()).into_iter().chain(vocabularies);
    let names: Vec<String> =
        names.chain(CATALOGUE.map(str::to_owned).into_iter().filter(|_| of_catalogue.is_some())).collect();
    if let Some(of_catalogue) = &of_catalogue {
        hash.update(of_catalogue.as_bytes());
    }
    for name in &names {
        let note = note(dir, name)?;
        // Of the parts and the catalogue the content counts, of vocabularies the file.
        if !PARTS.iter().any(|part| file_name(*part) == name) && name != CATALOGUE[1] {
            hash.update(note.hash.as_bytes());
        }
        manifest.files.push(note);
    }
    // Where rows come from changes nothing that is learned or measured.
    for name in PARTS.into_iter().filter_map(origin_name) {
        manifest.files.push(note(dir, name)?);
    }
    manifest.content_hash = hash.finalize().to_hex().to_string();
    write_manifest(dir, &manifest)
}

fn some_rows(found: u64, part: Part, split: &ExampleSplit, rows: u64) -> Result<(), ExamplesError> {
    if found > 0 {
        return Ok(());
    }
    Err(ExamplesError::PartEmpty { kind: split.kind(), part: part_name(part), rows })
}

/// The number of a row's user, in order of first appearance, and the id.
fn number<'c>(users: &mut Interner, at: At<'_>, row: &Row<'c>) -> Result<Option<(u32, Cell<'c>)>, DataError> {
    let Some(user) = row.user else { return Ok(None) };
    users.intern(user).map(|number| Some((number, user))).map_err(|why| refused(&why, at, "user", user))
}

/// The times of all rows that can be read.
fn times(config: &ExamplesConfig, source: &Source, wanted: &Wanted, progress: Progress) -> Result<Vec<i64>, DataError> {
    let mut times = Vec::new();
    let named = &mut |_: &str, done: u64, total: Option<u64>| progress("times", done, total);
    let mut take = |_: At<'_>, row: &Row<'_>| {
        times.extend(row.time.filter(|_| config.item.is_none() || row.label > 0.0));
        Ok(ControlFlow::Continue(()))
    };
    wanted.pass(source, config.bad_rows, &mut take, named)?;
    Ok(times)
}

/// Refuses two fields of one name.
fn check_names(config: &ExamplesConfig, wanted: &Wanted) -> Result<(), ExamplesError> {
    let (mut categorical, mut dense) = (wanted.field_names().to_vec(), Vec::new());
    for (field, name) in config.dense.iter().zip(wanted.dense_names()) {
        let of = if field.transform == Transform::Quantile { &mut categorical } else { &mut dense };
        of.push(name.clone());
    }
    for (kind, names) in [("categorical", categorical), ("dense", dense)] {
        let twice = names.iter().enumerate().find(|(nth, name)| names[..*nth].contains(name));
        if let Some((_, column)) = twice {
            return Err(ExamplesError::Twice { column: column.clone(), kind });
        }
    }
    Ok(())
}

/// What the first pass counts: of training rows, but for users and for whether a field holds lists.
struct Count<'a> {
    config: &'a ExamplesConfig,
    wanted: &'a Wanted,
    users: Interner,
    domains: Counting,
    fields: Vec<FieldCount>,
    dense: Vec<DenseCount>,
    rows: Counts,
    positives: u64,
    /// The items of all rows, with the number of training rows of each, for retrieval.
    items: Option<Counting>,
    /// For retrieval: rows that are not positive.
    negatives: u64,
}

/// What the first pass found.
struct Found {
    /// As far as it is known.
    manifest: ExamplesManifest,
    /// Those of the fields that have one.
    vocabularies: Vec<(Vocabulary, Vec<u64>)>,
    users: Interner,
    items: Option<(Vocabulary, Vec<u64>)>,
}

struct FieldCount {
    many: bool,
    /// `None` where values are hashed.
    values: Option<Counting>,
}

enum DenseCount {
    Moments(Moments),
    Sample(Box<Sample>),
}

impl<'a> Count<'a> {
    fn new(config: &'a ExamplesConfig, wanted: &'a Wanted, seed: u64) -> Self {
        let fields = config.fields.iter().map(|field| FieldCount {
            many: field.separator.is_some(),
            values: field.hash.is_none().then(Counting::new),
        });
        let dense = config.dense.iter().enumerate().map(|(nth, dense)| match dense.transform {
            Transform::Quantile => DenseCount::Sample(Box::new(Sample::new(seed, nth))),
            Transform::Standard | Transform::Log => DenseCount::Moments(Moments::default()),
        });
        Self {
            config,
            wanted,
            users: Interner::new(),
            domains: Counting::new(),
            fields: fields.collect(),
            dense: dense.collect(),
            rows: Counts::default(),
            positives: 0,
            items: config.item.is_some().then(Counting::new),
            negatives: 0,
        }
    }

    /// Notes the item of a row, and that it trains if it does.
    fn item(&mut self, at: At<'_>, row: &Row<'_>, trains: bool) -> Result<(), DataError> {
        let Some((items, id)) = self.items.as_mut().zip(row.item) else { return Ok(()) };
        items.note_times(id, u64::from(trains)).map_err(|why| refused(&why, at, "item", id))
    }

    fn row(&mut self, at: At<'_>, row: &Row<'_>, cutter: &mut Cutter) -> Result<(), DataError> {
        if self.items.is_some() && row.label == 0.0 {
            self.negatives += 1;
            return self.item(at, row, false);
        }
        let user = number(&mut self.users, at, row)?;
        let part = cutter.part(row.time, user);
        self.item(at, row, part == Part::Train)?;
        self.rows.add(part, 1);
        for (field, cell) in self.fields.iter_mut().zip(row.fields) {
            field.many |= matches!(cell, Cell::List(_));
        }
        if part != Part::Train {
            return Ok(());
        }
        self.positives += u64::from(row.label > 0.0);
        self.domains.note(row.domain).map_err(|why| refused(&why, at, self.wanted.domain_name(), row.domain))?;
        check_domains(self.domains.len(), self.wanted.domain_name())?;
        for (nth, (field, &cell)) in self.fields.iter_mut().zip(row.fields).enumerate() {
            let Some(values) = &mut field.values else { continue };
            let mut wrong = None;
            categories(cell, self.config.fields[nth].separator.as_deref(), &mut |value| {
                if let Err(why) = values.note(value) {
                    wrong.get_or_insert_with(|| refused(&why, at, &self.wanted.field_names()[nth], value));
                }
            });
            if let Some(error) = wrong {
                return Err(error);
            }
        }
        for ((dense, value), config) in self.dense.iter_mut().zip(row.dense).zip(&self.config.dense) {
            match (dense, value) {
                (DenseCount::Moments(moments), Some(value)) => moments.note(transformed(*value, config.transform)),
                (DenseCount::Sample(sample), Some(value)) => sample.note(*value),
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// Refuses parts without rows and labels of one class.
    fn check(&self, split: &ExampleSplit, passed: &Passed) -> Result<(), DataError> {
        passed.skipped.check(&self.config.source, passed.rows)?;
        if passed.rows == 0 {
            return Err(DataError::NoRows { origin: self.config.source.clone() });
        }
        for part in PARTS {
            some_rows(self.rows.of(part), part, split, passed.rows)?;
        }
        if self.items.is_none() && (self.positives == 0 || self.positives == self.rows.train) {
            let column = self.wanted.label_name().unwrap_or_default().to_owned();
            let label = u8::from(self.positives > 0);
            return Err(ExamplesError::OneClass { rows: self.rows.train, label, column }.into());
        }
        Ok(())
    }

    fn finish(self, config: &ExamplesConfig, split: &ExampleSplit, passed: &Passed) -> Found {
        let zero = Counts::default();
        let mut vocabularies = Vec::new();
        let mut fields = Vec::new();
        let names = self.wanted.field_names().iter().zip(&config.fields);
        for (nth, (field, (name, settings))) in self.fields.into_iter().zip(names).enumerate() {
            let coding = match (field.values, settings.hash) {
                (Some(values), _) => {
                    let (vocabulary, counts) = values.finish(settings.min_count);
                    let values = vocabulary.len();
                    vocabularies.push((vocabulary, counts));
                    Coding::Vocabulary { file: format!("vocabulary-{nth}.parquet"), values }
                }
                (None, codes) => Coding::Hash { codes: codes.unwrap_or(1) },
            };
            let size = 1 + match &coding {
                Coding::Vocabulary { values, .. } => *values,
                Coding::Hash { codes } => *codes as usize,
                Coding::Quantiles { bounds } => bounds.len() + 1,
            };
            let (name, many) = (name.clone(), field.many);
            fields.push(FieldColumn { name, size, many, coding, missing: zero, unknown: zero });
        }
        let mut dense = Vec::new();
        let names = self.wanted.dense_names().iter().zip(&config.dense);
        for (count, (name, settings)) in self.dense.into_iter().zip(names) {
            let name = name.clone();
            match count {
                DenseCount::Sample(sample) => {
                    let bounds = sample.finish(settings.ranges());
                    let (size, coding) = (bounds.len() + 2, Coding::Quantiles { bounds });
                    fields.push(FieldColumn { name, size, many: false, coding, missing: zero, unknown: zero });
                }
                DenseCount::Moments(moments) => {
                    let (mean, deviation) = moments.finish();
                    let transform = settings.transform;
                    dense.push(DenseColumn { name, transform, mean, deviation, missing: zero });
                }
            }
        }
        let (domains, _) = self.domains.finish(1);
        let items = self.items.map(|items| items.finish(0));
        let note = |(ids, counts): &(Vocabulary, Vec<u64>)| CatalogueNote {
            items: ids.len(),
            untrained: counts.iter().filter(|n| **n == 0).count(),
            negative_rows: self.negatives,
        };
        let domain = |nth: u32| DomainColumn { name: domains.id(nth).to_string(), rows: zero, positives: zero };
        let manifest = ExamplesManifest {
            format: FORMAT,
            family: ExamplesManifest::family(),
            data: config.clone(),
            split: split.clone(),
            rows: zero,
            fields,
            dense,
            domains: (0..domains.len() as u32).map(domain).collect(),
            users: self.users.len(),
            catalogue: items.as_ref().map(note),
            left_out: zero,
            other_domains: 0,
            without_user: zero,
            skipped_rows: passed.skipped.rows,
            skipped_examples: passed.skipped.examples.clone(),
            skipped_reasons: passed.skipped.reasons.clone(),
            content_hash: String::new(),
            files: Vec::new(),
        };
        Found { manifest, vocabularies, users: self.users, items }
    }
}
