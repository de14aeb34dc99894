//! Row number -> database id, compact.
use std::collections::BTreeMap;

use crate::varint;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    id: i64,
    length: u64,
}

/// Database ids by row, kept as runs of consecutive rows with consecutive ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdMap {
    runs: BTreeMap<u64, Run>,
    length: u64,
}

impl IdMap {
    /// Set the ids of rows; a row that has one already keeps the newer.
    pub fn put(&mut self, pairs: impl IntoIterator<Item = (u64, i64)>) {
        let mut run: Option<(u64, Run)> = None;
        for (row, id) in pairs {
            match &mut run {
                Some((start, Run { id: first, length }))
                    if *start + *length == row && *first + *length as i64 == id =>
                {
                    *length += 1;
                }
                _ => {
                    if let Some((start, run)) = run.replace((row, Run { id, length: 1 })) {
                        self.put_run(start, run);
                    }
                }
            }
        }
        if let Some((start, run)) = run {
            self.put_run(start, run);
        }
    }

    fn put_run(&mut self, start: u64, mut run: Run) {
        let stop = start + run.length;
        self.cut(start, stop);
        self.length += run.length;
        if let Some((&next, &after)) = self.runs.range(stop..).next()
            && next == stop
            && after.id == run.id + run.length as i64
        {
            self.runs.remove(&next);
            run.length += after.length;
        }
        if let Some((&before, earlier)) = self.runs.range_mut(..start).next_back()
            && before + earlier.length == start
            && earlier.id + earlier.length as i64 == run.id
        {
            earlier.length += run.length;
            return;
        }
        self.runs.insert(start, run);
    }

    /// Forget the rows `start..stop`.
    fn cut(&mut self, start: u64, stop: u64) {
        let first = self
            .runs
            .range(..start)
            .next_back()
            .filter(|(row, run)| **row + run.length > start)
            .map(|(row, _)| *row);
        let touched: Vec<u64> = first
            .into_iter()
            .chain(self.runs.range(start..stop).map(|(row, _)| *row))
            .collect();
        for row in touched {
            let Some(run) = self.runs.remove(&row) else {
                continue;
            };
            self.length -= run.length;
            if row < start {
                self.runs.insert(
                    row,
                    Run {
                        id: run.id,
                        length: start - row,
                    },
                );
                self.length += start - row;
            }
            let end = row + run.length;
            if end > stop {
                self.runs.insert(
                    stop,
                    Run {
                        id: run.id + (stop - row) as i64,
                        length: end - stop,
                    },
                );
                self.length += end - stop;
            }
        }
    }

    /// The id of a row.
    pub fn get(&self, row: u64) -> Option<i64> {
        let (&start, run) = self.runs.range(..=row).next_back()?;
        (row - start < run.length).then(|| run.id + (row - start) as i64)
    }

    /// Number of rows with an id.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// No row has an id.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// (first row, first id, length), ascending by row.
    pub fn runs(&self) -> impl Iterator<Item = (u64, i64, u64)> + '_ {
        self.runs
            .iter()
            .map(|(&row, run)| (row, run.id, run.length))
    }

    /// The run that begins at or after `row`.
    pub fn run_from(&self, row: u64) -> Option<(u64, i64, u64)> {
        self.runs
            .range(row..)
            .next()
            .map(|(&row, run)| (row, run.id, run.length))
    }

    /// The map as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        for (row, id, length) in self.runs() {
            varint::put(&mut out, row - at);
            varint::put(&mut out, id as u64);
            varint::put(&mut out, length);
            at = row + length;
        }
        out
    }

    /// The inverse of [`Self::to_bytes`]; `None` for other bytes.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut map = Self::default();
        let mut at = 0u64;
        while !bytes.is_empty() {
            let row = at.checked_add(varint::take(&mut bytes)?)?;
            let id = i64::try_from(varint::take(&mut bytes)?).ok()?;
            let length = varint::take(&mut bytes)?;
            at = row.checked_add(length)?;
            id.checked_add_unsigned(length)?;
            if length == 0 {
                return None;
            }
            map.put_run(row, Run { id, length });
        }
        Some(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_join_whatever_the_order() {
        let mut map = IdMap::default();
        map.put([(0, 10), (1, 11)]);
        map.put([(4, 14), (5, 15)]);
        map.put([(2, 12), (3, 13)]);
        assert_eq!(map.runs().collect::<Vec<_>>(), [(0, 10, 6)]);
        assert_eq!((map.len(), map.get(5), map.get(6)), (6, Some(15), None));
    }

    #[test]
    fn a_newer_id_wins() {
        let mut map = IdMap::default();
        map.put((0..10).map(|row| (row, 100 + row as i64)));
        map.put([(3, 7), (4, 9)]);
        let all: Vec<_> = (0..10).filter_map(|row| map.get(row)).collect();
        assert_eq!(all, [100, 101, 102, 7, 9, 105, 106, 107, 108, 109]);
        assert_eq!(map.len(), 10);
        assert_eq!(IdMap::from_bytes(&map.to_bytes()), Some(map));
    }
}
