/** What Temporal Web shows of a flow, and the list of workflows can be searched by. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { searchAttributes, type View } from '../messages';
import { detailsOf } from './status';

const MAX_KEYWORD = 255;

/** Shows where it stands. An upsert has its price: `listed` says whether this state is worth one. */
export function show(view: View, listed: boolean): void {
  setCurrentDetails(detailsOf(view));
  if (!listed) return;
  const { typedSearchAttributes: there } = workflowInfo();
  const changed = attributesOf(view).filter(({ key, value }) => there.get(key) !== value);
  if (changed.length > 0) upsertSearchAttributes(changed); // an empty one fails the task
}

function attributesOf({ state, accountId, connectorId, connector, failure }: View) {
  const named = [{ key: searchAttributes.state, value: state as string }];
  // What has an impossible input belongs to no account.
  if (failure?.code !== 'invalidInput')
    named.push(
      { key: searchAttributes.accountId, value: accountId },
      { key: searchAttributes.connectorId, value: String(connectorId) },
    );
  if (connector) named.push({ key: searchAttributes.name, value: [...connector.name].slice(0, MAX_KEYWORD).join('') });
  return named;
}
