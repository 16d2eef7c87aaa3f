// Shows the OpenAPI document. Everything is put in as text, never as markup.
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const api = await (await fetch('/api/openapi.json')).json();
const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split('/').pop()] : schema) ?? {};

// An example value of a schema, as deep as it goes without turning in circles.
function example(given, seen = []) {
  if (given?.$ref && seen.includes(given.$ref)) return null;
  const inside = given?.$ref ? [...seen, given.$ref] : seen;
  const schema = resolve(given);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choice = (schema.oneOf ?? schema.anyOf ?? []).find((one) => one.type !== 'null');
  if (choice) return example(choice, inside);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((one) => example(one, inside)));
  const type = [schema.type].flat().find((one) => one !== 'null');
  if (type === 'array') return [example(schema.items, inside)];
  if (type === 'object' || schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, value]) => [key, example(value, inside)]));
  }
  if (type === 'integer' || type === 'number') return 0;
  if (type === 'boolean') return true;
  if (schema.format === 'date-time') return '2026-11-20T10:00:00Z';
  if (schema.format === 'uuid') return '0199f0a2-0000-7000-8000-000000000000';
  return 'text';
}

function body(title, content) {
  const schema = content?.['application/json']?.schema;
  if (!schema) return null;
  return element('div', {}, element('h4', {}, title), element('pre', {}, JSON.stringify(example(schema), null, 2)));
}

function parameters(list) {
  if (!list?.length) return null;
  const rows = list.map((one) =>
    element('tr', {}, element('td', {}, element('code', {}, one.name)), element('td', {}, one.in), element('td', {}, one.description ?? '')));
  return element('div', {}, element('h4', {}, 'Parameters'), element('table', {}, ...rows));
}

function operation(method, path, given) {
  const open = given.security?.some((one) => Object.keys(one).length === 0);
  const section = element('section', { id: given.operationId },
    element('h3', {}, element('span', { class: 'method' }, method.toUpperCase()), path),
    element('p', {}, [given.summary, given.description].filter(Boolean).join(' ')),
    open ? element('p', {}, 'Needs no access token.') : null,
    parameters(given.parameters),
    body('Request', given.requestBody?.content));
  for (const [status, response] of Object.entries(given.responses ?? {})) {
    if (status === 'default') continue;
    section.append(element('h4', {}, `${status} — ${response.description}`));
    const shown = body('', response.content);
    if (shown) section.append(shown.lastChild);
  }
  return section;
}

const main = document.querySelector('main');
const nav = document.querySelector('nav');
main.replaceChildren(
  element('h1', {}, `${api.info.title} ${api.info.version}`),
  ...api.info.description.split('\n\n').map((text) => element('p', {}, text)),
  element('p', {}, element('a', { href: '/api/openapi.json' }, 'openapi.json')));
for (const tag of api.tags) {
  nav.append(element('h2', {}, tag.name));
  main.append(element('h2', {}, tag.name), element('p', {}, tag.description ?? ''));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS) {
      const given = item[method];
      if (!given?.tags?.includes(tag.name)) continue;
      nav.append(element('a', { href: `#${given.operationId}` }, given.summary ?? path));
      main.append(operation(method, path, given));
    }
  }
}
// The anchors did not exist yet when the browser looked for the one in the address.
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
