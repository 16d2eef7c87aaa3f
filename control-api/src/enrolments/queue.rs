//! Who gets the places that have become free. Pure.

use std::collections::BTreeMap;

use ids::{BatchId, EnrolmentId};

/// Somebody in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: EnrolmentId,
    pub(crate) batch: Option<BatchId>,
}

/// Those who move up, in the order of the queue. Who waits for a full batch is passed over and keeps his turn;
/// a batch that is not in `of_batches` has no limit of its own.
pub(crate) fn promotions(
    mut free: u64,
    mut of_batches: BTreeMap<BatchId, u64>,
    queue: &[Waiting],
) -> Vec<EnrolmentId> {
    let mut promoted = Vec::new();
    for waiting in queue {
        if free == 0 {
            break;
        }
        if let Some(left) = waiting.batch.and_then(|batch| of_batches.get_mut(&batch)) {
            let Some(less) = left.checked_sub(1) else { continue };
            *left = less;
        }
        free -= 1;
        promoted.push(waiting.id);
    }
    promoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> EnrolmentId {
        EnrolmentId::from_parts(n.into(), [n; 10])
    }

    fn batch(n: u8) -> BatchId {
        BatchId::from_parts(n.into(), [n; 10])
    }

    #[test]
    fn the_first_in_the_queue_move_up() {
        let queue = [1, 2, 3].map(|n| Waiting { id: id(n), batch: None });
        let check = |free, expected: &[EnrolmentId]| {
            assert_eq!(promotions(free, BTreeMap::new(), &queue), expected);
        };
        check(0, &[]);
        check(2, &[id(1), id(2)]);
        check(9, &[id(1), id(2), id(3)]);
    }

    #[test]
    fn who_waits_for_a_full_batch_is_passed_over() {
        let queue = [(1, Some(1)), (2, Some(1)), (3, None), (4, Some(2)), (5, None)]
            .map(|(n, of)| Waiting { id: id(n), batch: of.map(batch) });
        let batches = BTreeMap::from([(batch(1), 1)]);
        assert_eq!(promotions(4, batches, &queue), [id(1), id(3), id(4), id(5)]);
        assert_eq!(promotions(9, BTreeMap::from([(batch(1), 0)]), &queue), [id(3), id(4), id(5)]);
    }
}
