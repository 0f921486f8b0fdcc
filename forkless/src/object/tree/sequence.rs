//! A tree: a long sequence that can be frozen in O(1) and changed in O(one chunk).

use std::cell::Cell;
use std::fmt;

use snapshot::Copies;

use crate::object::tree::branch::{self, Branch, Element, Node};
use crate::object::tree::iter::Iter;
use crate::object::tree::passed;
use crate::object::tree::view::View;

/// A sequence of elements, in chunks of up to 64 of them and 8 KiB under nodes of up to 64
/// branches, each of which knows how many elements it has.
///
/// | | costs |
/// |---|---|
/// | [`freeze`](Self::freeze) | O(1): one reference count |
/// | get, insert, replace, remove by number | O(log n) |
/// | the first change near a place after a freeze | one chunk and the nodes above it, copied |
/// | [`partition_point`](Self::partition_point) | O(log n) |
///
/// Elements that are kept in order of their marks are found with `partition_point`.
pub(crate) struct Tree<E: Element> {
    root: Option<Branch<E>>,
    sharing: Sharing,
}

/// Whom a tree tells what it copies: the account of its latest view, while that is on its way.
///
/// When views of several snapshots share a chunk, the latest pays for it.
pub(super) struct Sharing(Cell<Option<Copies>>);

impl Sharing {
    pub(super) fn charge(&self, bytes: usize) {
        // Taken out for the moment: nobody else can ask meanwhile.
        if let Some(copies) = self.0.take()
            && copies.charge(bytes)
        {
            self.0.set(Some(copies));
        }
    }
}

impl<E: Element> Tree<E> {
    pub(crate) const fn new() -> Self {
        Self {
            root: None,
            sharing: Sharing(Cell::new(None)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.elements)
    }

    /// What the elements weigh, all together.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.weight_bytes)
    }

    /// A view of the sequence as it is now. What is copied because of it is charged to `copies`.
    pub(crate) fn freeze(&self, copies: &Copies) -> View<E> {
        self.sharing.0.set(Some(copies.clone()));
        View::new(self.root.clone(), copies.clone())
    }

    /// As [`freeze`](Self::freeze), for who lets go of the view before anything changes.
    pub(crate) fn view(&self) -> View<E> {
        View::new(self.root.clone(), Copies::uncounted())
    }

    /// Element number `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&E> {
        let root = self.root.as_ref().filter(|root| index < root.elements)?;
        let (mut node, mut index) = (&*root.node, index);
        loop {
            match node {
                Node::Leaf(elements) => return elements.get(index),
                Node::Inner(branches) => {
                    let (at, place) = branch::branch_of(branches, index);
                    (node, index) = (&*branches[at].node, place);
                }
            }
        }
    }

    /// How many elements there are at the front whose marks are `before`, if these come first.
    pub(crate) fn partition_point(&self, before: impl Fn(&E::Mark) -> bool) -> usize {
        let mut passed = 0;
        let mut node = self.root.as_ref().map(|root| &*root.node);
        while let Some(at) = node {
            node = match at {
                Node::Leaf(elements) => {
                    passed += elements.partition_point(|element| before(element.mark()));
                    None
                }
                Node::Inner(branches) => {
                    // The bound is in the last branch that begins before it, or at its end.
                    let begun = branches.partition_point(|branch| before(&branch.mark));
                    let last = begun.checked_sub(1);
                    let left = &branches[..last.unwrap_or(0)];
                    passed += left.iter().map(|branch| branch.elements).sum::<usize>();
                    last.map(|last| &*branches[last].node)
                }
            };
        }
        passed
    }

    /// Inserts an element as number `index`, before the one that is.
    ///
    /// # Panics
    ///
    /// When there are fewer elements.
    pub(crate) fn insert(&mut self, index: usize, element: E) {
        assert!(index <= self.len(), "an element goes next to others");
        passed::free_some();
        let Some(root) = &mut self.root else {
            self.root = Some(Branch::leaf(vec![element]));
            return;
        };
        let right = root.insert(index, element, &self.sharing);
        self.grow(right);
    }

    /// Puts what was split off the root to the right of it, under a new root.
    fn grow(&mut self, right: Option<Branch<E>>) {
        if let Some(right) = right
            && let Some(left) = self.root.take()
        {
            self.root = Some(Branch::inner(vec![left, right]));
        }
    }

    /// Inserts an element at the end.
    pub(crate) fn push(&mut self, element: E) {
        self.insert(self.len(), element);
    }

    /// Puts an element in the place of number `index`, and gives that back. Where marks matter,
    /// both have equal ones.
    pub(crate) fn replace(&mut self, index: usize, element: E) -> Option<E> {
        passed::free_some();
        let root = self.root.as_mut().filter(|root| index < root.elements)?;
        let (old, right) = root.replace(index, element, &self.sharing);
        self.grow(right);
        Some(old)
    }

    /// Takes element number `index` out.
    pub(crate) fn remove(&mut self, index: usize) -> Option<E> {
        passed::free_some();
        let root = self.root.as_mut().filter(|root| index < root.elements)?;
        let element = root.remove(index, &self.sharing);
        if root.elements == 0 {
            self.root = None;
            return Some(element);
        }
        // A node of one branch is no better than the branch.
        while let Node::Inner(branches) = &*root.node
            && let [only] = branches.as_slice()
        {
            *root = only.clone();
        }
        Some(element)
    }

    /// The elements from number `index` on.
    pub(crate) fn iter_from(&self, index: usize) -> Iter<'_, E> {
        Iter::new(self.root.as_ref(), index)
    }

    /// The elements.
    pub(crate) fn iter(&self) -> Iter<'_, E> {
        self.iter_from(0)
    }
}

impl<E: Element> FromIterator<E> for Tree<E> {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Self {
        Self {
            root: branch::build(elements),
            sharing: Sharing(Cell::new(None)),
        }
    }
}

impl<E: Element> Default for Tree<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Element> fmt::Debug for Tree<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("elements", &self.len())
            .field("weight_bytes", &self.weight_bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tree::branch::LEAF_BYTES_MAX;

    /// Says itself what it weighs.
    #[derive(Clone, Copy, Debug)]
    struct Weight(usize);

    impl Element for Weight {
        type Mark = ();

        fn mark(&self) -> &() {
            &()
        }

        fn weight_bytes(&self) -> usize {
            self.0
        }
    }

    /// What the chunks weigh.
    fn chunks(tree: &Tree<Weight>) -> Vec<usize> {
        let mut view = tree.view();
        let mut weights = Vec::new();
        while view.advance() {
            weights.push(view.chunk().iter().map(|element| element.0).sum());
        }
        weights
    }

    #[test]
    fn replacing_elements_by_their_like_leaves_the_chunks_as_they_are() {
        let mut tree: Tree<Weight> = (0..10_000).map(|_| Weight(150)).collect();
        let before = chunks(&tree);
        for number in 0..20_000 {
            let old = tree.replace(number * 7919 % 10_000, Weight(150));
            assert_eq!(old.unwrap().0, 150);
        }
        assert_eq!(chunks(&tree), before);
    }

    #[test]
    fn replacing_elements_by_heavier_ones_splits_their_chunks() {
        let mut tree: Tree<Weight> = (0..1000).map(|_| Weight(150)).collect();
        for number in 0..1000 {
            tree.replace(number * 7 % 1000, Weight(1000));
            assert!(chunks(&tree).iter().all(|bytes| *bytes <= LEAF_BYTES_MAX));
        }
        assert_eq!((tree.len(), tree.weight_bytes()), (1000, 1_000_000));
        assert!(tree.replace(1000, Weight(1)).is_none());
    }
}
