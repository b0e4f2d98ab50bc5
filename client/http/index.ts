/**
 * The entry point `cyclr-connect/http` of the package: the client of the onboarding service, for backends. Neither the
 * code nor the types of this client need the Temporal SDK.
 */
export { OnboardingService, type OnboardingServiceOptions, type OnceOptions } from './onboarding-service';
export { OnboardingError, type OnboardingErrorCode } from './onboarding-error';
export { secretsOf, verify, WebhookVerificationError, type WebhookHeaders } from './verify';
export type { EventBody, EventType } from '../../workflows/events';
export type { CallOptions } from './transport';
export type { AnswerCode, ServiceErrorCode } from './codes';
export type * from './shapes';
