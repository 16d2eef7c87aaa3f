//! The shape of the tree. Pure.

use std::collections::{BTreeMap, BTreeSet};

use ids::CategoryId;

/// No category stands deeper: a catalogue, not a labyrinth.
pub(crate) const DEPTH_MAX: usize = 5;

/// Why a category cannot stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no such parent.
    NoParent,
    /// It would stand below itself.
    Circle,
    /// It, or what stands below it, would be too deep.
    TooDeep,
}

/// A category and its parent.
pub(crate) type Link = (CategoryId, Option<CategoryId>);

/// Whether `id`, new or moved, may stand below `parent`.
pub(crate) fn may_stand(links: &[Link], id: CategoryId, parent: Option<CategoryId>) -> Result<(), Fault> {
    let parents: BTreeMap<_, _> = links.iter().copied().filter(|(child, _)| *child != id).collect();
    let mut above = 0;
    let mut at = parent;
    while let Some(category) = at {
        if category == id {
            return Err(Fault::Circle);
        }
        above += 1;
        if above > links.len() {
            return Err(Fault::Circle);
        }
        at = *parents.get(&category).ok_or(Fault::NoParent)?;
    }
    if above + height(links, id) > DEPTH_MAX { Err(Fault::TooDeep) } else { Ok(()) }
}

/// How many levels the category and what stands below it take.
fn height(links: &[Link], id: CategoryId) -> usize {
    let mut level = BTreeSet::from([id]);
    for height in 1..=DEPTH_MAX {
        level = links
            .iter()
            .filter(|(_, parent)| parent.is_some_and(|parent| level.contains(&parent)))
            .map(|(child, _)| *child)
            .collect();
        if level.is_empty() {
            return height;
        }
    }
    DEPTH_MAX + 1
}

/// The tree from the top, each category before what stands below it, with its depth. Siblings keep the order in
/// which they are given.
pub(crate) fn ordered(links: &[Link]) -> Vec<(CategoryId, usize)> {
    let mut children: BTreeMap<Option<CategoryId>, Vec<CategoryId>> = BTreeMap::new();
    for (child, parent) in links {
        children.entry(*parent).or_default().push(*child);
    }
    let mut ordered = Vec::new();
    let mut open: Vec<(CategoryId, usize)> = Vec::new();
    let below = |of: Option<CategoryId>, depth: usize| {
        children.get(&of).into_iter().flatten().rev().map(move |child| (*child, depth))
    };
    open.extend(below(None, 0));
    while let Some((category, depth)) = open.pop() {
        ordered.push((category, depth));
        open.extend(below(Some(category), depth + 1));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> CategoryId {
        CategoryId::from_parts(n.into(), [n; 10])
    }

    /// 1 ─ 2 ─ 3, and 4.
    fn links() -> Vec<Link> {
        vec![(id(1), None), (id(2), Some(id(1))), (id(3), Some(id(2))), (id(4), None)]
    }

    #[test]
    fn nothing_stands_below_itself() {
        assert_eq!(may_stand(&links(), id(1), Some(id(3))), Err(Fault::Circle));
        assert_eq!(may_stand(&links(), id(2), Some(id(2))), Err(Fault::Circle));
        assert_eq!(may_stand(&links(), id(3), Some(id(1))), Ok(()));
        assert_eq!(may_stand(&links(), id(3), None), Ok(()));
        assert_eq!(may_stand(&links(), id(9), Some(id(8))), Err(Fault::NoParent));
    }

    #[test]
    fn the_depth_has_a_limit_for_all_that_moves() {
        let chain: Vec<Link> = (1..=5).map(|n| (id(n), (n > 1).then(|| id(n - 1)))).collect();
        assert_eq!(may_stand(&chain, id(9), Some(id(5))), Err(Fault::TooDeep));
        assert_eq!(may_stand(&chain, id(9), Some(id(4))), Ok(()));
        let mut two = chain;
        two.extend([(id(6), None), (id(7), Some(id(6)))]);
        assert_eq!(may_stand(&two, id(6), Some(id(4))), Err(Fault::TooDeep));
        assert_eq!(may_stand(&two, id(6), Some(id(3))), Ok(()));
    }

    #[test]
    fn the_tree_is_told_from_the_top() {
        let expected = [(id(1), 0), (id(2), 1), (id(3), 2), (id(4), 0)];
        assert_eq!(ordered(&links()), expected);
        assert!(ordered(&[]).is_empty());
    }
}
