import type { Credentials, View } from '../workflows/messages';
import { HeldCredentials } from './held-credentials';
import { CREDENTIAL_INPUTS } from './panels/credentials';
import type { Actions, PanelProps } from './panels/props';
import { clearSecrets } from './panels/secret-input';
import { sealerOf, type Sealer } from './seal';
import type { Submission } from './service-client';
import { panelOf, withoutEdited, type ShownCode, type ShownProblem } from './state';
import { Submissions, type SubmissionsParts } from './submissions';

/** The state of the form of one connector. Only this page has this state: the service does not store it. */
interface FormState {
  /**
   * The faults that the page has found in the input for this view, such as an empty required field. `times` counts the
   * inputs with a fault.
   */
  missing?: { view: View; problem: ShownProblem; times: number };
  /** The fields (`names`) that the user has edited since the page showed the problem `of`. */
  edited?: { of: ShownProblem; names: ReadonlySet<string> };
  /** True if the user has typed a value that was not sent. */
  hasDraft?: boolean;
  /** True if the page has sealed the input of this form, and has then emptied the secret fields. */
  isEmptied?: boolean;
  /** The user name that was entered on the form of the properties. */
  userName?: string;
}

interface Values {
  [name: string]: string;
}

interface InputsParts extends SubmissionsParts {
  /** Called when the user begins to type. */
  begun(): void;
}

/** After this time, the page says that the step takes longer than usual. */
export const SLOW_MS = 8000;

/** The inputs of the user: the states of the forms, and the values that the page seals and sends. */
export class Inputs implements Pick<Actions, 'submitProperties' | 'submitCredentials' | 'reportFaults' | 'edited'> {
  readonly #submissions: Submissions;
  readonly #forms = new Map<number, FormState>();
  readonly #held = new HeldCredentials();
  #keys?: Promise<string>;

  constructor(private readonly parts: InputsParts) {
    this.#submissions = new Submissions(parts);
  }

  /** True if a value that the user has typed was not sent, or has no outcome yet. */
  get hasUnsent(): boolean {
    const hasDraft = [...this.#forms.values()].some((form) => form.hasDraft);
    return hasDraft || this.#submissions.isSending || this.#held.hasAny;
  }

  /** The view whose panel is shown, and the state of its form. */
  of(view: View): Pick<PanelProps, 'view' | 'pending' | 'problem' | 'isEmptied' | 'userName'> {
    const { edited, isEmptied, userName } = this.#formOf(view);
    const found = this.#problemOf(view);
    return {
      view: this.#shownOf(view),
      pending: this.#submissions.pendingFor(view),
      problem: found && edited?.of === found ? withoutEdited(found, edited.names) : found,
      isEmptied: Boolean(isEmptied && found),
      userName,
    };
  }

  /** A key that changes when the user is at another step of the connector, or has a new problem. */
  focusKeyOf(view: View): string {
    const { missing } = this.#formOf(view);
    const problem = this.#submissions.pendingFor(view)?.status ?? (view.problem && view.revision);
    return [view.connectorId, panelOf(this.#shownOf(view)), problem, missing?.view === view && missing.times].join(' ');
  }

  #formOf({ connectorId }: View): FormState {
    return this.#forms.get(connectorId) ?? {};
  }

  #setForm(view: View, changes: FormState): void {
    this.#forms.set(view.connectorId, { ...this.#formOf(view), ...changes });
    this.parts.changed();
  }

  #shownOf(view: View): View {
    const pending = this.#submissions.pendingFor(view);
    return (pending?.status === 'sending' ? pending.formView : pending?.view) ?? view;
  }

  #problemOf(view: View): ShownProblem | undefined {
    const pending = this.#submissions.pendingFor(view);
    if (pending?.status === 'sending') return undefined;
    const { missing } = this.#formOf(view);
    return missing?.view === view ? missing.problem : (pending?.problem ?? view.problem);
  }

  /** Forgets that the user typed a value at an earlier step. */
  beginStep({ connectorId }: View): void {
    delete this.#forms.get(connectorId)?.hasDraft;
  }

  /**
   * Fetches the sealing keys once, before the user sends an input, so that the page can seal the input even without a
   * connection.
   */
  prepare(): void {
    this.#sealingKeys().catch(() => undefined);
  }

  #sealingKeys(): Promise<string> {
    this.#keys ??= this.parts.client.sealingKeys().catch((err: unknown) => {
      this.#keys = undefined;
      throw err;
    });
    return this.#keys;
  }

  submitProperties(view: View, values: Values, form: HTMLFormElement, credentials?: Credentials): void {
    void (credentials
      ? this.#submitBoth(view, values, credentials, form)
      : this.#submit(view, form, (sealer, id) => sealer.values(values, id)));
  }

  submitCredentials(view: View, credentials: Credentials, form: HTMLFormElement): void {
    void this.#submit(view, form, (sealer, id) => sealer.credentials(credentials, id));
  }

  reportFaults(view: View, names: string[], code: ShownCode): void {
    const times = (this.#formOf(view).missing?.times ?? 0) + 1;
    const fields = names.map((name) => ({ name, code }));
    this.#setForm(view, { missing: { view, times, problem: { code, fields } } });
  }

  edited(view: View, name: string): void {
    const of = this.#problemOf(view);
    const { edited, hasDraft } = this.#formOf(view);
    if (!hasDraft) this.parts.begun();
    if (!of && hasDraft) return;
    const names = new Set(edited?.of === of ? edited?.names : []).add(name);
    this.#setForm(view, { hasDraft: true, ...(of && { edited: { of, names } }) });
  }

  #submit(
    view: View,
    form: HTMLFormElement,
    seal: (sealer: Sealer, submissionId: string) => Promise<object>,
    kept?: string,
  ): Promise<void> {
    this.#forms.delete(view.connectorId);
    setTimeout(this.parts.changed, SLOW_MS);
    return this.#submissions.submit(view, async (submissionId) => {
      const sealed = await seal(await sealerOf(await this.#sealingKeys(), view), submissionId);
      clearSecrets(form, kept);
      this.#setForm(view, { isEmptied: true });
      return { submissionId, ...sealed } as Submission;
    });
  }

  /** Submits properties, and holds the credentials of the same form until the flow asks for them. */
  async #submitBoth(view: View, values: Values, credentials: Credentials, form: HTMLFormElement) {
    this.#held.drop(view);
    await this.#submit(
      view,
      form,
      async (sealer, id) => {
        const submissionId = crypto.randomUUID();
        const body = { submissionId, ...(await sealer.credentials(credentials, submissionId)) };
        this.#held.hold({ view, form, body, ...(credentials.kind === 'basic' && { userName: credentials.username }) });
        return sealer.values(values, id);
      },
      CREDENTIAL_INPUTS,
    );
    if (this.#submissions.of(view.connectorId)?.status === 'refused') this.#held.drop(view);
  }

  /** Called for each new view. Sends the held credentials if the view asks for them. */
  follow(view: View): void {
    if (view.problem?.code === 'notOpenable') this.#keys = undefined; // the service may have other keys by now
    this.#submissions.settle(view);
    const held = this.#held.takeAt(view);
    if (!held) return;
    clearSecrets(held.form);
    this.#setForm(view, { isEmptied: true, userName: held.userName });
    void this.#submissions.submit(view, () => Promise.resolve(held.body), held.view);
  }
}
