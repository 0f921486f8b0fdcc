//! Page-aligned memory: one allocation, lent out as buffers that never overlap.

#![expect(
    unsafe_code,
    reason = "owns a raw allocation; all access to it is in this file"
)]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use rustix::mm::Advice;

use crate::sync::Mutex;

/// The alignment of every buffer, in bytes: a page, and what most disks ask for.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The size and alignment of a huge page on most machines, in bytes.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// What pages the memory of a [`BufferPool`] is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pages {
    /// [`Huge`](Self::Huge) from 1 MiB on, [`Small`](Self::Small) for less.
    ///
    /// A direct transfer names its memory page by page, and disks take only so many at once: a
    /// block of 1 MiB is 256 small pages, and where those lie apart the kernel splits it.
    /// `cargo xtask bench io` compares both.
    #[default]
    Auto,
    /// Whatever the allocator gives.
    Small,
    /// Huge ones (2 MiB, `MADV_HUGEPAGE`) where the kernel has them to give; it is not an error
    /// where it has none. The memory then starts at a multiple of 2 MiB.
    Huge,
}

/// Page-aligned memory in equal parts, to be used again and again without being allocated anew.
///
/// A clone is another handle to the same memory. [`take`](Self::take) lends a buffer; dropping
/// the buffer gives it back. The memory is freed when the last handle and the last buffer are
/// gone. All methods take constant time unless they say otherwise, and never wait for more than
/// another thread's same short step.
///
/// # Example
///
/// ```
/// use aligned_io::{BufferPool, Pages};
///
/// let pool = BufferPool::new(2, 8192, Pages::Small)?;
/// let mut first = pool.take().unwrap();
/// first[..5].copy_from_slice(b"hello");
/// assert_eq!(first.as_ptr().addr() % 4096, 0);
/// assert_eq!(pool.free(), 1);
/// drop(first);
/// assert_eq!(pool.free(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BufferPool {
    memory: Arc<Memory>,
}

/// A page-aligned buffer out of a [`BufferPool`], which gets it back when it is dropped.
///
/// Holding one is exclusive access to its bytes. While the kernel reads or writes them, the
/// buffer is held by what talks to the kernel, and nobody else can touch, lend or free it. The
/// content is whatever the last holder left, zeros at first.
pub struct AlignedBuf {
    memory: Arc<Memory>,
    // Invariant: below `memory.count`, not in `memory.free`, and in no other `AlignedBuf`.
    index: usize,
}

/// The allocation behind the buffers.
struct Memory {
    // Invariant: points at `layout.size()` initialised bytes allocated with `layout`.
    data: NonNull<u8>,
    // Invariant: of at least `count * buffer_bytes` bytes, aligned to at least a page.
    layout: Layout,
    count: usize,
    // Invariant: a multiple of a page, not zero.
    buffer_bytes: usize,
    // Invariant: each number below `count` is either in here, once, or in one `AlignedBuf`.
    free: Mutex<Vec<usize>>,
}

// SAFETY: the memory gives no access to its bytes; only buffers do, each to its own range, so
// sharing or sending it shares no data.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl BufferPool {
    /// Allocates `count` zeroed buffers of `buffer_bytes` each. Takes as long as zeroing does.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when `count` is zero or `buffer_bytes` no positive multiple of 4096;
    /// `OutOfMemory` when the size overflows or the allocator refuses it.
    pub fn new(count: usize, buffer_bytes: usize, pages: Pages) -> io::Result<Self> {
        if count == 0 || buffer_bytes == 0 || !buffer_bytes.is_multiple_of(PAGE_BYTES) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let refused = || io::Error::from(io::ErrorKind::OutOfMemory);
        let bytes = count.checked_mul(buffer_bytes).ok_or_else(refused)?;
        let (layout, data) = match pages {
            Pages::Auto if bytes >= HUGE_PAGE_BYTES / 2 => {
                return Self::new(count, buffer_bytes, Pages::Huge);
            }
            Pages::Auto | Pages::Small => {
                let layout = Layout::from_size_align(bytes, PAGE_BYTES).map_err(|_| refused())?;
                // SAFETY: the size is not zero: both factors are not, and nothing overflowed.
                (layout, unsafe { alloc_zeroed(layout) })
            }
            Pages::Huge => {
                let bytes = bytes
                    .checked_next_multiple_of(HUGE_PAGE_BYTES)
                    .ok_or_else(refused)?;
                let layout = Layout::from_size_align(bytes, HUGE_PAGE_BYTES);
                let layout = layout.map_err(|_| refused())?;
                (layout, allocate_huge(layout))
            }
        };
        let data = NonNull::new(data).ok_or_else(refused)?;
        // The last one is lent first: `free` is a stack, and the first is to come out first.
        let free = Mutex::new((0..count).rev().collect());
        let memory = Memory {
            data,
            layout,
            count,
            buffer_bytes,
            free,
        };
        Ok(Self {
            memory: Arc::new(memory),
        })
    }

    /// Lends a buffer, the one given back last if any; `None` when all are lent.
    pub fn take(&self) -> Option<AlignedBuf> {
        let index = self.memory.free.lock().pop()?;
        Some(self.buffer(index))
    }

    /// Lends `count` buffers, or none if fewer are free. Takes time in proportion to `count`.
    pub fn take_all(&self, count: usize) -> Option<Vec<AlignedBuf>> {
        let mut free = self.memory.free.lock();
        let kept = free.len().checked_sub(count)?;
        let taken = free.split_off(kept);
        Some(taken.into_iter().rev().map(|i| self.buffer(i)).collect())
    }

    /// How many buffers are free right now.
    pub fn free(&self) -> usize {
        self.memory.free.lock().len()
    }

    /// How many buffers there are, lent or free.
    pub fn count(&self) -> usize {
        self.memory.count
    }

    /// The size of each buffer, in bytes.
    pub fn buffer_bytes(&self) -> usize {
        self.memory.buffer_bytes
    }

    /// The number must just have left `free`.
    fn buffer(&self, index: usize) -> AlignedBuf {
        AlignedBuf {
            memory: Arc::clone(&self.memory),
            index,
        }
    }
}

impl AlignedBuf {
    /// Allocates a zeroed buffer that belongs to no pool and is freed when it is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`BufferPool::new`].
    pub fn zeroed(bytes: usize) -> io::Result<Self> {
        let pool = BufferPool::new(1, bytes, Pages::Small)?;
        pool.take().ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Which of its pool's buffers this is.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Keeps the memory of this buffer, and of all its pool's, from being freed.
    pub(crate) fn keep_memory(&self) -> BufferPool {
        BufferPool {
            memory: Arc::clone(&self.memory),
        }
    }

    /// A second buffer of the same bytes: what must never be.
    #[cfg(planted)]
    pub(crate) fn alias(&self) -> Self {
        self.keep_memory().buffer(self.index)
    }

    fn first(&self) -> NonNull<u8> {
        let start = self.index * self.memory.buffer_bytes;
        // SAFETY: the invariants on `index` and `layout`: inside the allocation.
        unsafe { self.memory.data.add(start) }
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `buffer_bytes` initialised bytes stand there, no other buffer reaches them, and
        // borrowing `self` keeps the memory alive and the bytes unchanged.
        unsafe { slice::from_raw_parts(self.first().as_ptr(), self.memory.buffer_bytes) }
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; borrowing `self` mutably makes the access exclusive.
        unsafe { slice::from_raw_parts_mut(self.first().as_ptr(), self.memory.buffer_bytes) }
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        self.memory.free.lock().push(self.index);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the invariant on `data`; no buffer is left, since each one holds the memory.
        unsafe { dealloc(self.data.as_ptr(), self.layout) }
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf")
            .field("index", &self.index)
            .field("bytes", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("count", &self.count)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("alignment", &self.layout.align())
            .finish_non_exhaustive()
    }
}

/// Allocates zeroed memory, asking for huge pages before it is touched for the first time. Null
/// when the allocator refuses. The size of `layout` must not be zero.
fn allocate_huge(layout: Layout) -> *mut u8 {
    // SAFETY: our caller's promise: the size is not zero.
    let data = unsafe { alloc(layout) };
    if data.is_null() {
        return data;
    }
    // SAFETY: the range was allocated just now; this advice changes no content.
    let advised = unsafe { rustix::mm::madvise(data.cast(), layout.size(), Advice::LinuxHugepage) };
    if let Err(error) = advised {
        tracing::debug!(%error, "no huge pages, using small ones");
    }
    // SAFETY: the range was allocated just now, for writing, and nobody else has it.
    unsafe { data.write_bytes(0, layout.size()) };
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(count: usize) -> BufferPool {
        BufferPool::new(count, PAGE_BYTES, Pages::Small).unwrap()
    }

    #[test]
    fn buffers_are_zeroed_aligned_and_apart() {
        for pages in [Pages::Auto, Pages::Small, Pages::Huge] {
            let pool = BufferPool::new(3, PAGE_BYTES, pages).unwrap();
            let mut buffers = pool.take_all(3).unwrap();
            for (index, buffer) in buffers.iter_mut().enumerate() {
                assert!(buffer.iter().all(|&byte| byte == 0));
                assert_eq!(buffer.as_ptr().addr() % PAGE_BYTES, 0);
                assert_eq!(buffer.index(), index);
                buffer.fill(u8::try_from(index).unwrap() + 1);
            }
            for (index, buffer) in buffers.iter().enumerate() {
                let byte = u8::try_from(index).unwrap() + 1;
                assert!(buffer.iter().all(|&found| found == byte));
            }
        }
    }

    #[test]
    fn huge_pages_start_at_their_own_size() {
        let pool = BufferPool::new(1, PAGE_BYTES, Pages::Huge).unwrap();
        let buffer = pool.take().unwrap();
        assert_eq!(buffer.as_ptr().addr() % HUGE_PAGE_BYTES, 0);
    }

    #[test]
    fn pages_are_huge_by_themselves_where_the_memory_is_large() {
        let layout = |count| {
            let pool = BufferPool::new(count, 1 << 20, Pages::Auto).unwrap();
            (pool.memory.layout.size(), pool.memory.layout.align())
        };
        assert_eq!(layout(1), (HUGE_PAGE_BYTES, HUGE_PAGE_BYTES));
        assert_eq!(layout(5), (3 * HUGE_PAGE_BYTES, HUGE_PAGE_BYTES));
        let pool = BufferPool::new(255, PAGE_BYTES, Pages::Auto).unwrap();
        assert_eq!(pool.memory.layout.align(), PAGE_BYTES);
    }

    #[test]
    fn memory_outlives_all_but_the_last_buffer() {
        let pool = pool(2);
        let mut last = pool.take().unwrap();
        let memory = Arc::downgrade(&pool.memory);
        drop(pool);
        last.fill(7);
        assert_eq!(last[PAGE_BYTES - 1], 7);
        drop(last);
        assert!(memory.upgrade().is_none());
    }

    #[test]
    fn lent_buffer_is_lent_once_and_comes_back() {
        let pool = pool(2);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert_ne!(first.as_ptr(), second.as_ptr());
        assert!(pool.take().is_none());
        let address = first.as_ptr();
        drop(first);
        assert_eq!(pool.take().unwrap().as_ptr(), address);
    }

    #[test]
    fn too_many_buffers_are_none_at_all() {
        let pool = pool(3);
        let one = pool.take().unwrap();
        assert!(pool.take_all(3).is_none());
        assert_eq!(pool.free(), 2);
        drop(one);
        assert_eq!(pool.take_all(3).unwrap().len(), 3);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let refused = |count, bytes, pages| BufferPool::new(count, bytes, pages).unwrap_err();
        for pages in [Pages::Auto, Pages::Small, Pages::Huge] {
            for (count, bytes) in [(0, PAGE_BYTES), (1, 0), (1, PAGE_BYTES + 1)] {
                let error = refused(count, bytes, pages);
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            }
            for (count, bytes) in [(usize::MAX, PAGE_BYTES), (1, usize::MAX - PAGE_BYTES + 1)] {
                let error = refused(count, bytes, pages);
                assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            }
        }
    }

    #[test]
    fn buffer_of_its_own_is_freed_with_it() {
        let buffer = AlignedBuf::zeroed(2 * PAGE_BYTES).unwrap();
        assert_eq!(buffer.len(), 2 * PAGE_BYTES);
        let memory = Arc::downgrade(&buffer.memory);
        drop(buffer);
        assert!(memory.upgrade().is_none());
    }
}
