//! A view: a tree as it was when it was frozen, let go chunk by chunk.

use std::sync::Arc;

use snapshot::Copies;

use crate::object::tree::branch::{Branch, Element, LEAF_BYTES_MAX, Node};
use crate::object::tree::passed::WayBack;

/// The chunks of a frozen tree, in their order.
///
/// It lets go of each node when it has passed it. So the live tree need not copy what the view
/// has passed, and the copies that it made free the view's memory as they go by.
pub(crate) struct View<E: Element> {
    // What is to come: branches of nodes that are passed, the next one last.
    ahead: Vec<Branch<E>>,
    elements: usize,
    chunk: Option<Branch<E>>,
    copies: Copies,
    way_back: WayBack,
}

impl<E: Element> View<E> {
    /// A view that this thread's tree has frozen.
    pub(super) fn new(root: Option<Branch<E>>, copies: Copies) -> Self {
        Self {
            elements: root.as_ref().map_or(0, |root| root.elements),
            ahead: Vec::from_iter(root),
            chunk: None,
            copies,
            way_back: WayBack::here(),
        }
    }

    /// How many elements were frozen.
    pub(crate) fn len(&self) -> usize {
        self.elements
    }

    /// How many chunks are to come. O(chunks / 64).
    pub(crate) fn chunks(&self) -> usize {
        fn under<E: Element>(branches: &[Branch<E>]) -> usize {
            let count = |branch: &Branch<E>| match &*branch.node {
                Node::Leaf(_) => 1,
                Node::Inner(branches) if is_lowest(branches) => branches.len(),
                Node::Inner(branches) => under(branches),
            };
            branches.iter().map(count).sum()
        }
        fn is_lowest<E: Element>(branches: &[Branch<E>]) -> bool {
            branches
                .first()
                .is_some_and(|first| matches!(*first.node, Node::Leaf(_)))
        }
        under(&self.ahead)
    }

    /// The chunk it is at: nothing before the first, and after the last.
    pub(crate) fn chunk(&self) -> &[E] {
        let node = self.chunk.as_ref().map(|chunk| &*chunk.node);
        match node {
            Some(Node::Leaf(elements)) => elements,
            _ => &[],
        }
    }

    /// Goes on to the next chunk, and lets go of this one; whether there is one.
    pub(crate) fn advance(&mut self) -> bool {
        if let Some(passed) = self.chunk.take() {
            self.let_go(passed);
        }
        while let Some(branch) = self.ahead.pop() {
            match &*branch.node {
                Node::Leaf(_) => {
                    self.chunk = Some(branch);
                    return true;
                }
                Node::Inner(branches) => {
                    self.ahead.extend(branches.iter().rev().cloned());
                    self.let_go(branch);
                }
            }
        }
        false
    }

    fn let_go(&self, branch: Branch<E>) {
        let mut node = branch.node;
        let copy_bytes = node.copy_bytes(branch.weight_bytes);
        // Its last owner frees what the live tree has a copy of, or nobody wants any more.
        if let Some(node) = Arc::get_mut(&mut node) {
            // On its way it must not own what the view is yet to let go of.
            if let Node::Inner(branches) = node {
                branches.clear();
            }
        } else {
            // It may have come to be the last one in between.
            if Arc::into_inner(node).is_some() {
                self.copies.release(copy_bytes);
            }
            return;
        }
        // A single heavy element has memory of its own, which is of use to whoever frees it.
        if copy_bytes <= LEAF_BYTES_MAX {
            self.way_back.send(node);
        } else {
            drop(node);
        }
        self.copies.release(copy_bytes);
    }
}

impl<E: Element> std::fmt::Debug for View<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}
