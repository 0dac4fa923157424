//! Public data sets in their official form, turned into the Parquet that experiment files expect.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int16Type};
use arrow_array::{ArrayRef, Int8Array, Int32Array};
use arrow_schema::{DataType, Field, Schema};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::atomic::write_atomically;
use crate::config::Format;
use crate::error::DataError;
use crate::intern::Texts;
use crate::place::shortened;
use crate::progress::Progress;
use crate::source::{Splitter, find_files};
use crate::store::write_parquet;

/// Rows in a batch.
const BATCH: usize = 1 << 16;

/// Turns the official MovieLens-1M (`ratings.dat`, `users.dat`, `movies.dat`; `GroupLens`, Harper & Konstan 2015) into
/// one Parquet file with a row for each rating, in the order of `ratings.dat`:
///
/// | column | type | meaning |
/// |---|---|---|
/// | `user_id`, `movie_id` | int32 | |
/// | `rating` | int8 | 1–5 |
/// | `label` | int8 | 1 for a rating above 3 |
/// | `age_group` | int8 | 0 for under 25, 1 for 25–34, 2 for 35 and over |
/// | `age` | int8 | the first year of the official bracket: 1, 18, 25, 35, 45, 50, 56 |
/// | `gender` | text | `F`, `M` |
/// | `occupation` | int8 | 0–20 |
/// | `zip` | text | |
/// | `genre` | text | the first of the movie |
///
/// The times of `ratings.dat` are left out. Text is stored with dictionaries.
///
/// # Errors
/// If a file is missing, a value is not what the official files hold, or a rating is of a user or movie that the
/// other files do not have. `out` is written whole or not at all.
pub fn movielens_1m(dir: &Path, out: &Path, progress: Progress) -> Result<(), DataError> {
    progress("read users and movies", 0, None);
    let mut zips = Texts::default();
    let mut users: HashMap<i32, User, FixedState> = HashMap::default();
    let mut table = Table::open(&dir.join("users.dat"), &["user_id", "gender", "age", "occupation", "zip"])?;
    while let Some(row) = table.next()? {
        let id = row.whole(0)?;
        let (_, gender) = row.one_of(1, &["F", "M"], "`F` or `M`")?;
        let (bracket, age) = row.one_of(2, &AGES, "1, 18, 25, 35, 45, 50 or 56")?;
        let zip = zips.intern(&row.latin(4)).ok_or_else(|| row.bad(4, "a postal code"))?;
        let (age_group, age) = (AGE_GROUPS[bracket], age.parse().unwrap_or(0));
        users.insert(id, User { female: gender == "F", age, age_group, occupation: row.small(3)?, zip });
    }
    let mut genres = Texts::default();
    let mut movies: HashMap<i32, u32, FixedState> = HashMap::default();
    let mut table = Table::open(&dir.join("movies.dat"), &["movie_id", "title", "genres"])?;
    while let Some(row) = table.next()? {
        let all = row.latin(2);
        let first = all.split('|').next().unwrap_or_default();
        movies.insert(row.whole(0)?, genres.intern(first).ok_or_else(|| row.bad(2, "a genre"))?);
    }

    progress("read ratings", 0, None);
    let mut ratings: Vec<Rating> = Vec::new();
    let mut table = Table::open(&dir.join("ratings.dat"), &["user_id", "movie_id", "rating", "timestamp"])?;
    while let Some(row) = table.next()? {
        let (user, movie) = (row.whole(0)?, row.whole(1)?);
        let of_user = *users.get(&user).ok_or_else(|| row.bad(0, "a user of users.dat"))?;
        let genre = *movies.get(&movie).ok_or_else(|| row.bad(1, "a movie of movies.dat"))?;
        let (stars, _) = row.one_of(2, &["1", "2", "3", "4", "5"], "1 to 5")?;
        ratings.push(Rating { user, movie, stars: stars as i8 + 1, of_user, genre });
        if ratings.len().is_multiple_of(BATCH) {
            progress("read ratings", ratings.len() as u64, None);
        }
    }
    if ratings.is_empty() {
        return Err(DataError::NoRows { origin: dir.join("ratings.dat").display().to_string() });
    }

    progress("write", 0, Some(ratings.len() as u64));
    let batches = ratings.chunks(BATCH).map(|rows| columns(rows, &zips, &genres)).collect::<Result<Vec<_>, _>>();
    let batches = batches.map_err(|e| {
        let reason = format!("more genres or postal codes than the official files have ({e})");
        DataError::Corrupt { path: dir.to_path_buf(), kind: "MovieLens-1M", reason }
    })?;
    write_atomically(out, |file| write_parquet(file, &schema(), batches.into_iter()))
}

/// The official brackets of age, and the group of each.
const AGES: [&str; 7] = ["1", "18", "25", "35", "45", "50", "56"];
const AGE_GROUPS: [i8; 7] = [0, 0, 1, 2, 2, 2, 2];

#[derive(Clone, Copy)]
struct User {
    female: bool,
    age: i8,
    age_group: i8,
    occupation: i8,
    zip: u32,
}

struct Rating {
    user: i32,
    movie: i32,
    stars: i8,
    of_user: User,
    genre: u32,
}

fn schema() -> Arc<Schema> {
    let text = |keys: DataType| DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8));
    let fields = [
        ("user_id", DataType::Int32),
        ("movie_id", DataType::Int32),
        ("rating", DataType::Int8),
        ("label", DataType::Int8),
        ("age_group", DataType::Int8),
        ("age", DataType::Int8),
        ("gender", text(DataType::Int8)),
        ("occupation", DataType::Int8),
        ("zip", text(DataType::Int16)),
        ("genre", text(DataType::Int8)),
    ];
    Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec()))
}

fn columns(rows: &[Rating], zips: &Texts, genres: &Texts) -> Result<Vec<ArrayRef>, arrow_schema::ArrowError> {
    let int32 = |value: fn(&Rating) -> i32| Arc::new(Int32Array::from_iter_values(rows.iter().map(value))) as ArrayRef;
    let int8 = |value: fn(&Rating) -> i8| Arc::new(Int8Array::from_iter_values(rows.iter().map(value))) as ArrayRef;
    Ok(vec![
        int32(|r| r.user),
        int32(|r| r.movie),
        int8(|r| r.stars),
        int8(|r| i8::from(r.stars > 3)),
        int8(|r| r.of_user.age_group),
        int8(|r| r.of_user.age),
        dictionary::<Int8Type>(rows.iter().map(|r| if r.of_user.female { "F" } else { "M" }))?,
        int8(|r| r.of_user.occupation),
        dictionary::<Int16Type>(rows.iter().map(|r| zips.get(r.of_user.zip)))?,
        dictionary::<Int8Type>(rows.iter().map(|r| genres.get(r.genre)))?,
    ])
}

fn dictionary<'a, K: ArrowDictionaryKeyType>(
    values: impl Iterator<Item = &'a str>,
) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let mut builder = StringDictionaryBuilder::<K>::new();
    for value in values {
        builder.append(value)?;
    }
    Ok(Arc::new(builder.finish()))
}

/// An official file: values separated by `::`, without a header, in Latin-1.
struct Table {
    names: &'static [&'static str],
    splitter: Splitter,
}

impl Table {
    fn open(path: &Path, names: &'static [&'static str]) -> Result<Self, DataError> {
        let files = find_files(&path.to_string_lossy(), Format::Csv)?;
        Ok(Self { names, splitter: Splitter::unquoted(&files[0], "::")? })
    }

    fn next(&mut self) -> Result<Option<Row<'_>>, DataError> {
        if !self.splitter.advance()? {
            return Ok(None);
        }
        if self.splitter.width() != self.names.len() {
            let expected = self.names.join("::");
            let reason = format!("found {} values, expected {expected}", self.splitter.width());
            return Err(DataError::MalformedRow { place: self.splitter.place(), reason });
        }
        Ok(Some(Row(self)))
    }
}

struct Row<'a>(&'a Table);

impl Row<'_> {
    /// A value as text: each byte of Latin-1 is the character of that number.
    fn latin(&self, at: usize) -> String {
        self.0.splitter.raw(at).iter().map(|&byte| char::from(byte)).collect()
    }

    fn bad(&self, at: usize, expected: &'static str) -> DataError {
        let (column, value) = (self.0.names[at].to_owned(), shortened(&self.latin(at)));
        DataError::BadValue { place: self.0.splitter.place(), column, value, expected }
    }

    fn whole(&self, at: usize) -> Result<i32, DataError> {
        self.latin(at).parse().map_err(|_| self.bad(at, "a whole number"))
    }

    fn small(&self, at: usize) -> Result<i8, DataError> {
        self.latin(at).parse().map_err(|_| self.bad(at, "a whole number of at most 127"))
    }

    fn one_of<'v>(&self, at: usize, values: &[&'v str], expected: &'static str) -> Result<(usize, &'v str), DataError> {
        let value = self.0.splitter.raw(at);
        let found = values.iter().position(|v| v.as_bytes() == value).ok_or_else(|| self.bad(at, expected))?;
        Ok((found, values[found]))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int8Type;

    use super::*;
    use crate::config::{Column, DataConfig, SplitConfig};
    use crate::progress::silent;

    fn official(dir: &Path, name: &str, content: &[u8]) {
        std::fs::File::create(dir.join(name)).and_then(|mut f| f.write_all(content)).unwrap();
    }

    fn tiny() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        official(dir.path(), "users.dat", b"1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117-1234\n");
        official(
            dir.path(),
            "movies.dat",
            b"1::Toy Story (1995)::Animation|Children's|Comedy\n73::Mis\xe9rables, Les (1995)::Drama|Musical\n",
        );
        official(dir.path(), "ratings.dat", b"1::73::4::978300760\n1::1::3::978302109\n3::1::5::978301968\n");
        dir
    }

    #[test]
    fn the_official_files_become_one_table() {
        let dir = tiny();
        let out = dir.path().join("ml-1m.parquet");
        movielens_1m(dir.path(), &out, &mut silent).unwrap();

        let file = std::fs::File::open(&out).unwrap();
        let reader = crate::source::parquet_builder(&out, file).unwrap();
        assert_eq!(reader.schema().fields(), schema().fields());
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        let bytes = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int8Type>().values().to_vec();
        assert_eq!(bytes("label"), [1, 0, 1]);
        assert_eq!(bytes("age_group"), [0, 0, 1]);
        let text = |name: &str| {
            let column = arrow_cast::cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
            column.as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(text("genre"), ["Drama", "Animation", "Animation"]);
        assert_eq!(text("zip"), ["48067", "48067", "55117-1234"]);

        let source = out.to_str().unwrap().to_owned();
        let groups = vec![Column::Name("age_group".into()), Column::Name("gender".into())];
        let data = DataConfig { source, groups, ..DataConfig::default() };
        let log = crate::read::read(&data, &SplitConfig::default(), &mut silent).unwrap().interactions;
        assert_eq!(log.user.len(), 3);
        assert_eq!(log.columns[1].values, ["F", "M"]);
    }

    #[test]
    fn what_the_official_files_do_not_hold_is_named_and_nothing_is_written() {
        let dir = tiny();
        let out = dir.path().join("ml-1m.parquet");
        for (name, content, expected) in [
            ("ratings.dat", &b"9::1::3::0\n"[..], "line 1, column `user_id`: found `9`, expected a user of users.dat"),
            ("ratings.dat", b"1::1::6::0\n", "line 1, column `rating`: found `6`, expected 1 to 5"),
            ("ratings.dat", b"1::1::5\n", "line 1: found 3 values, expected user_id::movie_id::rating::timestamp"),
            ("users.dat", b"1::F::17::1::1\n", "column `age`: found `17`, expected 1, 18, 25, 35, 45, 50 or 56"),
        ] {
            official(dir.path(), name, content);
            let error = movielens_1m(dir.path(), &out, &mut silent).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        std::fs::remove_file(dir.path().join("movies.dat")).unwrap();
        official(dir.path(), "users.dat", b"1::F::1::1::1\n");
        assert!(matches!(movielens_1m(dir.path(), &out, &mut silent), Err(DataError::MissingFile { .. })));
        assert!(!out.exists());
    }

    #[test]
    fn the_columns_are_those_of_the_file_that_experiments_use() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ml-1m.parquet");
        let Ok(bytes) = std::fs::File::open(&file) else {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: there is no ml-1m.parquet in ../shared/data");
            }
            return;
        };
        let reader = crate::source::parquet_builder(&file, bytes).unwrap();
        // Large or small offsets of text differ in memory only.
        let shown = |schema: &Schema| {
            let field =
                |f: &Arc<Field>| format!("{} {}", f.name(), f.data_type().to_string().replace("LargeUtf8", "Utf8"));
            schema.fields().iter().map(field).collect::<Vec<_>>()
        };
        assert_eq!(shown(reader.schema()), shown(&schema()));
    }
}
