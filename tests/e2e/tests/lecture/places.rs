//! How a student comes to a place in a course, in a real browser. Pictures are left in `tests/e2e/shots`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{browser::Script, machine::repository, server::Server};
use serde_json::json;

const A_WHILE: Duration = Duration::from_secs(150);

#[test]
fn a_student_finds_a_course_asks_and_is_let_in() -> Result<()> {
    let server = Server::start()?;
    let (teacher, admin) = (server.log_in("instructor")?, server.log_in("admin")?);
    let category = admin.post("/categories", &json!({ "name": "Mathematics" }))?;
    let offers = [
        ("Đại số tuyến tính", "private", "Ma trận, định thức và không gian vectơ, từ đầu.", "vi"),
        ("Introduction to Astronomy", "public", "What one sees with bare eyes, and what not.", "en"),
        ("Belajar Matematika", "public", "Untuk pemula: bilangan, himpunan, dan fungsi.", "id"),
    ];
    let mut courses = Vec::new();
    for (title, access, description, language) in offers {
        let body = json!({ "title": title, "access": access, "description": description, "language": language,
            "listed": true, "capacity": 12, "category_id": category["id"] });
        courses.push(teacher.post("/courses", &body)?);
    }
    let course = courses[0]["id"].as_str().context("a course has an id")?;
    let credentials = |role: &str| -> Result<_> {
        let (email, password) = server.user(role)?;
        Ok(json!({ "email": email, "password": password }))
    };
    let seen = Script::start(
        "places",
        &json!({
            "origin": server.url(""),
            "course": course,
            "title": offers[0].0,
            "others": [offers[1].0, offers[2].0],
            "student": credentials("student")?,
            "teacher": credentials("instructor")?,
            // Any other account will do: admins may learn, too.
            "invited": credentials("admin")?,
            "shots": repository().join("tests/e2e/shots"),
        }),
    )?
    .finish(A_WHILE)?;
    let widths = seen["widths"].as_array().context("the script measures pages on a phone")?;
    ensure!(
        widths.len() == 3 && widths.iter().all(|over| over == 0),
        "a page sticks out to the side: {seen}"
    );
    let errors = seen["errors"].as_array().context("a script lists the page's errors")?;
    ensure!(errors.is_empty(), "the page's console: {errors:?}");
    let student = server.log_in("student")?.get(&format!("/courses/{course}"))?;
    ensure!(student["my_part"] == "student", "she is in: {student}");
    let enrolments = teacher.get(&format!("/courses/{course}/enrolments"))?;
    ensure!(enrolments.as_array().is_some_and(|all| all.len() == 2), "two are there: {enrolments}");
    Ok(())
}
