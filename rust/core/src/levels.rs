//! The order in which rows that refer to rows of the same input go in: those that are referred to first.
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::cell::Place;
use crate::chunk::Chunk;
use crate::rowset::RowSet;

/// Collects an input's external ids and references, 16 bytes each, and sorts its rows into levels.
///
/// External ids are kept as 64-bit digests. Should two of ten million agree (about once in 400,000 inputs), a row may
/// come in a later level than it had to.
#[derive(Debug)]
pub struct Levels {
    columns: Vec<String>,
    rows: RowSet,
    named: Vec<(u64, u64)>,
    wanted: Vec<(u64, u64)>,
}

fn digest(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Levels {
    /// `columns` hold external ids of records of the same model, several with commas between.
    pub fn new(columns: Vec<String>) -> Self {
        Self {
            columns,
            rows: RowSet::default(),
            named: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// The next block: its good records, and which rows were read for it.
    pub fn add(&mut self, chunk: &Chunk, first_row: u64, read: u64) {
        self.rows.add(first_row, first_row + read);
        let rows = chunk.rows();
        if let Some(names) = chunk.external_ids() {
            let named = names.iter().map(|name| digest(name));
            self.named.extend(named.zip(rows.iter().copied()));
        }
        for column in &self.columns {
            let place = Place::of_column(chunk, column);
            for (index, &row) in rows.iter().enumerate() {
                let Some(cell) = place
                    .json(chunk.row_json(index))
                    .and_then(|json| serde_json::from_str::<String>(json).ok())
                else {
                    continue;
                };
                let keys = cell.split(',').map(|key| digest(key.trim()));
                self.wanted.extend(keys.map(|key| (row, key)));
            }
        }
    }

    /// One set a level: a row's is one above the highest of the rows that it refers to.
    ///
    /// Rows that refer to each other in a circle, or to such rows, are in the last one.
    pub fn finish(mut self) -> Vec<RowSet> {
        // Of rows that share an external id the last one counts, as it does for the server.
        self.named.sort_unstable();
        let find = |key: u64| {
            let after = self.named.partition_point(|&(name, _)| name <= key);
            (after > 0 && self.named[after - 1].0 == key).then(|| self.named[after - 1].1)
        };
        let mut edges: Vec<(u64, u64)> = self
            .wanted
            .iter()
            .filter_map(|&(row, key)| {
                find(key)
                    .filter(|&above| above != row)
                    .map(|above| (above, row))
            })
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let mut missing: HashMap<u64, u32> = HashMap::new();
        for &(_, row) in &edges {
            *missing.entry(row).or_default() += 1;
        }
        let below = |above: u64| {
            let start = edges.partition_point(|&(one, _)| one < above);
            edges[start..]
                .iter()
                .take_while(move |&&(one, _)| one == above)
                .map(|&(_, row)| row)
        };
        let mut levels = vec![without(&self.rows, missing.keys().copied())];
        let mut ready: Vec<u64> = edges.iter().map(|&(above, _)| above).collect();
        ready.dedup();
        ready.retain(|above| !missing.contains_key(above));
        while !ready.is_empty() {
            let mut next = Vec::new();
            for above in ready {
                for row in below(above) {
                    if let Some(count) = missing.get_mut(&row) {
                        *count -= 1;
                        if *count == 0 {
                            missing.remove(&row);
                            next.push(row);
                        }
                    }
                }
            }
            push(&mut levels, next.clone());
            ready = next;
        }
        push(&mut levels, missing.into_keys().collect());
        levels
    }
}

fn push(levels: &mut Vec<RowSet>, mut rows: Vec<u64>) {
    if rows.is_empty() {
        return;
    }
    rows.sort_unstable();
    let mut level = RowSet::default();
    level.add_rows(rows);
    levels.push(level);
}

fn without(all: &RowSet, rows: impl Iterator<Item = u64>) -> RowSet {
    let mut rows: Vec<u64> = rows.collect();
    rows.sort_unstable();
    let mut left = RowSet::default();
    let mut rows = rows.into_iter().peekable();
    for (start, stop) in all.ranges() {
        let mut at = start;
        while let Some(row) = rows.next_if(|&row| row < stop) {
            left.add(at, row);
            at = row + 1;
        }
        left.add(at, stop);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Buffers;
    use std::sync::Arc;

    fn block(rows: &[(&str, &str)]) -> Chunk {
        let mut buffers = Buffers {
            fields: Some(Arc::new(vec!["id".to_owned(), "parent_id/id".to_owned()])),
            ..Default::default()
        };
        for (row, (name, parent)) in rows.iter().enumerate() {
            let json = serde_json::to_vec(&[name, parent]).unwrap();
            buffers.data.extend_from_slice(&json);
            buffers.data.push(b',');
            buffers.offsets.push(buffers.data.len() as u32);
            buffers.rows.push(row as u64);
            buffers.external_ids.push((*name).to_owned());
        }
        Chunk::new(buffers)
    }

    fn levels(rows: &[(&str, &str)]) -> Vec<Vec<(u64, u64)>> {
        let mut levels = Levels::new(vec!["parent_id/id".to_owned()]);
        levels.add(&block(rows), 0, rows.len() as u64);
        let found = levels.finish();
        found.iter().map(|level| level.ranges().collect()).collect()
    }

    #[test]
    fn rows_come_after_those_they_refer_to() {
        let rows = [
            ("c", "b"),
            ("b", "a"),
            ("a", ""),
            ("d", "elsewhere"),
            ("e", "e"),
            ("f", "a, c"),
        ];
        assert_eq!(
            levels(&rows),
            [vec![(2, 5)], vec![(1, 2)], vec![(0, 1)], vec![(5, 6)]]
        );
    }

    #[test]
    fn a_circle_and_what_hangs_on_it_come_last() {
        let rows = [("a", "b"), ("b", "a"), ("c", "a"), ("d", ""), ("e", "d")];
        assert_eq!(levels(&rows), [vec![(3, 4)], vec![(4, 5)], vec![(0, 3)]]);
    }

    #[test]
    fn an_input_without_such_references_is_one_level() {
        assert_eq!(levels(&[("a", ""), ("b", "x")]), [vec![(0, 2)]]);
        assert_eq!(levels(&[]), [vec![]]);
    }
}
