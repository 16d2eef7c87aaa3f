// Small decisions of the account pages. Pure.

/** The language of letters to somebody whose browser speaks these: the first that the server writes. */
export function letterLanguage(languages: readonly string[]): 'en' | 'vi' {
  for (const tag of languages) {
    const language = tag.toLowerCase().split('-')[0];
    if (language === 'vi' || language === 'en') return language;
  }
  return 'en';
}
