//! A compact, mutable set of row numbers.
use std::collections::BTreeMap;

use crate::varint;

/// Row numbers, kept as runs: start -> stop (exclusive), never touching each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    runs: BTreeMap<u64, u64>,
}

impl RowSet {
    /// Add `start..stop`.
    pub fn add(&mut self, start: u64, stop: u64) {
        if start >= stop {
            return;
        }
        let (mut first, mut last) = (start, stop);
        if let Some((&before, &end)) = self.runs.range(..=start).next_back() {
            if end >= stop {
                return;
            }
            if end >= start {
                first = before;
            }
        }
        while let Some((&next, &end)) = self.runs.range(first..=last).next() {
            last = last.max(end);
            self.runs.remove(&next);
        }
        self.runs.insert(first, last);
    }

    /// Add single rows, any order; runs of neighbours are cheap.
    pub fn add_rows(&mut self, rows: impl IntoIterator<Item = u64>) {
        let mut run: Option<(u64, u64)> = None;
        for row in rows {
            match &mut run {
                Some((_, stop)) if *stop == row => *stop += 1,
                _ => {
                    if let Some((start, stop)) = run.replace((row, row + 1)) {
                        self.add(start, stop);
                    }
                }
            }
        }
        if let Some((start, stop)) = run {
            self.add(start, stop);
        }
    }

    /// The row is in the set.
    pub fn contains(&self, row: u64) -> bool {
        self.runs
            .range(..=row)
            .next_back()
            .is_some_and(|(_, &stop)| row < stop)
    }

    /// How many rows from `row` on, without a gap, are all in the set (`true`) or all outside of it (`false`).
    pub fn run_at(&self, row: u64) -> (bool, u64) {
        if let Some((_, &stop)) = self.runs.range(..=row).next_back()
            && row < stop
        {
            return (true, stop - row);
        }
        let next = self
            .runs
            .range(row..)
            .next()
            .map_or(u64::MAX, |(&start, _)| start);
        (false, next - row)
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(start, stop)| stop - start).sum()
    }

    /// No row at all.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// (start, stop) of each run, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.runs.iter().map(|(&start, &stop)| (start, stop))
    }

    /// The set as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        for (start, stop) in self.ranges() {
            varint::put(&mut out, start - at);
            varint::put(&mut out, stop - start);
            at = stop;
        }
        out
    }

    /// The inverse of [`Self::to_bytes`]; `None` for other bytes.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut set = Self::default();
        let mut at = 0u64;
        while !bytes.is_empty() {
            let start = at.checked_add(varint::take(&mut bytes)?)?;
            let stop = start.checked_add(varint::take(&mut bytes)?)?;
            set.add(start, stop);
            at = stop;
        }
        Some(set)
    }
}

/// Asks a set about one row after the other.
#[derive(Debug)]
pub struct Skipped<'s> {
    rows: Option<&'s RowSet>,
    /// The answer holds for rows before this one.
    until: u64,
    inside: bool,
}

impl<'s> Skipped<'s> {
    /// Without a set, no row is in it.
    pub fn new(rows: Option<&'s RowSet>) -> Self {
        Self {
            rows,
            until: if rows.is_none() { u64::MAX } else { 0 },
            inside: false,
        }
    }

    /// The row is in the set; rows are asked for in ascending order.
    #[inline]
    pub fn has(&mut self, row: u64) -> bool {
        if row >= self.until
            && let Some(rows) = self.rows
        {
            let (inside, count) = rows.run_at(row);
            self.inside = inside;
            self.until = row.saturating_add(count);
        }
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_and_stay_apart() {
        let mut set = RowSet::default();
        set.add(10, 20);
        set.add(30, 40);
        set.add(20, 25);
        set.add(5, 5);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(10, 25), (30, 40)]);
        set.add(8, 50);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(8, 50)]);
        set.add(9, 10);
        assert_eq!(
            (set.len(), set.contains(49), set.contains(50)),
            (42, true, false)
        );
    }

    #[test]
    fn bytes_come_back() {
        let mut set = RowSet::default();
        set.add_rows([1, 2, 3, 900, 7, 8, 1 << 40]);
        assert_eq!(RowSet::from_bytes(&set.to_bytes()), Some(set.clone()));
        assert_eq!(set.run_at(1), (true, 3));
        assert_eq!(set.run_at(4), (false, 3));
        assert_eq!(RowSet::from_bytes(&[0x80]), None);
    }
}
