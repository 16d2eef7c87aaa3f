// A student finds a course and asks for a place; the teacher, in a browser of his own, lets her in; his invite link
// lets another in. What is on each page is looked at as people look at it.

import { argument, shot, withPage } from './chromium.mjs';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };

async function enter(page, path, { email, password }) {
  await page.goto(argument.origin + path);
  await page.locator('input[name=email]').fill(email);
  await page.locator('input[name=password]').fill(password);
  await page.locator('button[type=submit]').click();
}

await withPage({}, async (student) => {
  const context = await student.context().browser().newContext({ viewport: DESKTOP });
  const teacher = await context.newPage();

  await enter(student, '/courses', argument.student);
  await student.getByRole('heading', { name: 'Courses', level: 1 }).waitFor();
  await student.getByText(argument.others[0]).waitFor();
  await shot(student, 'catalogue', { fullPage: true });
  await student.getByLabel('Search').fill('dai so');
  await student.getByText(argument.others[0]).waitFor({ state: 'detached' });
  await shot(student, 'catalogue-search');
  await student.setViewportSize(PHONE);
  await shot(student, 'catalogue-phone');
  await student.setViewportSize(DESKTOP);
  await student.getByRole('link', { name: argument.title }).click();
  await student.getByLabel('Message to the teacher').fill('I have read the first two chapters.');
  await shot(student, 'course', { fullPage: true });
  await student.getByRole('button', { name: 'Ask for a place' }).click();
  await student.getByText('The teacher has your request.').waitFor();
  await shot(student, 'course-requested', { fullPage: true });

  await enter(teacher, `/studio/${argument.course}/students`, argument.teacher);
  await teacher.getByText('I have read the first two chapters.').waitFor();
  await shot(teacher, 'students-requests', { fullPage: true });
  await teacher.getByRole('button', { name: 'Approve' }).click();
  await teacher.getByText('Nobody is waiting for an answer.').waitFor();

  // Nobody reloads: the page finds out by itself.
  await student.getByText('You have a place.').waitFor();
  await shot(student, 'course-enrolled', { fullPage: true });

  await teacher.getByRole('button', { name: 'Students', exact: true }).click();
  await teacher.getByRole('button', { name: 'Remove' }).waitFor();
  await teacher.getByText('Enrol a whole list').click();
  await teacher.getByLabel('Addresses').fill(`${argument.student.email}\nnobody@school.example\nnot an address\n`);
  await teacher.getByRole('button', { name: 'Enrol the list' }).click();
  await teacher.getByText('Line 2, nobody@school.example').waitFor();
  await teacher.getByRole('button', { name: 'Make a link' }).click();
  const link = await teacher.locator('.link code').innerText();
  await shot(teacher, 'students', { fullPage: true });
  await teacher.setViewportSize(PHONE);
  await shot(teacher, 'students-phone', { fullPage: true });
  await teacher.setViewportSize(DESKTOP);

  await teacher.goto(`${argument.origin}/studio/${argument.course}/settings`);
  await teacher.getByLabel('Places').fill('25');
  await teacher.getByLabel('Who comes in').selectOption('paid');
  await teacher.getByLabel('Price').fill('150000');
  await teacher.getByLabel('Currency').fill('VND');
  await shot(teacher, 'course-settings', { fullPage: true });
  await teacher.getByRole('button', { name: 'Save' }).first().click();
  await teacher.getByText('Saved.').waitFor();
  await teacher.setViewportSize(PHONE);
  await shot(teacher, 'course-settings-phone', { fullPage: true });
  await teacher.setViewportSize(DESKTOP);

  // The second course's link, by somebody who is not signed in.
  const invited = await (await student.context().browser().newContext({ viewport: DESKTOP })).newPage();
  await enter(invited, link.replace(argument.origin, ''), argument.invited);
  await invited.getByRole('button', { name: 'Join this course' }).waitFor();
  await shot(invited, 'invite');
  await invited.getByRole('button', { name: 'Join this course' }).click();
  await invited.getByText('A place is kept for you').waitFor();
  await shot(invited, 'course-to-pay', { fullPage: true });

  await student.getByRole('link', { name: 'My lectures' }).click();
  await student.getByRole('heading', { name: 'My courses' }).waitFor();
  await shot(student, 'home-student', { fullPage: true });
  await teacher.goto(`${argument.origin}/`);
  await teacher.getByRole('link', { name: 'Students' }).first().waitFor();
  await shot(teacher, 'home-teacher', { fullPage: true });

  // Found by the eye that has no eyes: nothing on these pages sticks out to the side.
  const widths = [];
  await student.setViewportSize(PHONE);
  for (const path of ['/', '/courses', `/courses/${argument.course}`]) {
    await student.goto(argument.origin + path);
    await student.locator('h1').waitFor();
    widths.push(await student.evaluate(() => document.documentElement.scrollWidth - innerWidth));
  }
  return { widths };
});
