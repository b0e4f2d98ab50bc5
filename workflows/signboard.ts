/** What Temporal Web shows of a flow, and the list of workflows can be searched by. */
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributes, type StateName, type View } from './messages';
import { detailsOf } from './view';

const MAX_KEYWORD = 255;

export class Signboard {
  #listed?: StateName;

  /** Shows where it stands. An upsert has its price: `listed` says whether this state is worth one. */
  show(view: View, listed: boolean): void {
    setCurrentDetails(detailsOf(view));
    if (!listed || view.state === this.#listed) return;
    const { accountId, connectorId, name, state } = searchAttributes;
    // What has an impossible input belongs to no account.
    const isSomebodys = view.failure?.code !== 'invalidInput';
    this.#listed = view.state;
    upsertSearchAttributes([
      { key: state, value: view.state },
      ...(isSomebodys ? [{ key: accountId, value: view.accountId }] : []),
      ...(isSomebodys ? [{ key: connectorId, value: String(view.connectorId) }] : []),
      ...(view.connector ? [{ key: name, value: [...view.connector.name].slice(0, MAX_KEYWORD).join('') }] : []),
    ]);
  }
}
