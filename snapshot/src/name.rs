//! Names with the time of the snapshot in them.

use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// What `{timestamp}` stands for: sorts as the time does, and any file system takes it.
const TIMESTAMP: &str = "%Y-%m-%dT%H-%M-%S";

/// The name of a file or a set of files, with fields that the time of the snapshot fills in.
///
/// `{timestamp}` stands for `2026-11-21T13-02-30`, and any field of strftime for itself: `%Y` the
/// year, `%m` the month, `%d` the day, `%H`, `%M`, `%S` the time; `%%` is a percent sign. All in
/// UTC, so that names sort by time and no hour comes twice in a year.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use snapshot::NamePattern;
///
/// let pattern: NamePattern = "dump-{timestamp}.rdb".parse()?;
/// let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_232_123);
/// let name = pattern.name_at(time)?;
/// assert_eq!(name, "dump-2026-10-29T00-02-03.rdb");
/// assert_eq!(pattern.time_of(&name), Some(time));
/// assert_eq!(pattern.time_of("dump-of-somebody-else.rdb"), None);
/// # Ok::<(), snapshot::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// As it was given.
    text: String,
    /// As strftime takes it.
    format: String,
}

/// Why a name cannot be made of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A field is none of strftime's.
    #[error("{pattern:?}: {reason}; a percent sign is written %%")]
    Field {
        /// The pattern.
        pattern: String,
        /// What stands against the field.
        reason: String,
    },
    /// What comes out names no file: it is empty, `.` or `..`, or has a slash or a zero byte.
    #[error("{pattern:?}: {name:?} is no name of a file")]
    NoFile {
        /// The pattern.
        pattern: String,
        /// What came out.
        name: String,
    },
    /// The time is so far off that the calendar does not reach it.
    #[error("{pattern:?}: the time is out of the calendar's range")]
    Time {
        /// The pattern.
        pattern: String,
    },
}

impl NamePattern {
    /// The name at this time, with a precision of a second.
    ///
    /// # Errors
    ///
    /// [`NameError::Time`] for times before the year -9999 or after 9999, and
    /// [`NameError::NoFile`].
    pub fn name_at(&self, time: SystemTime) -> Result<String, NameError> {
        let pattern = || self.text.clone();
        let time = Timestamp::try_from(time).map_err(|_| NameError::Time { pattern: pattern() })?;
        let name = strtime::format(&self.format, time).map_err(|reason| NameError::Field {
            pattern: pattern(),
            reason: reason.to_string(),
        })?;
        if matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(NameError::NoFile {
                pattern: pattern(),
                name,
            });
        }
        Ok(name)
    }

    /// The time in `name`, if it is the name that this pattern gives to that time.
    ///
    /// `None` always where the pattern does not name a day.
    pub fn time_of(&self, name: &str) -> Option<SystemTime> {
        let told = strtime::parse(&self.format, name).ok()?;
        let told: DateTime = told.to_datetime().ok()?;
        let time = SystemTime::from(told.to_zoned(TimeZone::UTC).ok()?);
        // Reading is lenient, with blanks and leading zeros; writing is not.
        (self.name_at(time).as_deref() == Ok(name)).then_some(time)
    }

    /// Whether names tell their time, at least the day, so that old ones can be told from new.
    pub fn tells_time(&self) -> bool {
        let now = Timestamp::now().round(Unit::Second);
        let now = now.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        let name = self.name_at(now);
        name.is_ok_and(|name| self.time_of(&name).is_some())
    }
}

impl FromStr for NamePattern {
    type Err = NameError;

    /// Takes a pattern that gives every second a name.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let pattern = Self {
            text: text.to_owned(),
            format: text.replace("{timestamp}", TIMESTAMP),
        };
        pattern.name_at(SystemTime::UNIX_EPOCH)?;
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2026-10-29, 00:02:03.
    fn time() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_232_123)
    }

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn fields_are_filled_in_and_read_back_as_far_as_they_go() {
        for (text, name, lost_s) in [
            ("dump-{timestamp}.rdb", "dump-2026-10-29T00-02-03.rdb", 0),
            ("%Y%m%d-%H%M", "20261029-0002", 3),
            ("100%%-%Y-%j", "100%-2026-302", 123),
        ] {
            assert_eq!(pattern(text).name_at(time()).as_deref(), Ok(name));
            let told = time() - Duration::from_secs(lost_s);
            assert_eq!(pattern(text).time_of(name), Some(told), "{text}");
            assert!(pattern(text).tells_time(), "{text}");
        }
    }

    #[test]
    fn name_that_the_pattern_would_not_give_has_no_time() {
        let daily = pattern("dump-%Y%m%d.rdb");
        for name in [
            "dump.rdb",
            "dump-20261029.rdb.tmp",
            "dump-2026109.rdb",
            "dump-20261301.rdb",
            " dump-20261029.rdb",
            "",
        ] {
            assert_eq!(daily.time_of(name), None, "{name:?}");
        }
    }

    #[test]
    fn pattern_without_a_day_names_files_and_tells_no_time() {
        for text in ["dump.rdb", "dump-%H%M.rdb"] {
            assert!(!pattern(text).tells_time(), "{text}");
        }
        assert_eq!(
            pattern("dump.rdb").name_at(time()).as_deref(),
            Ok("dump.rdb")
        );
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for text in ["%", "%2", "a%!", "50%.rdb"] {
            let error = text.parse::<NamePattern>().unwrap_err();
            assert!(matches!(error, NameError::Field { .. }), "{text}: {error}");
        }
        for text in ["", ".", "..", "a/b", "%D", "a\0"] {
            let error = text.parse::<NamePattern>().unwrap_err();
            assert!(matches!(error, NameError::NoFile { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn time_beyond_the_calendar_is_an_error() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
        let error = pattern("{timestamp}").name_at(far).unwrap_err();
        assert!(matches!(error, NameError::Time { .. }));
    }
}
