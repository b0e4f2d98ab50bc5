/** The connectors of an onboarding, for the sessions that show them. */
import type { ConnectorAuth } from '../client/connector-auth';
import { onboardingWorkflowIdOf, type OnboardingKey, type OnboardingProgress } from '../workflows/onboarding';
import { RecentMap } from './recent-map';
import type { Session } from './tokens';

/** All calls within this time share one read of the progress, because a page makes several calls at the same time. */
const FRESH_MS = 2000;
/** The highest number of onboardings in memory. */
const MAX_KEPT = 1000;

interface Kept {
  at: number;
  progress: Promise<OnboardingProgress>;
}

/** Reads the progress of each onboarding at most once in two seconds. */
export class Onboarded {
  readonly #auth: Pick<ConnectorAuth, 'onboarding'>;
  readonly #now: () => number;
  readonly #kept = new RecentMap<Kept>(MAX_KEPT);

  constructor(auth: Pick<ConnectorAuth, 'onboarding'>, now: () => number = () => performance.now()) {
    [this.#auth, this.#now] = [auth, now];
  }

  /** The progress, at most two seconds old. Fails: notStarted, noWorker, paused. */
  progress(key: OnboardingKey): Promise<OnboardingProgress> {
    const id = onboardingWorkflowIdOf(key);
    const kept = this.#kept.get(id);
    if (kept && this.#now() - kept.at < FRESH_MS) return kept.progress;
    const progress = this.#auth.onboarding(key);
    this.#kept.set(id, { at: this.#now(), progress });
    progress.catch(() => this.#kept.delete(id));
    return progress;
  }

  /**
   * Adds to a session of an onboarding the present connectors of this onboarding. Leaves out the connectors for which
   * the invitation of the session is void. Returns a session without an onboarding unchanged. Fails: notStarted,
   * noWorker, paused.
   */
  async withConnectors(session: Session): Promise<Session> {
    const { accountId, onboardingId, without = [] } = session;
    if (onboardingId === undefined) return session;
    const { connectors } = await this.progress({ accountId, onboardingId });
    const connectorIds = connectors.map(({ connectorId }) => connectorId).filter((id) => !without.includes(id));
    return { ...session, connectorIds };
  }
}
