//! The tokens by which a server knows who asks.

use http::HeaderValue;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// A token is replaced when it has less than this left, so that no call is made with one that ends on its way.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// Gives the tokens that a Durable Task server asks for, for the scope `https://durabletask.io/.default`.
///
/// It is asked when the last token is about to end, and by one call at a time.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A new token.
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>>;
}

/// A bearer token. It is never shown.
#[derive(Clone)]
pub struct AccessToken {
    secret: String,
    expires: SystemTime,
}

impl AccessToken {
    /// A token that is good until `expires`.
    pub fn new(secret: impl Into<String>, expires: SystemTime) -> Self {
        Self {
            secret: secret.into(),
            expires,
        }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// There is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The source gave none.
    #[error("no token for the Durable Task server could be had")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// The token cannot be sent.
    #[error("the token for the Durable Task server has a character that no header can carry")]
    Unsendable,
}

impl TokenError {
    /// A failure with this cause, or this message.
    pub fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}

/// The token of now, from a source.
#[derive(Debug)]
pub(super) struct Tokens {
    source: Arc<dyn TokenSource>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    header: HeaderValue,
    expires: SystemTime,
    /// From when on another one is asked for.
    renewed_at: SystemTime,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(source: Arc<dyn TokenSource>) -> Self {
        Self {
            source,
            kept: Mutex::new(None),
        }
    }

    /// The value of the header `authorization`.
    pub(super) async fn header(&self) -> Result<HeaderValue, TokenError> {
        self.header_at(SystemTime::now()).await
    }

    async fn header_at(&self, now: SystemTime) -> Result<HeaderValue, TokenError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.renewed_at) {
            return Ok(kept.header.clone());
        }
        let token = match (self.source.token().await, kept.as_ref()) {
            (Ok(token), _) => token,
            // It is good for a while yet.
            (Err(_), Some(kept)) if now < kept.expires => return Ok(kept.header.clone()),
            (Err(error), _) => return Err(error),
        };
        let mut header: HeaderValue = format!("Bearer {}", token.secret)
            .parse()
            .map_err(|_| TokenError::Unsendable)?;
        header.set_sensitive(true);
        let life = token.expires.duration_since(now).unwrap_or_default();
        // Of a short one half.
        let before = RENEWED_BEFORE.min(life / 2);
        *kept = Some(Kept {
            header: header.clone(),
            expires: token.expires,
            renewed_at: token.expires - before,
        });
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The first tokens are good for an hour each; then there are none.
    #[derive(Debug)]
    struct Some3 {
        begun: SystemTime,
        given: AtomicUsize,
    }

    impl TokenSource for Some3 {
        fn token(&self) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>> {
            let number = self.given.fetch_add(1, Ordering::Relaxed);
            let expires = self.begun + Duration::from_secs(3600) * u32::try_from(number + 1).unwrap();
            Box::pin(async move {
                match number {
                    0..3 => Ok(AccessToken::new(format!("secret{number}"), expires)),
                    _ => Err(TokenError::failed("the identity is gone")),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_token_is_kept_and_renewed_before_it_ends_and_an_old_one_stays_in_use_while_it_is_good() {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let tokens = Tokens::new(Arc::new(Some3 {
            begun,
            given: AtomicUsize::new(0),
        }));
        let mut seen = Vec::new();
        for minutes in [0, 54, 56, 114, 116, 174, 176, 179] {
            let header = tokens
                .header_at(begun + Duration::from_secs(minutes * 60))
                .await
                .unwrap();
            assert!(header.is_sensitive());
            seen.push(header.to_str().unwrap().trim_start_matches("Bearer secret").to_owned());
        }
        assert_eq!(seen, ["0", "0", "1", "1", "2", "2", "2", "2"]);
        let ended = tokens
            .header_at(begun + Duration::from_secs(181 * 60))
            .await
            .unwrap_err();
        assert_eq!(ended.to_string(), "no token for the Durable Task server could be had");
        assert!(!format!("{tokens:?}").contains("secret"), "{tokens:?}");
    }
}
