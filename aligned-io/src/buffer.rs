//! Page-aligned memory: one allocation, lent out as blocks that never overlap.

#![expect(
    unsafe_code,
    reason = "owns a raw allocation; all access to it is in this file"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

/// The alignment of every block, in bytes: a page, and what most disks ask for.
pub(crate) const PAGE_BYTES: usize = 4096;

/// One block of a [`Region`]: exclusive access to its bytes, whoever holds it.
///
/// A block can be moved into a backend while the kernel reads from it; as long as the backend
/// keeps it, nobody else can touch or free the bytes.
#[derive(Debug)]
pub(crate) struct Block {
    region: Arc<Region>,
    // Invariant: `start + length <= region.layout.size()`, and no other block of the region
    // overlaps this range.
    start: usize,
    length: usize,
}

/// The allocation behind the blocks. Freed when the last block and the last backend let it go.
#[derive(Debug)]
pub(crate) struct Region {
    // Invariant: points at `layout.size()` initialised bytes allocated with `layout`.
    data: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a region owns its bytes and gives no access to them; only blocks do, each to its own
// range, so sharing or sending the region shares no data.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Allocates `count` zeroed blocks of `block_bytes` each, in one page-aligned region.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` when the size overflows or the allocator refuses it.
    ///
    /// # Panics
    ///
    /// When `count` or `block_bytes` is zero.
    pub(crate) fn allocate(count: usize, block_bytes: usize) -> io::Result<Vec<Block>> {
        assert!(
            count > 0 && block_bytes > 0,
            "a region holds at least one byte"
        );
        let refused = || io::Error::from(io::ErrorKind::OutOfMemory);
        let bytes = count.checked_mul(block_bytes).ok_or_else(refused)?;
        let layout = Layout::from_size_align(bytes, PAGE_BYTES).map_err(|_| refused())?;
        // SAFETY: the size is not zero: both factors are not, and the product did not overflow.
        let raw = unsafe { alloc_zeroed(layout) };
        let data = NonNull::new(raw).ok_or_else(refused)?;
        let region = Arc::new(Self { data, layout });
        // The ranges follow each other, so no two blocks overlap, and the last one ends at
        // `count * block_bytes`, the size of the region.
        let block = |index| Block {
            region: Arc::clone(&region),
            start: index * block_bytes,
            length: block_bytes,
        };
        Ok((0..count).map(block).collect())
    }

    /// The address of the first byte.
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.data.as_ptr()
    }

    /// The size, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the invariant on `data`; no block is left, since each one holds the region.
        unsafe { dealloc(self.data.as_ptr(), self.layout) }
    }
}

impl Block {
    /// The region that this block is part of.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the invariant on `start`: inside the allocation.
        let first = unsafe { self.region.data.add(self.start) };
        // SAFETY: `length` initialised bytes stand there, no other block reaches them, and
        // borrowing `self` keeps the region alive and the bytes unchanged.
        unsafe { slice::from_raw_parts(first.as_ptr(), self.length) }
    }

    /// The bytes, to fill.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the invariant on `start`: inside the allocation.
        let first = unsafe { self.region.data.add(self.start) };
        // SAFETY: as in `as_slice`; borrowing `self` mutably makes the access exclusive.
        unsafe { slice::from_raw_parts_mut(first.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_zeroed_aligned_and_apart() {
        let mut blocks = Region::allocate(3, PAGE_BYTES).unwrap();
        for (index, block) in blocks.iter_mut().enumerate() {
            assert!(block.as_slice().iter().all(|&byte| byte == 0));
            assert_eq!(block.as_slice().as_ptr().addr() % PAGE_BYTES, 0);
            block.as_mut_slice().fill(u8::try_from(index).unwrap() + 1);
        }
        for (index, block) in blocks.iter().enumerate() {
            let byte = u8::try_from(index).unwrap() + 1;
            assert!(block.as_slice().iter().all(|&found| found == byte));
        }
    }

    #[test]
    fn region_outlives_all_but_the_last_block() {
        let mut blocks = Region::allocate(2, PAGE_BYTES).unwrap();
        let mut last = blocks.pop().unwrap();
        drop(blocks);
        last.as_mut_slice().fill(7);
        assert_eq!(last.as_slice()[PAGE_BYTES - 1], 7);
        assert_eq!(last.region().len(), 2 * PAGE_BYTES);
    }

    #[test]
    fn impossible_size_is_refused() {
        let error = Region::allocate(usize::MAX, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let error = Region::allocate(1, usize::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
}
