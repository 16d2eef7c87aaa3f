import { expect, test } from 'vitest';
import { type Presence, Ranking } from './held-reloads';

test('one tab alone may hold', () => {
  expect(new Ranking(tab('a', 1)).mayHold(0)).toBe(true);
});

test('of three tabs exactly one holds, and all agree which', () => {
  const tabs = [tab('a', 30), tab('b', 10), tab('c', 20)];
  const holding = tabs.filter((own) => {
    const ranking = new Ranking(own);
    for (const other of tabs) ranking.hear(other, 0);
    return ranking.mayHold(1_000);
  });
  expect(holding.map(({ id }) => id)).toEqual(['b']);
});

test('a tab that is looked at comes before an older one that is hidden', () => {
  const ranking = new Ranking(tab('new', 20));
  ranking.hear({ ...tab('old', 10), visible: false }, 0);
  expect(ranking.mayHold(0)).toBe(true);
  ranking.own.visible = false;
  expect(ranking.mayHold(0)).toBe(false);
});

test('tabs that began together are told apart by their names', () => {
  const [one, other] = [new Ranking(tab('a', 5)), new Ranking(tab('b', 5))];
  one.hear(other.own, 0);
  other.hear(one.own, 0);
  expect([one.mayHold(0), other.mayHold(0)]).toEqual([true, false]);
});

test('a tab that fell silent, or said goodbye, is nobody to wait for', () => {
  const ranking = new Ranking(tab('b', 20));
  expect(ranking.hear(tab('a', 10), 0)).toBe(true);
  expect(ranking.hear(tab('a', 10), 1_000)).toBe(false);
  expect(ranking.mayHold(4_000)).toBe(false);
  expect(ranking.mayHold(5_000)).toBe(true);
  ranking.hear(tab('a', 10), 6_000);
  expect(ranking.mayHold(6_000)).toBe(false);
  ranking.hear({ ...tab('a', 10), left: true }, 6_000);
  expect(ranking.mayHold(6_000)).toBe(true);
});

function tab(id: string, since: number): Presence {
  return { id, since, visible: true };
}
