/**
 * Lit's `html`, changed so that texts also change after a browser has translated the page. A translator replaces a text
 * node by `<font>` elements. Lit would change the text of the removed node, and the page would keep the old
 * translation.
 */
import { html as ofLit, type TemplateResult } from 'lit';
import { setCommittedValue } from 'lit/directive-helpers.js';
import { Directive, directive, PartType, type Part } from 'lit/directive.js';

export { noChange, nothing, svg, type TemplateResult } from 'lit';

/**
 * Renders a changed text in a new node, and removes all older nodes of the text, including the nodes of a translator.
 */
class NewText extends Directive {
  #shown?: string;

  override update(part: Part, [text]: [string]): string {
    if (part.type === PartType.CHILD && text !== this.#shown) setCommittedValue(part);
    this.#shown = text;
    return text;
  }

  render = (text: string): string => text;
}

const newText = directive(NewText);

export const html = (strings: TemplateStringsArray, ...values: unknown[]): TemplateResult<1> =>
  ofLit(strings, ...values.map((value) => (typeof value === 'string' ? newText(value) : value)));
