/** The end of the event stream of an onboarding. */
import type { OnboardingProgress } from '../../../workflows/onboarding';
import type { ServerSentEvent } from '../../../service/streams/event-stream';
import { onboardingStream } from '../../../service/streams/onboarding-stream';

test('if the service stops after all flows have ended, and the onboarding is still running, the reader is told to reconnect', async () => {
  async function* events(): AsyncGenerator<ServerSentEvent> {
    yield { event: 'final', data: '{}' };
  }
  const progress = async () => ({ state: 'running', connectors: [{ connectorId: 1 }] }) as OnboardingProgress;
  const { signal } = new AbortController();

  const sent: ServerSentEvent[] = [];
  for await (const event of onboardingStream({ events, progress, known: [1], isClosing: () => true, signal }))
    sent.push(event);

  expect(sent).toEqual([{ retry: 100 }]);
});
