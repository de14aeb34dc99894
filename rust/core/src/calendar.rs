//! Dates and times in the forms Odoo reads: `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS` (UTC).

/// A date and a time of day, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Year, 1 to 9999.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day, 1 to 31.
    pub day: u32,
    /// Second of the day.
    pub second: i64,
}

/// Days in a month of the proleptic Gregorian calendar.
fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u32, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

/// Parse `YYYY-MM-DD`; the day must exist.
pub fn parse_date(text: &[u8]) -> Option<DateTime> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        i64::from(number(&text[..4])?),
        number(&text[5..7])?,
        number(&text[8..])?,
    );
    let exists =
        year >= 1 && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    exists.then_some(DateTime {
        year,
        month,
        day,
        second: 0,
    })
}

/// Parse a time of day `HH:MM[:SS[.fraction]]` and an optional zone (`Z`, `+HH:MM`, `+HHMM`, `+HH`):
/// (second of the day, offset from UTC in seconds).
fn parse_time(text: &[u8]) -> Option<(i64, i64)> {
    let zone = text
        .iter()
        .position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    let (clock, zone) = zone.map_or((text, &b""[..]), |at| text.split_at(at));
    let clock = clock.trim_ascii_end();
    if clock.len() < 5 || clock[2] != b':' {
        return None;
    }
    let (hour, minute) = (number(&clock[..2])?, number(&clock[3..5])?);
    let second = match clock.get(5) {
        None => 0,
        Some(b':') if clock.len() >= 8 => {
            let fraction_good = match clock.get(8) {
                None => true,
                Some(b'.' | b',') => clock.len() > 9 && clock[9..].iter().all(u8::is_ascii_digit),
                Some(_) => false,
            };
            if !fraction_good {
                return None;
            }
            number(&clock[6..8])?
        }
        Some(_) => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match zone {
        [] | [b'Z' | b'z'] => 0,
        [sign, digits @ ..] => {
            let (hours, minutes) = match digits {
                [a, b] => (number(&[*a, *b])?, 0),
                [a, b, c, d] | [a, b, b':', c, d] => (number(&[*a, *b])?, number(&[*c, *d])?),
                _ => return None,
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
    };
    Some((i64::from(hour * 3600 + minute * 60 + second), offset))
}

/// Parse `YYYY-MM-DD`, or that with a time after a space or `T`; a zone is converted to UTC, a fraction dropped.
pub fn parse_datetime(text: &[u8]) -> Option<DateTime> {
    let date = parse_date(text.get(..10)?)?;
    if text.len() == 10 {
        return Some(date);
    }
    if !matches!(text[10], b' ' | b'T' | b't') {
        return None;
    }
    let (second, offset) = parse_time(&text[11..])?;
    DateTime { second, ..date }.shifted(-offset)
}

/// The days of the years 1 to 9999, since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

impl DateTime {
    /// Midnight, so many days after 1970-01-01; `None` outside the years 1 to 9999.
    pub fn from_days(days: i64) -> Option<Self> {
        let (year, month, day) = DAYS.contains(&days).then(|| civil_from_days(days))?;
        Some(Self {
            year,
            month,
            day,
            second: 0,
        })
    }

    /// So many seconds after 1970-01-01 00:00:00; `None` outside the years 1 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        let date = Self::from_days(seconds.div_euclid(86_400))?;
        Some(Self {
            second: seconds.rem_euclid(86_400),
            ..date
        })
    }

    /// This moment some seconds later; `None` outside the years 1 to 9999.
    pub fn shifted(self, seconds: i64) -> Option<Self> {
        let total =
            days_from_civil(self.year, self.month, self.day) * 86_400 + self.second + seconds;
        let (year, month, day) = civil_from_days(total.div_euclid(86_400));
        (1..=9999).contains(&year).then(|| Self {
            year,
            month,
            day,
            second: total.rem_euclid(86_400),
        })
    }

    /// Append `YYYY-MM-DD`.
    pub fn write_date(self, out: &mut Vec<u8>) {
        digits(out, self.year as u32, 4);
        out.push(b'-');
        digits(out, self.month, 2);
        out.push(b'-');
        digits(out, self.day, 2);
    }

    /// Append `YYYY-MM-DD HH:MM:SS`.
    pub fn write_datetime(self, out: &mut Vec<u8>) {
        let second = self.second as u32;
        self.write_date(out);
        out.push(b' ');
        digits(out, second / 3600, 2);
        out.push(b':');
        digits(out, second / 60 % 60, 2);
        out.push(b':');
        digits(out, second % 60, 2);
    }
}

fn digits(out: &mut Vec<u8>, number: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (number / 10u32.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datetime(text: &str) -> Option<String> {
        let mut out = Vec::new();
        parse_datetime(text.as_bytes())?.write_datetime(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-04-31",
            "0000-01-01",
            "2024-1-1",
            "24-01-01",
            "2024/01/01",
        ] {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
        assert!(parse_date(b"2024-02-29").is_some());
        assert!(parse_date(b"2000-02-29").is_some());
        assert!(parse_date(b"1900-02-29").is_none());
    }

    #[test]
    fn zones_become_utc() {
        assert_eq!(
            datetime("2024-03-01T00:30:00+01:00").unwrap(),
            "2024-02-29 23:30:00"
        );
        assert_eq!(
            datetime("2024-12-31 23:59:59-0001").unwrap(),
            "2025-01-01 00:00:59"
        );
        assert_eq!(
            datetime("2024-03-01T10:00Z").unwrap(),
            "2024-03-01 10:00:00"
        );
        assert_eq!(
            datetime("2024-03-01 10:00:00.123456").unwrap(),
            "2024-03-01 10:00:00"
        );
        assert_eq!(datetime("2024-03-01").unwrap(), "2024-03-01 00:00:00");
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for text in [
            "2024-03-01 24:00:00",
            "2024-03-01 10:60",
            "2024-03-01 1:00",
            "2024-03-01x10:00",
            "2024-03-01 10:00:00.",
            "2024-03-01 10:00+1",
        ] {
            assert_eq!(datetime(text), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_are_known() {
        let date = |days| {
            let mut out = Vec::new();
            DateTime::from_days(days)?.write_date(&mut out);
            String::from_utf8(out).ok()
        };
        assert_eq!(date(*DAYS.start()).as_deref(), Some("0001-01-01"));
        assert_eq!(date(*DAYS.end()).as_deref(), Some("9999-12-31"));
        assert_eq!((date(DAYS.start() - 1), date(DAYS.end() + 1)), (None, None));
        assert_eq!(
            DateTime::from_seconds(-1),
            parse_datetime(b"1969-12-31 23:59:59")
        );
        assert_eq!(DateTime::from_seconds(i64::MAX), None);
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for days in days_from_civil(1900, 1, 1)..days_from_civil(2300, 1, 1) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!(day <= days_in_month(year, month));
        }
    }
}
