//! A Dash hash table: extendible segments, bucket versions, and a hook before every change.
