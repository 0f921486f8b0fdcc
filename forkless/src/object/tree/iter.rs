//! An iterator over a tree, from any place on.

use std::slice;

use crate::object::tree::branch::{self, Branch, Element, Node};

/// Borrows elements in their order. A place costs O(log n) to begin with, each step O(1).
#[derive(Debug, Clone)]
pub(crate) struct Iter<'a, E: Element> {
    chunk: slice::Iter<'a, E>,
    // What is to the right, in the nodes above the chunk; the lowest last.
    above: Vec<slice::Iter<'a, Branch<E>>>,
    left: usize,
}

impl<'a, E: Element> Iter<'a, E> {
    /// From element number `index` of what is under `root` on.
    pub(super) fn new(root: Option<&'a Branch<E>>, index: usize) -> Self {
        let elements = root.map_or(0, |root| root.elements);
        let mut iter = Self {
            chunk: [].iter(),
            above: Vec::new(),
            left: elements.saturating_sub(index),
        };
        if let Some(root) = root.filter(|_| iter.left > 0) {
            iter.descend(&root.node, index);
        }
        iter
    }

    /// Goes down to the element number `index` of `node`.
    fn descend(&mut self, mut node: &'a Node<E>, mut index: usize) {
        loop {
            match node {
                Node::Leaf(elements) => {
                    self.chunk = elements[index..].iter();
                    return;
                }
                Node::Inner(branches) => {
                    let (at, place) = branch::branch_of(branches, index);
                    self.above.push(branches[at + 1..].iter());
                    (node, index) = (&branches[at].node, place);
                }
            }
        }
    }
}

impl<'a, E: Element> Iterator for Iter<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<&'a E> {
        loop {
            if let Some(element) = self.chunk.next() {
                self.left -= 1;
                return Some(element);
            }
            match self.above.last_mut()?.next() {
                Some(branch) => self.descend(&branch.node, 0),
                None => drop(self.above.pop()),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<E: Element> ExactSizeIterator for Iter<'_, E> {}
