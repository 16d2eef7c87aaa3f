-- People.
create table users (
    id uuid primary key,
    email text not null,
    -- Lower case: one address is one account.
    email_folded text not null unique,
    full_name text not null,
    role text not null check (role in ('student', 'instructor', 'admin')),
    -- Argon2id in PHC form; null for an account that cannot log in by password.
    password_hash text,
    active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    last_login_at timestamptz
);

-- A chain of refresh tokens from one log-in is a family. Only hashes are kept.
create table refresh_tokens (
    id uuid primary key,
    family_id uuid not null,
    user_id uuid not null references users (id) on delete cascade,
    hash bytea not null unique,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz
);
create index refresh_tokens_family on refresh_tokens (family_id);
create index refresh_tokens_user on refresh_tokens (user_id);
create index refresh_tokens_expiry on refresh_tokens (expires_at);

-- The one-time link of the first start.
create table setup_tokens (
    id uuid primary key,
    hash bytea not null unique,
    created_at timestamptz not null,
    used_at timestamptz
);

-- What the server has to remember about itself, such as a salt or a switch.
create table settings (
    name text primary key,
    value text not null,
    updated_at timestamptz not null
);

create table courses (
    id uuid primary key,
    slug text not null unique,
    title text not null,
    description text not null,
    teacher_id uuid not null references users (id),
    access text not null check (access in ('public', 'private', 'restricted', 'paid')),
    -- Watching back while the lecture runs.
    dvr boolean not null,
    chat text not null check (chat in ('everyone', 'teacher_only', 'off')),
    capacity bigint not null check (capacity > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index courses_teacher on courses (teacher_id);

-- The secret half of a key is kept as an HMAC under a pepper that is not in the database.
create table stream_keys (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    -- The half of the key that is no secret.
    public_id text not null unique,
    hmac bytea not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create index stream_keys_course on stream_keys (course_id) where revoked_at is null;

create table enrolments (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    status text not null check (status in ('active', 'removed')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (course_id, user_id)
);
create index enrolments_user on enrolments (user_id) where status = 'active';

create table sessions (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    title text not null,
    kind text not null check (kind in ('scheduled', 'ad_hoc')),
    status text not null check (status in ('scheduled', 'live', 'interrupted', 'ended', 'cancelled')),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    -- So many minutes before the start, the course's key belongs to this session.
    lobby_minutes bigint not null check (lobby_minutes >= 0),
    started_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (ends_at > starts_at)
);
create index sessions_course on sessions (course_id, starts_at);
create index sessions_unended on sessions (ends_at) where status in ('scheduled', 'live', 'interrupted');
-- A course is on air once.
create unique index sessions_on_air on sessions (course_id) where status in ('live', 'interrupted');

-- Public timelines. A session has one; only the kill switch makes another.
create table epochs (
    id uuid primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    created_at timestamptz not null,
    -- First window published: from now on there is something to watch.
    playable_at timestamptz,
    ended_at timestamptz
);
create unique index epochs_open on epochs (session_id) where ended_at is null;
create index epochs_session on epochs (session_id, created_at);

-- Timelines that the owner alone may watch. The id stands where a session's does in media URIs.
create table previews (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    epoch_id uuid not null unique,
    created_at timestamptz not null,
    ended_at timestamptz,
    -- The packager removes the media, this room the row.
    delete_at timestamptz not null
);
create unique index previews_open on previews (course_id) where ended_at is null;
create index previews_deletion on previews (delete_at);

-- Who holds a playback token: the `sid` in it. Removing a student revokes what he holds.
create table playback_grants (
    -- 64 random bits.
    sid bigint primary key,
    user_id uuid not null references users (id) on delete cascade,
    course_id uuid not null references courses (id) on delete cascade,
    -- A session, or a preview.
    session_id uuid not null,
    epoch_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index playback_grants_holder on playback_grants (user_id, course_id);
create index playback_grants_expiry on playback_grants (expires_at);
