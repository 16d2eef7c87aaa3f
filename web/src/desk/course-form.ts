// The settings' form as the API wants it. Pure.

const TEXTS = ['title', 'description', 'slug', 'level', 'mode', 'stage', 'access', 'currency', 'chat'] as const;
const NUMBERS = ['capacity'] as const;
const CHECKS = ['waiting_list', 'dvr', 'record'] as const;

/** Fields that are not shown are left out, so that they stay as they are. */
export function changes(form: FormData): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  const text = (name: string) => {
    const value = form.get(name);
    return value === null ? null : String(value).trim();
  };
  for (const name of TEXTS) {
    const value = text(name);
    if (value !== null) body[name] = value;
  }
  for (const name of NUMBERS) {
    const value = text(name);
    if (value) body[name] = Number(value);
  }
  for (const name of CHECKS) body[name] = form.get(name) !== null;
  for (const name of ['category_id', 'language']) {
    const value = text(name);
    if (value !== null) body[name] = value || null;
  }
  const [price, currency] = [text('price'), text('currency')];
  if (price && currency) body.price_minor = toMinor(Number(price), currency);
  const days = text('access_days');
  if (days !== null) body.access_days = days ? Number(days) : null;
  const listed = text('listed');
  if (listed) body.listed = listed === 'true';
  return body;
}

/** 49.5 USD → 4950, 150000 VND → 150000: the currency says how many digits its minor unit has. */
export function toMinor(price: number, currency: string): number {
  return Math.round(price * 10 ** digits(currency));
}

/** What stands in the field for a price that is known in minor units. */
export function fromMinor(minor: number, currency: string): string {
  return (minor / 10 ** digits(currency)).toFixed(digits(currency));
}

function digits(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}
