/**
 * The entry point `cyclr-connect/element` of the package. Importing this module defines the custom element
 * `<cyclr-connect>`. The module needs no other package. `npm run types` checks that `page/element.ts` fits these
 * declarations.
 */

/**
 * Texts that replace texts of the element. The names are the names in `page/static/languages/`. In a text, `{0}` stands
 * for the first argument of the original text, such as the name of the app.
 */
export interface OwnMessages {
  [name: string]: string | string[] | ((...args: never[]) => string) | OwnMessages | undefined;
}

/**
 * The element. The events of the element bubble and cross shadow roots: `connected` and `problem` (with
 * `detail.connectorId`), `opened`, `step`, `refused`, `window-opened`, `window-closed`, `session-expired`,
 * `session-renewed` (the property `session` has the new token) and `closed`. An event proves nothing, so read the
 * connectors from your backend.
 */
export declare class CyclrConnect extends HTMLElement {
  /** The token of a session. The element replaces the token when it renews the session. */
  session: string | null;
  /** The token of an invitation. A click of the user turns the invitation into a session. */
  invitation: string | null;
  /** A language tag. The default is the language of the session or invitation, then the language of the page. */
  language: string | null;
  theme: 'light' | 'dark' | 'auto' | null;
  /** The `PUBLIC_URL` of the service. Needed only if the host page loads the module from another address. */
  service: string | null;
  /** If true, the element shows a button when all connectors are done. A click on the button dispatches `closed`. */
  closable: boolean;
  /** True on the connect page: the element shows the page's heading, and sets the page's title and language. */
  hosted: boolean;
  /**
   * `single`: one connector at a time, without a list. The element also has this layout if its session names its
   * connectors, and has begun with only one of them.
   */
  layout: 'list' | 'single' | null;
  /** The name of the company that asks the user to connect. */
  brand: string | null;
  /**
   * The URL of the support of the company in `brand`. The element shows a link to this URL when it advises the user to
   * ask the company.
   */
  support: string | null;
  /** Texts of the host page that replace some texts of the element. */
  messages: OwnMessages | null;
}

declare global {
  interface HTMLElementTagNameMap {
    'cyclr-connect': CyclrConnect;
  }
}
