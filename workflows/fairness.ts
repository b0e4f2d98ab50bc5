/** The fairness key of an account. This file does not import Temporal. */

/** Temporal's limit for a fairness key, in bytes. Temporal refuses a start with a longer key. */
const MAX_KEY_BYTES = 64;

/**
 * The option `priority` for the start of a workflow of an account. The activities of the workflow, and its runs after
 * continue-as-new, inherit the option. If fairness is enabled on the server, Temporal dispatches the tasks of all
 * accounts in turn. So the backlog of one account does not delay another account. The key is the account id,
 * URL-encoded as in workflow ids. If two encoded account ids have the same last 64 characters, their accounts share one
 * turn.
 */
export const fairnessOf = (accountId: string): { fairnessKey: string } => ({
  fairnessKey: encodeURIComponent(accountId).slice(-MAX_KEY_BYTES),
});
