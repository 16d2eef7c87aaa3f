-- Work that is slow or leaves the house: enqueued in the transaction that causes it, done by a worker.
create table jobs (
    id uuid primary key,
    kind text not null,
    -- JSON: ids alone, never a secret.
    payload text not null,
    -- One job of a kind for each key, ever: the tick of a periodic job.
    once text,
    status text not null check (status in ('ready', 'running', 'done', 'dead', 'cancelled')),
    -- Not before.
    run_at timestamptz not null,
    attempts bigint not null,
    attempts_max bigint not null check (attempts_max > 0),
    -- Whoever works on it, until when; afterwards it is anybody's.
    claim uuid,
    claimed_until timestamptz,
    last_error text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (kind, once)
);
create index jobs_ready on jobs (run_at) where status = 'ready';
create index jobs_running on jobs (claimed_until) where status = 'running';
create index jobs_listed on jobs (status, updated_at);

alter table users add column email_verified_at timestamptz;
-- In which language the server writes to him.
alter table users add column locale text not null default 'en';
alter table users add column time_zone text not null default 'UTC';
alter table users add column bio text not null default '';
-- Access tokens made before this moment change nothing any more.
alter table users add column tokens_from timestamptz;
-- Who is here already was let in by an operator.
update users set email_verified_at = created_at;

-- Where somebody is logged in: a browser, an app. The id is that of its family of refresh tokens.
create table devices (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    user_agent text not null,
    address text not null,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    ended_at timestamptz
);
create index devices_user on devices (user_id) where ended_at is null;
create index devices_last_seen on devices (last_seen_at);
insert into devices (id, user_id, user_agent, address, created_at, last_seen_at, ended_at)
    select family_id, user_id, '', '', min(created_at), max(created_at), max(revoked_at)
    from refresh_tokens group by family_id, user_id;

-- Links in letters: each works once. The secret is computed from the id under a key of the server's.
create table account_tokens (
    id uuid primary key,
    user_id uuid not null references users (id) on delete cascade,
    purpose text not null check (purpose in ('verify_email', 'reset_password')),
    hash bytea not null unique,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index account_tokens_user on account_tokens (user_id, purpose) where used_at is null;
create index account_tokens_expiry on account_tokens (expires_at);

-- The outbox: letters to be sent by e-mail, and what became of them.
create table letters (
    id uuid primary key,
    kind text not null,
    locale text not null,
    -- The address as it was when the letter was written.
    recipient text not null,
    user_id uuid references users (id) on delete set null,
    -- JSON: what the template is filled with, without secrets.
    fields text not null,
    -- The link's secret is computed from it when the letter is written out.
    token_id uuid references account_tokens (id) on delete set null,
    -- offered: the letter is in the mail server's hands, its answer is not here yet.
    -- held: no mail server is set. doubtful: the answer to an offered letter was lost.
    status text not null check (status in ('queued', 'held', 'offered', 'sent', 'refused', 'doubtful', 'expired')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Of no use to its reader afterwards.
    expires_at timestamptz not null
);
create index letters_status on letters (status, created_at);
create index letters_created on letters (created_at);
create index letters_recipient on letters (recipient, created_at);

-- The delivery log: each try and what the mail server said.
create table deliveries (
    id uuid primary key,
    letter_id uuid not null references letters (id) on delete cascade,
    outcome text not null check (outcome in ('held', 'deferred', 'refused', 'sent', 'doubtful', 'expired')),
    detail text not null,
    at timestamptz not null
);
create index deliveries_letter on deliveries (letter_id, at);

-- Answers to requests that carried an Idempotency-Key, kept a day.
create table idempotency_keys (
    -- SHA-256 of caller, method, path and key.
    id bytea primary key,
    -- SHA-256 of the body.
    fingerprint bytea not null,
    -- Null while the request is under way.
    status bigint,
    body bytea,
    created_at timestamptz not null,
    -- A request under way holds its key until then.
    held_until timestamptz not null
);
create index idempotency_keys_created on idempotency_keys (created_at);
