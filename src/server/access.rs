//! Who may read what (`spec/server.md` section 2).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse as _;

use super::Server;
use super::problem::Problem;
use crate::base::digest::sha256;
use crate::base::encoding;
use crate::base::limits::TOKEN_BYTES_MAX;

/// What a token, or everybody, may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read the log and the side store.
    Read,
    /// Read what was said in words, and whatever names people.
    Words,
    /// Have the server decide.
    Gate,
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// [`Right::Read`].
    pub read: bool,
    /// [`Right::Words`].
    pub words: bool,
    /// [`Right::Gate`].
    pub gate: bool,
}

impl Rights {
    const fn has(self, right: Right) -> bool {
        match right {
            Right::Read => self.read,
            Right::Words => self.words,
            Right::Gate => self.gate,
        }
    }

    const fn or(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            words: self.words || other.words,
            gate: self.gate || other.gate,
        }
    }
}

/// A token, of which the server knows the digest alone.
#[derive(Debug, Clone)]
pub struct Token {
    /// What people call it.
    pub name: String,
    /// SHA-256 of the token as it is sent.
    pub sha256: [u8; 32],
    /// What who sends it may.
    pub rights: Rights,
}

/// Who may what.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What everybody may.
    pub everybody: Rights,
    /// The tokens.
    pub tokens: Vec<Token>,
}

/// The name of the token that a request came with, for the log.
#[derive(Debug, Clone)]
pub(super) struct Bearer(pub(super) String);

impl Access {
    /// What who sends these lines may, and the name of the token.
    fn of(
        &self,
        headers: &HeaderMap,
        takes_basic: bool,
    ) -> Result<(Rights, Option<String>), Problem> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok((self.everybody, None));
        };
        let value = value.to_str().unwrap_or_default();
        let found = token_in(value, takes_basic);
        let digest = found.map(|token| sha256(&[token.as_bytes()]));
        // What is compared is a digest: how far it is alike tells nothing of a token.
        let known = |token: &&Token| digest.is_some_and(|digest| digest == token.sha256);
        if let Some(token) = self.tokens.iter().find(known) {
            return Ok((self.everybody.or(token.rights), Some(token.name.clone())));
        }
        let why = if !takes_basic && scheme_is(value, "basic") {
            "as a password a token only reads: send Authorization: Bearer TOKEN"
        } else {
            "the token is not known here"
        };
        Err(Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", why))
    }
}

fn scheme_is(value: &str, name: &str) -> bool {
    value.split_once(' ').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(name))
}

/// The token in a line: as a bearer's, or as the password that a browser sends.
fn token_in(value: &str, takes_basic: bool) -> Option<String> {
    let (_, rest) = value.split_once(' ')?;
    let token = if scheme_is(value, "bearer") {
        rest.trim().to_owned()
    } else if scheme_is(value, "basic") && takes_basic {
        let both = String::from_utf8(encoding::unbase64(rest.trim()).ok()?).ok()?;
        both.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    (token.len() <= TOKEN_BYTES_MAX).then_some(token)
}

/// Routes that only who has the right may ask.
pub fn guarded<S>(routes: Router<S>, server: &Arc<Server>, right: Right) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let guard = move |State(server): State<Arc<Server>>, mut request: Request, next: Next| {
        async move {
            // A browser sends a password by itself, wherever the request is from: it only reads.
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            let (rights, name) = match server.access.of(request.headers(), reads) {
                Ok(found) => found,
                Err(problem) => return problem.into_response(),
            };
            let bearer = name.map(Bearer);
            let mut response = if rights.has(right) {
                if let Some(bearer) = &bearer {
                    request.extensions_mut().insert(bearer.clone());
                }
                next.run(request).await
            } else {
                refusal(right, bearer.is_some()).into_response()
            };
            // The log names it, also where it may not.
            if let Some(bearer) = bearer {
                response.extensions_mut().insert(bearer);
            }
            response
        }
    };
    routes.route_layer(from_fn_with_state(Arc::clone(server), guard))
}

fn refusal(right: Right, has_token: bool) -> Problem {
    let what = match right {
        Right::Read => "read",
        Right::Words => "read words",
        Right::Gate => "have the server decide",
    };
    if has_token {
        let why = format!("this token may not {what}");
        return Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", why);
    }
    let why = format!("to {what} takes a token: Authorization: Bearer TOKEN");
    Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_both_schemes() {
        for (line, takes_basic, found) in [
            ("Bearer abc", true, Some("abc")),
            ("bearer  abc ", false, Some("abc")),
            ("Basic YWRhOmFiYw==", true, Some("abc")),
            ("Basic YWRhOmFiYw==", false, None),
            ("Basic YWRh", true, None),
            ("Basic !", true, None),
            ("Digest abc", true, None),
            ("abc", true, None),
            ("", true, None),
        ] {
            assert_eq!(token_in(line, takes_basic).as_deref(), found, "{line}");
        }
        let line = |length| format!("Bearer {}", "a".repeat(length));
        assert!(token_in(&line(TOKEN_BYTES_MAX), true).is_some());
        assert_eq!(token_in(&line(TOKEN_BYTES_MAX + 1), true), None);
    }
}
