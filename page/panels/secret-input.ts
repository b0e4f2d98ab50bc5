import { html, nothing } from './html';
import { AsyncDirective } from 'lit/async-directive.js';
import { directive } from 'lit/directive.js';
import type { Messages } from '../languages/en';
import { describedBy, type InputOptions } from './field';

/** True if a text has a line break between two other characters. A password input would drop that line break. */
const hasLines = (text: string): boolean => /[\r\n]/.test(text.trim());

/**
 * A masked input. A password input drops line breaks, so for a pasted or dropped text with line breaks, a text area
 * replaces the password input. The style of the text area masks the text.
 */
class SecretInput extends AsyncDirective {
  #isMultiline = false;
  #isShown = false;
  #given?: [Messages, InputOptions];

  override render(m: Messages, options: InputOptions) {
    this.#given = [m, options];
    const { id, label, multiline } = options;
    this.#isMultiline ||= multiline ?? false;
    return html`<div class="secret ${this.#isShown ? 'shown' : ''}" @sealed=${() => this.#show(false)}>
      ${this.#isMultiline ? textArea(options) : this.#passwordInput(options)}
      <button
        class="quiet"
        part="button button-quiet"
        type="button"
        aria-controls=${id}
        @click=${() => this.#show(!this.#isShown)}
      >
        ${this.#isShown ? toggleLabel(m.hide, m.hideValue(label)) : toggleLabel(m.show, m.showValue(label))}
      </button>
    </div>`;
  }

  /**
   * Chromium fills a saved login of the site even into a password input with `autocomplete="off"`, but not into an
   * input with `autocomplete="new-password"`. The data attributes keep password managers from filling the input, too.
   */
  #passwordInput(options: InputOptions) {
    const { id, name, required = false, problem } = options;
    return html`<input
      part="input"
      type=${this.#isShown ? 'text' : 'password'}
      id=${id}
      name=${name}
      autocomplete=${this.#isShown ? 'off' : 'new-password'}
      autocapitalize="off"
      spellcheck="false"
      data-1p-ignore
      data-bwignore
      data-lpignore="true"
      data-form-type="other"
      ?required=${required}
      aria-invalid=${problem ? 'true' : nothing}
      aria-describedby=${describedBy(options)}
      @paste=${this.#receive}
      @drop=${this.#receive}
    />`;
  }

  readonly #receive = (event: ClipboardEvent | DragEvent): void => {
    const data = 'clipboardData' in event ? event.clipboardData : event.dataTransfer;
    const text = data?.getData('text/plain') ?? '';
    if (!hasLines(text)) return;
    event.preventDefault();
    const input = event.currentTarget as HTMLInputElement;
    const [start, end] = [input.selectionStart ?? 0, input.selectionEnd ?? 0];
    const value = input.value.slice(0, start) + text + input.value.slice(end);
    const root = input.getRootNode() as ShadowRoot;
    this.#isMultiline = true;
    this.#update();
    const area = root.getElementById(input.id) as HTMLTextAreaElement;
    area.value = value; // the value is not in the template, because the template's text would stay in the document
    area.dispatchEvent(new Event('input', { bubbles: true })); // so the form counts the value as typed
    area.focus();
  };

  #show(isShown: boolean): void {
    this.#isShown = isShown;
    this.#update();
  }

  #update(): void {
    this.setValue(this.render(...this.#given!));
  }
}

export const secretInput = directive(SecretInput);

const textArea = (options: InputOptions) =>
  html`<textarea
    part="input"
    rows="4"
    id=${options.id}
    name=${options.name}
    autocomplete="off"
    autocapitalize="off"
    spellcheck="false"
    ?required=${options.required}
    aria-invalid=${options.problem ? 'true' : nothing}
    aria-describedby=${describedBy(options)}
  ></textarea>`;

/**
 * The label of the button that shows or hides the value. The screen shows one word, and a screen reader reads a
 * sentence with the name of the field.
 */
const toggleLabel = (word: string, sentence: string) =>
  html`<span><span aria-hidden="true">${word}</span><span class="quietly">${sentence}</span></span>`;

/**
 * Masks and empties the secret inputs of a form. If the name of an input begins with `kept`, the function masks the
 * input, but does not empty it. Call this function after the page has sealed the values.
 */
export function clearSecrets(form: HTMLFormElement, kept?: string): void {
  const inputs = form.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('.secret input, .secret textarea');
  for (const input of inputs) {
    input.parentElement!.dispatchEvent(new Event('sealed'));
    if (kept !== undefined && input.name.startsWith(kept)) continue;
    input.value = '';
    input.defaultValue = '';
  }
}
