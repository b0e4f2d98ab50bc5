/** Whether a text is an absolute http(s) URL that can be sent in `Location` just as it is. */
export function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^/?#\\][\x21-\x7e]*$/i.test(text) && URL.canParse(text);
}

/** A URL with something more in its query; what was there stays as it was. */
export function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const [, address = '', fragment = ''] = /^([^#]*)(.*)$/s.exec(url) ?? [];
  const joint = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&';
  return address + joint + query + fragment;
}
