//! Previews are drafts: a day after their last media they are deleted.

use std::{sync::Arc, time::Duration};

use runtime::clock;
use store::Kind;
use tokio::time::sleep;

use crate::packager::Shared;

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Sweeps now and then until the packager is shut down.
pub(crate) async fn sweep(shared: Arc<Shared>) {
    let stop = shared.shutdown.token().clone();
    let sweeping = async {
        loop {
            sweep_once(&shared).await;
            sleep(SWEEP_EVERY).await;
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

async fn sweep_once(shared: &Shared) {
    let stored = match shared.store.epochs().await {
        Ok(stored) => stored,
        Err(error) => return tracing::warn!("previews cannot be listed for deletion: {error}"),
    };
    let now = clock::wall();
    for preview in stored.into_iter().filter(|stored| stored.kind == Kind::Preview) {
        let age = now.duration_since(preview.last_written).unwrap_or_default();
        if age < shared.config.preview_kept || shared.is_running(preview.session, preview.epoch) {
            continue;
        }
        shared.archives.forget(preview.session, preview.epoch);
        match shared.store.delete(preview.session, preview.epoch).await {
            Ok(()) => tracing::info!(epoch.id = %preview.epoch, "preview {} is deleted", preview.epoch),
            Err(error) => tracing::warn!(epoch.id = %preview.epoch, "preview is not deleted: {error}"),
        }
    }
}
