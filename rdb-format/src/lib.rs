//! Reads and writes the Redis and Valkey RDB format, without I/O of its own.
