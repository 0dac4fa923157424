//! Who may write, and who may administer.

use std::fmt;
use std::path::{Path, PathBuf};

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The fewest characters of a token.
pub const SHORTEST_TOKEN: usize = 16;

/// The most bytes that are read of a file of tokens.
const LARGEST: u64 = 1 << 20;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// To send events.
    Write = 1,
    /// That, and to load another model.
    Admin = 2,
}

/// The tokens of a server. Only hashes are kept, and nothing of them is ever shown.
#[derive(Clone)]
pub struct Tokens(Vec<(Role, blake3::Hash)>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// Why a file of tokens cannot be used. No message holds a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file that is too long for one of tokens.
    #[error("{} has {bytes} bytes, a file of tokens has at most {LARGEST}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A line that is no token.
    #[error("{}, line {line}: {found}; expected `write TOKEN` or `admin TOKEN` with a token of at least {SHORTEST_TOKEN} characters (letters, digits and -._~+/=)", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The file has no token, so nobody could write.
    #[error("{} holds no token; expected lines such as `write TOKEN` or `admin TOKEN`", path.display())]
    None {
        /// The file.
        path: PathBuf,
    },
}

impl Tokens {
    /// Reads a file with a role and a token in each line; empty lines and those that begin with `#` count for nothing.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let io = |source| TokensError::Io { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > LARGEST {
            return Err(TokensError::TooLong { path: path.to_owned(), bytes });
        }
        Self::parse(path, &std::fs::read_to_string(path).map_err(io)?)
    }

    /// As [`Tokens::read`], for what stands in the file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TokensError> {
        let mut tokens = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |found| TokensError::Line { path: path.to_owned(), line: number + 1, found };
            let mut words = line.split_whitespace();
            let role = match words.next() {
                None => continue,
                Some(word) if word.starts_with('#') => continue,
                Some("write") => Role::Write,
                Some("admin") => Role::Admin,
                Some(_) => return Err(wrong("the first word is no role")),
            };
            let token = words.next().ok_or_else(|| wrong("there is no token"))?;
            if words.next().is_some() {
                return Err(wrong("there are more than two words"));
            }
            if token.len() < SHORTEST_TOKEN {
                return Err(wrong("the token is too short"));
            }
            if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
                return Err(wrong("the token has other characters"));
            }
            tokens.push((role, blake3::hash(token.as_bytes())));
        }
        if tokens.is_empty() { Err(TokensError::None { path: path.to_owned() }) } else { Ok(Self(tokens)) }
    }

    /// What a token allows. The time that this takes depends neither on the token nor on which one it equals.
    #[must_use]
    pub fn role(&self, token: &str) -> Option<Role> {
        let hash = blake3::hash(token.as_bytes());
        let mut found = 0_u8;
        for (role, known) in &self.0 {
            let equal: Choice = known.as_bytes().ct_eq(hash.as_bytes());
            let better = found.max(*role as u8);
            found.conditional_assign(&better, equal);
        }
        match found {
            0 => None,
            1 => Some(Role::Write),
            _ => Some(Role::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tokens, TokensError> {
        Tokens::parse(Path::new("tokens"), text)
    }

    #[test]
    fn a_token_has_the_role_of_its_line_and_the_higher_one_if_it_stands_twice() {
        let tokens = parse("# ours\n\nwrite 0123456789abcdef\n admin  fedcba9876543210 \nadmin aaaaaaaaaaaaaaaa\nwrite aaaaaaaaaaaaaaaa").unwrap();
        assert_eq!(tokens.role("0123456789abcdef"), Some(Role::Write));
        assert_eq!(tokens.role("fedcba9876543210"), Some(Role::Admin));
        assert_eq!(tokens.role("aaaaaaaaaaaaaaaa"), Some(Role::Admin));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "fedcba9876543211"] {
            assert_eq!(tokens.role(wrong), None);
        }
    }

    #[test]
    fn a_line_that_is_no_token_is_named_without_being_shown() {
        for line in [
            "reader 0123456789abcdef",
            "write",
            "write short-secret",
            "write 0123456789abcdef x",
            "admin sécret-and-longer",
        ] {
            let error = parse(&format!("write 0123456789abcdef\n{line}")).unwrap_err().to_string();
            assert!(error.contains("tokens, line 2: "), "{error}");
            assert!(!error.contains("cret") && !error.contains("0123456789abcdef"), "{error}");
        }
        assert!(matches!(parse("# none\n"), Err(TokensError::None { .. })));
        assert_eq!(format!("{:?}", parse("write 0123456789abcdef").unwrap()), "Tokens(1)");
    }
}
