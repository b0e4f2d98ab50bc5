/** Pages, as plain as can be. */

const escapes: { [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that was made HTML. */
export class Html {
  constructor(readonly text: string) {}
}

/** HTML with the values in it escaped, unless they are HTML themselves. */
export function html(strings: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html {
  const parts = values.map((value) =>
    value instanceof Html ? value.text : Array.isArray(value) ? value.map(({ text }) => text).join('') : escaped(value),
  );
  return new Html(String.raw({ raw: strings }, ...parts));
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character]!);

export interface Page {
  title: string;
  body: Html;
  /** The tag of its language. */
  language: string;
  /** Stands above everything. */
  header: Html;
  /** Where it goes by itself, after so many seconds; `unscripted`: only where no script of it does better. */
  goesOn?: { afterS: number; to: string; unscripted?: boolean };
  /** Where its style sheet is, from where the page is. */
  assets?: string;
}

/** A whole page. */
export function pageOf({ title, body, language, header, goesOn, assets = '' }: Page): string {
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${goesOn ? refresh(goesOn) : html``}
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${assets}page.css" />
      </head>
      <body>
        <main>${header} ${body}</main>
      </body>
    </html> `.text;
}

function refresh({ afterS, to, unscripted }: NonNullable<Page['goesOn']>): Html {
  const meta = html`<meta http-equiv="refresh" content="${afterS.toString()};url=${to}" />`;
  return unscripted ? html`<noscript>${meta}</noscript>` : meta;
}
