import { expect, test } from 'vitest';
import { apiFor } from './client';
import { ApiError } from './error';

test('the envelope is opened and the token sent', async () => {
  const { api, sent } = bench([{ status: 200, body: { success: true, data: { id: 1 } } }]);
  expect(await api('/courses')).toEqual({ id: 1 });
  expect(sent).toEqual(['/api/v1/courses Bearer a']);
});

test('a token that has ended is renewed and the request asked again', async () => {
  const { api, sent } = bench([{ status: 401, body: null }, { status: 200, body: { success: true, data: 'ok' } }], 'b');
  expect(await api('/courses')).toBe('ok');
  expect(sent).toEqual(['/api/v1/courses Bearer a', '/api/v1/courses Bearer b']);
});

test('signed out stays a 401', async () => {
  const { api } = bench([{ status: 401, body: failure('UNAUTHORIZED', 'Sign in first.') }], null);
  await expect(api('/courses')).rejects.toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
});

test('an error answer keeps its code, words and fields', async () => {
  const { api } = bench([{ status: 422, body: failure('VALIDATION_ERROR', 'Check the form.', { title: ['is empty'] }) }]);
  const error = await api('/courses', { method: 'POST', body: {} }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: 'VALIDATION_ERROR', message: 'Check the form.', fields: { title: ['is empty'] } });
});

test("a proxy's page becomes plain words", async () => {
  const { api } = bench([{ status: 502, body: undefined }]);
  await expect(api('/courses')).rejects.toMatchObject({ code: 'HTTP_502', isOffline: true });
});

test('no answer at all is offline', async () => {
  const api = apiFor({ token: () => null, refresh: async () => null }, () => Promise.reject(new TypeError('fetch')));
  await expect(api('/courses')).rejects.toMatchObject({ status: 0, isOffline: true });
});

function bench(answers: Array<{ status: number; body: unknown }>, renewed: string | null = null) {
  const sent: string[] = [];
  const fetcher = async (url: RequestInfo | URL, init?: RequestInit) => {
    sent.push(`${String(url)} ${new Headers(init?.headers).get('authorization')}`);
    const answer = answers.shift()!;
    return new Response(answer.body === undefined ? '<html>' : JSON.stringify(answer.body), { status: answer.status });
  };
  return { api: apiFor({ token: () => 'a', refresh: async () => renewed }, fetcher), sent };
}

function failure(code: string, message: string, details?: Record<string, string[]>) {
  return { success: false, error: { code, message, details } };
}
