//! What an EPaxos replica must not lose: key-values, instances and their status.
