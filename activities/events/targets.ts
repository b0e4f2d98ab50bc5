/** The targets of events. Only the workers know the addresses and secrets of targets. */
import { defaultTarget, eventTypes, type EventType } from '../../workflows/events';
import type { TargetFacts } from '../../workflows/ports';

/** A receiver of events. */
export interface Target {
  /**
   * https or http. The variables of the worker allow http only on loopback, or with `WEBHOOK_ALLOW_HTTP`. No history
   * and no log contains the URL, because its path can hold a token.
   */
  url: string;
  /** One or more secrets of the form `whsec_…`. Each post has one signature for each secret. */
  secrets: readonly string[];
  /** The types of events that the target gets. By default the target gets all types. */
  types?: readonly EventType[];
}

/**
 * The targets by name. The target `default` gets the events of all flows, onboardings and monitors. Any other target
 * gets the events of the flows and onboardings whose start input names the target in `notify`.
 */
export interface Targets {
  readonly [name: string]: Target;
}

/** The target with this name. `undefined` if no target has this name. */
export const targetNamed = (targets: Targets, name: string): Target | undefined =>
  Object.hasOwn(targets, name) ? targets[name] : undefined;

/**
 * The names of the targets that get events of this type: the target `default` and the targets in `notify`, except the
 * targets whose `types` lack this type.
 */
export const targetsOf = (targets: Targets, type: EventType, notify: readonly string[] = []): string[] =>
  [...new Set([defaultTarget, ...notify])].filter((name) => {
    const target = targetNamed(targets, name);
    return target && (target.types ?? eventTypes).includes(type);
  });

/**
 * The facts about the targets of a run. The activities `fetchConnector`, `readScope` and `readConnection` return these
 * facts together with what they read from Cyclr.
 */
export function factsOf(
  targets: Targets,
  subject: 'connector' | 'onboarding' | 'connection',
  notify: readonly string[] = [],
): { events?: TargetFacts } {
  const ofSubject = eventTypes.filter((type) => type.startsWith(`${subject}.`));
  const types = ofSubject.filter((type) => targetsOf(targets, type, notify).length > 0);
  const unknownTargets = notify.filter((name) => !targetNamed(targets, name));
  if (types.length + unknownTargets.length === 0) return {};
  return { events: { types, ...(unknownTargets.length > 0 && { unknownTargets }) } };
}
