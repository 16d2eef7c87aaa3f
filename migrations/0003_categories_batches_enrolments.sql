-- The tree of categories.
create table categories (
    id uuid primary key,
    -- None: at the top.
    parent_id uuid references categories (id),
    slug text not null unique,
    name text not null,
    description text not null,
    -- Among those of the same parent, small first.
    position bigint not null,
    -- What is not active is not offered in the catalogue, nor is what stands below it.
    active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index categories_parent on categories (parent_id, position);

alter table courses add column category_id uuid references categories (id);
-- Drafts are seen by those who make them, archived courses by those who had a place.
alter table courses add column stage text not null default 'published'
    check (stage in ('draft', 'published', 'archived'));
-- Whether those without a place find it, null: all but private courses are found.
alter table courses add column listed boolean;
-- In the currency's minor unit, 0 is free.
alter table courses add column price_minor bigint not null default 0 check (price_minor >= 0);
-- ISO 4217.
alter table courses add column currency text not null default 'USD';
alter table courses add column level text not null default 'all'
    check (level in ('all', 'beginner', 'intermediate', 'advanced'));
-- BCP 47, null: not said.
alter table courses add column language text;
alter table courses add column mode text not null default 'classroom'
    check (mode in ('classroom', 'self_paced'));
-- Whether sessions are recorded, and for how many days a recording is kept (null: until it is deleted).
alter table courses add column record boolean not null default true;
alter table courses add column recording_days bigint check (recording_days > 0);
-- Full: who comes waits for a place.
alter table courses add column waiting_list boolean not null default true;
-- When those with a place may watch, and for how many days from the day they got it (null: no bound).
alter table courses add column access_from timestamptz;
alter table courses add column access_until timestamptz;
alter table courses add column access_days bigint check (access_days > 0);
-- Title, description and teacher, folded for searching, null: not written yet.
alter table courses add column search_text text;
alter table courses add column title_folded text;
create index courses_category on courses (category_id);
create index courses_created on courses (created_at, id);
create index courses_unfolded on courses (id) where search_text is null;

-- Who helps the teacher in a course.
create table course_staff (
    course_id uuid not null references courses (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    duty text not null check (duty in ('co_teacher', 'assistant')),
    created_at timestamptz not null,
    primary key (course_id, user_id)
);
create index course_staff_user on course_staff (user_id);

-- A class that takes the course together, in its own time.
create table batches (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    title text not null,
    -- When its members may watch, null: no bound but the course's.
    starts_at timestamptz,
    ends_at timestamptz,
    -- Places of its own, within the course's, null: only those.
    capacity bigint check (capacity > 0),
    -- Whether students may choose it.
    open boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (starts_at is null or ends_at is null or ends_at > starts_at)
);
create index batches_course on batches (course_id, starts_at);

-- What has to be completed before.
create table prerequisites (
    course_id uuid not null references courses (id) on delete cascade,
    required_id uuid not null references courses (id) on delete cascade,
    primary key (course_id, required_id),
    check (course_id <> required_id)
);
create index prerequisites_required on prerequisites (required_id);

-- Whom a restricted course admits: each of these by itself.
create table criteria (
    course_id uuid not null references courses (id) on delete cascade,
    kind text not null check (kind in ('email_domain', 'batch', 'completed_course')),
    -- A domain, or an id as text.
    value text not null,
    primary key (course_id, kind, value)
);

-- Links that let in who holds one. Only the hash of the code is kept.
create table invites (
    id uuid primary key,
    course_id uuid not null references courses (id) on delete cascade,
    batch_id uuid references batches (id) on delete cascade,
    hash bytea not null unique,
    -- Null: his account is gone.
    created_by uuid references users (id) on delete set null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- Null: as many as come.
    uses_max bigint check (uses_max > 0),
    uses bigint not null check (uses >= 0),
    revoked_at timestamptz,
    check (uses_max is null or uses <= uses_max)
);
create index invites_course on invites (course_id, created_at);

-- `status` says what it always said, active for who may watch, `state` says the rest, and null what an older
-- server wrote.
alter table enrolments add column state text check (state in ('requested', 'awaiting_payment', 'waitlisted',
    'active', 'completed', 'rejected', 'expired', 'removed'));
update enrolments set state = status;
alter table enrolments add column batch_id uuid references batches (id) on delete set null;
-- What the student wrote, and what he was answered.
alter table enrolments add column request_note text;
alter table enrolments add column answer_note text;
-- Who brought it into this state: the student himself or somebody of the course, null: the server.
alter table enrolments add column changed_by uuid references users (id) on delete set null;
-- Since when he waits for a place.
alter table enrolments add column queued_at timestamptz;
-- A place that waits for its payment is kept until then.
alter table enrolments add column held_until timestamptz;
-- Since when he has the place, and until when.
alter table enrolments add column placed_at timestamptz;
alter table enrolments add column expires_at timestamptz;
update enrolments set placed_at = created_at where status = 'active';
create index enrolments_course_state on enrolments (course_id, state);
create index enrolments_queue on enrolments (course_id, queued_at) where state = 'waitlisted';
create index enrolments_expiry on enrolments (expires_at) where status = 'active';
create index enrolments_held on enrolments (held_until) where state = 'awaiting_payment';
