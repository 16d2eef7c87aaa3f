//! Bringing the tables up to date. The SQL stands in `migrations/` and is embedded.

use sqlx::migrate::{MigrateError, Migrator};

use crate::{Db, Error, handle::Kind, q};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[error("the tables could not be brought up to date")]
pub struct Failed(#[from] MigrateError);

/// Runs what has not run yet, in order. Safe to call from several processes at once.
///
/// # Errors
/// When a migration fails (its transaction is rolled back), or when one that ran before was edited.
pub async fn run(db: &Db) -> Result<(), Failed> {
    match &db.0 {
        Kind::Pg(pool) => {
            let mut connection = pool.acquire().await.map_err(MigrateError::Execute)?.detach();
            // A migration may take longer than any statement of a request.
            sqlx::query("set statement_timeout = 0")
                .execute(&mut connection)
                .await
                .map_err(MigrateError::Execute)?;
            MIGRATOR.run(&mut connection).await?;
        }
        Kind::Lite { write, .. } => MIGRATOR.run(write).await?,
    }
    Ok(())
}

/// How many migrations this executable knows that the database has not run.
///
/// # Errors
/// When the database does not answer. A database without any tables counts as all pending.
pub async fn pending(db: &Db) -> Result<usize, Error> {
    let known = MIGRATOR.iter().filter(|one| one.migration_type.is_up_migration()).count();
    let ran = q("select count(*) from _sqlx_migrations where success").one::<(i64,)>(db).await;
    match ran {
        Ok((ran,)) => Ok(known.saturating_sub(usize::try_from(ran).unwrap_or(0))),
        Err(Error::Other(_)) => Ok(known),
        Err(error) => Err(error),
    }
}

/// A name for this set of migrations: it changes when any of them does.
#[must_use]
pub fn fingerprint() -> String {
    let mut all = [0_u8; 8];
    for (n, byte) in MIGRATOR.iter().flat_map(|one| one.checksum.iter()).enumerate() {
        all[n % 8] = all[n % 8].rotate_left(1) ^ byte;
    }
    all.iter().map(|byte| format!("{byte:02x}")).collect()
}
