//! How long a sign-in lasts without use (reference A.3).

use crate::mailbox::Timestamp;

/// Where the account that signed in belongs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Owner {
    #[default]
    Organisation,
    Person,
}

/// When the stored sign-in ends if nobody uses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lapse {
    /// Nobody has signed in.
    NoSignIn,
    /// Then at the latest. A policy of the organisation may end it sooner; no service tells of that.
    By(Timestamp),
    /// Microsoft names no time for the accounts of persons.
    Unknown,
}

const DAY: i64 = 24 * 60 * 60;
/// Unused for so long, a refresh token is no longer taken.
const DAYS: i64 = 90;
/// With fewer days left someone should be told: time to notice, and to come back from a holiday.
const NEAR: i64 = 14;
/// A running bridge renews each hour or so; after a day without there is more wrong than a bad line.
const STALE: i64 = DAY;
/// The tenant of all personal accounts (reference A.6).
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl Owner {
    /// An account whose tenant is not known is taken for an organisation's.
    pub fn of(tenant_id: Option<&str>) -> Self {
        match tenant_id {
            Some(PERSONAL_TENANT) => Self::Person,
            _ => Self::Organisation,
        }
    }
}

impl Lapse {
    /// `renewed`: when the refresh token was last used or made.
    pub fn new(renewed: Option<Timestamp>, owner: Owner) -> Self {
        match (renewed, owner) {
            (None, _) => Self::NoSignIn,
            (Some(_), Owner::Person) => Self::Unknown,
            (Some(at), Owner::Organisation) => Self::By(Timestamp(at.0.saturating_add(DAYS * DAY))),
        }
    }

    /// Days begun count whole; zero if it is over.
    pub fn days_left(self, now: Timestamp) -> Option<i64> {
        match self {
            Self::By(end) => Some((end.0.saturating_sub(now.0).max(0) + DAY - 1) / DAY),
            Self::NoSignIn | Self::Unknown => None,
        }
    }

    pub fn is_near(self, now: Timestamp) -> bool {
        self.days_left(now).is_some_and(|days| days < NEAR)
    }

    /// For a person.
    pub fn words(self, now: Timestamp) -> String {
        match (self, self.days_left(now)) {
            (Self::NoSignIn, _) => "no sign-in stored".to_owned(),
            (_, Some(0)) => "the sign-in has probably lapsed, unused for 90 days".to_owned(),
            (_, Some(days)) => format!(
                "sign-in good for {days} days without use, or less by a policy of the organisation"
            ),
            (_, None) => "how long the sign-in lasts without use is not known".to_owned(),
        }
    }
}

/// Whether a bridge that runs should have renewed the sign-in long ago.
pub fn is_stale(renewed: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(renewed.0) >= STALE
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_793_610_000);

    fn renewed(days: i64) -> Lapse {
        Lapse::new(Some(Timestamp(NOW.0 - days * DAY)), Owner::Organisation)
    }

    #[test]
    fn the_days_count_down_from_ninety_and_a_fortnight_is_near() {
        assert_eq!(
            [0, 1, 89, 90, 200].map(|days| renewed(days).days_left(NOW)),
            [Some(90), Some(89), Some(1), Some(0), Some(0)]
        );
        assert!(!renewed(76).is_near(NOW) && renewed(77).is_near(NOW));
        assert!(renewed(1).words(NOW).contains("89 days"));
    }

    #[test]
    fn what_nobody_can_know_is_not_told_as_a_number() {
        let personal = Lapse::new(Some(NOW), Owner::of(Some(PERSONAL_TENANT)));
        assert_eq!((personal, personal.days_left(NOW)), (Lapse::Unknown, None));
        assert!(personal.words(NOW).contains("not known"));
        assert_eq!(Lapse::new(None, Owner::of(None)), Lapse::NoSignIn);
        assert!(!Lapse::NoSignIn.is_near(NOW));
    }
}
