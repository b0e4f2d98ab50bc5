/**
 * The door `cyclr-connect/element`: importing this module defines the custom element `<cyclr-connect>`. The module
 * needs no other package. `page/element.ts` must fit these declarations: `npm run types` checks that.
 */

/**
 * The element. Its events bubble and cross shadow roots: `connected` and `problem` (with `detail.connectorId`),
 * `opened`, `step`, `refused`, `window-opened`, `window-closed`, `session-expired`, `session-renewed` (the property
 * `session` has the new token) and `closed`. Events prove nothing: read the connectors from your backend.
 */
export declare class CyclrConnect extends HTMLElement {
  /** The token of a session. The element replaces it when it renews the session. */
  session: string | null;
  /** The token of an invitation: a click turns it into a session. */
  invitation: string | null;
  /** A language tag. By default the session's, then the page's. */
  language: string | null;
  theme: 'light' | 'dark' | 'auto' | null;
  /** The `PUBLIC_URL` of the service, if the module is loaded from elsewhere. */
  service: string | null;
  /** Shows a button at the end, which dispatches `closed`. */
  closable: boolean;
  /** True on the hosted page: the element shows the page's heading and sets its title and language. */
  hosted: boolean;
  /** `single`: one connector at a time, without a list. */
  layout: 'list' | 'single' | null;
  /** The name of the company that asks the user to connect. */
  brand: string | null;
}

declare global {
  interface HTMLElementTagNameMap {
    'cyclr-connect': CyclrConnect;
  }
}
