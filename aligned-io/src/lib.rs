//! Sequential file writing through aligned buffers, O_DIRECT and io_uring, exact and durable.
