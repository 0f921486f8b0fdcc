//! What a replica has changed in a keyspace as its master told.

/// What a replica has changed as its master told: for stores that count their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Keys that were set, changed or deleted.
    pub changes: u64,
    /// Databases, and how many more of their keys expire than before; fewer, if it is negative.
    pub expiring: Vec<(u32, i64)>,
}

#[cfg(feature = "replication")]
impl Applied {
    /// A key was changed, of this database: whether it did expire, and whether it does now.
    #[inline]
    pub(crate) fn count(&mut self, database: u32, did_expire: bool, expires: bool) {
        self.changes += 1;
        if did_expire != expires {
            self.count_expiring(database, if expires { 1 } else { -1 });
        }
    }

    /// Adds what was changed after that.
    pub(crate) fn add(&mut self, later: &Self) {
        self.changes += later.changes;
        for &(database, change) in &later.expiring {
            self.count_expiring(database, change);
        }
    }

    /// So many more keys of this database expire; fewer, if it is negative.
    pub(crate) fn count_expiring(&mut self, database: u32, change: i64) {
        if change == 0 {
            return;
        }
        let known = self.expiring.iter_mut().find(|(of, _)| *of == database);
        match known {
            Some((_, sum)) => *sum += change,
            None => self.expiring.push((database, change)),
        }
    }
}

#[cfg(all(test, feature = "replication"))]
mod tests {
    use super::*;

    #[test]
    fn keys_that_expire_are_counted_for_each_database() {
        let mut applied = Applied::default();
        applied.count(3, false, true);
        applied.count(0, true, false);
        applied.count(3, true, true);
        let mut sum = Applied::default();
        sum.add(&applied);
        sum.add(&applied);
        assert_eq!((sum.changes, sum.expiring), (6, vec![(3, 2), (0, -2)]));
    }
}
