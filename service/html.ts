/** Builds the HTML of the pages. The template tag `html` escapes each text that it inserts. */

const escapes: { [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text that is HTML. The template tag `html` inserts this text without escaping. */
export class Html {
  constructor(readonly text: string) {}
}

/** A template tag: escapes each value that is not {@link Html}. */
export function html(strings: TemplateStringsArray, ...values: (string | Html)[]): Html {
  const parts = values.map((value) => (value instanceof Html ? value.text : escaped(value)));
  return new Html(String.raw({ raw: strings }, ...parts));
}

export const joined = (parts: Html[]): Html => new Html(parts.map(({ text }) => text).join(' '));

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character]!);

export interface Page {
  title: string;
  body: Html;
  /** The language tag, such as `de`. */
  language: string;
  /** The header of the page: see `brandHeader`. */
  header: Html;
  /** The last line of the page. */
  footer?: Html;
  /** The address of the page's icon. */
  icon?: string;
  /** Loads the page `to` after `afterS` seconds. With `noScriptOnly`, only in browsers without scripts. */
  redirect?: { afterS: number; to: string; noScriptOnly?: boolean };
  /** Relative URL of the folder with the style sheet. */
  assets?: string;
}

/** A whole HTML document. */
export function pageOf({
  title,
  body,
  language,
  header,
  footer = html``,
  icon = 'data:,',
  redirect,
  assets = '',
}: Page): string {
  return html`<!doctype html>
    <html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${redirect ? refresh(redirect) : html``}
        <title>${title}</title>
        <link rel="icon" href="${icon}" />
        <link rel="stylesheet" href="${assets}page.css" />
      </head>
      <body>
        <main>${header} ${body}</main>
        ${footer}
      </body>
    </html> `.text;
}

function refresh({ afterS, to, noScriptOnly }: NonNullable<Page['redirect']>): Html {
  const meta = html`<meta http-equiv="refresh" content="${afterS.toString()};url=${to}" />`;
  return noScriptOnly ? html`<noscript>${meta}</noscript>` : meta;
}
