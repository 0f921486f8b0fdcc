//! A branch: a part of a tree, down to its chunks, and how it splits and joins.

use std::fmt;
use std::sync::Arc;

use crate::object::tree::sequence::Sharing;

/// A chunk has no more elements than this.
const LEAF_ELEMENTS_MAX: usize = 64;

/// A chunk of several elements weighs no more than this, in bytes: it is what one write copies.
pub(super) const LEAF_BYTES_MAX: usize = 8 << 10;

/// A node has no more branches than this.
const BRANCHES_MAX: usize = 64;

/// What a tree is a sequence of.
pub(crate) trait Element: Clone + fmt::Debug + Send + Sync + 'static {
    /// What the elements are in order of; `()` for those that are in no order but their own.
    type Mark: Clone + fmt::Debug + Send + Sync + 'static;

    /// What the element is in order of.
    fn mark(&self) -> &Self::Mark;

    /// Bytes it keeps in memory, its own size included.
    fn weight_bytes(&self) -> usize;
}

/// A node, shared by the live tree and frozen views of it. What is shared is never changed.
#[derive(Debug, Clone)]
pub(super) enum Node<E: Element> {
    /// A chunk.
    Leaf(Vec<E>),
    /// All of the same height; none of them empty.
    Inner(Vec<Branch<E>>),
}

/// A node, and what is known of everything under it.
#[derive(Debug, Clone)]
pub(super) struct Branch<E: Element> {
    pub(super) node: Arc<Node<E>>,
    pub(super) elements: usize,
    pub(super) weight_bytes: usize,
    // That of the first element. A bound would not do: what is inserted between two branches goes
    // into the left one, and would be looked for in the right one.
    pub(super) mark: E::Mark,
}

impl<E: Element> Node<E> {
    /// What copying this node alone takes, in bytes, if all under it weighs `weight_bytes`.
    pub(super) fn copy_bytes(&self, weight_bytes: usize) -> usize {
        match self {
            Self::Leaf(_) => weight_bytes,
            Self::Inner(branches) => branches.len() * size_of::<Branch<E>>(),
        }
    }

    /// A copy with as much room as this has: memory of the size that is free again later, when
    /// nobody needs the original any more.
    fn copy(&self) -> Self {
        fn copy<T: Clone>(all: &Vec<T>) -> Vec<T> {
            let mut copy = Vec::with_capacity(all.capacity());
            copy.extend(all.iter().cloned());
            copy
        }
        match self {
            Self::Leaf(elements) => Self::Leaf(copy(elements)),
            Self::Inner(branches) => Self::Inner(copy(branches)),
        }
    }

    fn first_mark(&self) -> &E::Mark {
        match self {
            Self::Leaf(elements) => elements[0].mark(),
            Self::Inner(branches) => &branches[0].mark,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Leaf(elements) => elements.len(),
            Self::Inner(branches) => branches.len(),
        }
    }
}

/// The branch in which element `index` is, and its place there.
pub(super) fn branch_of<E: Element>(branches: &[Branch<E>], mut index: usize) -> (usize, usize) {
    for (at, branch) in branches.iter().enumerate() {
        if index < branch.elements {
            return (at, index);
        }
        index -= branch.elements;
    }
    unreachable!("an element of a node is in one of its branches")
}

/// The branch to insert into, so that the element comes to be number `index`: the left one of two.
fn branch_before<E: Element>(branches: &[Branch<E>], index: usize) -> (usize, usize) {
    if index == 0 {
        return (0, 0);
    }
    let (at, place) = branch_of(branches, index - 1);
    (at, place + 1)
}

impl<E: Element> Branch<E> {
    /// A chunk; not of nothing.
    pub(super) fn leaf(elements: Vec<E>) -> Self {
        Self {
            elements: elements.len(),
            weight_bytes: elements.iter().map(Element::weight_bytes).sum(),
            mark: elements[0].mark().clone(),
            node: Arc::new(Node::Leaf(elements)),
        }
    }

    /// A node of branches; not of none.
    pub(super) fn inner(branches: Vec<Self>) -> Self {
        Self {
            elements: branches.iter().map(|branch| branch.elements).sum(),
            weight_bytes: branches.iter().map(|branch| branch.weight_bytes).sum(),
            mark: branches[0].mark.clone(),
            node: Arc::new(Node::Inner(branches)),
        }
    }

    /// The node, to change: a copy of it if somebody shares it.
    fn node_mut(&mut self, sharing: &Sharing) -> &mut Node<E> {
        if Arc::strong_count(&self.node) > 1 {
            sharing.charge(self.node.copy_bytes(self.weight_bytes));
            // Nobody may share it any more by now.
            if Arc::get_mut(&mut self.node).is_none() {
                self.node = Arc::new(self.node.copy());
            }
        }
        Arc::make_mut(&mut self.node)
    }

    /// Inserts an element as number `index`; gives back what had to be split off to the right.
    pub(super) fn insert(&mut self, index: usize, element: E, sharing: &Sharing) -> Option<Self> {
        let weight_bytes = element.weight_bytes();
        if index == 0 {
            self.mark = element.mark().clone();
        }
        let at = match self.node_mut(sharing) {
            Node::Leaf(elements) => {
                elements.insert(index, element);
                index
            }
            Node::Inner(branches) => {
                let (at, place) = branch_before(branches, index);
                if let Some(right) = branches[at].insert(place, element, sharing) {
                    branches.insert(at + 1, right);
                }
                at + 1
            }
        };
        self.elements += 1;
        self.weight_bytes += weight_bytes;
        self.split(at, sharing)
    }

    /// Splits off the right part of an overfull node whose part number `changed` is new. What
    /// grows at an end is split there, so that it leaves full nodes behind.
    fn split(&mut self, changed: usize, sharing: &Sharing) -> Option<Self> {
        let is_heavy = self.weight_bytes > LEAF_BYTES_MAX;
        let at = |len: usize| {
            if changed + 1 >= len {
                len - 1
            } else if changed == 0 {
                1
            } else {
                len / 2
            }
        };
        let right = match self.node_mut(sharing) {
            Node::Leaf(elements) => {
                let len = elements.len();
                if len == 1 || (len <= LEAF_ELEMENTS_MAX && !is_heavy) {
                    return None;
                }
                Self::leaf(elements.split_off(at(len)))
            }
            Node::Inner(branches) => {
                let len = branches.len();
                if len <= BRANCHES_MAX {
                    return None;
                }
                Self::inner(branches.split_off(at(len)))
            }
        };
        self.elements -= right.elements;
        self.weight_bytes -= right.weight_bytes;
        Some(right)
    }

    /// Puts `element` in the place of number `index`, which has an equal mark; gives that back, and
    /// what had to be split off to the right.
    pub(super) fn replace(
        &mut self,
        index: usize,
        element: E,
        sharing: &Sharing,
    ) -> (E, Option<Self>) {
        let weight_bytes = element.weight_bytes();
        let old = match self.node_mut(sharing) {
            Node::Leaf(elements) => std::mem::replace(&mut elements[index], element),
            Node::Inner(branches) => {
                let (at, place) = branch_of(branches, index);
                let (old, right) = branches[at].replace(place, element, sharing);
                if let Some(right) = right {
                    branches.insert(at + 1, right);
                }
                old
            }
        };
        self.weight_bytes = self.weight_bytes + weight_bytes - old.weight_bytes();
        // Nothing has come to an end of it: both parts may be changed again.
        (old, self.split(self.node.len() / 2, sharing))
    }

    /// Takes element number `index` out. May leave nothing.
    pub(super) fn remove(&mut self, index: usize, sharing: &Sharing) -> E {
        let element = match self.node_mut(sharing) {
            Node::Leaf(elements) => elements.remove(index),
            Node::Inner(branches) => {
                let (at, place) = branch_of(branches, index);
                let element = branches[at].remove(place, sharing);
                if branches[at].elements == 0 {
                    branches.remove(at);
                } else {
                    join_at(branches, at, sharing);
                }
                element
            }
        };
        self.elements -= 1;
        self.weight_bytes -= element.weight_bytes();
        if index == 0 && self.elements > 0 {
            self.mark = self.node.first_mark().clone();
        }
        element
    }

    /// Whether it is so empty that it looks for a neighbour.
    fn is_sparse(&self) -> bool {
        self.node.len() < BRANCHES_MAX / 4
    }

    /// Whether both together leave room in one node.
    fn fits_with(&self, right: &Self) -> bool {
        let fits = self.node.len() + right.node.len() <= BRANCHES_MAX * 3 / 4;
        let is_light = self.weight_bytes + right.weight_bytes <= LEAF_BYTES_MAX * 3 / 4;
        fits && (is_light || matches!(*self.node, Node::Inner(_)))
    }

    /// Takes in everything of its right neighbour, of the same height.
    fn join(&mut self, right: Self, sharing: &Sharing) {
        self.elements += right.elements;
        self.weight_bytes += right.weight_bytes;
        match (self.node_mut(sharing), Arc::unwrap_or_clone(right.node)) {
            (Node::Leaf(elements), Node::Leaf(others)) => elements.extend(others),
            (Node::Inner(branches), Node::Inner(others)) => branches.extend(others),
            _ => unreachable!("branches of a node are of the same height"),
        }
    }
}

/// Joins branch `at`, from which something was taken, with a neighbour if both are small.
fn join_at<E: Element>(branches: &mut Vec<Branch<E>>, at: usize, sharing: &Sharing) {
    if !branches[at].is_sparse() {
        return;
    }
    for left in [at.wrapping_sub(1), at] {
        let Some([one, other]) = branches.get(left..).and_then(|rest| rest.first_chunk()) else {
            continue;
        };
        if one.fits_with(other) {
            let right = branches.remove(left + 1);
            branches[left].join(right, sharing);
            return;
        }
    }
}

/// Makes one branch of many elements in their order; `None` of nothing.
pub(super) fn build<E: Element>(elements: impl IntoIterator<Item = E>) -> Option<Branch<E>> {
    let mut branches = Vec::new();
    let (mut chunk, mut chunk_bytes) = (Vec::new(), 0);
    for element in elements {
        let weight_bytes = element.weight_bytes();
        let is_full =
            chunk.len() == LEAF_ELEMENTS_MAX || chunk_bytes + weight_bytes > LEAF_BYTES_MAX;
        if is_full && !chunk.is_empty() {
            branches.push(Branch::leaf(std::mem::take(&mut chunk)));
            chunk_bytes = 0;
        }
        chunk.push(element);
        chunk_bytes += weight_bytes;
    }
    if !chunk.is_empty() {
        chunk.shrink_to_fit();
        branches.push(Branch::leaf(chunk));
    }
    while branches.len() > 1 {
        let mut above = Vec::with_capacity(branches.len().div_ceil(BRANCHES_MAX));
        let mut rest = branches.into_iter().peekable();
        while rest.peek().is_some() {
            above.push(Branch::inner(rest.by_ref().take(BRANCHES_MAX).collect()));
        }
        branches = above;
    }
    branches.pop()
}
