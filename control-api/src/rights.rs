//! Who may do what: one table, pure. Routes ask it; nothing else decides.

pub use access::jwt::Role;

/// What a person is to a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Nothing.
    Stranger,
    /// Somebody who asked for a place, or waits for one.
    Applicant,
    /// A student with a place in it.
    Enrolled,
    /// Helps its teacher with the students.
    Assistant,
    /// Teaches it beside its teacher.
    CoTeacher,
    /// Its teacher.
    Owner,
}

impl Relation {
    /// Belongs to those who give the course.
    pub(crate) const fn is_staff(self) -> bool {
        match self {
            Self::Assistant | Self::CoTeacher | Self::Owner => true,
            Self::Stranger | Self::Applicant | Self::Enrolled => false,
        }
    }
}

/// What somebody wants of a course. Creating one asks [`may_create_courses`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Its title, its sessions, whether it is live.
    See,
    /// Its settings, its batches, its sessions' plan.
    Change,
    /// That there is none any more; and who helps to give it.
    Own,
    /// Its stream key, shown or rotated.
    StreamKey,
    /// `start-live`, `end-live`, and how the publication does.
    GoLive,
    /// Who has a place in it, who asks for one, and invites.
    Enrol,
    /// The lecture.
    Watch,
    /// What is received before it is a lecture: drafts are the owner's alone.
    WatchPreview,
}

/// May a person of this role and relation do it? `open`: everybody who has an account may see the course.
pub(crate) const fn may(role: Role, relation: Relation, open: bool, action: Action) -> bool {
    let admin = matches!(role, Role::Admin);
    let owner = matches!(relation, Relation::Owner);
    let teaches = owner || matches!(relation, Relation::CoTeacher);
    let related = !matches!(relation, Relation::Stranger);
    let placed = related && !matches!(relation, Relation::Applicant);
    match action {
        Action::See => open || related || admin,
        Action::Own | Action::StreamKey => owner || admin,
        Action::Change | Action::GoLive => teaches || admin,
        Action::Enrol => relation.is_staff() || admin,
        Action::Watch => placed || admin,
        Action::WatchPreview => owner,
    }
}

/// Teachers and admins make courses.
pub(crate) const fn may_create_courses(role: Role) -> bool {
    match role {
        Role::Instructor | Role::Admin => true,
        Role::Student => false,
    }
}

/// Admins keep the tree of categories.
pub(crate) const fn may_keep_categories(role: Role) -> bool {
    match role {
        Role::Admin => true,
        Role::Student | Role::Instructor => false,
    }
}

/// The role's word in tables and answers.
pub(crate) const fn word(role: Role) -> &'static str {
    match role {
        Role::Student => "student",
        Role::Instructor => "instructor",
        Role::Admin => "admin",
    }
}

/// Reads a role's word, or one of its aliases.
pub(crate) fn role_of(word: &str) -> Option<Role> {
    match word {
        "student" => Some(Role::Student),
        "instructor" | "teacher" => Some(Role::Instructor),
        "admin" | "staff" => Some(Role::Admin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: See on a private course, Change, Own, StreamKey, GoLive, Enrol, Watch, WatchPreview.
    #[test]
    fn the_table() {
        let row = |role, relation| {
            [
                Action::See,
                Action::Change,
                Action::Own,
                Action::StreamKey,
                Action::GoLive,
                Action::Enrol,
                Action::Watch,
                Action::WatchPreview,
            ]
            .map(|action| if may(role, relation, false, action) { 'y' } else { '-' })
            .iter()
            .collect::<String>()
        };
        for role in [Role::Student, Role::Instructor] {
            assert_eq!(row(role, Relation::Stranger), "--------");
            assert_eq!(row(role, Relation::Applicant), "y-------");
            assert_eq!(row(role, Relation::Enrolled), "y-----y-");
            assert_eq!(row(role, Relation::Assistant), "y----yy-");
            assert_eq!(row(role, Relation::CoTeacher), "yy--yyy-");
            assert_eq!(row(role, Relation::Owner), "yyyyyyyy");
        }
        for relation in [
            Relation::Stranger,
            Relation::Applicant,
            Relation::Enrolled,
            Relation::Assistant,
            Relation::CoTeacher,
        ] {
            assert_eq!(row(Role::Admin, relation), "yyyyyyy-");
        }
        assert_eq!(row(Role::Admin, Relation::Owner), "yyyyyyyy");
        assert!(may(Role::Student, Relation::Stranger, true, Action::See));
        assert!(!may(Role::Student, Relation::Stranger, true, Action::Watch));
    }

    #[test]
    fn roles_are_read_with_their_aliases() {
        assert_eq!(role_of("teacher"), Some(Role::Instructor));
        assert_eq!(role_of("staff"), Some(Role::Admin));
        assert_eq!(role_of("root"), None);
        for role in [Role::Student, Role::Instructor, Role::Admin] {
            assert_eq!(role_of(word(role)), Some(role));
        }
    }
}
