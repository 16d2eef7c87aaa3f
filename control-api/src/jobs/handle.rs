//! Which part of the control plane does which job.

use chrono::TimeDelta;
use runtime::clock;

use super::{Fault, Handler, Job, Task, rows};
use crate::{
    Control,
    accounts::{self, passwords, registration},
    http, mail,
};

/// Done and cancelled jobs are kept so long for questions; the dead wait longer for an admin.
const KEEP_DONE: TimeDelta = TimeDelta::days(7);
const KEEP_DEAD: TimeDelta = TimeDelta::days(30);
/// An account that nobody confirmed.
const KEEP_UNVERIFIED: TimeDelta = TimeDelta::days(7);
/// Devices that cannot renew their access any more.
const KEEP_DEVICES: TimeDelta = TimeDelta::days(30);
/// Letters and what became of them.
const KEEP_LETTERS: TimeDelta = TimeDelta::days(90);

impl Handler for Control {
    async fn run(&self, job: Job) -> Result<(), Fault> {
        let Some(task) = Task::read(&job.kind, &job.payload) else {
            return Err(Fault::Hopeless("This release does not know such a job.".into()));
        };
        let now = clock::utc();
        match task {
            Task::DeliverLetter { letter } => mail::deliver(self, letter, now).await,
            Task::ForgotPassword { email } => passwords::send_reset(self, job.id, &email, now).await,
            Task::ResendVerification { email } => registration::send_again(self, job.id, &email, now).await,
            Task::Sweep {} => {
                accounts::rows::sweep_unverified(self.db(), now - KEEP_UNVERIFIED).await?;
                accounts::devices::sweep(self.db(), now - self.config().refresh_life - KEEP_DEVICES).await?;
                http::sweep_idempotency(self.db(), now).await?;
                mail::rows::sweep(self.db(), now, now - KEEP_LETTERS).await?;
                rows::sweep(self.db(), now - KEEP_DONE, now - KEEP_DEAD).await?;
                Ok(())
            }
        }
    }
}
