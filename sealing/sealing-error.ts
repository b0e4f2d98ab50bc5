/**
 * What can be wrong with a value: `unknownKey` (sealed to a key that is not held here), `notOpenable` (anything else
 * that does not open), `malformed` (not a value that can be sealed, or not the credentials it should be).
 */
export type SealingErrorCode = 'unknownKey' | 'notOpenable' | 'malformed';

const messages: Record<SealingErrorCode, string> = {
  unknownKey: 'The value is sealed to a key that is not held here.',
  notOpenable: 'The sealed value does not open here: it is damaged, too old, or sealed for something else.',
  malformed: 'The value is too long, or not of the expected shape.',
};

/** Says what is wrong by its code. It never quotes the value and has no cause: both could end in a log. */
export class SealingError extends Error {
  override readonly name = 'SealingError';
  constructor(
    readonly code: SealingErrorCode,
    message = messages[code],
  ) {
    super(message);
  }
}
