//! The tokens by which a server knows who asks.

use http::HeaderValue;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// A token is replaced when it has less than this left, so that no call is made with one that ends on its way.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// How long the source may take for a new token while the old one is good.
const RENEWAL: Duration = Duration::from_secs(10);
/// How long the source is left alone after it gave none, while the old one is good.
const PAUSE: Duration = Duration::from_secs(30);
/// How long the source may take where there is no good token: the developer's command line takes seconds.
const FIRST: Duration = Duration::from_secs(30);

/// Gives the tokens that a Durable Task server asks for, for the scope `https://durabletask.io/.default`.
///
/// It is asked when the last token is about to end, and by one call at a time. Other calls use the last token meanwhile, if it is still
/// good. A source that takes too long is given up, by dropping its future: after 10 seconds while the last token is good, else after 30.
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
    /// Held while the source is asked.
    asking: tokio::sync::Mutex<()>,
    /// How often the source gave none.
    failures: AtomicU64,
}

#[derive(Clone)]
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
            asking: tokio::sync::Mutex::new(()),
            failures: AtomicU64::new(0),
        }
    }

    /// The value of the header `authorization`.
    pub(super) async fn header(&self) -> Result<HeaderValue, TokenError> {
        self.header_at(SystemTime::now()).await
    }

    async fn header_at(&self, now: SystemTime) -> Result<HeaderValue, TokenError> {
        match self.good(now) {
            Some(kept) if now < kept.renewed_at => Ok(kept.header),
            Some(kept) => Ok(self.renewed(now).await.unwrap_or(kept.header)),
            None => self.first(now).await,
        }
    }

    /// Another token in place of one that is still good. `None`: use the old one.
    async fn renewed(&self, now: SystemTime) -> Option<HeaderValue> {
        // Another call asks already.
        let _asking = self.asking.try_lock().ok()?;
        let kept = self.good(now)?;
        if now < kept.renewed_at {
            return Some(kept.header);
        }
        let header = self.asked(now, RENEWAL).await;
        if header.is_err()
            && let Some(kept) = self.kept().as_mut()
        {
            kept.renewed_at = now + PAUSE;
        }
        header.ok()
    }

    /// A token where there is no good one.
    async fn first(&self, now: SystemTime) -> Result<HeaderValue, TokenError> {
        let failures = self.failures.load(Ordering::Relaxed);
        let _asking = self.asking.lock().await;
        if let Some(kept) = self.good(now) {
            return Ok(kept.header);
        }
        if self.failures.load(Ordering::Relaxed) != failures {
            // The calls that waited do not ask one after the other.
            return Err(TokenError::failed("the source gave none to another call just now"));
        }
        self.asked(now, FIRST).await
    }

    /// Asks the source, and keeps what it gives. The lock `asking` is held.
    async fn asked(&self, now: SystemTime, limit: Duration) -> Result<HeaderValue, TokenError> {
        let asked = match timeout(limit, self.source.token()).await {
            Ok(asked) => asked.and_then(|token| Ok((bearer(&token)?, token.expires))),
            Err(_) => Err(TokenError::failed(format!("the source gave none within {limit:?}"))),
        };
        let (header, expires) = asked.inspect_err(|_| {
            self.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let life = expires.duration_since(now).unwrap_or_default();
        // Of a short one half.
        let before = RENEWED_BEFORE.min(life / 2);
        *self.kept() = Some(Kept {
            header: header.clone(),
            expires,
            renewed_at: expires - before,
        });
        Ok(header)
    }

    /// The token that is kept, if it has not ended.
    fn good(&self, now: SystemTime) -> Option<Kept> {
        self.kept().clone().filter(|kept| now < kept.expires)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        // Nothing panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(token: &AccessToken) -> Result<HeaderValue, TokenError> {
    let mut header: HeaderValue = format!("Bearer {}", token.secret)
        .parse()
        .map_err(|_| TokenError::Unsendable)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::time::{Instant, sleep};

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
    /// Gives one token for an hour; later ones take a time, and then are none.
    #[derive(Debug)]
    struct Once {
        begun: SystemTime,
        asked: AtomicUsize,
        takes: Duration,
    }

    impl Once {
        fn new(takes: Duration) -> Arc<Self> {
            Arc::new(Self {
                begun: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
                asked: AtomicUsize::new(0),
                takes,
            })
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    impl TokenSource for Once {
        fn token(&self) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if number == 0 {
                    return Ok(AccessToken::new("secret", self.begun + Duration::from_secs(3600)));
                }
                sleep(self.takes).await;
                Err(TokenError::failed("the identity is gone"))
            })
        }
    }

    /// How long each of several calls at a time waits for a token.
    async fn waits(tokens: &Arc<Tokens>, now: SystemTime, calls: usize) -> Vec<(Duration, bool)> {
        let begun = Instant::now();
        let calls: Vec<_> = (0..calls)
            .map(|_| {
                let tokens = Arc::clone(tokens);
                tokio::spawn(async move {
                    let is_there = tokens.header_at(now).await.is_ok();
                    (begun.elapsed(), is_there)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for call in calls {
            waits.push(call.await.unwrap());
        }
        waits
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_token_is_good_no_call_waits_for_the_renewal_of_another() {
        let source = Once::new(Duration::from_secs(100_000));
        let tokens = Arc::new(Tokens::new(source.clone()));
        let begun = source.begun;
        tokens.header_at(begun).await.unwrap();
        let late = begun + Duration::from_secs(56 * 60);
        // The one that asks a source that hangs waits ten seconds, and has the old token.
        let mut expected = vec![(Duration::ZERO, true); 50];
        expected[0].0 = RENEWAL;
        assert_eq!(waits(&tokens, late, 50).await, expected);
        assert_eq!(source.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_failed_is_asked_again_after_half_a_minute_and_not_by_each_call() {
        let source = Once::new(Duration::ZERO);
        let tokens = Tokens::new(source.clone());
        let begun = source.begun;
        tokens.header_at(begun).await.unwrap();
        let late = begun + Duration::from_secs(56 * 60);
        let mut asked = Vec::new();
        for seconds in [0, 1, 29, 30, 59, 60] {
            tokens.header_at(late + Duration::from_secs(seconds)).await.unwrap();
            asked.push(source.asked());
        }
        assert_eq!(asked, [2, 2, 2, 3, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_good_token_calls_that_wait_for_the_same_request_fail_with_it() {
        let source = Once::new(Duration::from_secs(100_000));
        let tokens = Arc::new(Tokens::new(source.clone()));
        let begun = source.begun;
        tokens.header_at(begun).await.unwrap();
        let ended = begun + Duration::from_secs(3601);
        assert_eq!(waits(&tokens, ended, 50).await, [(FIRST, false); 50]);
        assert_eq!(source.asked(), 2);
        // The next one asks anew.
        assert_eq!(waits(&tokens, ended, 1).await, [(FIRST, false)]);
        assert_eq!(source.asked(), 3);
    }
}
