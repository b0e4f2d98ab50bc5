import { isAccountId, isConnectorId, isSubmissionId, type ConnectorKey } from '../workflows/connector';

/** What a value is sealed for. It opens nowhere else and for nothing else. */
export interface Binding extends ConnectorKey {
  purpose: 'credentials' | 'link' | `property:${string}`;
  /** The submission's id; for a link the attempt's. */
  submissionId: string;
}

/** The algorithms of a sealed value. No other is accepted. */
export const algorithms = { alg: 'ECDH-ES', enc: 'A256GCM' } as const;

/** The longest plaintext, in bytes of UTF-8. */
export const MAX_PLAINTEXT_BYTES = 64 * 1024;
/** The longest sealed value, in characters: the longest plaintext in base64url, and 10 KiB for the header. */
export const MAX_SEALED_LENGTH = 96 * 1024;

/** The binding as it stands in the protected header. */
export const headerOf = ({ accountId, connectorId, purpose, submissionId }: Binding) => ({
  acc: accountId,
  con: connectorId,
  pur: purpose,
  sub: submissionId,
});

/** Whether something can be sealed for this. */
export const isBinding = ({ accountId, connectorId, purpose, submissionId }: Binding): boolean =>
  isAccountId(accountId) &&
  isConnectorId(connectorId) &&
  isSubmissionId(submissionId) &&
  (purpose === 'credentials' || purpose === 'link' || /^property:./s.test(purpose));
