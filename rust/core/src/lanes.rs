//! Records by the related record they share.
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::cell::Place;
use crate::chunk::Chunk;

/// The records of a chunk by lane: those with the same value of `field` are in the same one, `None` has those without.
pub fn lanes(chunk: &Chunk, field: &str, count: u64) -> Vec<(Option<u64>, Chunk)> {
    let place = Place::of_field(chunk, field);
    let mut parts: BTreeMap<Option<u64>, Vec<usize>> = BTreeMap::new();
    for index in 0..chunk.len() {
        let lane = place.json(chunk.row_json(index)).map(|value| {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            hasher.finish() % count.max(1)
        });
        parts.entry(lane).or_default().push(index);
    }
    if parts.len() == 1 {
        return parts
            .into_keys()
            .map(|lane| (lane, chunk.clone()))
            .collect();
    }
    parts
        .into_iter()
        .map(|(lane, indexes)| (lane, chunk.select(indexes)))
        .collect()
}
