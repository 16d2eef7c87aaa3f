//! The links that the demo prints: whoever holds one is logged in.

use anyhow::{Context, Result};
use e2e::server::Server;

#[test]
fn the_demos_link_logs_its_holder_in_and_a_wrong_one_does_not() -> Result<()> {
    let server = Server::start()?;
    let http = server.http();
    for (link, page) in [("student_link", "page_url"), ("teacher_link", "studio_url")] {
        let link = server.demo(link)?;
        let path = &link[link.find("/demo/").context("the link has a path")?..];
        let entered = http.get(path)?.expect(303)?;
        let location = entered.header("location").context("it leads somewhere")?;
        assert!(server.demo(page)?.ends_with(location), "{location}");
        let cookie = entered.header("set-cookie").context("it sets the cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        let refresh = http.request("POST", "/api/v1/auth/refresh").header("cookie", cookie);
        let refresh = refresh.header("origin", &server.url("")).body("application/json", b"{}".to_vec());
        refresh.send()?.expect(200)?;

        let wrong = format!("{}0", &path[..path.len() - 1]);
        if wrong != path {
            http.get(&wrong)?.expect(404)?;
        }
    }
    Ok(())
}
