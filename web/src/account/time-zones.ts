// The time zones that a browser knows, with the person's own and UTC among them.

export function timeZones(own: string, known: readonly string[] = supported()): string[] {
  return [...new Set([...known, 'UTC', own])].sort((a, b) => a.localeCompare(b, 'en'));
}

function supported(): readonly string[] {
  const intl = Intl as Partial<{ supportedValuesOf(key: 'timeZone'): string[] }>;
  return intl.supportedValuesOf?.('timeZone') ?? [];
}
