//! Threads that own their state, an atomic cut across them, and a blocking channel bounded by bytes.
