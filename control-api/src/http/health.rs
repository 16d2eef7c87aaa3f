//! `/healthz`: the process answers. `/readyz`: it can do its work.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;

/// No check may take longer.
const CHECK_S_MAX: u64 = 2;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `failing` (with status 503).
    #[schema(example = "ok")]
    status: &'static str,
    /// Check by check: `ok`, or what is wrong.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, String>,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "Alive.", body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", checks: BTreeMap::new() })
}

/// The process can do its work: database, migrations, and what the other rooms add.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()), responses(
    (status = 200, description = "Ready.", body = Health),
    (status = 503, description = "Not ready; `checks` says why.", body = Health)))]
pub(crate) async fn readyz(State(control): State<Control>) -> Response {
    let mut checks = BTreeMap::new();
    let database = async {
        match db::migrate::pending(control.db()).await {
            Ok(0) => Ok(()),
            Ok(pending) => Err(format!("{pending} migrations have not run: `lectern migrate`")),
            Err(error) => Err(error.to_string()),
        }
    };
    checks.insert("database".to_owned(), word(database).await);
    for check in control.ready_checks() {
        checks.insert(check.name.clone(), word((check.check)()).await);
    }
    let ready = checks.values().all(|word| word == "ok");
    let (code, status) =
        if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "failing") };
    (code, Json(Health { status, checks })).into_response()
}

async fn word(check: impl Future<Output = Result<(), String>>) -> String {
    match tokio::time::timeout(Duration::from_secs(CHECK_S_MAX), check).await {
        Ok(Ok(())) => "ok".into(),
        Ok(Err(why)) => why,
        Err(_) => format!("no answer within {CHECK_S_MAX} s"),
    }
}
