//! A report for people, and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    report::{Report, Violation},
    rule::{Group, Level, Rule},
};

const GROUPS: [Group; 5] = [Group::Text, Group::Across, Group::Time, Group::Http, Group::Media];

impl Report {
    /// For people: what was looked at, a verdict for each group of rules, and each violation with what was
    /// expected.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for group in GROUPS {
            self.push_group(&mut text, group);
        }
        for violation in &self.violations {
            push_violation(&mut text, violation);
        }
        let hidden: u64 = self.broken.values().sum::<u64>()
            - self.violations.iter().map(|violation| 1 + violation.again).sum::<u64>();
        if hidden > 0 {
            line(&mut text, &format!("\n({hidden} more violations of the same rules are not listed.)"));
        }
        if !self.notes.is_empty() {
            line(&mut text, "\nNotes:");
            self.notes.iter().for_each(|note| line(&mut text, &format!("  {note}")));
        }
        line(&mut text, &format!("\n{}", self.verdict()));
        text
    }

    fn push_group(&self, text: &mut String, group: Group) {
        let of_group = |rule: &Rule| rule.group() == group;
        let checked = self.checked.keys().filter(|rule| of_group(rule)).count();
        let looks: u64 = self.checked.iter().filter(|(rule, _)| of_group(rule)).map(|(_, looks)| looks).sum();
        let broken: Vec<_> = self.broken.keys().filter(|rule| of_group(rule)).collect();
        let verdict = match (checked, broken.len()) {
            (0, _) => "not looked at".to_owned(),
            (_, 0) => format!("{checked} rules kept, {looks} looks"),
            (_, count) => format!("{count} of {checked} rules broken, {looks} looks"),
        };
        let mark = if broken.is_empty() { "ok    " } else { "BROKEN" };
        line(text, &format!("{mark}  {:<29} {verdict}", group.to_string()));
        for (rule, why) in self.not_applicable.iter().filter(|(rule, _)| of_group(rule)) {
            line(text, &format!("          {:>2} not judged: {why}", rule.number()));
        }
    }

    /// One sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let count =
            |level: Level| self.violations.iter().filter(|violation| violation.level == level).count();
        let (must, profile, should) = (count(Level::Must), count(Level::Profile), count(Level::Should));
        let rules = self.checked.len();
        match (must + profile, should) {
            (0, 0) => format!("No rule is broken; {rules} of {} could be judged.", Rule::all().count()),
            (0, should) => {
                format!("No MUST and no PROFILE rule is broken; {should} recommendations are not followed.")
            }
            _ => format!("Broken: {must} times MUST, {profile} times PROFILE, {should} times SHOULD."),
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let violations = self.violations.iter().map(|one| {
            json!({
                "rule": one.rule.number(),
                "level": one.level.to_string(),
                "section": one.section,
                "title": one.rule.facts().title,
                "url": one.url,
                "at_ms": u64::try_from(one.at.as_millis()).unwrap_or(u64::MAX),
                "message": one.message,
                "again": one.again,
            })
        });
        let by_number = |rule: &Rule| rule.number().to_string();
        json!({
            "ok": !self.fails(),
            "verdict": self.verdict(),
            "violations": violations.collect::<Vec<_>>(),
            "notes": self.notes,
            "checked": self.checked.iter().map(|(rule, looks)| (by_number(rule), json!(looks)))
                .collect::<serde_json::Map<_, _>>(),
            "not_applicable": self.not_applicable.iter().map(|(rule, why)| (by_number(rule), json!(why)))
                .collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn push_violation(text: &mut String, violation: &Violation) {
    let Violation { rule, level, section, url, at, message, again } = violation;
    line(text, &format!("\nRule {} ({level}, section {section}): {}", rule.number(), rule.facts().title));
    line(text, &format!("  seen:  {message}"));
    let more = if *again > 0 { format!(", and {again} times more") } else { String::new() };
    line(text, &format!("  where: {url}"));
    line(text, &format!("  when:  {:.1} s after the beginning{more}", at.as_secs_f64()));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}
