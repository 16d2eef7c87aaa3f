//! Categories, the fields of courses, and finding them.

use access::jwt::Role;
use chrono::TimeDelta;
use db::testing::on_both;
use http::{Method, StatusCode};
use runtime::clock;
use serde_json::{Value, json};

use super::world::{Answer, Person, World};

async fn made(world: &World, who: &Person, path: &str, body: Value) -> String {
    world.post(who, path, body).await.data()["id"].as_str().unwrap().to_owned()
}

fn titles(answer: &Answer) -> Vec<&str> {
    answer.data().as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn categories_are_a_tree_that_admins_keep() {
    on_both(async |db| {
        let world = World::on(db);
        let admin = world.person("admin", Role::Admin).await;
        let teacher = world.person("minh", Role::Instructor).await;
        let science = made(&world, &admin, "/categories", json!({"name": "Khoa học", "position": 2})).await;
        let arts = made(&world, &admin, "/categories", json!({"name": "Arts", "position": 1})).await;
        let maths = json!({"name": "Mathematics", "parent_id": science, "slug": "maths"});
        let maths = made(&world, &admin, "/categories", maths).await;
        let names = async |who| {
            let answer = world.get(who, "/categories").await;
            let one = |one: &Value| format!("{}{}", one["depth"], one["name"].as_str().unwrap());
            answer.data().as_array().unwrap().iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(names(&teacher).await, ["0Arts", "0Khoa học", "1Mathematics"]);
        let change = async |id: &str, body| world.change(&admin, &format!("/categories/{id}"), body).await;
        assert_eq!(change(&science, json!({"parent_id": maths})).await.code(), "VALIDATION_ERROR");
        assert_eq!(change(&arts, json!({"slug": "maths"})).await.code(), "VALIDATION_ERROR");
        assert_eq!(change(&arts, json!({"parent_id": teacher.id})).await.code(), "VALIDATION_ERROR");
        // What is switched off takes what stands below it along, for all but admins.
        change(&science, json!({"active": false})).await.data();
        assert_eq!(names(&teacher).await, ["0Arts"]);
        assert_eq!(names(&admin).await.len(), 3);
        assert_eq!(world.get(&teacher, &format!("/categories/{maths}")).await.code(), "NOT_FOUND");
        let delete = async |id: &str| {
            world.call(Method::DELETE, Some(&admin.token), &format!("/categories/{id}"), Value::Null).await
        };
        assert_eq!(delete(&science).await.code(), "CATEGORY_IN_USE");
        let course = world.course(&teacher).await;
        let into = async |id: &str| {
            world.change(&teacher, &format!("/courses/{course}"), json!({"category_id": id})).await
        };
        assert_eq!(into(&maths).await.data()["category"]["name"], "Mathematics");
        assert_eq!(into(&teacher.id.to_string()).await.code(), "VALIDATION_ERROR");
        assert_eq!(delete(&maths).await.code(), "CATEGORY_IN_USE");
        assert_eq!(delete(&arts).await.status, StatusCode::NO_CONTENT);
    })
    .await;
}

#[tokio::test]
async fn a_course_keeps_all_that_is_said_of_it() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let from = db::to_micros(clock::utc());
        let until = from + TimeDelta::days(90);
        let fields = json!({"title": "Đại số", "description": "Ma trận", "slug": "dai-so", "access": "paid",
            "stage": "draft", "listed": false, "price_minor": 150_000, "currency": "VND", "level": "beginner",
            "language": "vi", "mode": "self_paced", "dvr": false, "chat": "teacher_only", "record": false,
            "recording_days": 30, "capacity": 7, "waiting_list": false, "access_from": from,
            "access_until": until, "access_days": 60});
        let created = world.post(&teacher, "/courses", fields.clone()).await;
        let data = created.data();
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&data[name], value, "{name}");
        }
        let path = format!("/courses/{}", data["id"].as_str().unwrap());
        let bounds = ["language", "recording_days", "access_from", "access_until", "access_days"];
        let nulls: Value = bounds.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        let changed = world.change(&teacher, &path, nulls).await;
        for name in bounds {
            assert_eq!(changed.data()[name], Value::Null, "{name}");
        }
        // The rest stayed, and a slug is an address as good as the id.
        assert_eq!(world.get(&teacher, "/courses/dai-so").await.data(), changed.data());
        assert_eq!(changed.data()["price_minor"], 150_000);
        let other = world.course(&teacher).await;
        let taken = world.change(&teacher, &format!("/courses/{other}"), json!({"slug": "dai-so"})).await;
        assert_eq!(taken.body["error"]["details"]["slug"][0], "Another course has this address.");
        let wrong = json!({"title": "", "slug": "A b", "price_minor": -1, "currency": "dong", "language": "!",
            "recording_days": 0, "capacity": 0, "access_days": 9999, "access_from": until, "access_until": from});
        let faults = world.post(&teacher, "/courses", wrong).await;
        assert_eq!(faults.body["error"]["details"].as_object().unwrap().len(), 9, "{faults:?}");
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_words_without_their_accents() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("Trần Minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        for (title, description) in [
            ("Đại số tuyến tính", "Ma trận và định thức"),
            ("Lập trình Rust", "100% an toàn"),
            ("Belajar matematika", "Untuk pemula"),
        ] {
            let body = json!({"title": title, "description": description, "access": "public"});
            world.post(&teacher, "/courses", body).await.data();
        }
        let find = async |query: &str| {
            let answer = world.get(&student, &format!("/courses?sort=title&q={query}")).await;
            titles(&answer).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(find("dai%20so").await, ["Đại số tuyến tính"]);
        assert_eq!(find("%C4%90%E1%BA%A0I").await, ["Đại số tuyến tính"]);
        assert_eq!(find("so%20dai%20tran%20minh").await, ["Đại số tuyến tính"]);
        assert_eq!(find("MATEMATIKA").await, ["Belajar matematika"]);
        assert_eq!(find("100%25").await, ["Lập trình Rust"]);
        assert_eq!(find("%25").await.len(), 1);
        assert_eq!(find("tran").await.len(), 3);
        assert_eq!(find("_").await.len(), 0);
        assert_eq!(find("%00'%20or%201=1").await.len(), 0);
        assert_eq!(find("").await, ["Belajar matematika", "Đại số tuyến tính", "Lập trình Rust"]);
    })
    .await;
}

#[tokio::test]
async fn the_catalogue_is_filtered_sorted_and_read_on_by_page_and_cursor() {
    on_both(async |db| {
        let world = World::on(db);
        let admin = world.person("admin", Role::Admin).await;
        let teacher = world.person("minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        let top = made(&world, &admin, "/categories", json!({"name": "Science"})).await;
        let below = made(&world, &admin, "/categories", json!({"name": "Maths", "parent_id": top})).await;
        for (n, level, access, price) in
            [(1, "beginner", "public", 0), (2, "advanced", "paid", 300), (3, "beginner", "paid", 200)]
        {
            let body = json!({"title": format!("Course {n}"), "level": level, "access": access,
                "price_minor": price, "category_id": below, "language": "id"});
            world.post(&teacher, "/courses", body).await.data();
        }
        for (title, more) in [
            ("Draft", json!({"access": "public", "stage": "draft"})),
            ("Archived", json!({"access": "public", "stage": "archived"})),
            ("Hidden", json!({"access": "private"})),
            ("Unlisted", json!({"access": "public", "listed": false})),
        ] {
            let mut body = json!({"title": title});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.post(&teacher, "/courses", body).await.data();
        }
        let list = async |who, query: &str| world.get(who, &format!("/courses?{query}")).await;
        for (query, expected) in [
            ("sort=oldest", vec!["Course 1", "Course 2", "Course 3"]),
            ("sort=newest", vec!["Course 3", "Course 2", "Course 1"]),
            ("sort=price", vec!["Course 1", "Course 3", "Course 2"]),
            ("sort=price_down", vec!["Course 2", "Course 3", "Course 1"]),
            ("sort=title&level=beginner", vec!["Course 1", "Course 3"]),
            ("access=public", vec!["Course 1"]),
            ("free=true", vec!["Course 1"]),
            ("sort=title&free=false", vec!["Course 2", "Course 3"]),
            ("mode=self_paced", vec![]),
            ("language=id&sort=title&q=course%201", vec!["Course 1"]),
            ("mine=learning", vec![]),
        ] {
            assert_eq!(titles(&list(&student, query).await), expected, "{query}");
        }
        assert_eq!(titles(&list(&student, &format!("category={top}&sort=title")).await).len(), 3);
        assert_eq!(titles(&list(&student, &format!("category={}", teacher.id)).await).len(), 0);
        assert_eq!(list(&teacher, "mine=teaching").await.body["meta"]["total"], 7);
        assert_eq!(list(&teacher, &format!("teacher={}", admin.id)).await.body["meta"]["total"], 0);
        assert_eq!(list(&admin, "").await.body["meta"]["total"], 7);

        for sort in ["newest", "oldest", "title", "price", "price_down"] {
            let whole = list(&admin, &format!("sort={sort}")).await;
            let mut page = list(&admin, &format!("sort={sort}&per_page=2")).await;
            assert_eq!(
                page.body["links"]["next"],
                format!("/api/v1/courses?page=2&sort={sort}&per_page=2"),
                "a page leads to a page"
            );
            let mut read: Vec<String> = titles(&page).into_iter().map(Into::into).collect();
            while let Some(cursor) = page.body["meta"]["next_cursor"].as_str() {
                page = list(&admin, &format!("sort={sort}&per_page=2&cursor={cursor}")).await;
                read.extend(titles(&page).into_iter().map(Into::into));
            }
            assert_eq!(read, titles(&whole), "{sort}");
        }
        // What comes in front meanwhile is not read twice.
        let first = list(&admin, "per_page=3").await;
        world.course(&teacher).await;
        let cursor = first.body["meta"]["next_cursor"].as_str().unwrap();
        let second = list(&admin, &format!("per_page=3&cursor={cursor}")).await;
        assert!(titles(&second).iter().all(|title| !titles(&first).contains(title)));
        for bad in ["cursor=x", "sort=best", "level=all-of-it", "category=7", "page=1&cursor=x", "free=maybe"]
        {
            assert_eq!(list(&student, bad).await.code(), "VALIDATION_ERROR", "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_course_is_deleted_while_nothing_has_happened_in_it() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        let delete = async |course: ids::CourseId| {
            world.call(Method::DELETE, Some(&teacher.token), &format!("/courses/{course}"), Value::Null).await
        };
        let unused = world.course(&teacher).await;
        world.session(&teacher, unused, 60).await;
        assert_eq!(delete(unused).await.status, StatusCode::NO_CONTENT);
        assert_eq!(world.get(&teacher, &format!("/courses/{unused}")).await.code(), "NOT_FOUND");
        let wanted = world.course(&teacher).await;
        world.enrol(&teacher, wanted, &student).await.data();
        assert_eq!(delete(wanted).await.code(), "COURSE_IN_USE");
        let held = world.course(&teacher).await;
        world.post(&teacher, &format!("/courses/{held}/start-live"), Value::Null).await.data();
        assert_eq!(delete(held).await.code(), "COURSE_IN_USE");
    })
    .await;
}

#[tokio::test]
async fn what_an_older_server_wrote_is_found_and_counts() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        let course = world.course(&teacher).await;
        world.change(&teacher, &format!("/courses/{course}"), json!({"access": "public"})).await.data();
        world.enrol(&teacher, course, &student).await.data();
        let on = world.control.db();
        db::q("update courses set search_text = null, title_folded = null").run(on).await.unwrap();
        db::q("update enrolments set state = null").run(on).await.unwrap();
        let found = async || world.get(&student, "/courses?q=algebra").await.body["meta"]["total"].clone();
        assert_eq!(found().await, 0);
        world.control.tick(clock::utc(), true).await;
        assert_eq!(found().await, 1);
        let read = world.get(&student, &format!("/courses/{course}")).await;
        assert_eq!((&read.data()["is_enrolled"], &read.data()["taken"]), (&json!(true), &json!(1)));
        let body = json!({"user_id": student.id});
        let gone = world.post(&teacher, &format!("/courses/{course}/remove-student"), body).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    })
    .await;
}
