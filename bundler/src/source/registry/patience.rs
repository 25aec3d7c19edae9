use std::time::Duration;

use super::Failure;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long something is tried again: a quarter of a second after the first failure, then twice as long each time up to
/// eight, and no longer than `most` altogether. A server that says when to come again is waited for within that.
pub struct Patience<'a> {
    what: &'a str,
    most: Duration,
    waited: Duration,
    pause: Duration,
    tries: usize,
}

impl<'a> Patience<'a> {
    pub fn new(what: &'a str, most: Duration) -> Self {
        Self { what, most, waited: Duration::ZERO, pause: FIRST_PAUSE, tries: 0 }
    }

    /// How long to wait before the next try, or that there is none.
    pub fn again(&mut self, failure: Failure) -> Result<Duration, Failure> {
        self.tries += 1;
        let left = self.most.saturating_sub(self.waited);
        if left.is_zero() {
            let (what, tries) = (self.what.to_owned(), self.tries);
            return Err(Failure::Gone { what, tries, source: Box::new(failure) });
        }
        let now = self.pause.max(failure.come_again().unwrap_or_default()).min(left);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.waited += now;
        Ok(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(mut patience: Patience<'_>, after: Option<u64>) -> Vec<u128> {
        let failure = || Failure::TokenServer {
            server: "t.example".to_owned(),
            status: reqwest::StatusCode::SERVICE_UNAVAILABLE,
            after: after.map(Duration::from_secs),
        };
        std::iter::from_fn(|| patience.again(failure()).ok()).map(|pause| pause.as_millis()).collect()
    }

    #[test]
    fn pauses_grow_and_end() {
        let half_a_minute = Duration::from_secs(30);
        assert_eq!(
            pauses(Patience::new("a", half_a_minute), None),
            [250, 500, 1000, 2000, 4000, 8000, 8000, 6250]
        );
        assert_eq!(pauses(Patience::new("a", Duration::from_secs(1)), None), [250, 500, 250]);
        assert_eq!(pauses(Patience::new("a", Duration::ZERO), None), [0; 0]);
    }

    #[test]
    fn a_server_that_says_when_to_come_again_is_waited_for_within_the_patience() {
        let half_a_minute = Duration::from_secs(30);
        assert_eq!(pauses(Patience::new("a", half_a_minute), Some(10)), [10_000; 3]);
        assert_eq!(pauses(Patience::new("a", half_a_minute), Some(86_400)), [30_000]);
    }
}
